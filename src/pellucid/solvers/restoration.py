"""What every solver returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias, final

#: What a setting of a solver can be, so that it can be written as JSON.
Setting: TypeAlias = float | int | str


@final
@dataclass(frozen=True, slots=True)
class Restoration:
    """A restored image and how it came about.

    Attributes
    ----------
    image : array of float32
        Same shape, units, library and device as the image given.
    trace : tuple of float
        One figure an iteration; the solver's documentation says which.
    stopped_because : str
        Why the solver ended.
    settings : dict
        Every parameter used, those chosen by the solver included.
    psf : ndarray of float32 or None
        The point spread function that was found, by solvers that look for it.
    """

    image: Any
    trace: tuple[float, ...]
    stopped_because: str
    settings: dict[str, Setting]
    psf: Any = None
