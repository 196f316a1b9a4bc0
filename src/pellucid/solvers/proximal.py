"""Proximal maps and projections that convex solvers are built from.

The proximal map of a function ``f`` with step ``t`` takes ``v`` to the ``x`` that minimises
``t f(x) + |x - v|^2 / 2``. All work on arrays of numpy, torch or another library of the array API,
keep the type of real numbers and return new arrays.

References
----------
.. [1] N. Parikh and S. Boyd, "Proximal algorithms", Found. Trends Optim. 1, 127-239 (2014).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, TypeAlias, get_args

import array_api_compat
import numpy as np

from pellucid.errors import SettingsError
from pellucid.solvers._prox_schatten import SymmetricField

#: Orders of Schatten norms: the p-norm of the eigenvalues of a symmetric matrix.
SchattenOrder: TypeAlias = Literal[1, 2, "inf"]

#: What a divisor is at least: within the range of float32.
_TINY = 1e-37
#: Samples of a field whose eigenvalues are found at a time.
_PART = 1 << 14


def soft_threshold(x: Any, threshold: Any) -> Any:
    """Return the proximal map of ``threshold * sum |x|``.

    Parameters
    ----------
    x : array of float
    threshold : float or array
        Not negative; an array must broadcast with `x`.
    """
    return x - array_api_compat.array_namespace(x).clip(x, -threshold, threshold)


def project_onto_balls(field: Any, radius: Any) -> Any:
    """Shorten the vectors of a field that are longer than a radius.

    Parameters
    ----------
    field : array of float, shape (components, ...)
        A vector a sample.
    radius : float or array
        Not negative.
    """
    return field * _shortening(lengths(field), radius)


def lengths(field: Any) -> Any:
    """Return the Euclidean lengths of the vectors of a field, without its first axis."""
    xp = array_api_compat.array_namespace(field)
    squares = field[0] * field[0]
    for component in range(1, field.shape[0]):
        squares = squares + field[component] * field[component]
    return xp.sqrt(squares)


def schatten_norms(field: Any, order: SchattenOrder) -> Any:
    """Return the Schatten norms of a field of symmetric matrices.

    Parameters
    ----------
    field : array of float, shape (components, ...)
        As :class:`pellucid.imaging.Hessian` returns them: the diagonal, then ``sqrt(2)`` times
        the entries above it, row by row; 1, 3 or 6 components.
    order : 1, 2 or "inf"
        The nuclear, Frobenius and spectral norm.

    Raises
    ------
    SettingsError
        If there is no such order, or the field is not one of matrices of 1 to 3 rows.
    """
    check_order(order)
    if order == 2:
        return lengths(field)
    return _in_parts(_norms_of_eigenvalues, field, order)


def project_onto_schatten_balls(field: Any, radius: Any, order: SchattenOrder) -> Any:
    """Project symmetric matrices on those whose Schatten norm is at most a radius.

    Their eigenvectors stay; their eigenvalues are projected on the ball of the vector norm
    [1]_.

    Parameters
    ----------
    field : array of float, shape (components, ...)
        As for :func:`schatten_norms`.
    radius : float or array
        Not negative.
    order : 1, 2 or "inf"

    Raises
    ------
    SettingsError
        If there is no such order, or the field is not one of matrices of 1 to 3 rows.

    References
    ----------
    .. [1] S. Lefkimmiatis, J. P. Ward and M. Unser, "Hessian Schatten-norm regularization for
       linear inverse problems", IEEE Trans. Image Process. 22, 1873-1888 (2013), section IV.
    """
    check_order(order)
    if order == 2:
        return project_onto_balls(field, radius)
    return _in_parts(_projected_eigenvalues, field, radius, order)


def dual_order(order: SchattenOrder) -> SchattenOrder:
    """Return the order of the dual norm: 1 and "inf" are each other's, 2 is its own."""
    check_order(order)
    return {1: "inf", 2: 2, "inf": 1}[order]  # type: ignore[return-value]


def check_order(order: Any) -> None:
    """Raise a SettingsError unless a Schatten norm has this order."""
    if isinstance(order, bool) or order not in get_args(SchattenOrder):
        raise SettingsError(
            f"There is no Schatten norm of order {order!r} here; use 1, 2 or 'inf'."
        )


def _in_parts(act: Callable[..., Any], field: Any, *options: Any) -> Any:
    """Work on parts of a numpy field that stay in the cache; on others at once."""
    samples = math.prod(field.shape[1:])
    whole = not array_api_compat.is_numpy_array(field) or any(np.ndim(o) for o in options)
    if whole or samples <= _PART:
        return act(field, *options)
    flat = field.reshape(field.shape[0], samples)
    parts = [act(flat[:, first : first + _PART], *options) for first in range(0, samples, _PART)]
    joined = np.concatenate(parts, axis=-1)
    return joined.reshape(*joined.shape[:-1], *field.shape[1:])


def _norms_of_eigenvalues(field: Any, order: SchattenOrder) -> Any:
    xp = array_api_compat.array_namespace(field)
    sizes = [xp.abs(value) for value in SymmetricField(field).eigenvalues]
    if order == 1:
        return sum(sizes[1:], start=sizes[0])
    largest = sizes[0]
    for size in sizes[1:]:
        largest = xp.maximum(largest, size)
    return largest


def _projected_eigenvalues(field: Any, radius: Any, order: SchattenOrder) -> Any:
    xp = array_api_compat.array_namespace(field)
    matrices = SymmetricField(field)
    values = matrices.eigenvalues
    if order == "inf":
        return matrices.with_eigenvalues([xp.clip(v, -radius, radius) for v in values])
    threshold = _threshold_of_simplex(values, radius)
    return matrices.with_eigenvalues([soft_threshold(v, threshold) for v in values])


def _threshold_of_simplex(values: list[Any], radius: Any) -> Any:
    """Return what soft thresholding must take off values for their sizes to sum to a radius.

    With sizes sorted downwards the threshold is the largest of ``(sum of the first k - radius) /
    k``, and zero if they sum to less [1]_.

    References
    ----------
    .. [1] J. Duchi et al., "Efficient projections onto the l1-ball for learning in high
       dimensions", Proc. ICML, 272-279 (2008).
    """
    xp = array_api_compat.array_namespace(values[0])
    sizes = xp.sort(xp.abs(xp.stack(values)), axis=0)
    threshold = xp.zeros_like(sizes[0])
    total = -radius
    for count in range(1, len(values) + 1):
        total = total + sizes[len(values) - count]
        threshold = xp.maximum(threshold, total / count)
    return threshold


def _shortening(sizes: Any, radius: Any) -> Any:
    """Return the factors that bring lengths down to a radius; one where they are below."""
    xp = array_api_compat.array_namespace(sizes)
    longest = xp.clip(xp.clip(sizes, radius, math.inf), _TINY, math.inf)
    return xp.clip(radius / longest, 0.0, 1.0)
