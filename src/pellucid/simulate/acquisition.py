"""Photons, and what a plain camera makes of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import SettingsError
from pellucid.imaging.camera import Camera


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """How many photons arrive and what the camera adds.

    Parameters
    ----------
    peak_photons : float
        Photons at the 99.9th percentile of the clean image, above background.
    background_photons : float
        Photons a pixel that come from everywhere alike.
    read_noise_electrons : float
        Standard deviation of the camera's read noise.
    """

    peak_photons: float
    background_photons: float = 0.0
    read_noise_electrons: float = 1.5

    def __post_init__(self) -> None:
        if (
            not self.peak_photons > 0
            or self.background_photons < 0
            or self.read_noise_electrons < 0
        ):
            raise SettingsError(
                "An exposure needs a positive peak_photons and no negative noise or background, "
                f"not {self}."
            )


def expose(
    rng: np.random.Generator, clean: NDArray[np.float32], exposure: Exposure
) -> NDArray[np.float32]:
    """Record a clean image (peak one) in electrons: shot noise and read noise.

    Returns
    -------
    ndarray of float32
        Electrons, background included; may fall below zero by read noise.
    """
    expected = clean * np.float32(exposure.peak_photons) + np.float32(exposure.background_photons)
    camera = Camera(
        gain_electrons_per_count=1.0,
        offset_counts=0.0,
        read_noise_electrons=exposure.read_noise_electrons,
    )
    return np.asarray(camera.record(expected, rng), dtype=np.float32)
