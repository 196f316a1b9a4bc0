"""A periodic drawing surface, finer than the camera, for points of light."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from pellucid.errors import SettingsError


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Canvas:
    """A square scene on a torus: what leaves on one side comes in on the other.

    A periodic scene needs no margin for blur: the light that a crop receives from beyond its
    edge is there.

    Parameters
    ----------
    pixels : int
        Camera pixels a side.
    pixel_size_um : float
        Size of a camera pixel in the specimen plane, micrometres.
    oversampling : int
        Fine samples a camera pixel, along each axis.
    """

    pixels: int
    pixel_size_um: float
    oversampling: int = 4

    def __post_init__(self) -> None:
        if self.pixels < 2 or self.oversampling < 1 or not self.pixel_size_um > 0:
            raise SettingsError(
                f"A canvas needs at least 2 pixels, an oversampling of at least 1 and a positive "
                f"pixel size, not {self.pixels}, {self.oversampling} and {self.pixel_size_um}."
            )

    @property
    def samples(self) -> int:
        """Fine samples a side."""
        return self.pixels * self.oversampling

    @property
    def step_um(self) -> float:
        """Distance of fine samples, micrometres."""
        return self.pixel_size_um / self.oversampling

    @property
    def side_um(self) -> float:
        """Side of the scene, micrometres."""
        return self.pixels * self.pixel_size_um

    def splat(
        self, points_um: NDArray[np.float64], weights: NDArray[np.float64]
    ) -> NDArray[np.float32]:
        """Lay points of light on the fine grid, each shared by its four nearest samples.

        Parameters
        ----------
        points_um : ndarray, shape (n, 2)
            Positions ``(y, x)`` in micrometres; positions beyond the side wrap round.
        weights : ndarray, shape (n,)
            Light of every point.

        Returns
        -------
        ndarray of float32, shape (samples, samples)
            Sums to the sum of the weights.
        """
        n = self.samples
        position = points_um / self.step_um
        corner = np.floor(position)
        fraction = position - corner
        index = corner.astype(np.int64) % n
        total = np.zeros(n * n)
        for dy in (0, 1):
            wy = fraction[:, 0] if dy else 1.0 - fraction[:, 0]
            row = (index[:, 0] + dy) % n * n
            for dx in (0, 1):
                wx = fraction[:, 1] if dx else 1.0 - fraction[:, 1]
                total += np.bincount(
                    row + (index[:, 1] + dx) % n, weights=weights * wy * wx, minlength=n * n
                )
        return total.reshape(n, n).astype(np.float32)

    def frequencies_per_um(self) -> NDArray[np.float32]:
        """Radial frequency of every sample of a real FFT of the fine grid, cycles/um."""
        fy = fft.fftfreq(self.samples, self.step_um)
        fx = fft.rfftfreq(self.samples, self.step_um)
        return np.hypot(fy[:, None], fx[None, :]).astype(np.float32)

    def soften(self, scene: NDArray[np.float32], sigma_um: float) -> NDArray[np.float32]:
        """Blur a scene by a Gaussian on the torus; its sum is kept."""
        gauss = np.exp(-2.0 * (np.pi * sigma_um * self.frequencies_per_um()) ** 2)
        spectrum = fft.rfft2(scene) * gauss
        return fft.irfft2(spectrum, s=scene.shape, overwrite_x=True).astype(np.float32)
