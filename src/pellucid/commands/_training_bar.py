"""How a training run shows itself while it goes on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self, final

import typer

if TYPE_CHECKING:
    from pellucid.train.loop import Moment

#: Seconds between lines where there is no terminal to draw a bar on.
_EVERY = 30.0


@final
class TrainingBar:
    """A bar on the terminal, or a line now and then; told where the run stands after every step.

    Parameters
    ----------
    name : str
    quiet : bool
        Show nothing.
    """

    def __init__(self, name: str, *, quiet: bool = False) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        console = Console(stderr=True, highlight=False)
        self._quiet = quiet
        self._progress = (
            Progress(TextColumn("{task.description}"), BarColumn(), console=console)
            if console.is_terminal and not quiet
            else None
        )
        self._name = name
        self._last = -_EVERY

    def __enter__(self) -> Self:
        if self._progress is not None:
            self._progress.add_task(self._name, total=1.0)
            self._progress.start()
        return self

    def __exit__(self, *details: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    def say(self, line: str) -> None:
        """Show what is being done."""
        if self._progress is not None:
            self._progress.update(self._progress.task_ids[0], description=f"{self._name}: {line}")
        elif not self._quiet:
            typer.echo(line, err=True)

    def __call__(self, moment: Moment) -> None:
        """Show where the run stands."""
        line = describe(moment)
        if self._progress is not None:
            self._progress.update(
                self._progress.task_ids[0],
                completed=moment.done,
                description=f"{self._name}: {line}",
            )
        elif not self._quiet and time.monotonic() - self._last >= _EVERY:
            self._last = time.monotonic()
            typer.echo(f"{100 * moment.done:.0f} %: {line}", err=True)


def describe(moment: Moment) -> str:
    """Return one line: speed, loss, validation, time left."""
    speed = moment.pairs / max(moment.seconds, 1e-9)
    parts = [f"{moment.pairs} pairs", f"{speed:.0f} pairs/s", f"loss {moment.loss:.3f}"]
    if moment.validation_db is not None:
        parts.append(f"validation {moment.validation_db:.2f} dB")
    minutes, seconds = divmod(round(moment.seconds_left), 60)
    parts.append(f"{minutes} min {seconds:02d} s left")
    return ", ".join(parts)
