"""An endless, indexed stream of training pairs, the same from any number of workers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import suppress
from multiprocessing import get_context
from queue import Full
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import SettingsError
from pellucid.simulate.regime import Acquisition, Pair, Regime
from pellucid.simulate.scene import DrawnScene
from pellucid.simulate.source import SceneCache, SceneSource

if TYPE_CHECKING:
    from multiprocessing.queues import Queue

#: Chunks a worker may be ahead of the reader.
_AHEAD = 4


class Pairs(ABC):
    """Pairs by number, endless; a number always gives the same pair."""

    @abstractmethod
    def __getitem__(self, index: int) -> Pair:
        """Return pair number `index`."""

    @abstractmethod
    def fill(self, *, workers: int = 1) -> None:
        """Draw ahead what will be used again and again, on several processes."""

    @final
    def batch(self, start: int, count: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return images and truths ``start .. start + count - 1``, each (count, 1, n, n)."""
        pairs = [self[index] for index in range(start, start + count)]
        return (
            np.stack([pair.image for pair in pairs])[:, None],
            np.stack([pair.truth for pair in pairs])[:, None],
        )

    @final
    def pairs(self, indices: range, *, workers: int = 1, chunk: int = 16) -> Iterator[Pair]:
        """Yield pairs in order, simulated by several processes ahead of the reader.

        Memory stays bounded: each process is at most a few chunks ahead.

        Parameters
        ----------
        indices : range
        workers : int
            Processes; with one, the pairs are made in this one.
        chunk : int
            Pairs a process makes at a time.
        """
        if workers <= 1:
            yield from (self[index] for index in indices)
            return
        context = get_context("spawn")
        chunks = [indices[i : i + chunk] for i in range(0, len(indices), chunk)]
        queues = [context.Queue(_AHEAD) for _ in range(workers)]
        processes = [
            context.Process(target=_produce, args=(self, chunks[n::workers], queue), daemon=True)
            for n, queue in enumerate(queues)
        ]
        for process in processes:
            process.start()
        try:
            for number in range(len(chunks)):
                made = queues[number % workers].get()
                if isinstance(made, Exception):
                    raise made
                yield from made
        finally:
            for process, queue in zip(processes, queues, strict=True):
                process.terminate()
                process.join()
                queue.close()
                queue.cancel_join_thread()


@final
class PairStream(Pairs):
    """Pairs by number: pair `i` depends on the settings, the seed and `i` alone.

    A stream can be read from any position, again, by several readers and processes.

    Parameters
    ----------
    source : SceneSource
    regime : Regime
    seed : int
    size : int
        Side of a patch, in pixels.
    scenes : range, optional
        Numbers of the scenes to choose from at random for every pair; kept in memory as far as
        `cache_bytes` allow. Without it every pair shows a new scene.
    reuse : int
        Without `scenes`: consecutive pairs that show one scene under different conditions.
    first : int
        Without `scenes`: number of the first scene, so that streams can be kept apart.
    cache_bytes : int
        Memory the scenes may take.
    """

    def __init__(
        self,
        source: SceneSource,
        *,
        regime: Regime,
        seed: int,
        size: int = 128,
        scenes: range | None = None,
        reuse: int = 1,
        first: int = 0,
        cache_bytes: int = 2 << 30,
    ) -> None:
        if scenes is not None and len(scenes) == 0:
            raise SettingsError("A stream of pairs needs at least one specimen.")
        if reuse < 1:
            raise SettingsError(f"Each scene must be used at least once, not {reuse} times.")
        self.regime = regime
        self.seed = seed
        self.size = size
        self._cache = SceneCache(source, max_bytes=cache_bytes)
        self._scenes = scenes
        self._reuse = reuse
        self._first = first

    def __getitem__(self, index: int) -> Pair:
        """Return pair number `index`."""
        rng, drawn = self._start(index)
        pair = self.regime.pair(rng, drawn, self.size)
        return Pair(pair.image, pair.truth, {**pair.conditions, **self._where(index)})

    def acquisition(self, index: int) -> Acquisition:
        """Replay what pair number `index` was made from: counts, clean image, truth in photons."""
        rng, drawn = self._start(index)
        made = self.regime.acquire(rng, drawn, self.size)
        made.conditions.update(self._where(index))
        return made

    def fill(self, *, workers: int = 1) -> None:
        """Draw the scenes of a stream that has a fixed set of them, on several processes."""
        if self._scenes is not None:
            self._cache.fill(self._scenes, workers=workers)

    def _start(self, index: int) -> tuple[np.random.Generator, DrawnScene]:
        rng = np.random.default_rng([self.seed, 1, index])
        if self._scenes is None:
            number = self._first + index // self._reuse
        else:
            number = self._scenes[int(rng.integers(len(self._scenes)))]
        return rng, self._cache[number]

    def _where(self, index: int) -> dict[str, int]:
        return {"seed": self.seed, "index": index}


@final
class MixedPairs(Pairs):
    """Pairs of several streams, such as of plane and thick specimens and of pictures.

    Parameters
    ----------
    streams : sequence of Pairs
    shares : sequence of float
        How often each is chosen, relative to the others; positive.
    seed : int
        Decides which stream makes which pair.

    Raises
    ------
    SettingsError
        If there are not as many shares as streams, or one is not positive.
    """

    def __init__(self, streams: Sequence[Pairs], *, shares: Sequence[float], seed: int = 0) -> None:
        if not streams or len(streams) != len(shares) or not all(s > 0 for s in shares):
            raise SettingsError(
                f"A mixture needs one positive share for each of its streams, not {list(shares)} "
                f"for {len(streams)}."
            )
        self._streams = tuple(streams)
        self._limits = np.cumsum(shares) / np.sum(shares)
        self._seed = seed

    def __getitem__(self, index: int) -> Pair:
        """Return pair number `index`: pair `index` of the stream chosen for it."""
        draw = np.random.default_rng([self._seed, 2, index]).random()
        chosen = min(int(np.searchsorted(self._limits, draw)), len(self._streams) - 1)
        pair = self._streams[chosen][index]
        return Pair(pair.image, pair.truth, {**pair.conditions, "stream": chosen})

    def fill(self, *, workers: int = 1) -> None:
        """Fill every stream."""
        for stream in self._streams:
            stream.fill(workers=workers)


def _produce(stream: Pairs, chunks: list[range], queue: Queue[Any]) -> None:
    """Make chunks of pairs in a process of its own and hand them over in order."""
    try:
        for chunk in chunks:
            queue.put([stream[index] for index in chunk])
    except Exception as error:  # noqa: BLE001  whatever it is, the reader must hear of it
        with suppress(Full):
            queue.put(error)
