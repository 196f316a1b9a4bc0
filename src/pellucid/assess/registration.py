"""Registration: how far one image lies beside another, and whether they show the same."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft

from pellucid.assess._coherence import CrossSpectrum, cross_spectrum
from pellucid.errors import ImageError, SettingsError
from pellucid.imaging.binning import Binning
from pellucid.io.image import check_intensities, is_constant

#: Pixels on every axis that registration needs (an axis of one sample is passed over).
_LEAST_SIDE = 16
#: Samples either side of the whole-pixel shift that are searched more finely.
_AROUND = 1.5
#: Passes of weighing the frequencies by their coherence and finding the shift anew.
_PASSES = 3


@final
@dataclass(frozen=True, slots=True)
class Agreement:
    """How well two aligned images show the same thing, whatever their blur and brightness.

    Attributes
    ----------
    correlation : float
        Pearson correlation, frequencies weighed by how much both images tell there: 1 for the
        same structure, near 0 (often a little above) for unrelated ones.
    snr_db : float
        Power of the first image that the second explains through the best isotropic linear
        filter, over the power it leaves, in decibels; ``-inf`` if it explains none.
    """

    correlation: float
    snr_db: float


@final
@dataclass(frozen=True, slots=True)
class Shift:
    """By how much an image must be moved to lie on its reference.

    Attributes
    ----------
    shift_pixels : tuple of float
        One an axis, in the order of the array; the content moves towards higher indices for
        positive values. ``shifted(image, shift)`` lies on the reference.
    error_pixels : tuple of float
        Standard error of each by the Cramer-Rao bound; infinite where nothing agrees.
    agreement : Agreement
        Of the two where they overlap, after the shift.
    """

    shift_pixels: tuple[float, ...]
    error_pixels: tuple[float, ...]
    agreement: Agreement

    @property
    def correlation(self) -> float:
        """Correlation of the two after the shift; see :class:`Agreement`."""
        return self.agreement.correlation


def register(
    image: ArrayLike,
    reference: ArrayLike,
    *,
    upsampling: int = 20,
    max_shift: float | None = None,
) -> Shift:
    """Find the translation between two images, to a fraction of a pixel.

    Phase correlation, refined by a discrete Fourier transform through matrix products [1]_ and
    a parabola through the highest sample. Frequencies are weighed by how coherent the two
    images are there (the maximum-likelihood weight [2]_), so that blur, noise, brightness and
    uneven light of one of them do not matter; a Hann window takes the frame away.

    Parameters
    ----------
    image, reference : array_like of real numbers, shape (y, x) or (z, y, x)
        Of one shape, at least 16 samples on every axis that has more than one.
    upsampling : int
        Samples a pixel of the fine search, at least 1.
    max_shift : float, optional
        Largest shift to look for along every axis, pixels, at most half of the shortest; a
        quarter of each axis if not given. The fine search may pass it by a pixel or two.

    Returns
    -------
    Shift

    Raises
    ------
    ImageError
        If the images are not finite real numbers, differ in shape, are too small or constant.
    SettingsError
        If `upsampling` or `max_shift` is out of its range.

    References
    ----------
    .. [1] M. Guizar-Sicairos, S. T. Thurman and J. R. Fienup, "Efficient subpixel image
       registration algorithms", Opt. Lett. 33, 156-158 (2008).
    .. [2] C. H. Knapp and G. C. Carter, "The generalized correlation method for estimation of
       time delay", IEEE Trans. Acoust. Speech Signal Process. 24, 320-327 (1976).
    """
    first, second = _pair(image, reference)
    if upsampling < 1:
        raise SettingsError(f"upsampling is {upsampling}; give a whole number of at least 1.")
    most = min(n for n in first.shape if n > 1) / 2
    if max_shift is not None and not 0 <= max_shift <= most:
        raise SettingsError(
            f"max_shift is {max_shift:g} pixels; give a number from 0 to {most:g}, half of the "
            f"shortest side of an image of shape {first.shape}."
        )
    limits = [(n // 4 if max_shift is None else max_shift) * (n > 1) for n in first.shape]
    whole = _whole_shift(first, second, limits)
    rest = [0.0] * first.ndim
    for _ in range(_PASSES):
        # What is left is less than a pixel, so that the windows look at the same structure.
        step = [round(r) for r in rest]
        whole = [d + s for d, s in zip(whole, step, strict=True)]
        rest = [r - s for r, s in zip(rest, step, strict=True)]
        spectrum = cross_spectrum(
            first[_overlap(first.shape, whole)],
            second[_overlap(first.shape, [-d for d in whole])],
        )
        rest = _refined(spectrum, rest, upsampling)
    total = tuple(d + r for d, r in zip(whole, rest, strict=True))
    return Shift(total, _errors(spectrum, rest), _agreement(spectrum, rest))


def agreement(image: ArrayLike, reference: ArrayLike) -> Agreement:
    """Tell how well two aligned images show the same thing.

    Parameters
    ----------
    image, reference : array_like of real numbers, shape (y, x) or (z, y, x)
        Of one shape; register them first.

    Returns
    -------
    Agreement

    Raises
    ------
    ImageError
        If the images are not finite real numbers, differ in shape, are too small or constant.
    """
    first, second = _pair(image, reference)
    return _agreement(cross_spectrum(first, second), [0.0] * first.ndim)


def shifted(image: ArrayLike, shift: Shift | Sequence[float]) -> NDArray[np.float32]:
    """Move an image by a fraction of a pixel; it goes on beyond its frame as its mirror image.

    Interpolated by Fourier series along one axis after another: structure below the Nyquist
    limit is kept as it is, and white noise stays white. Nothing wraps round; what comes in
    from beyond the frame is reflected, and :func:`valid_part` says where. The mirror has an
    edge in its slope that ripples: waves are right to 2 per cent of their amplitude 4 pixels
    from the frame and to 0.2 per cent at 8 (root mean square, measured); whole shifts have no
    such error.

    Parameters
    ----------
    image : array_like of real numbers, two axes or more
    shift : Shift or sequence of float
        Samples to move by, one number an axis; as :func:`register` returns it.

    Returns
    -------
    ndarray of float32, same shape

    Raises
    ------
    ImageError
        If the image is not one of finite real numbers.
    SettingsError
        If there is not one finite number an axis.
    """
    values = np.asarray(image)
    check_intensities(values)
    moved = values.astype(np.float64)
    for axis, distance in enumerate(_distances(values.shape, shift)):
        if distance != 0:
            moved = _moved_along(moved, axis, distance)
    return moved.astype(np.float32)


def valid_part(shape: tuple[int, ...], shift: Shift | Sequence[float]) -> tuple[slice, ...]:
    """Return the part of a shifted image that comes from within the frame.

    Parameters
    ----------
    shape : tuple of int
    shift : Shift or sequence of float
        As it was given to :func:`shifted`.

    Returns
    -------
    tuple of slice

    Raises
    ------
    SettingsError
        If there is not one finite number an axis.
    ImageError
        If nothing is left.
    """
    parts = []
    for n, distance in zip(shape, _distances(shape, shift), strict=True):
        low, high = math.ceil(max(distance, 0.0)), n - math.ceil(max(-distance, 0.0))
        if low >= high:
            raise ImageError(
                f"Nothing of an image of shape {shape} is left after a shift of {distance:g} "
                "samples; the two do not overlap."
            )
        parts.append(slice(low, high))
    return tuple(parts)


def bin_to(image: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Average an image over the area of coarser pixels.

    Parameters
    ----------
    image : array_like of real numbers
    shape : tuple of int
        Shape wanted; along every axis the image has a whole number of samples for each.

    Returns
    -------
    ndarray of float32, shape `shape`

    Raises
    ------
    ImageError
        If the image is not one of finite real numbers or its sides are no whole multiples.
    """
    values = np.asarray(image)
    check_intensities(values)
    if len(shape) != values.ndim or any(
        n < 1 or m % n for m, n in zip(values.shape, shape, strict=True)
    ):
        raise ImageError(
            f"An image of shape {values.shape} has no whole number of samples for each pixel of "
            f"shape {tuple(shape)}; crop one of them."
        )
    factor = tuple(m // n for m, n in zip(values.shape, shape, strict=True))
    binned: NDArray[np.float32] = Binning(factor, values.shape, mean=True).apply(
        values.astype(np.float32)
    )
    return binned


def _agreement(spectrum: CrossSpectrum, shift: Sequence[float]) -> Agreement:
    square, power = spectrum.evident(shift), spectrum.power[0].sum(0)
    explained, left = float(square @ power), float((1.0 - square) @ power)
    ratio = explained / left if left > 0 else math.inf
    return Agreement(
        spectrum.correlation(shift), 10.0 * math.log10(ratio) if ratio > 0 else -math.inf
    )


def _whole_shift(first: NDArray[Any], second: NDArray[Any], limits: list[float]) -> list[int]:
    """Return the whole-pixel shift with the highest weighted correlation."""
    spectrum = cross_spectrum(first, second)
    score = fft.ifftn(spectrum.weighted(spectrum.above_floor())).real
    for axis, (n, limit) in enumerate(zip(first.shape, limits, strict=True)):
        far = np.abs(fft.fftfreq(n, 1.0 / n)) > limit
        score[(slice(None),) * axis + (far,)] = -np.inf
    peak = np.unravel_index(int(np.argmax(score)), score.shape)
    # The content of the image lies at the peak, beside that of the reference.
    return [-int(p if p <= n // 2 else p - n) for p, n in zip(peak, first.shape, strict=True)]


def _refined(spectrum: CrossSpectrum, start: Sequence[float], upsampling: int) -> list[float]:
    """Return the shift with the highest weighted correlation around another, in fine steps."""
    weighted = spectrum.weighted(spectrum.evident(start))
    if not weighted.any():
        return list(start)
    steps = math.ceil(_AROUND * upsampling)
    grids = [
        d + np.arange(-steps, steps + 1) / upsampling if n > 1 else np.zeros(1)
        for d, n in zip(start, weighted.shape, strict=True)
    ]
    score: NDArray[np.complex128] = weighted
    for f, grid in zip(spectrum.frequency, grids, strict=True):
        # The first axis is summed away and the fine one appended, so that all come in turn.
        score = np.tensordot(score, np.exp(-2j * np.pi * np.outer(f.ravel(), grid)), (0, 0))
    return _peak(score.real, grids)


def _peak(score: NDArray[np.float64], grids: list[NDArray[np.float64]]) -> list[float]:
    """Return the place of the maximum, by a parabola along every axis."""
    highest = np.unravel_index(int(np.argmax(score)), score.shape)
    place = []
    for axis, (index, grid) in enumerate(zip(highest, grids, strict=True)):
        position = float(grid[index])
        if 0 < index < len(grid) - 1:
            line = np.moveaxis(score, axis, -1)[(*highest[:axis], *highest[axis + 1 :])]
            before, at, after = (float(line[index + k]) for k in (-1, 0, 1))
            bend = before - 2.0 * at + after
            if bend < 0:
                position += 0.5 * (before - after) / bend * float(grid[1] - grid[0])
        place.append(position)
    return place


def _errors(spectrum: CrossSpectrum, shift: Sequence[float]) -> tuple[float, ...]:
    """Return the Cramer-Rao bound of the standard error of a shift along every axis."""
    square = np.minimum(spectrum.evident(shift), 1.0 - 1e-6)
    information = spectrum.share * spectrum.spread(square / (1.0 - square))
    found = [float((2.0 * (2.0 * np.pi * f) ** 2 * information).sum()) for f in spectrum.frequency]
    return tuple(1.0 / math.sqrt(value) if value > 0 else math.inf for value in found)


def _overlap(shape: tuple[int, ...], shift: Sequence[int]) -> tuple[slice, ...]:
    """Return the part of an image that lies on its reference once it is moved."""
    return tuple(slice(max(0, -d), n - max(0, d)) for n, d in zip(shape, shift, strict=True))


def _moved_along(values: NDArray[np.float64], axis: int, distance: float) -> NDArray[np.float64]:
    """Move along an axis, continued by reflection to a circle of twice its length."""
    n = values.shape[axis]
    circle = np.concatenate([values, np.flip(values, axis)], axis=axis)
    spectrum = fft.rfft(circle, axis=axis)
    ramp = np.exp(-1j * np.pi * distance * np.arange(n + 1) / n)
    # The highest frequency has no phase of its own.
    ramp[-1] = math.cos(math.pi * distance)
    spectrum *= ramp.reshape([-1 if a == axis else 1 for a in range(values.ndim)])
    circle = fft.irfft(spectrum, 2 * n, axis=axis)
    moved: NDArray[np.float64] = circle[(slice(None),) * axis + (slice(n),)]
    return moved


def _distances(shape: tuple[int, ...], shift: Shift | Sequence[float]) -> tuple[float, ...]:
    values = shift.shift_pixels if isinstance(shift, Shift) else tuple(float(d) for d in shift)
    if len(values) != len(shape) or not all(math.isfinite(d) for d in values):
        raise SettingsError(
            f"A shift of an image of shape {shape} is one finite number an axis, not {values}."
        )
    return values


def _pair(image: ArrayLike, reference: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    first, second = np.asarray(image), np.asarray(reference)
    for values in (first, second):
        check_intensities(values)
    if first.shape != second.shape:
        raise ImageError(
            f"Image {first.shape} and reference {second.shape} differ in shape; bin the finer "
            "(bin_to) or crop the larger one."
        )
    if first.ndim not in (2, 3) or min(first.shape[-2:]) < _LEAST_SIDE:
        raise ImageError(
            f"Registration needs planes or stacks of at least {_LEAST_SIDE} x {_LEAST_SIDE} "
            f"pixels, not an image of shape {first.shape}."
        )
    for name, values in (("image", first), ("reference", second)):
        if is_constant(values):
            raise ImageError(
                f"Every pixel of the {name} is {values.flat[0]}, so that it cannot be registered; "
                "check that the right file was given."
            )
    return first, second
