"""Cutting a plane into tiles that overlap, and blending them back without a seam."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import final

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import SettingsError


@final
@dataclass(frozen=True, slots=True)
class Segment:
    """One tile's extent along one axis and its share of every sample there.

    Attributes
    ----------
    start, stop : int
        Samples the tile reads.
    weight : ndarray of float32, shape (stop - start,)
        The tile's share in the blend; zero where it does not see far enough.
    """

    start: int
    stop: int
    weight: NDArray[np.float32]


def plan_axis(length: int, *, tile: int, reach: int, multiple: int) -> tuple[Segment, ...]:
    """Cover an axis by tiles whose weights sum to one everywhere.

    A tile has weight only where it reads at least `reach` samples further on, or up to the
    end of the axis; neighbours share a ramp of `multiple` samples.

    Parameters
    ----------
    length : int
        Samples of the axis, a multiple of `multiple`.
    tile : int
        Samples a tile reads, at most; rounded down to `multiple`.
    reach : int
        How far the method looks; rounded up to `multiple`.
    multiple : int
        Tiles start at multiples of this: a network commutes with these shifts only.

    Raises
    ------
    SettingsError
        If a tile is too small to hold anything beside its overlaps.
    """
    if length % multiple:
        raise SettingsError(f"An axis of {length} samples is not a multiple of {multiple}.")
    halo = -(-reach // multiple) * multiple
    tile = tile // multiple * multiple
    if length <= tile:
        return (Segment(0, length, np.ones(length, dtype=np.float32)),)
    advance = tile - 2 * halo - multiple
    if advance < multiple:
        smallest = 2 * halo + 2 * multiple
        raise SettingsError(
            f"Tiles of {tile} pixels are too small for a method that looks {reach} pixels far; "
            f"use at least {smallest}."
        )
    starts = [*range(0, length - tile, advance), length - tile]
    ramp = (np.arange(multiple, dtype=np.float32) + 0.5) / multiple
    raw = []
    for start in starts:
        weight = np.ones(tile, dtype=np.float32)
        if start > 0:
            weight[: halo + multiple] = np.concatenate([np.zeros(halo, np.float32), ramp])
        if start + tile < length:
            weight[-halo - multiple :] = np.concatenate([ramp[::-1], np.zeros(halo, np.float32)])
        raw.append(weight)
    total = np.zeros(length, dtype=np.float32)
    for start, weight in zip(starts, raw, strict=True):
        total[start : start + tile] += weight
    return tuple(
        Segment(start, start + tile, weight / total[start : start + tile])
        for start, weight in zip(starts, raw, strict=True)
    )


@final
@dataclass(frozen=True, slots=True)
class TilePlan:
    """Tiles of a plane: the products of the segments of both axes."""

    rows: tuple[Segment, ...]
    columns: tuple[Segment, ...]

    def __len__(self) -> int:
        return len(self.rows) * len(self.columns)

    def __iter__(self) -> Iterator[tuple[Segment, Segment]]:
        return product(self.rows, self.columns)

    def blend(
        self,
        plane: NDArray[np.float32],
        method: Callable[[NDArray[np.float32]], NDArray[np.float32]],
        progress: Callable[[], None] | None = None,
    ) -> NDArray[np.float32]:
        """Run a method on every tile and blend the results.

        Parameters
        ----------
        plane : ndarray of float32, shape (y, x)
        method : callable
            Maps a tile to a tile of the same shape.
        progress : callable, optional
            Called after each tile.
        """
        result = np.zeros_like(plane)
        for row, column in self:
            window = slice(row.start, row.stop), slice(column.start, column.stop)
            restored = method(np.ascontiguousarray(plane[window]))
            result[window] += restored * row.weight[:, None] * column.weight[None, :]
            if progress is not None:
                progress()
        return result
