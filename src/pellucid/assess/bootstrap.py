"""How sure a mean over images is, by resampling the images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.errors import SettingsError

#: Values drawn at a time, so that memory stays bounded.
_CHUNK = 1 << 20


@final
@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with its confidence interval.

    Attributes
    ----------
    mean, low, high : float
        In the units of the values.
    count : int
        Values.
    level : float
        Confidence level of ``low`` to ``high``.
    """

    mean: float
    low: float
    high: float
    count: int
    level: float

    @property
    def includes_zero(self) -> bool:
        """Whether the mean may as well be zero."""
        return self.low <= 0.0 <= self.high


def bootstrap_interval(
    values: ArrayLike, *, level: float = 0.95, resamples: int = 2000, seed: int = 0
) -> Interval:
    """Return the mean of values and its percentile bootstrap interval.

    The values are drawn anew with replacement, as many as there are, and the interval is that
    between the percentiles of the means [1]_. It takes the images as independent of each other.

    Parameters
    ----------
    values : array_like of real numbers, one axis
        One for every image; at least two, finite.
    level : float
        Above 0 and below 1.
    resamples : int
        At least 100.
    seed : int
        The same seed and number of values draw the same images, so that intervals of several
        methods go together.

    Returns
    -------
    Interval

    Raises
    ------
    SettingsError
        If there are fewer than two values, one is not finite, or a setting is out of its range.

    References
    ----------
    .. [1] B. Efron and R. J. Tibshirani, *An Introduction to the Bootstrap*, Chapman & Hall
       (1993), chapter 13.
    """
    numbers = np.asarray(values, dtype=np.float64)
    if numbers.ndim != 1 or numbers.size < 2:
        raise SettingsError(
            f"A bootstrap needs at least two values on one axis, not shape {numbers.shape}; give "
            "one value for every image."
        )
    if not np.isfinite(numbers).all():
        bad = int(np.flatnonzero(~np.isfinite(numbers))[0])
        raise SettingsError(
            f"Value {bad} is {numbers[bad]}, and its mean says nothing; leave such images out."
        )
    if not 0 < level < 1:
        raise SettingsError(f"The confidence level must lie between 0 and 1, not {level:g}.")
    if resamples < 100:
        raise SettingsError(f"An interval needs at least 100 resamples, not {resamples}.")
    means = _resampled_means(numbers, resamples, seed)
    low, high = np.quantile(means, [0.5 * (1 - level), 0.5 * (1 + level)])
    return Interval(float(numbers.mean()), float(low), float(high), int(numbers.size), level)


def paired_difference(
    values: ArrayLike,
    others: ArrayLike,
    *,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """Return the mean of ``values - others``, image by image, and its bootstrap interval.

    Images differ far more than methods do; the pairing takes that out.

    Parameters
    ----------
    values, others : array_like of real numbers, one axis, same length
        Two methods on the same images, in the same order.
    level, resamples, seed
        As in :func:`bootstrap_interval`.

    Raises
    ------
    SettingsError
        If the two differ in length, or as :func:`bootstrap_interval` does.
    """
    first, second = (np.asarray(v, dtype=np.float64) for v in (values, others))
    if first.shape != second.shape:
        raise SettingsError(
            f"Paired values must belong to the same images, but there are {first.shape} and "
            f"{second.shape} of them."
        )
    return bootstrap_interval(first - second, level=level, resamples=resamples, seed=seed)


def _resampled_means(
    numbers: NDArray[np.float64], resamples: int, seed: int
) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    rows = max(1, _CHUNK // numbers.size)
    parts = [
        numbers[rng.integers(numbers.size, size=(min(rows, resamples - start), numbers.size))]
        for start in range(0, resamples, rows)
    ]
    return np.concatenate([part.mean(axis=1) for part in parts])
