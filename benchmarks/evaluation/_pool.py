"""Work spread over processes, with a word now and then on how far it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from itertools import islice
from multiprocessing import get_context
from typing import TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")

#: Tasks handed out at a time, for every process.
_AHEAD = 4
#: Seconds between two lines.
_SILENCE = 15.0


def spread(
    function: Callable[[Task], Result], tasks: Sequence[Task], *, processes: int, what: str
) -> Iterator[tuple[Task, Result]]:
    """Yield every task with its result, in the order in which they are done.

    Parameters
    ----------
    function : callable
        Of a module, so that it can be sent to another process.
    tasks : sequence
    processes : int
        With one, all is done in this process.
    what : str
        The tasks in a word, for the progress lines.
    """
    start = said = time.monotonic()
    for done, pair in enumerate(_results(function, tasks, processes), start=1):
        yield pair
        now = time.monotonic()
        if now - said > _SILENCE or (done == len(tasks) and now - start > 1.0):
            said = now
            left = (now - start) / done * (len(tasks) - done)
            print(f"  {what}: {done} of {len(tasks)}, {left / 60:.1f} minutes left", flush=True)


def _results(
    function: Callable[[Task], Result], tasks: Sequence[Task], processes: int
) -> Iterator[tuple[Task, Result]]:
    if processes <= 1 or len(tasks) < 2:
        for task in tasks:
            yield task, function(task)
        return
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        waiting = iter(tasks)
        running = {
            pool.submit(function, task): task for task in islice(waiting, _AHEAD * processes)
        }
        while running:
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                task = running.pop(future)
                following = next(waiting, None)
                if following is not None:
                    running[pool.submit(function, following)] = following
                yield task, future.result()
