"""Passes over whole arrays: for numpy in place, and in parts that stay in the cache."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import array_api_compat
import numpy as np

#: Elements worked on at a time.
_PART = 1 << 16


def at_least(values: Any, lowest: float) -> Any:
    """Raise what is lower, in place where the library can."""
    if array_api_compat.is_numpy_array(values):
        return np.maximum(values, np.float32(lowest), out=values)
    return array_api_compat.array_namespace(values).clip(values, lowest, None)


def quotient(counts: Any, expected: Any, lowest: float) -> Any:
    """Return counts over what was expected, `lowest` at least; may overwrite `expected`."""
    if not array_api_compat.is_numpy_array(expected):
        return counts / at_least(expected, lowest)
    for part in _parts(expected):
        divisor = np.maximum(expected[part], np.float32(lowest), out=expected[part])
        np.divide(counts[part], divisor, out=divisor)
    return expected


def product(factors: Any, scene: Any, seen: Any, lowest: float) -> Any:
    """Return ``scene * factors / seen``, `lowest` at least; may overwrite `factors`.

    `seen` is an array or a number.
    """
    if not array_api_compat.is_numpy_array(factors):
        return at_least(factors * scene / seen, lowest)
    even = isinstance(seen, float)
    for part in _parts(factors):
        values = factors[part]
        values *= scene[part]
        values /= np.float32(seen) if even else seen[part]
        np.maximum(values, np.float32(lowest), out=values)
    return factors


def mean_change(one: Any, other: Any) -> float:
    """Return the mean absolute difference of two arrays."""
    if not array_api_compat.is_numpy_array(one):
        xp = array_api_compat.array_namespace(one)
        return float(xp.mean(xp.abs(one - other)))
    total = 0.0
    for part in _parts(one):
        difference = np.subtract(one[part], other[part])
        total += float(np.abs(difference, out=difference).sum())
    return total / one.size


def _parts(array: Any) -> Iterator[Any]:
    """Cut an array along its first axis."""
    if array.ndim == 1:
        yield ...
        return
    thickness = max(1, _PART * array.shape[0] // math.prod(array.shape))
    for start in range(0, array.shape[0], thickness):
        yield slice(start, start + thickness)
