"""What is known of a simulated image, given to classical methods as a problem to solve."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from benchmarks._classical import (
    Problem,
    analytic_transfer,
    kernel_transfer,
    linear_mmse,
)
from benchmarks.evaluation._sets import SCENE, SIZE, Case
from numpy.typing import NDArray
from scipy import fft

from pellucid.optics import ReleasedPsf

#: Samples of the grid: as large as the periodic specimens of `physical`, so that the blur is
#: exactly theirs, and large enough for that of `released` not to wrap round into the frame.
GRID = (SCENE, SCENE)
#: Least noise of `released` images, as a share of their range: float32 has not much less.
_LEAST_NOISE = 1e-4


def problem_of(case: Case) -> Problem:
    """Return the image with its true blur, background and noise.

    In `physical` intensities are electrons, the variance of the read noise added to image and
    background, so that mean and variance agree as in Poisson noise (D. L. Snyder et al., J. Opt.
    Soc. Am. A 10, 1014-1023, 1993). In `released` the scaling to [0, 1] after the blur is undone.
    """
    drawn = case.conditions
    if case.set_name == "physical":
        read = float(drawn["read_noise_electrons"]) ** 2
        electrons = (case.recorded - drawn["offset_counts"]) * drawn["gain_electrons_per_count"]
        return Problem(
            image=(electrons + read).astype(np.float32),
            transfer=analytic_transfer(GRID, float(drawn["cutoff_per_pixel"])),
            grid=GRID,
            background=float(drawn["background_photons"]) + read,
        )
    low, high = _range_before_scaling(case)
    noise = max(0.5 * float(drawn["sigma"]), _LEAST_NOISE) * (high - low)
    return Problem(
        image=(case.recorded * (high - low) + low).astype(np.float32),
        transfer=_released_transfer(case),
        grid=GRID,
        variance=noise**2,
        confined=True,
    )


def signal_of(case: Case) -> NDArray[np.float64]:
    """Return the specimen in the units of the problem, shape (SIZE, SIZE)."""
    if case.set_name == "physical":
        drawn = case.conditions
        counts = case.truth.astype(np.float64) - drawn["offset_counts"]
        light: NDArray[np.float64] = (
            counts * drawn["gain_electrons_per_count"] - drawn["background_photons"]
        )
        return light
    return case.truth.astype(np.float64)


def ensemble_power(cases: Sequence[Case]) -> NDArray[np.float32]:
    """Return the mean power spectral density of specimens of variance one, on the grid.

    From Hann-windowed frames, each without its mean and divided by its variance; averaged over
    directions and images. Shape is that of the real FFT of the grid.
    """
    window = np.outer(np.hanning(SIZE + 2)[1:-1], np.hanning(SIZE + 2)[1:-1])
    total = np.zeros((SIZE, SIZE))
    for case in cases:
        light = signal_of(case)
        level = (light * window).sum() / window.sum()
        total += np.abs(fft.fft2((light - level) * window)) ** 2 / (light.var() or 1.0)
    total /= len(cases) * (window**2).sum()
    frequency = np.hypot(np.fft.fftfreq(SIZE)[:, None], np.fft.fftfreq(SIZE))
    ring = np.rint(frequency * SIZE).astype(int).ravel()
    rings = np.bincount(ring, weights=total.ravel()) / np.bincount(ring)
    rings[0] = rings[1]  # the mean has been taken away
    wanted = np.hypot(np.fft.fftfreq(GRID[0])[:, None], np.fft.rfftfreq(GRID[1])) * SIZE
    power = np.exp(np.interp(wanted, np.arange(len(rings)), np.log(rings + 1e-12)))
    return np.asarray(power, dtype=np.float32)


def wiener_estimate(case: Case, power: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the best linear estimate for a known blur, noise level and mean spectrum.

    Parameters
    ----------
    case : Case
    power : ndarray
        From :func:`ensemble_power`; scaled here to the variance of the specimen at hand, which
        an oracle may know, as it may its mean.
    """
    problem, light = problem_of(case), signal_of(case)
    noise = problem.variance
    if noise is None:
        noise = float(problem.image.mean(dtype=np.float64))
    return linear_mmse(problem, power * np.float32(light.var()), noise, mean=float(light.mean()))


def _range_before_scaling(case: Case) -> tuple[float, float]:
    truth = np.zeros(GRID, dtype=np.float32)
    truth[:SIZE, :SIZE] = case.truth
    blurred = fft.irfft2(fft.rfft2(truth) * _released_transfer(case), GRID)[:SIZE, :SIZE]
    return float(blurred.min()), float(blurred.max())


def _released_transfer(case: Case) -> NDArray[np.complex64]:
    drawn = case.conditions
    return _transfer(
        ReleasedPsf(
            numerical_aperture=float(drawn["numerical_aperture"]),
            excitation_nm=float(drawn["excitation_nm"]),
            pixel_size_um=float(drawn["pixel_size_um"]),
            z_step_um=float(drawn["z_step_um"]),
            refractive_index=float(drawn["refractive_index"]),
        )
    )


@lru_cache(maxsize=16)
def _transfer(psf: ReleasedPsf) -> NDArray[np.complex64]:
    return kernel_transfer(psf.plane(), GRID)
