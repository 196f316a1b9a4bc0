"""A specimen as camera pixels see it, ready to be blurred again and again."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from pellucid.errors import SettingsError
from pellucid.optics.defocus import defocused_otf
from pellucid.optics.microscope import Microscope
from pellucid.optics.transfer import widefield_otf
from pellucid.simulate.canvas import Canvas


@final
@dataclass(frozen=True, slots=True)
class CameraScene:
    """A scene as camera pixels see it: the truth, and the spectrum that any blur filters.

    Attributes
    ----------
    truth : ndarray of float32, shape (n, n) or (planes, n, n)
        Light collected by each pixel if there were no blur; the 99.9th percentile of the sum
        over planes is one.
    spectrum : ndarray of complex64, shape (n, n // 2 + 1) or (planes, n, n // 2 + 1)
        Real FFT of the truth as sampled *without* aliasing: frequencies of the fine scene
        below the camera's Nyquist limit, pixel integration included.
    """

    truth: NDArray[np.float32]
    spectrum: NDArray[np.complex64]

    @property
    def side(self) -> int:
        """Camera pixels a side."""
        return int(self.truth.shape[-1])

    @property
    def nbytes(self) -> int:
        """Memory the scene takes."""
        return self.truth.nbytes + self.spectrum.nbytes


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnScene:
    """A specimen at camera pixels, with its sizes and what it is.

    Attributes
    ----------
    scene : CameraScene
    pixel_size_um : float
    z_step_um : float or None
        Distance of planes; None for a plane.
    kinds : tuple of str
        Kinds of specimen it is made of, or the class of the picture; the main one first.
    name : str
        Which specimen it is, such that it can be drawn again.
    """

    scene: CameraScene
    pixel_size_um: float
    kinds: tuple[str, ...]
    name: str
    z_step_um: float | None = None


def camera_scene(scene: NDArray[np.float32], canvas: Canvas) -> CameraScene:
    """Reduce a fine scene to camera pixels, keeping what a band-limited blur needs of it.

    Parameters
    ----------
    scene : ndarray of float32, shape `canvas.shape`
        Light a fine sample, on a torus in y and x.
    canvas : Canvas

    Returns
    -------
    CameraScene
    """
    return camera_scene_of_spectrum(canvas.spectrum(scene), canvas)


def camera_scene_of_spectrum(spectrum: NDArray[np.complex64], canvas: Canvas) -> CameraScene:
    """Do what :func:`camera_scene` does from the real FFT of a fine scene's planes."""
    truth = canvas.camera_pixels(spectrum)
    seen = truth if truth.ndim == 2 else truth.sum(axis=0)
    # In a nearly empty field the percentile would be rounding noise.
    peak = np.float32(max(float(np.percentile(seen, 99.9)), 0.1 * float(seen.max())) or 1.0)
    truth /= peak
    return CameraScene(truth, (canvas.camera_band(spectrum) / peak).astype(np.complex64))


def blur(
    scene: CameraScene, cutoff_per_pixel: float, *, attenuation: float = 0.0
) -> NDArray[np.float32]:
    """Blur a plane by the in-focus widefield transfer function, on the torus.

    Parameters
    ----------
    scene : CameraScene
        Of one plane.
    cutoff_per_pixel : float
        Cut-off frequency 2 NA / wavelength in cycles per camera pixel, at most 0.5.
    attenuation : float
        Mid-frequency loss of a real objective against the perfect one: the transfer function
        is multiplied by ``exp(-attenuation * (f / cut-off)**2)``.

    Returns
    -------
    ndarray of float32, shape (n, n)
        Same sum as the truth; never below zero.

    Raises
    ------
    SettingsError
        If the camera cannot sample the cut-off.
    """
    _check_cutoff(cutoff_per_pixel)
    if scene.truth.ndim != 2:
        raise SettingsError(
            f"A scene of {len(scene.truth)} planes is imaged by blur_planes, not by blur."
        )
    radius, where = _radii(scene.side)
    relative = radius / cutoff_per_pixel
    transfer = (widefield_otf(relative) * np.exp(-attenuation * relative**2)).astype(np.float32)
    return _filtered(scene.spectrum, transfer[where])


def blur_planes(
    scene: CameraScene,
    microscope: Microscope,
    distance_um: NDArray[np.floating],
    *,
    attenuation: float = 0.0,
) -> NDArray[np.float32]:
    """Image a thin volume: every plane by the transfer function of its distance from focus.

    Parameters
    ----------
    scene : CameraScene
        Of several planes.
    microscope : Microscope
        Must state its refractive index.
    distance_um : ndarray, shape (planes,)
        Distance of every plane from focus, micrometres.
    attenuation : float
        As in :func:`blur`.

    Returns
    -------
    ndarray of float32, shape (n, n)
        Same sum as the truth; never below zero.
    """
    cutoff = microscope.cutoff_per_pixel
    _check_cutoff(cutoff)
    if scene.truth.ndim != 3 or len(distance_um) != len(scene.truth):
        raise SettingsError(
            f"{len(distance_um)} distances from focus do not fit a scene of shape "
            f"{scene.truth.shape}; give one for every plane."
        )
    relative, table = defocused_otf(microscope, distance_um)
    radius, where = _radii(scene.side)
    inside = radius < cutoff
    transfer = np.zeros((len(table), len(radius)), dtype=np.float32)
    wanted = radius[inside] / cutoff
    loss = np.exp(-attenuation * wanted**2)
    for row, values in zip(transfer, table, strict=True):
        row[inside] = np.interp(wanted, relative, values) * loss
    total = np.zeros(scene.spectrum.shape[1:], dtype=np.complex64)
    for spectrum, row in zip(scene.spectrum, transfer, strict=True):
        total += spectrum * row[where]
    image = fft.irfft2(total, s=scene.truth.shape[1:], overwrite_x=True)
    return np.clip(image, 0.0, None).astype(np.float32, copy=False)


def soft_copy(scene: CameraScene, sigma_pixels: float) -> NDArray[np.float32]:
    """Blur a plane by a Gaussian, in camera pixels: out-of-focus haze of its own light."""
    radius, where = _radii(scene.side)
    gauss = np.exp(-2.0 * (np.pi * sigma_pixels * radius) ** 2).astype(np.float32)
    return _filtered(scene.spectrum, gauss[where])


def _check_cutoff(cutoff_per_pixel: float) -> None:
    if not 0 < cutoff_per_pixel <= 0.5:
        raise SettingsError(
            f"The cut-off must lie above 0 and at most at 0.5 cycles per pixel (the Nyquist "
            f"limit), not at {cutoff_per_pixel:g}; use smaller pixels."
        )


def _filtered(
    spectrum: NDArray[np.complex64], transfer: NDArray[np.float32]
) -> NDArray[np.float32]:
    n = spectrum.shape[0]
    image = fft.irfft2(spectrum * transfer, s=(n, n), overwrite_x=True)
    return np.clip(image, 0.0, None).astype(np.float32, copy=False)


@cache
def _radii(n: int) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return the radial frequencies of a real FFT, each once, and where each sample finds its own.

    Radial functions are then computed once a radius instead of once a sample.
    """
    squared = np.rint((np.fft.fftfreq(n, 1 / n)[:, None]) ** 2 + np.arange(n // 2 + 1) ** 2)
    distinct, where = np.unique(squared, return_inverse=True)
    return np.sqrt(distinct) / n, where.reshape(squared.shape)
