"""The noise of an image as solvers state it: photons and a Gaussian, in the image's units."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, final

from pellucid.errors import SettingsError


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseModel:
    """Variance ``photon * light + gaussian**2`` of a pixel, light being free of background.

    The background's own photons belong to `gaussian`: a solver takes the background off first.

    Parameters
    ----------
    photon : float
        Image units a photon-electron gives: the reciprocal gain in counts per electron; zero for
        noise that does not depend on the light.
    gaussian : float
        Standard deviation in the dark parts, image units: read noise and the photons of the
        background.

    Raises
    ------
    SettingsError
        If one is negative or both are zero.
    """

    photon: float = 0.0
    gaussian: float = 0.0

    def __post_init__(self) -> None:
        values = (self.photon, self.gaussian)
        if not all(math.isfinite(v) and v >= 0 for v in values) or not any(values):
            raise SettingsError(
                f"Noise needs photon and gaussian that are not negative, one of them positive, not "
                f"{self.photon} and {self.gaussian}."
            )

    def variance(self, light: Any) -> Any:
        """Return the variance of every pixel.

        Parameters
        ----------
        light : array
            Expected image without background; negative values count as dark.
        """
        return self.photon * light.clip(0.0) + self.gaussian**2
