"""The line of noise from repeated frames of one scene."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.imaging._noise_line import (
    OUTLIER,
    Array,
    Line,
    deviation,
    median_factor,
    start_line,
)

#: Frames are dealt to so many groups; each in turn tells the level apart from the variances.
_GROUPS = 4
_ROUNDS = 30
_CLOSE = 1e-8


def frame_groups(frames: NDArray[Any], usable: NDArray[np.bool_], centre: float) -> Array:
    """Return count, sum and sum of squares of every pixel in each group of frames.

    Returns
    -------
    ndarray of float64, shape (groups, 3, pixels)
        Values relative to `centre`.
    """
    groups = min(_GROUPS, len(frames))
    sums = np.zeros((groups, 3, int(usable.sum())))
    for index, frame in enumerate(frames):
        values = frame[usable].astype(np.float64) - centre
        sums[index % groups] += np.stack([np.ones_like(values), values, values * values])
    return sums


def fit_frames(sums: Array, least: float) -> tuple[Line, Array, Array]:
    """Fit the line of noise to repeated frames.

    The variance and the mean of a pixel share their noise, and the mean's own noise flattens a
    plain fit. Here the mean of one group of frames is the instrument for variance and mean
    over all others: its noise is independent of theirs, so the estimating equations
    ``sum w(z) (s2 - a m - b) (1, z) = 0`` hold exactly, for few frames as for many.

    Parameters
    ----------
    sums : ndarray, shape (groups, 3, pixels)
        As `frame_groups` returns them.
    least : float
        Pixels expected to have a smaller variance are left out.

    Returns
    -------
    line : Line
    level, variance : ndarray of float64, shape (pixels in the fit,)
        Mean and variance over all frames, without pixels that flicker or were hit by cosmic
        rays.
    """
    whole = sums.sum(axis=0)
    others = whole[None] - sums
    instrument = sums[:, 1] / sums[:, 0]
    mean = others[:, 1] / others[:, 0]
    variance = (others[:, 2] - others[:, 0] * mean**2) / (others[:, 0] - 1.0)
    level = whole[1] / whole[0]
    total_variance = (whole[2] - whole[0] * level**2) / (whole[0] - 1.0)

    # Pixels darker than this get the weight of this level: among the darkest are those with
    # the most noise of their own, which must not lead the fit.
    lowest = float(np.percentile(level, 5.0))
    dark = float(np.median(total_variance[level <= lowest]))
    floor = max(0.5 * dark, least, 1e-3 * float(total_variance.mean()), np.finfo(float).tiny)
    freedom = whole[0] - 1.0
    slope, intercept = start_line(total_variance, level, floor, median_factor(float(freedom[0])))
    for _ in range(_ROUNDS):
        expected = slope * np.maximum(instrument, lowest) + intercept
        weight = 1.0 / np.maximum(expected, floor) ** 2
        weight[expected < least] = 0.0
        likely = np.maximum(slope * np.maximum(level, lowest) + intercept, floor)
        kept = deviation(total_variance / likely, freedom) <= OUTLIER
        weight[:, ~kept] = 0.0
        system = np.array(
            [
                [weight.sum(), (weight * mean).sum()],
                [(weight * instrument).sum(), (weight * instrument * mean).sum()],
            ]
        )
        right = np.array([(weight * variance).sum(), (weight * instrument * variance).sum()])
        inverse = np.linalg.pinv(system)
        last = slope
        intercept, slope = (float(v) for v in inverse @ right)
        if abs(slope - last) <= _CLOSE * abs(slope):
            break
    # Errors from the scatter of the pixels, which are independent.
    residual = weight * (variance - slope * mean - intercept)
    scores = np.stack([residual.sum(axis=0), (residual * instrument).sum(axis=0)])
    covariance = inverse @ (scores @ scores.T) @ inverse.T
    line = Line(
        slope=slope,
        intercept=intercept,
        slope_variance=float(covariance[1, 1]),
        intercept_variance=float(covariance[0, 0]),
        covariance=float(covariance[0, 1]),
    )
    return line, level[kept], total_variance[kept]
