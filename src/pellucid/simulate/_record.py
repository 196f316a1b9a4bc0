"""Records of published pair sets: what one is, and a sequence that reads them when asked."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, final, overload

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import ImageError
from pellucid.io.image import check_intensities

Floats: TypeAlias = NDArray[np.float32]


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Record:
    """One picture of a published set, with its blurred or noisy counterpart where there is one.

    Attributes
    ----------
    name : str
        Unique in its set: the file below the set's folder, and what of it.
    low : ndarray of float32, shape (y, x), or None
        What a microscope recorded: widefield. None in sets of pictures without a counterpart,
        whose counterpart is to be simulated.
    high : ndarray of float32, shape (y, x)
        The target: SIM, confocal, dSTORM, or the picture. Its sampling may be finer than that
        of `low`.
    files : tuple of Path
        The files it was read from.
    low_pixel_um, high_pixel_um : float or None
        Pixel sizes, micrometres, as far as the files say.
    """

    name: str
    low: Floats | None
    high: Floats
    files: tuple[Path, ...]
    low_pixel_um: float | None = None
    high_pixel_um: float | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A record that has not been read.

    Attributes
    ----------
    name : str
    load : callable
        Reads it; a module's function or a partial of one, so that it can go to other processes.
    """

    name: str
    load: Callable[[str], Record]


@final
class Records(Sequence[Record]):
    """The records of a set, in the order of their names, each read when it is asked for.

    Nothing is kept of what was read, except as the function that opened the set says.

    Parameters
    ----------
    layout : str
        What the files are, such as ``"BioSR"``.
    entries : sequence of Entry
    """

    def __init__(self, layout: str, entries: Sequence[Entry]) -> None:
        self._layout = layout
        self._entries = tuple(entries)

    @property
    def layout(self) -> str:
        """What the files are."""
        return self._layout

    @property
    def names(self) -> tuple[str, ...]:
        """Name of every record."""
        return tuple(entry.name for entry in self._entries)

    def __len__(self) -> int:
        """Count the records."""
        return len(self._entries)

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> Records: ...
    def __getitem__(self, index: int | slice) -> Record | Records:
        """Read a record, or choose some without reading them."""
        if isinstance(index, slice):
            return Records(self._layout, self._entries[index])
        entry = self._entries[index]
        return entry.load(entry.name)


def as_plane(data: NDArray[Any], source: str) -> Floats:
    """Return a plane of intensities in float32; axes of length one are left out.

    Raises
    ------
    ImageError
        If it is not one plane of finite real numbers; the message begins with `source`.
    """
    plane = data.reshape([n for n in data.shape if n > 1]) if data.ndim > 2 else data
    try:
        if plane.ndim != 2:
            raise ImageError(f"shape {data.shape} is not one plane; split it into planes (y, x).")
        check_intensities(plane)
    except ImageError as error:
        raise ImageError(f"{source}: {error}") from None
    return np.array(plane, dtype=np.float32, order="C")


def natural_order(path: Path | str) -> tuple[tuple[int, int, str], ...]:
    """Sort key of a path: numbers in it count as numbers, so that 10 comes after 9."""
    text = str(path)
    parts: list[tuple[int, int, str]] = []
    start = 0
    while start < len(text):
        end = start + 1
        while end < len(text) and text[end].isdecimal() == text[start].isdecimal():
            end += 1
        piece = text[start:end]
        parts.append((0, int(piece), piece) if piece.isdecimal() else (1, 0, piece))
        start = end
    return tuple(parts)


def folders_at(root: Path) -> Iterator[Path]:
    """Walk over a folder and all below it; those whose names begin with a dot are passed over."""
    for folder, inner, _ in os.walk(root, followlinks=True):
        inner[:] = [name for name in inner if not name.startswith(".")]
        yield Path(folder)
