"""What every solver returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray


@final
@dataclass(frozen=True, slots=True)
class Restoration:
    """A restored image and how it came about.

    Attributes
    ----------
    image : ndarray of float32
        Same shape and units as the image given.
    trace : tuple of float
        One figure an iteration; the solver's documentation says which.
    stopped_because : str
        Why the solver ended.
    settings : dict
        Every parameter used, those chosen by the solver included.
    """

    image: NDArray[np.float32]
    trace: tuple[float, ...]
    stopped_because: str
    settings: dict[str, float | int | str]
