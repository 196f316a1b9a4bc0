"""Patches of aligned images by number, the same from any number of readers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import SettingsError
from pellucid.imaging.intensity import IntensityScale
from pellucid.simulate._store import ByteStore
from pellucid.simulate.regime import Conditions

#: Memory the images of a stream may take unless told otherwise: 2 GiB.
MEMORY_BYTES = 2 << 30
#: How often the brighter of two places is taken instead of the first.
_BRIGHTER = 0.5


@final
@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """Aligned planes of one channel of a file, and the intensity scale of the whole of it.

    Attributes
    ----------
    image, truth : ndarray of real numbers, shape (n, y, x)
        What a network is given and what it shall make of it, in the units of the image.
    scale : IntensityScale
        Of the image as it is in the file, before anything was cut off.
    corner : tuple of int
        ``(y, x)`` of the first pixel in the file.
    """

    image: NDArray[Any]
    truth: NDArray[Any]
    scale: IntensityScale
    corner: tuple[int, int] = (0, 0)

    @property
    def nbytes(self) -> int:
        """Memory the planes take."""
        shared = self.truth is self.image
        return self.image.nbytes + (0 if shared else self.truth.nbytes)


class FieldSource(ABC):
    """A field that can be read again whenever it is needed, also in another process."""

    __slots__ = ()

    @property
    @abstractmethod
    def name(self) -> str:
        """Name of the file."""

    @property
    @abstractmethod
    def channel(self) -> int:
        """Channel of the file."""

    @property
    @abstractmethod
    def planes(self) -> int:
        """Number of planes."""

    @abstractmethod
    def load(self) -> Field:
        """Read the field."""


@final
@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """Part of a plane, turned and mirrored at random.

    Attributes
    ----------
    image, truth : ndarray of real numbers, shape (n, n)
    scale : IntensityScale
    conditions : dict
        File, channel, plane, first pixel in the file, quarter turns and mirror image.
    source : int
        Number of its source.
    rng : numpy.random.Generator
        Of this patch, for what else is drawn.
    """

    image: NDArray[Any]
    truth: NDArray[Any]
    scale: IntensityScale
    conditions: Conditions
    source: int
    rng: np.random.Generator


@final
class Patches:
    """Random patches of fields; patch `i` depends on the fields, the settings and `i` alone.

    Every plane comes equally often. Brighter places are favoured a little: half of the patches
    lie anywhere, the others at the brighter of two places, so that the brightest places come
    three times as often as the darkest, and none never.

    Parameters
    ----------
    sources : sequence of FieldSource
    seed : int
    size : int
        Side of a patch, pixels; no plane may be smaller.
    turn : bool
        Turn by quarter turns and mirror at random.
    memory_bytes : int
        Bound of the fields held in memory; others are read again.

    Raises
    ------
    SettingsError
        If the seed or the memory is negative, or the size is not positive.
    """

    def __init__(
        self,
        sources: Sequence[FieldSource],
        *,
        seed: int,
        size: int,
        turn: bool,
        memory_bytes: int,
    ) -> None:
        if seed < 0 or size < 1:
            raise SettingsError(
                f"A stream of patches needs a seed of at least 0 and a size of at least 1 pixel, "
                f"not {seed} and {size}."
            )
        self._sources = tuple(sources)
        self._ends = np.cumsum([source.planes for source in self._sources])
        self._seed, self._size, self._turn = seed, size, turn
        self._store: ByteStore[Field] = ByteStore(memory_bytes)

    def __getitem__(self, index: int) -> Patch:
        """Return patch number `index`."""
        rng = np.random.default_rng([self._seed, 3, index])
        number = int(rng.integers(self._ends[-1]))
        chosen = int(np.searchsorted(self._ends, number, side="right"))
        plane = number - (int(self._ends[chosen - 1]) if chosen else 0)
        field = self._field(chosen)
        window, (y, x) = self._place(rng, field.truth[plane])
        turns, mirror = (int(rng.integers(4)), int(rng.integers(2))) if self._turn else (0, 0)
        image, truth = (
            _turned(planes[plane][window], turns, mirror) for planes in (field.image, field.truth)
        )
        source = self._sources[chosen]
        conditions: Conditions = {
            "file": source.name, "channel": source.channel, "plane": plane,
            "y": y + field.corner[0], "x": x + field.corner[1],
            "turns": turns, "mirror": mirror, "seed": self._seed, "index": index,
        }  # fmt: skip
        return Patch(image, truth, field.scale, conditions, chosen, rng)

    def fill(self, *, workers: int = 1) -> None:
        """Read the fields ahead, as far as the memory allows."""
        with ThreadPoolExecutor(max(1, workers)) as pool:
            for _ in pool.map(self._held, range(len(self._sources))):
                pass

    def _held(self, number: int) -> None:
        self._field(number)

    def _field(self, number: int) -> Field:
        field = self._store.get(number)
        if field is None:
            field = self._sources[number].load()
            self._store.put(number, field, field.nbytes)
        return field

    def _place(
        self, rng: np.random.Generator, plane: NDArray[Any]
    ) -> tuple[tuple[slice, slice], tuple[int, int]]:
        rows, columns = (n - self._size + 1 for n in plane.shape)
        corners = [(int(rng.integers(rows)), int(rng.integers(columns))) for _ in range(2)]
        windows = [tuple(slice(v, v + self._size) for v in corner) for corner in corners]
        chosen = 0
        if rng.random() < _BRIGHTER:
            chosen = int(np.argmax([plane[w].mean(dtype=np.float64) for w in windows]))
        y, x = windows[chosen]
        return (y, x), corners[chosen]


def _turned(plane: NDArray[Any], turns: int, mirror: int) -> NDArray[Any]:
    turned = np.rot90(plane, turns)
    return np.ascontiguousarray(turned[:, ::-1] if mirror else turned)
