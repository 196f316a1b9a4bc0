"""Power spectrum of specimens: a power law that levels off at low frequencies."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, final

from pellucid.errors import SettingsError

#: Steeper spectra leave float32.
STEEPEST = 8.0


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SignalSpectrum:
    """Power spectrum ``(f**2 + knee**2) ** (-exponent / 2)``, the same in all directions.

    Of natural images the exponent is about 2 [1]_; points have 0, smooth bodies 4 and more. Its
    scale is left open.

    Parameters
    ----------
    exponent : float
        From 0, a flat spectrum, to 8.
    knee_per_pixel : float
        Frequency below which the spectrum levels off, in cycles per pixel, positive; where voxels
        are not cubes, per smallest side of a voxel.

    Raises
    ------
    SettingsError
        If one is out of its range.

    References
    ----------
    .. [1] D. J. Field, "Relations between the statistics of natural images and the response
       properties of cortical cells", J. Opt. Soc. Am. A 4, 2379-2394 (1987).
    """

    exponent: float
    knee_per_pixel: float

    def __post_init__(self) -> None:
        if not 0 <= self.exponent <= STEEPEST:
            raise SettingsError(
                f"The exponent of a signal spectrum must lie from 0 to {STEEPEST:g}, not at "
                f"{self.exponent}."
            )
        if not (math.isfinite(self.knee_per_pixel) and self.knee_per_pixel > 0):
            raise SettingsError(
                f"knee_per_pixel of a signal spectrum must be positive, not {self.knee_per_pixel}."
            )

    def power(self, frequency_squared: Any) -> Any:
        """Return the power at the square of a frequency, a float or an array."""
        return (frequency_squared + self.knee_per_pixel**2) ** (-0.5 * self.exponent)
