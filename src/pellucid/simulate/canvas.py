"""A drawing surface or thin volume, finer than the camera, for points of light."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy import fft, special

from pellucid.errors import SettingsError


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Canvas:
    """A square plane or thin slab: what leaves on one side comes in on the other.

    A scene that is periodic in y and x needs no margin for blur: the light that a crop receives
    from beyond its edge is there. A slab is not periodic in z; light outside it is lost.

    Parameters
    ----------
    pixels : int
        Camera pixels a side.
    pixel_size_um : float
        Size of a camera pixel in the specimen plane, micrometres.
    oversampling : int
        Fine samples a camera pixel, along y and x.
    planes : int
        Planes of the slab; one is a plane without depth.
    z_step_um : float, optional
        Distance of planes; needed for more than one.

    Raises
    ------
    SettingsError
        If a number is out of range, or `z_step_um` is missing.
    """

    pixels: int
    pixel_size_um: float
    oversampling: int = 4
    planes: int = 1
    z_step_um: float | None = None

    def __post_init__(self) -> None:
        if self.pixels < 2 or self.oversampling < 1 or not 0 < self.pixel_size_um < math.inf:
            raise SettingsError(
                f"A canvas needs at least 2 pixels, an oversampling of at least 1 and a positive "
                f"pixel size, not {self.pixels}, {self.oversampling} and {self.pixel_size_um}."
            )
        if self.planes < 1:
            raise SettingsError(f"A canvas needs at least one plane, not {self.planes}.")
        if self.planes > 1 and self.z_step_um is None:
            raise SettingsError(f"A canvas of {self.planes} planes needs z_step_um; give it.")
        if self.z_step_um is not None and not 0 < self.z_step_um < math.inf:
            raise SettingsError(
                f"The distance of planes, z_step_um, must be positive, not {self.z_step_um}."
            )

    @property
    def samples(self) -> int:
        """Fine samples a side."""
        return self.pixels * self.oversampling

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a scene: ``(samples, samples)``, or ``(planes, samples, samples)``."""
        side = (self.samples, self.samples)
        return side if self.planes == 1 else (self.planes, *side)

    @property
    def step_um(self) -> float:
        """Distance of fine samples, micrometres."""
        return self.pixel_size_um / self.oversampling

    @property
    def side_um(self) -> float:
        """Side of the scene, micrometres."""
        return self.pixels * self.pixel_size_um

    @property
    def depth_um(self) -> float:
        """Thickness of the slab, micrometres; zero for a plane.

        Depths run from zero to here; plane `k` lies in the middle of its layer, at
        ``(k + 1/2) * z_step_um``.
        """
        return 0.0 if self.planes == 1 else self.planes * float(self.z_step_um or 0.0)

    def splat(
        self, points_um: NDArray[np.floating], weights: NDArray[np.floating]
    ) -> NDArray[np.float32]:
        """Lay points of light on the fine grid, each shared by its nearest samples.

        Linear sharing: between four samples on a plane, eight in a slab.

        Parameters
        ----------
        points_um : ndarray, shape (n, 2) or (n, 3)
            Positions ``(y, x)``, or ``(z, y, x)`` in a slab, in micrometres. Beyond the side
            they wrap round; what falls to planes that do not exist is lost.
        weights : ndarray, shape (n,)
            Light of every point.

        Returns
        -------
        ndarray of float32, shape `shape`
            Sums to the sum of the weights, if all points lie between the first plane and the
            last.

        Raises
        ------
        SettingsError
            If the shapes do not fit.
        """
        axes = len(self.shape)
        if points_um.shape != (len(weights), axes) or weights.ndim != 1:
            raise SettingsError(
                f"Points of shape {points_um.shape} and weights of shape {weights.shape} cannot be "
                f"laid on this canvas; it takes (n, {axes}) and (n,)."
            )
        n = self.samples
        points_um = points_um.astype(np.result_type(points_um.dtype, np.float32), copy=False)
        row, after_row = _shares(_wrapped(points_um[:, -2], self.step_um, n))
        column, after_column = _shares(_wrapped(points_um[:, -1], self.step_um, n))
        # The four cells of each point; one more row or column comes in on the other side.
        corner = row * n + column
        right = np.where(column == n - 1, corner + 1 - n, corner + 1)
        down = np.where(row == n - 1, n - n * n, n)
        light = weights.astype(np.float32, copy=False)
        planes: list[tuple[int, NDArray[np.float32]]] = [(0, light)]
        if axes == 3:
            # One more plane below and two above take what is lost.
            depth = np.clip(
                points_um[:, 0] / float(self.z_step_um or 1.0) + 0.5, 0, self.planes + 1
            )
            layer, after_layer = _shares(depth.astype(np.float32, copy=False))
            corner += layer * (n * n)
            right += layer * (n * n)
            planes = [(0, light * (1 - after_layer)), (n * n, light * after_layer)]
        lower, lower_right = corner + down, right + down
        total = np.zeros((self.planes + 3 if axes == 3 else 1) * n * n, dtype=np.float32)
        for offset, part in planes:
            cells = total[offset:]
            below = part * after_row
            above = part - below
            for here, there, half in ((corner, right, above), (lower, lower_right, below)):
                aside = half * after_column
                np.add.at(cells, here, half - aside)
                np.add.at(cells, there, aside)
        kept = total[n * n : (self.planes + 1) * n * n] if axes == 3 else total
        return kept.reshape(self.shape)

    def frequencies_per_um(self) -> NDArray[np.float32]:
        """Radial frequency of every sample of a real FFT of a plane, cycles/um."""
        fy = fft.fftfreq(self.samples, self.step_um)
        fx = fft.rfftfreq(self.samples, self.step_um)
        return np.hypot(fy[:, None], fx[None, :]).astype(np.float32)

    def soften(
        self, scene: NDArray[np.float32], sigma_um: float, *, sigma_z_um: float | None = None
    ) -> NDArray[np.float32]:
        """Blur a scene by a Gaussian, as the size of a label does.

        The kernel is the Gaussian's counterpart on a grid [1]_: of exactly the stated variance,
        and nowhere negative however narrow. On the torus a scene keeps its sum; a slab loses what
        passes its faces.

        Parameters
        ----------
        scene : ndarray of float32, shape `shape`
        sigma_um : float
            Standard deviation.
        sigma_z_um : float, optional
            Standard deviation along z; `sigma_um` if not given.

        Returns
        -------
        ndarray of float32, shape `shape`

        References
        ----------
        .. [1] T. Lindeberg, "Scale-space for discrete signals", IEEE Transactions on Pattern
           Analysis and Machine Intelligence 12, 234-254 (1990).
        """
        return self.scene_of(self.spectrum(scene, sigma_um, sigma_z_um=sigma_z_um))

    def spectrum(
        self,
        scene: NDArray[np.float32],
        sigma_um: float = 0.0,
        *,
        sigma_z_um: float | None = None,
    ) -> NDArray[np.complex64]:
        """Return the real FFT of every plane of a scene, softened; the quick half of `soften`.

        Parameters
        ----------
        scene : ndarray of float32, shape `shape`
        sigma_um, sigma_z_um : float
            As in :meth:`soften`; zero leaves the scene as it is.

        Returns
        -------
        ndarray of complex64, shape `shape` but for a last axis of ``samples // 2 + 1``
        """
        turn = 2 * np.pi * np.arange(self.samples) / self.samples
        gauss = np.exp((np.cos(turn) - 1) * (sigma_um / self.step_um) ** 2).astype(np.float32)
        label = gauss[:, None] * gauss[: self.samples // 2 + 1]
        planes = scene.astype(np.float32, copy=False).reshape(self.planes, *self.shape[-2:])
        sigma_z = (sigma_um if sigma_z_um is None else sigma_z_um) / float(self.z_step_um or 1)
        kernel = special.ive(np.arange(self.planes), sigma_z**2).astype(np.float32)
        if self.planes == 1:
            lines: NDArray[np.complex64] = fft.rfft(planes[0], axis=1)
            lines = fft.fft(lines, axis=0, overwrite_x=True)
            lines *= label
            return lines
        spectrum = np.empty((self.planes, *label.shape), dtype=np.complex64)
        for index, target in enumerate(spectrum):  # one plane after another fits the cache
            lines = fft.rfft(_weighted(planes, kernel, index), axis=1)
            np.multiply(fft.fft(lines, axis=0, overwrite_x=True), label, out=target)
        return spectrum

    def scene_of(self, spectrum: NDArray[np.complex64]) -> NDArray[np.float32]:
        """Return the scene of a spectrum, without what rounding puts below zero."""
        columns = fft.ifft(spectrum, axis=-2)
        scene: NDArray[np.float32] = fft.irfft(columns, n=self.samples, axis=-1)
        return np.maximum(scene, 0, out=scene)

    def camera_pixels(self, spectrum: NDArray[np.complex64]) -> NDArray[np.float32]:
        """Sum the fine samples of every camera pixel, from the spectrum of a scene.

        Returns
        -------
        ndarray of float32, shape (pixels, pixels) or (planes, pixels, pixels)
            What :meth:`scene_of` gives, summed over pixels, without a large inverse FFT.
        """
        n, k = self.pixels, self.oversampling
        rows = spectrum * self._pixel_transfer()[:, None]
        # Sampling one row in k folds the spectrum k times.
        folded = rows.reshape(*rows.shape[:-2], k, n, rows.shape[-1]).sum(axis=-3)
        lines = fft.irfft(fft.ifft(folded, axis=-2), n=self.samples, axis=-1)
        pixels = sum_runs(lines.astype(np.float32, copy=False), k)
        return np.maximum(pixels, 0, out=pixels)

    def camera_band(self, spectrum: NDArray[np.complex64]) -> NDArray[np.complex64]:
        """Return the frequencies of a scene that the camera can sample, as its pixels see them.

        Returns
        -------
        ndarray of complex64, shape (..., pixels, pixels // 2 + 1)
            Real FFT of the camera's pixels as if they sampled without aliasing, the integration
            over a pixel included. Frequencies above the camera's Nyquist limit are gone.
        """
        n, half = self.pixels, self.pixels // 2
        transfer = self._pixel_transfer()
        rows = np.r_[0 : (n + 1) // 2, self.samples - half : self.samples]
        seen: NDArray[np.complex64] = transfer[rows, None] * transfer[: half + 1]
        return seen * spectrum[..., rows, : half + 1]

    def _pixel_transfer(self) -> NDArray[np.complex64]:
        """Return the spectrum of the sum over a pixel's samples, from its first one on, over k."""
        turn = 2j * np.pi * fft.fftfreq(self.samples)
        samples = np.arange(self.oversampling)
        transfer: NDArray[np.complex128] = np.exp(turn[:, None] * samples).mean(axis=1)
        return transfer.astype(np.complex64)


def sum_runs(values: NDArray[np.float32], run: int) -> NDArray[np.float32]:
    """Sum every `run` neighbours along the last axis."""
    total = values[..., ::run].copy()
    for start in range(1, run):
        total += values[..., start::run]
    return total


def _weighted(
    planes: NDArray[np.float32], kernel: NDArray[np.float32], index: int
) -> NDArray[np.float32]:
    """Sum planes by their distance from one, as far as the kernel is above rounding."""
    reach = int(np.count_nonzero(kernel > 1e-8))
    total: NDArray[np.float32] = planes[index] * kernel[0]
    part = np.empty_like(total)
    for other in range(max(0, index - reach + 1), min(len(planes), index + reach)):
        if other != index:
            total += np.multiply(planes[other], kernel[abs(other - index)], out=part)
    return total


def _wrapped(position_um: NDArray[np.floating], step_um: float, n: int) -> NDArray[np.float32]:
    """Return positions in samples, at least zero and less than `n`."""
    position = position_um / position_um.dtype.type(step_um)
    position -= n * np.floor(position / n)
    single = position.astype(np.float32, copy=False)
    # Rounding can give n itself, or less than zero by as little.
    return np.clip(single, 0, np.nextafter(np.float32(n), np.float32(0)), out=single)


def _shares(position: NDArray[np.float32]) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Return the sample at or before each position, and the share of the sample after it."""
    before = position.astype(np.intp)
    return before, position - before.astype(np.float32)
