"""Cameras: what photons become when a sensor records them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, final

import array_api_compat
import numpy as np
from numpy.typing import NDArray

from pellucid.errors import ImageError, SettingsError
from pellucid.imaging._draws import (
    as_float32,
    as_real,
    check_generator,
    gamma,
    like,
    normal,
    poisson,
    seed_from,
)

#: More photons a pixel than this are a mistake of units.
_MOST_PHOTONS = 1e15
#: Whole numbers beyond 2**24 have no float32 of their own.
_MOST_BITS = 24


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Camera:
    """A sensor: from expected photons a pixel to counts, and back.

    A pixel that expects `p` photons holds Poisson electrons of mean ``quantum_efficiency * p``,
    at most `full_well_electrons`. They are read with Gaussian noise, divided by the gain and
    set upon the offset; a converter of `bit_depth` bits rounds and clips them [1]_.

    Parameters
    ----------
    gain_electrons_per_count : float
        Electrons a count stands for.
    offset_counts : float
        Counts of a pixel without light.
    read_noise_electrons : float
        Standard deviation of the read noise; of a multiplying camera, at its output amplifier.
    quantum_efficiency : float
        Share of the photons that become electrons, above 0 and at most 1.
    bit_depth : int, optional
        Counts are rounded and clipped to 0 ... ``2**bit_depth - 1``; at most 24 bits. Without
        it, counts are not rounded and have no limits.
    full_well_electrons : float, optional
        Electrons a pixel can hold.
    hot_pixel_fraction : float
        Share of the pixels with a high dark current.
    hot_pixel_electrons : float
        Mean dark electrons of such a pixel in one exposure. Each hot pixel has its own level,
        drawn from an exponential distribution, and shot noise about it.
    hot_pixel_seed : int, optional
        Fixes which pixels are hot, and how much: one sensor, the same in all its recordings
        of one shape and in numpy and torch. Without it every recording is by a new sensor.
    multiplication_gain : float, optional
        Mean gain of an electron-multiplying register. Its output of n electrons is a gamma
        variate of shape n, which doubles the variance of the shot noise [2]_ [3]_.

    Raises
    ------
    SettingsError
        If a value is out of its range, or hot pixels lack their fraction or their level.

    References
    ----------
    .. [1] J. R. Janesick, *Photon Transfer*, SPIE Press (2007), chapters 2 to 5.
    .. [2] A. G. Basden, C. A. Haniff and C. D. Mackay, "Photon counting strategies with
       low-light-level CCDs", MNRAS 345, 985-991 (2003).
    .. [3] M. S. Robbins and B. J. Hadwen, "The noise performance of electron multiplying
       charge-coupled devices", IEEE Trans. Electron Devices 50, 1227-1232 (2003).
    """

    gain_electrons_per_count: float = 1.0
    offset_counts: float = 0.0
    read_noise_electrons: float = 0.0
    quantum_efficiency: float = 1.0
    bit_depth: int | None = None
    full_well_electrons: float | None = None
    hot_pixel_fraction: float = 0.0
    hot_pixel_electrons: float = 0.0
    hot_pixel_seed: int | None = None
    multiplication_gain: float | None = None

    def __post_init__(self) -> None:
        well, multiplication = self.full_well_electrons, self.multiplication_gain
        bits, seed = self.bit_depth, self.hot_pixel_seed
        demands = {
            "gain_electrons_per_count": (0 < self.gain_electrons_per_count < math.inf, "above 0"),
            "offset_counts": (math.isfinite(self.offset_counts), "finite"),
            "read_noise_electrons": (0 <= self.read_noise_electrons < math.inf, "at least 0"),
            "quantum_efficiency": (0 < self.quantum_efficiency <= 1, "above 0 and at most 1"),
            "bit_depth": (
                bits is None or (isinstance(bits, int) and 1 <= bits <= _MOST_BITS),
                f"None or a whole number from 1 to {_MOST_BITS}",
            ),
            "full_well_electrons": (well is None or 0 < well < math.inf, "None or above 0"),
            "hot_pixel_fraction": (0 <= self.hot_pixel_fraction < 1, "at least 0 and below 1"),
            "hot_pixel_electrons": (0 <= self.hot_pixel_electrons < math.inf, "at least 0"),
            "hot_pixel_seed": (
                seed is None or (isinstance(seed, int) and seed >= 0),
                "None or a whole number of at least 0",
            ),
            "multiplication_gain": (
                multiplication is None or 1 <= multiplication < math.inf,
                "None or at least 1",
            ),
        }
        for name, (holds, range_) in demands.items():
            if not holds:
                raise SettingsError(
                    f"{name} of a camera must be {range_}, not {getattr(self, name)!r}."
                )
        if (self.hot_pixel_fraction > 0) != (self.hot_pixel_electrons > 0):
            raise SettingsError(
                f"Hot pixels need both a fraction and their electrons, not hot_pixel_fraction = "
                f"{self.hot_pixel_fraction:g} with hot_pixel_electrons = "
                f"{self.hot_pixel_electrons:g}."
            )

    @classmethod
    def preset(cls, name: str) -> Camera:
        """Return a camera of `CAMERAS` by its name, or say which there are."""
        if name not in CAMERAS:
            raise SettingsError(f"There is no camera {name!r}; choose one of {', '.join(CAMERAS)}.")
        return CAMERAS[name]

    @property
    def counts_per_photon(self) -> float:
        """Mean counts that one photon adds."""
        amplified = self.quantum_efficiency * (self.multiplication_gain or 1.0)
        return amplified / self.gain_electrons_per_count

    def record(self, photons: Any, rng: Any) -> Any:
        """Return a recording of the expected photons.

        Parameters
        ----------
        photons : array, shape (..., y, x)
            Expected photons a pixel, not negative, of numpy or torch. All leading axes are
            exposures of the same sensor.
        rng : numpy.random.Generator or torch.Generator
            Of the library, and on the device, of `photons`.

        Returns
        -------
        array of float32, shape (..., y, x)
            Counts. With a `bit_depth` they are whole numbers, which float32 holds exactly.

        Raises
        ------
        ImageError
            If photons are negative or not finite.
        SettingsError
            If `rng` is of another library.
        """
        photons = as_real(photons, "Photons")
        check_generator(photons, rng)
        _check_photons(photons)
        if array_api_compat.is_torch_array(photons):
            photons = photons.detach()
        mean = photons * self.quantum_efficiency
        if self.hot_pixel_fraction > 0:
            mean = self._add_hot_pixels(mean, rng)
        signal = poisson(mean, rng)
        if self.full_well_electrons is not None:
            signal = signal.clip(None, self.full_well_electrons)
        if self.multiplication_gain is not None:
            signal = gamma(signal, rng) * self.multiplication_gain
        if self.read_noise_electrons > 0:
            signal += self.read_noise_electrons * normal(mean, rng)
        signal /= self.gain_electrons_per_count
        signal += self.offset_counts
        if self.bit_depth is not None:
            signal = signal.round().clip(0, 2**self.bit_depth - 1)
        return signal

    def expected_counts(self, photons: Any) -> Any:
        """Return the mean counts of good pixels below saturation, float32.

        Parameters
        ----------
        photons : array of numpy or torch, any shape
            Expected photons a pixel. Torch tensors keep their gradients.

        Raises
        ------
        ImageError
            If photons are negative or not finite.
        """
        photons = as_real(photons, "Photons")
        _check_photons(photons)
        return as_float32(photons * self.counts_per_photon + self.offset_counts)

    def variance_counts(self, photons: Any) -> Any:
        """Return the variance of the counts of good pixels below saturation, float32.

        Shot noise (twofold behind a multiplication register), read noise and, of a camera with
        a `bit_depth`, a twelfth for the rounding. The twelfth is right where the other noise
        is half a count or more.

        Parameters
        ----------
        photons : array of numpy or torch, any shape
            Expected photons a pixel. Torch tensors keep their gradients.

        Raises
        ------
        ImageError
            If photons are negative or not finite.
        """
        photons = as_real(photons, "Photons")
        _check_photons(photons)
        multiplication = self.multiplication_gain or 1.0
        excess = 1.0 if self.multiplication_gain is None else 2.0
        shot = excess * multiplication / self.gain_electrons_per_count * self.counts_per_photon
        dark = (self.read_noise_electrons / self.gain_electrons_per_count) ** 2
        if self.bit_depth is not None:
            dark += 1.0 / 12.0
        return as_float32(photons * shot + dark)

    def to_photons(self, counts: Any) -> Any:
        """Return the photons that counts stand for, float32; below zero by noise.

        Parameters
        ----------
        counts : array of numpy or torch, any shape and real type

        Raises
        ------
        ImageError
            If counts are not finite.
        """
        counts = as_real(counts, "Counts")
        _check_finite(counts, "Counts")
        return as_float32((counts - self.offset_counts) / self.counts_per_photon)

    def hot_pixels(
        self, shape: tuple[int, int]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
        """Return the hot pixels of a sensor with a `hot_pixel_seed`.

        Parameters
        ----------
        shape : tuple of int
            ``(y, x)`` of the recordings.

        Returns
        -------
        y, x : ndarray of int64, shape (n,)
            Where they are.
        electrons : ndarray of float32, shape (n,)
            Mean dark electrons of each in one exposure.

        Raises
        ------
        SettingsError
            If the camera has no `hot_pixel_seed`.
        """
        if self.hot_pixel_seed is None:
            raise SettingsError(
                "A camera without hot_pixel_seed has other hot pixels in every recording; give "
                "it one to know them."
            )
        return self._hot_pixels(shape, self.hot_pixel_seed)

    def _hot_pixels(
        self, shape: tuple[int, int], seed: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
        rng = np.random.default_rng(seed)
        pixels = shape[0] * shape[1]
        count = int(rng.binomial(pixels, self.hot_pixel_fraction))
        where = rng.choice(pixels, count, replace=False, shuffle=False)
        electrons = self.hot_pixel_electrons * rng.standard_exponential(count, dtype=np.float32)
        return where // shape[1], where % shape[1], electrons.astype(np.float32)

    def _add_hot_pixels(self, mean: Any, rng: Any) -> Any:
        if mean.ndim < 2:
            raise ImageError(
                f"Hot pixels need photons of shape (..., y, x), not {tuple(mean.shape)}."
            )
        seed = seed_from(rng) if self.hot_pixel_seed is None else self.hot_pixel_seed
        y, x, electrons = (
            like(mean, v) for v in self._hot_pixels((mean.shape[-2], mean.shape[-1]), seed)
        )
        mean[..., y, x] += electrons
        return mean


#: Typical values of common kinds of sensor, as their data sheets state them. Cameras of one kind
#: differ by tens of per cent: take the figures of your own where they are known.
CAMERAS = MappingProxyType(
    {
        # 6.5 um pixels, front-illuminated, second generation; rms read noise, fast scan.
        "sCMOS": Camera(
            gain_electrons_per_count=0.46,
            offset_counts=100.0,
            read_noise_electrons=1.6,
            quantum_efficiency=0.82,
            bit_depth=16,
            full_well_electrons=30_000.0,
        ),
        # 6.5 um pixels, back-illuminated, 16-bit high-dynamic-range readout.
        "sCMOS back-illuminated": Camera(
            gain_electrons_per_count=0.7,
            offset_counts=100.0,
            read_noise_electrons=1.6,
            quantum_efficiency=0.95,
            bit_depth=16,
            full_well_electrons=45_000.0,
        ),
        # 6.45 um pixels, interline transfer, cooled, 14 bits at a few megahertz.
        "CCD": Camera(
            gain_electrons_per_count=1.1,
            offset_counts=100.0,
            read_noise_electrons=6.0,
            quantum_efficiency=0.62,
            bit_depth=14,
            full_well_electrons=18_000.0,
        ),
        # 16 um pixels, back-illuminated, 10 MHz, multiplication 300.
        "EMCCD": Camera(
            gain_electrons_per_count=12.0,
            offset_counts=200.0,
            read_noise_electrons=80.0,
            quantum_efficiency=0.92,
            bit_depth=16,
            full_well_electrons=180_000.0,
            multiplication_gain=300.0,
        ),
    }
)


def _check_finite(values: Any, what: str) -> tuple[float, float]:
    """Return least and largest value, or raise an ImageError that names what is wrong."""
    if 0 in values.shape:
        raise ImageError(f"{what} of shape {tuple(values.shape)} hold no pixel.")
    if array_api_compat.is_torch_array(values):
        values = values.detach()
    low, high = float(values.min()), float(values.max())
    # A NaN anywhere makes both NaN, in numpy as in torch.
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ImageError(
            f"{what} must be finite, but they range from {low:g} to {high:g}; replace NaN and "
            "infinite pixels first."
        )
    return low, high


def _check_photons(photons: Any) -> None:
    low, high = _check_finite(photons, "Photons")
    if low < 0:
        raise ImageError(
            f"Expected photons cannot be negative, but the least is {low:g}; clip them at zero."
        )
    if high > _MOST_PHOTONS:
        raise ImageError(
            f"A pixel cannot expect {high:g} photons; give photons a pixel, at most "
            f"{_MOST_PHOTONS:g}."
        )
