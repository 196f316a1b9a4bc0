"""From a scene to what the camera records: blur, photons, electrons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from pellucid.errors import SettingsError
from pellucid.optics.transfer import widefield_otf
from pellucid.simulate.canvas import Canvas
from pellucid.simulate.specimens import Scene, to_camera


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


@final
@dataclass(frozen=True, slots=True)
class CameraScene:
    """A scene as camera pixels see it: the truth, and the spectrum that any blur filters.

    Attributes
    ----------
    truth : ndarray of float32, shape (n, n)
        Light collected by each pixel if there were no blur; 99.9th percentile one.
    spectrum : ndarray of complex64, shape (n, n // 2 + 1)
        Real FFT of the truth as sampled *without* aliasing: frequencies of the fine scene
        below the camera's Nyquist limit, pixel integration included.
    """

    truth: NDArray[np.float32]
    spectrum: NDArray[np.complex64]


def camera_scene(scene: Scene, canvas: Canvas) -> CameraScene:
    """Reduce a fine scene to camera pixels, keeping what a band-limited blur needs of it."""
    truth = to_camera(scene, canvas)
    peak = float(np.percentile(truth, 99.9)) or float(truth.max()) or 1.0
    n, k = canvas.pixels, canvas.oversampling
    fine = fft.rfft2(scene)
    half = n // 2
    rows = np.r_[0 : (n + 1) // 2, canvas.samples - half : canvas.samples]
    kept = fine[rows, : half + 1]
    # Sum over the k samples of a pixel, from its first one on.
    shift = np.exp(2j * np.pi * np.arange(k)[:, None] * np.fft.fftfreq(n, 1 / n) / canvas.samples)
    transfer = shift.sum(axis=0)
    column = np.exp(2j * np.pi * np.arange(k)[:, None] * np.arange(half + 1) / canvas.samples)
    kept = kept * transfer[:, None] * column.sum(axis=0)[None, :] / (k * k)
    return CameraScene((truth / peak).astype(np.float32), (kept / peak).astype(np.complex64))


def blur(
    scene: CameraScene, cutoff_per_pixel: float, *, attenuation: float = 0.0
) -> NDArray[np.float32]:
    """Blur a scene by the in-focus widefield transfer function, on the torus.

    Parameters
    ----------
    scene : CameraScene
    cutoff_per_pixel : float
        Cut-off frequency 2 NA / wavelength in cycles per camera pixel, at most 0.5.
    attenuation : float
        Mid-frequency loss of a real objective against the perfect one: the transfer function
        is multiplied by ``exp(-attenuation * (f / cut-off)**2)``.

    Returns
    -------
    ndarray of float32, shape (n, n)
        Same sum as the truth; never below zero.
    """
    if not 0 < cutoff_per_pixel <= 0.5:
        raise SettingsError(
            f"The cut-off must lie above 0 and at most at 0.5 cycles per pixel (the Nyquist "
            f"limit), not at {cutoff_per_pixel:g}; use smaller pixels."
        )
    n = scene.truth.shape[0]
    relative = np.hypot(np.fft.fftfreq(n)[:, None], np.fft.rfftfreq(n)[None, :])
    relative /= cutoff_per_pixel
    transfer = widefield_otf(relative) * np.exp(-attenuation * relative**2)
    image = fft.irfft2(scene.spectrum * transfer.astype(np.float32), s=(n, n), overwrite_x=True)
    return np.clip(image, 0.0, None).astype(np.float32)


def soft_copy(scene: CameraScene, sigma_pixels: float) -> NDArray[np.float32]:
    """Blur a scene by a Gaussian, in camera pixels: out-of-focus haze of its own light."""
    n = scene.truth.shape[0]
    squared = np.fft.fftfreq(n)[:, None] ** 2 + np.fft.rfftfreq(n)[None, :] ** 2
    gauss = np.exp(-2.0 * (np.pi * sigma_pixels) ** 2 * squared).astype(np.float32)
    image = fft.irfft2(scene.spectrum * gauss, s=(n, n), overwrite_x=True)
    return np.clip(image, 0.0, None).astype(np.float32)


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
    recorded = rng.poisson(expected).astype(np.float32)
    noise = rng.standard_normal(clean.shape, dtype=np.float32)
    recorded += np.float32(exposure.read_noise_electrons) * noise
    return recorded
