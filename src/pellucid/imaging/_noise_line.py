"""The line of noise: variance against mean, fitted to patches or to repeated frames."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv

from pellucid.imaging._noise_patches import NoiseSubspace, Patches

Array = NDArray[np.float64]

#: A patch whose variance lies this many deviations above the line holds something else: a hot
#: pixel, a cosmic ray, an edge sharper than the optics.
OUTLIER = 5.0
#: Fewest patches, or pixels, of a bin whose median starts the fit.
_BIN = 16
_ROUNDS = 30
_CLOSE = 1e-6


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """``variance = slope * level + intercept``, with the covariance of both."""

    slope: float
    intercept: float
    slope_variance: float = 0.0
    intercept_variance: float = 0.0
    covariance: float = 0.0

    def at(self, level: float) -> float:
        """Return the variance of the noise at a level."""
        return self.slope * level + self.intercept

    def error_at(self, level: float) -> float:
        """Return the standard error of that variance."""
        square = (
            self.slope_variance * level * level
            + 2.0 * self.covariance * level
            + self.intercept_variance
        )
        return math.sqrt(max(square, 0.0))

    def moved(self, by: float) -> Line:
        """Return the same line for levels that are larger by a constant."""
        return Line(
            slope=self.slope,
            intercept=self.at(-by),
            slope_variance=self.slope_variance,
            intercept_variance=self.error_at(-by) ** 2,
            covariance=self.covariance - by * self.slope_variance,
        )


def median_factor(dimension: float) -> float:
    """Median of a variance estimate with that many degrees of freedom, over the variance."""
    return float(2.0 * gammaincinv(dimension / 2.0, 0.5) / dimension)


def start_line(variance: Array, level: Array, floor: float, factor: float) -> tuple[float, float]:
    """Fit slope and intercept to medians of bins, so that outliers count little.

    The bins hold half of the samples, half of the rest, and so on to the brightest few: a
    bright detail in a dark image gets a bin of its own.
    """
    order = np.argsort(level)
    bins, first = [], 0
    while len(order) - first > 2 * _BIN:
        size = max(_BIN, (len(order) - first) // 2)
        bins.append(order[first : first + size])
        first += size
    bins.append(order[first:])
    x = np.array([level[b].mean() for b in bins])
    y = np.array([np.median(variance[b]) for b in bins]) / factor
    sizes = np.array([b.size for b in bins], dtype=np.float64)
    weight = sizes / np.maximum(y, floor) ** 2
    slope, intercept = 0.0, float(np.average(y, weights=weight))
    for _ in range(5):
        mean, height = np.average(x, weights=weight), np.average(y, weights=weight)
        spread = float((weight * (x - mean) ** 2).sum())
        slope = float((weight * (x - mean) * (y - height)).sum()) / spread if spread > 0 else 0.0
        slope = max(slope, 0.0)
        intercept = float(height - slope * mean)
        weight = sizes / np.maximum(slope * x + intercept, floor) ** 2
    return slope, intercept


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PatchFit:
    """A line through patches, and what was left of them.

    Attributes
    ----------
    line : Line
    weight : ndarray of float64, shape (n,)
        Inverse variance of each patch's variance; zero for outliers.
    """

    line: Line
    weight: Array


def fit_patches(
    patches: Patches, subspace: NoiseSubspace, *, offset: float | None, dark: float
) -> PatchFit:
    """Fit the line of noise to patches by weighted least squares.

    The weight of a patch is the inverse of the variance of ``|P y|**2``, which for white
    noise of varying strength v is ``2 v' (P o P) v``: a patch with one bright spot tells less
    than an even one. Levels are noisy themselves, by which a plain fit would be too flat; the
    noise's part in their spread is subtracted. What is left of it after its covariance with
    the variances, which Poisson noise has, is that of the noise without light.

    Parameters
    ----------
    patches : Patches
    subspace : NoiseSubspace
    offset : float, optional
        Level without light, on the scale of the patches.
    dark : float
        Least variance possible, that of rounding.
    """
    squares = subspace.projector.astype(np.float32) ** 2
    diagonal = np.diag(subspace.projector)
    blur = float((subspace.weights.astype(np.float64) ** 2).sum())
    darkest = np.argsort(patches.level)[: max(_BIN, patches.level.size // 20)]
    floor = max(0.5 * float(np.median(patches.variance[darkest])), 0.5 * dark)
    lowest = float(np.median(patches.level[darkest]))
    factor = median_factor(subspace.dimension)
    slope, intercept = start_line(patches.variance, patches.level, floor, factor)

    freedom = np.full(patches.level.shape, float(subspace.dimension))
    line = Line(slope=slope, intercept=intercept)
    weight = np.zeros_like(freedom)
    for turn in range(_ROUNDS):
        expected = np.maximum(line.slope * patches.level + line.intercept, floor)
        if turn in (0, 3, 6):
            pixels = np.maximum(line.slope * patches.smooth + line.intercept, 0.1 * floor)
            pixels = pixels.astype(np.float32)
            spread = np.einsum("np,np->n", pixels @ squares, pixels)
            freedom = (pixels @ diagonal).astype(np.float64) ** 2 / spread
        weight = freedom / (2.0 * expected**2)
        weight[deviation(patches.variance / expected, freedom) > OUTLIER] = 0.0
        # Without the offset, anything between nothing and the noise of the darkest patches.
        unlit = 0.5 * line.at(lowest) if offset is None else line.at(offset)
        excess = blur * max(unlit, dark)
        last, line = line, _weighted_line(patches, weight, excess)
        if turn > 6 and abs(line.slope - last.slope) <= _CLOSE * abs(last.slope):
            break
    return PatchFit(line=line, weight=weight)


def deviation(ratio: Array, freedom: Array) -> Array:
    """Return deviations of variances from the expected: ratios' cube roots, nearly normal.

    The transformation of Wilson and Hilferty for chi-square over its degrees of freedom.
    """
    spread = 2.0 / (9.0 * freedom)
    normal: Array = (np.cbrt(ratio) - (1.0 - spread)) / np.sqrt(spread)
    return normal


def _weighted_line(patches: Patches, weight: Array, excess: float) -> Line:
    """Fit a line that does not fall; `excess` is the noise in the spread of one level."""
    total = float(weight.sum())
    x = float((weight * patches.level).sum()) / total
    y = float((weight * patches.variance).sum()) / total
    centred = patches.level - x
    spread = float((weight * centred * centred).sum())
    # At least a tenth of the spread is left: where there is less, the slope's error says so.
    bottom = max(spread - excess * total, 0.1 * spread)
    slope = max(float((weight * centred * (patches.variance - y)).sum()) / bottom, 0.0)
    slope_variance = patches.overlap * spread / bottom**2
    return Line(
        slope=slope,
        intercept=y - slope * x,
        slope_variance=slope_variance,
        intercept_variance=patches.overlap / total + x * x * slope_variance,
        covariance=-x * slope_variance,
    )
