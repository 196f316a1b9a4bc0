"""Beads found in a stack: where they are, and why some are not used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias, final

import numpy as np

from pellucid.optics._width import Array

#: Why a bright spot is not used.
Reason: TypeAlias = Literal["clumped", "clipped", "too dim", "hot pixel"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Bead:
    """A bright spot in a stack.

    Attributes
    ----------
    z, y, x : float
        Centre in samples, counted from zero; z is zero in an image of one plane.
    peak : float
        Brightest recorded value at the centre, in the stack's units, background included.
    background : float
        Median of the border of the window around the spot, in the stack's units.
    """

    z: float
    y: float
    x: float
    peak: float
    background: float

    @property
    def centre(self) -> Array:
        """The centre (z, y, x) as an array, in samples."""
        return np.array([self.z, self.y, self.x])

    @property
    def height(self) -> float:
        """The peak above the background."""
        return self.peak - self.background


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedBead:
    """A bright spot that is not used, and why.

    Attributes
    ----------
    bead : Bead
    reason : {"clumped", "clipped", "too dim", "hot pixel"}
        Another bead in the window, or a spot too wide for one; a window that leaves the field,
        or a saturated peak; too little light; a single bright sample, which no optics form.
    detail : str
        The same with its figures.
    """

    bead: Bead
    reason: Reason
    detail: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class FoundBeads:
    """What a search found.

    Attributes
    ----------
    beads : tuple of Bead
        Fit for averaging, brightest first; may be empty.
    rejected : tuple of RejectedBead
    shape : tuple of int
        Window ``(z, y, x)`` around a bead in which no other may lie, in samples.
    pixel_size_um : float
        Distance of samples along y and x, micrometres.
    z_step_um : float or None
        Distance of planes, micrometres; None for an image of one plane.
    """

    beads: tuple[Bead, ...]
    rejected: tuple[RejectedBead, ...]
    shape: tuple[int, int, int]
    pixel_size_um: float
    z_step_um: float | None


def leaves_field(bead: Bead, field: tuple[int, ...], window: tuple[int, ...]) -> bool:
    """Tell whether the window of a bead reaches beyond the stack."""
    start = np.rint(bead.centre).astype(int) - np.array(window) // 2
    return bool((start < 0).any() or (start + window > np.array(field)).any())


def neighbours(bead: Bead, others: Iterable[Bead], window: tuple[int, ...]) -> list[Bead]:
    """Return the other beads whose centres lie in a bead's window."""
    half = np.array(window) // 2
    return [
        o for o in others if o is not bead and bool((abs(o.centre - bead.centre) <= half).all())
    ]


def count_reasons(rejected: Iterable[RejectedBead]) -> str:
    """Return the reasons with their numbers, such as ``3 clumped, 1 clipped``."""
    return ", ".join(f"{n} {reason}" for reason, n in Counter(r.reason for r in rejected).items())
