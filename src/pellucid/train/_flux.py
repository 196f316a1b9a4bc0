"""Brightness of a truth in the units of the image it belongs to."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias, final

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.optimize import minimize_scalar

_Floats: TypeAlias = NDArray[np.float64]

#: Narrowest blur looked for beside none, pixels, and the widest, as a share of the shortest side.
_NARROWEST, _WIDEST = 0.7, 0.25
#: Longest waves compared, in widths of the blur, and how often the two are found from each other.
_LONGEST = 6.0
_PASSES = 4
#: Two blurs whose images correlate so well, but for this, are taken as one.
_ALIKE = 1e-9
#: Widths tried before the best of them is refined.
_TRIED = 24


@final
@dataclass(frozen=True, slots=True)
class Brightness:
    """What brings a truth to the units of its image: ``gain * truth + offset``.

    Attributes
    ----------
    gain, offset : float
    blur_pixels : float
        Full width at half maximum of the blur under which the truth looks most like the image.
    """

    gain: float
    offset: float
    blur_pixels: float = 0.0


def blurred_brightness(truth: NDArray[Any], image: NDArray[Any]) -> Brightness:
    """Fit gain and offset of a truth so that, blurred, it agrees with an image.

    The truth is blurred until it correlates best with the image, and the gain is that of the
    least squares between the two, as SQUIRREL compares super-resolved images with widefield
    ones [1]_. A fit without the blur would make the truth too dim by as much as the blur takes
    contrast away; with it the light of every structure is the same in both, for a blur moves
    light but neither makes nor loses any. The blur is a mixture, as fits best, of a Gaussian
    and of what a circular pupil makes of a point in focus. Waves longer than six widths of the
    blur are left out: there lie most of the haze and uneven light, which a truth need not show.
    The offset makes the means equal, so that haze becomes even background.

    Parameters
    ----------
    truth, image : ndarray of real numbers, shape (n, y, x)
        Aligned planes with one gain and one offset; they go on beyond the frame as their mirror
        images.

    Returns
    -------
    Brightness
        The gain is zero if the truth is constant, negative if it is an inverted image.

    Notes
    -----
    Measured on 24 simulated widefield images of plane specimens, 224 x 224 pixels, 100 to 8000
    photons at the peak: gain over the true one 0.990 in the median, 0.974 to 1.001 at the ends.
    Of thick specimens the haze that follows the structure is counted in: median 1.14, worst 2.1
    (nuclei and networks that are mostly haze).

    References
    ----------
    .. [1] S. Culley et al., "Quantitative mapping and minimization of super-resolution optical
       imaging artifacts", Nat. Methods 15, 263-266 (2018).
    """
    mean_truth, mean_image = (float(v.mean(dtype=np.float64)) for v in (truth, image))
    rows, columns = (np.arange(n) / (2.0 * n) for n in truth.shape[1:])
    bins = 2 * max(truth.shape[1:])
    radius = np.hypot(rows[:, None], columns)
    place = np.rint(radius * bins).astype(np.intp).ravel()
    mixed, own = np.zeros(place.max() + 1), np.zeros(place.max() + 1)
    for t, y in zip(truth, image, strict=True):
        of_truth = _cosines(t, mean_truth)
        mixed += np.bincount(place, weights=of_truth * _cosines(y, mean_image))
        own += np.bincount(place, weights=of_truth**2)
    frequency = np.arange(len(mixed)) / bins
    widest = _WIDEST * min(truth.shape[1:])
    width = 0.0
    for turn in range(_PASSES):
        if turn:
            long = frequency < 1.0 / (_LONGEST * max(width, _NARROWEST))
            mixed[long], own[long] = 0.0, 0.0
        width, gain = _best_width(mixed, own, frequency, widest)
    return Brightness(gain, mean_image - gain * mean_truth, width)


def equal_brightness(other: NDArray[Any], image: NDArray[Any]) -> Brightness:
    """Fit gain and offset between two noisy recordings of the same field, equally blurred.

    Least squares would make the gain too low by the noise of `other`. Its neighbouring pixels
    serve as the instrument instead: their noise is independent of that of both values compared,
    so that ``cov(image, neighbour) / cov(other, neighbour)`` has no such error.

    Parameters
    ----------
    other, image : ndarray of real numbers, shape (n, y, x)
        Aligned, with noise that is independent from pixel to pixel.

    Returns
    -------
    Brightness
        Its blur is zero; the gain is zero if there is nothing but noise.
    """
    mean_other, mean_image = (float(v.mean(dtype=np.float64)) for v in (other, image))
    mixed = own = 0.0
    for t, y in zip(other, image, strict=True):
        t_rest, y_rest = t - mean_other, y - mean_image
        beside = np.zeros(t.shape)
        beside[1:] += t_rest[:-1]
        beside[:-1] += t_rest[1:]
        beside[:, 1:] += t_rest[:, :-1]
        beside[:, :-1] += t_rest[:, 1:]
        mixed += float(np.vdot(y_rest, beside))
        own += float(np.vdot(t_rest, beside))
    gain = mixed / own if own > 0 else 0.0
    return Brightness(gain, mean_image - gain * mean_other)


def _gaussian(frequency: _Floats, width: float) -> _Floats:
    """Return the transfer of a Gaussian of given full width at half maximum."""
    return np.asarray(np.exp(-((np.pi * frequency * width) ** 2) / (4.0 * math.log(2.0))))


def _diffraction(frequency: _Floats, width: float) -> _Floats:
    """Return the incoherent transfer of a circular pupil whose spot has a given half width."""
    if width == 0:
        return np.ones_like(frequency)
    # The Airy pattern is 1.029 / cut-off wide at half maximum.
    x = np.minimum(frequency * width / 1.029, 1.0)
    return np.asarray(2.0 / np.pi * (np.arccos(x) - x * np.sqrt(1.0 - x**2)))


def _best_width(
    mixed: _Floats, own: _Floats, frequency: _Floats, widest: float
) -> tuple[float, float]:
    """Return the width of the blur that explains most of the image, and its gain."""

    def fitted(width: float) -> tuple[float, float]:
        """Return what is explained and the gain, by least squares with no negative part."""
        parts = (_gaussian(frequency, width), _diffraction(frequency, width))
        along = [float(part @ mixed) for part in parts]
        power = [float(part**2 @ own) for part in parts]
        cross = float(parts[0] * parts[1] @ own)
        alone = max(
            ((a * a / p * np.sign(a), a / p) for a, p in zip(along, power, strict=True) if p > 0),
            default=(0.0, 0.0),
        )
        det = power[0] * power[1] - cross**2
        if det <= _ALIKE * power[0] * power[1]:
            return alone
        gains = (
            (along[0] * power[1] - along[1] * cross) / det,
            (along[1] * power[0] - along[0] * cross) / det,
        )
        if min(gains) <= 0:
            return alone
        return gains[0] * along[0] + gains[1] * along[1], sum(gains)

    tried = [0.0, *np.geomspace(_NARROWEST, max(widest, 2 * _NARROWEST), _TRIED).tolist()]
    best = int(np.argmax([fitted(width)[0] for width in tried]))
    around = (tried[max(best - 1, 0)], tried[min(best + 1, _TRIED)])
    finer = minimize_scalar(lambda width: -fitted(width)[0], bounds=around, method="bounded")
    width = max(tried[best], float(finer.x), key=lambda width: fitted(width)[0])
    return width, fitted(width)[1]


def _cosines(plane: NDArray[Any], mean: float) -> _Floats:
    """Transform a plane by cosines, which even blurs with mirrored ends multiply; flattened."""
    spectrum: _Floats = fft.dctn(plane.astype(np.float64) - mean, type=2, norm="ortho").ravel()
    return spectrum
