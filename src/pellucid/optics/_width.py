"""Where a single bright spot stands in an array, how wide it is, and its spectrum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.fft import next_fast_len
from scipy.interpolate import make_interp_spline
from scipy.ndimage import binary_dilation, gaussian_filter, label
from scipy.optimize import least_squares

Array: TypeAlias = NDArray[np.float64]

#: Full width at half maximum of a Gaussian, in standard deviations.
FWHM_PER_SIGMA = 2.0 * np.sqrt(2.0 * np.log(2.0))
#: Standard deviation of normal noise, in median absolute deviations.
SIGMA_PER_MAD = 1.4826
_SPLINE_DEGREE = 5
#: The narrowest weight, in samples, whose sums over samples are still good integrals.
_LEAST_SIGMA = 0.8
#: A spot's light ends where its smoothed intensity sinks below so many deviations of noise.
_SUPPORT_SIGMAS = 4.0
_POINTS_PER_SAMPLE = 64
#: The band in use ends where the transfer function sinks below this, or below the noise.
_LEAST_TRANSFER = 0.02
#: What stands below so many times the spectrum's floor, or below this share, is noise.
_NOISE_FLOORS, _LEAST_NOISE = 3.0, 2e-3


def sample(data: NDArray[Any], positions: Sequence[Array]) -> Array:
    """Evaluate the quintic interpolating spline of an array on a rectangular grid.

    Parameters
    ----------
    data : ndarray
        Samples at the integer positions of every axis.
    positions : sequence of ndarray, one for every axis
        Where to evaluate along each axis, in samples. Up to half a sample outside the array
        its outermost value is taken, beyond that zero.

    Returns
    -------
    ndarray of float64, shape of the grid
    """
    result = np.asarray(data, dtype=np.float64)
    for axis, position in enumerate(positions):
        count = result.shape[axis]
        inside = (position > -0.5 - 1e-9) & (position < count - 0.5 + 1e-9)
        degree = min(_SPLINE_DEGREE, count - 1)
        if count == 1:
            result = np.repeat(result, len(position), axis=axis)
        else:
            spline = make_interp_spline(
                np.arange(count), result, k=degree - (degree % 2 == 0), axis=axis
            )
            result = spline(np.clip(position, 0, count - 1))
        result = result * np.expand_dims(inside, [k for k in range(data.ndim) if k != axis])
    return result


def window_positions(centre: Array, shape: Sequence[int]) -> list[Array]:
    """Return the sample positions of a window whose sample ``n // 2`` stands at `centre`."""
    return [c + np.arange(n, dtype=np.float64) - n // 2 for c, n in zip(centre, shape, strict=True)]


def half_maximum_widths(data: NDArray[Any], index: Sequence[int]) -> Array:
    """Return the width at half maximum of the profiles through a sample, in samples.

    Parameters
    ----------
    data : ndarray
        Background removed.
    index : sequence of int
        The bright sample.

    Returns
    -------
    ndarray of float64, one value for every axis
        At least one; a profile that never sinks to half counts as wide as the array.
    """
    widths = np.ones(data.ndim)
    for axis, count in enumerate(data.shape):
        at = tuple(slice(None) if k == axis else i for k, i in enumerate(index))
        profile = np.asarray(data[at], dtype=np.float64)
        sides = [_half(profile[index[axis] :]), _half(profile[index[axis] :: -1])]
        reached = [side for side in sides if side is not None]
        widths[axis] = 2.0 * float(np.mean(reached)) if reached else count
    return np.maximum(widths, 1.0)


def _half(profile: Array) -> float | None:
    """Distance from the first sample to where the profile sinks to half of it."""
    below = np.flatnonzero(profile < 0.5 * profile[0])
    if len(below) == 0 or profile[0] <= 0:
        return None
    k = int(below[0])
    return float(k - (0.5 * profile[0] - profile[k]) / (profile[k - 1] - profile[k]))


def spot_centre(data: NDArray[Any], start: Sequence[float] | Array, fwhm: Array) -> Array:
    """Return the sub-pixel centre of a spot: the fixed point of its Gaussian-weighted centroid.

    The weight follows the estimate and has the spot's own width, so that noise and neighbours
    far away hardly count, and the result does not depend on the window.

    Parameters
    ----------
    data : ndarray
        Background removed.
    start : sequence of float
        First guess, in samples.
    fwhm : ndarray
        Width of the spot along each axis, in samples.

    Returns
    -------
    ndarray of float64
        Position in samples; the guess where the data leave no light around it.
    """
    first = np.asarray(start, dtype=np.float64)
    centre, last = first, np.array(data.shape) - 1.0
    sigma = np.maximum(fwhm / FWHM_PER_SIGMA, _LEAST_SIGMA)
    for _ in range(60):
        low = np.maximum(np.floor(centre - 4 * sigma), 0).astype(int)
        high = np.minimum(np.ceil(centre + 4 * sigma), last).astype(int) + 1
        weighted = np.asarray(data[tuple(map(slice, low, high))], dtype=np.float64)
        offsets = []
        for axis, (start_, stop) in enumerate(zip(low, high, strict=True)):
            offset = np.expand_dims(
                np.arange(start_, stop) - centre[axis],
                [k for k in range(data.ndim) if k != axis],
            )
            weighted = weighted * np.exp(-0.5 * (offset / sigma[axis]) ** 2)
            offsets.append(offset)
        total = float(weighted.sum())
        if total <= 0:
            return first
        # A weight as wide as the spot sees half of the distance: go further than it says.
        step = np.array([float((weighted * offset).sum()) / total for offset in offsets])
        centre = np.clip(centre + 1.5 * step, 0, last)
        if np.abs(step).max() < 1e-5:
            break
    return centre


def border_background(window: NDArray[Any]) -> float:
    """Return the median of the outermost samples of a window."""
    return float(np.median(window[_shell(window.shape, 1)]))


def border_noise(window: NDArray[Any]) -> float:
    """Return the standard deviation of the noise in the outer part of a window.

    From second differences along the last axis, which smooth tails of the spot hardly enter.
    """
    if window.shape[-1] < 3:
        return 0.0
    second = np.abs(np.diff(window.astype(np.float64), n=2, axis=-1)) / np.sqrt(6.0)
    outer = second[_shell(second.shape, max(1, min(window.shape[-2:]) // 8))]
    # Counts so few that most neighbours are equal have no median deviation.
    return float(SIGMA_PER_MAD * np.median(outer) or 1.2533 * np.mean(outer))


def _shell(shape: tuple[int, ...], thickness: int) -> NDArray[np.bool_]:
    mask = np.ones(shape, dtype=bool)
    inner = tuple(
        slice(min(thickness, (n - 1) // 2), n - min(thickness, (n - 1) // 2)) if n > 2 else slice(n)
        for n in shape
    )
    mask[inner] = False
    return mask if mask.any() else ~mask


def keep_spot(window: Array, centre: Sequence[int]) -> Array:
    """Return the light of the spot alone: no noise around it, nothing negative.

    Noise clipped at zero does not cancel, and over a large window it can outweigh the spot.
    Kept is therefore the connected region about the centre in which the smoothed intensity
    stands above the noise, with a soft edge. Without noise everything positive is kept.

    Parameters
    ----------
    window : ndarray
        Background removed.
    centre : sequence of int
        A sample of the spot.

    Returns
    -------
    ndarray of float64, shape of `window`
    """
    sigmas = [1.0 if n > 2 else 0.0 for n in window.shape]
    noise = border_noise(window) * (4.0 * np.pi) ** (-0.25 * sum(sigmas))
    above = gaussian_filter(window, sigmas) > _SUPPORT_SIGMAS * noise
    above[tuple(centre)] = True
    # Two samples more bridge the dark rings between the spot and its side lobes.
    parts, _ = label(binary_dilation(above, iterations=2))
    kept = parts == parts[tuple(centre)]
    weight = gaussian_filter(kept.astype(np.float64), sigmas)
    light: Array = np.maximum(window, 0.0) * weight
    return light


def spline_half_maximum(profile: Array) -> float | None:
    """Return the full width at half of the central peak, in samples; None where not reached.

    Parameters
    ----------
    profile : ndarray of float64, shape (n,)
        Background removed; its peak stands near ``n // 2``.
    """
    count = len(profile)
    fine = np.linspace(0, count - 1, (count - 1) * _POINTS_PER_SAMPLE + 1)
    values = sample(profile, [fine])
    middle = _POINTS_PER_SAMPLE * (count // 2)
    low, high = max(middle - _POINTS_PER_SAMPLE, 0), middle + _POINTS_PER_SAMPLE + 1
    top = low + int(np.argmax(values[low:high]))
    sides = _half(values[top:]), _half(values[top::-1])
    if sides[0] is None or sides[1] is None:
        return None
    return (sides[0] + sides[1]) / _POINTS_PER_SAMPLE


def fit_gaussian(profile: Array, *, fwhm: float) -> tuple[float, float]:
    """Fit a Gaussian on a constant background to a profile.

    Parameters
    ----------
    profile : ndarray of float64, shape (n,)
        Its peak stands near ``n // 2``.
    fwhm : float
        First guess of the width, in samples.

    Returns
    -------
    fwhm : float
        In samples.
    rms_residual : float
        As a fraction of the profile's largest value.
    """
    scaled = profile / profile.max()
    x = np.arange(len(profile)) - float(len(profile) // 2)

    def residual(p: Array) -> Array:
        height, centre, sigma, background = p
        model: Array = height * np.exp(-0.5 * ((x - centre) / sigma) ** 2) + background - scaled
        return model

    fit = least_squares(residual, [1.0, 0.0, fwhm / FWHM_PER_SIGMA, 0.0])
    return float(abs(fit.x[2]) * FWHM_PER_SIGMA), float(np.sqrt(np.mean(fit.fun**2)))


def low_passed(data: NDArray[np.float32], ratio: Array) -> Array:
    """Remove the frequencies that samples `ratio` times as far apart cannot carry."""
    kept = data.astype(np.float64)
    for axis, (n, r) in enumerate(zip(data.shape, ratio, strict=True)):
        if r <= 1.0 + 1e-9 or n == 1:
            continue
        size = next_fast_len(2 * n, real=True)
        # A soft edge from 90 to 110 % of the new Nyquist frequency keeps ringing short.
        edge = np.clip((np.fft.rfftfreq(size) * 2.0 * r - 0.9) / 0.2, 0.0, 1.0)
        gain = np.expand_dims(
            0.5 + 0.5 * np.cos(np.pi * edge), [k for k in range(data.ndim) if k != axis]
        )
        spectrum = np.fft.rfft(kept, size, axis=axis) * gain
        kept = np.take(np.fft.irfft(spectrum, size, axis=axis), np.arange(n), axis=axis)
    return kept


def ball_transform(q: Array) -> Array:
    """Fourier transform of a solid ball of unit mass, ``3 (sin q - q cos q) / q**3``."""
    small = q < 1e-2
    safe = np.where(small, 1.0, q)
    return np.where(small, 1.0 - q**2 / 10.0, 3.0 * (np.sin(safe) - safe * np.cos(safe)) / safe**3)


def band_in_use(data: NDArray[np.float32], steps_um: Array) -> tuple[float, float]:
    """Return up to which frequency a spectrum stands above its noise, and the noise.

    Parameters
    ----------
    data : ndarray of float32, shape (z, y, x) or (y, x)
        Sums to one.
    steps_um : ndarray
        Distance of samples along each axis, micrometres.

    Returns
    -------
    band_per_um : float
        The largest along any axis.
    noise : float
        Magnitude below which the spectrum is not to be trusted.
    """
    spectrum = np.abs(np.fft.fftn(data.astype(np.float64)))
    corner = spectrum[tuple(slice(3 * n // 8, n - 3 * n // 8) for n in data.shape)]
    noise = max(_LEAST_NOISE, _NOISE_FLOORS * float(np.median(corner)))
    bands = []
    for axis, (n, step) in enumerate(zip(data.shape, steps_um, strict=True)):
        along = spectrum[tuple(slice(n // 2 + 1) if k == axis else 0 for k in range(data.ndim))]
        below = np.flatnonzero(along < max(_LEAST_TRANSFER, noise))
        bands.append((int(below[0]) if len(below) else n // 2) / (n * float(step)))
    # A finely sampled recording has its noise just beyond what the optics pass.
    y, x = (np.fft.fftfreq(n, d) for n, d in zip(data.shape[-2:], steps_um[-2:], strict=True))
    lateral = np.hypot(y[:, None], x) / max(bands[-2:])
    beyond = spectrum[..., (lateral > 1.4) & (lateral < 2.5)]
    if beyond.size:
        noise = max(noise, _NOISE_FLOORS * float(np.median(beyond)))
    return max(bands), noise
