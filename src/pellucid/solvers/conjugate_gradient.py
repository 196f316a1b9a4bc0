"""Preconditioned conjugate gradients for symmetric positive definite systems."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias, final

import array_api_compat

from pellucid.errors import SettingsError
from pellucid.solvers.progress import CANCELLED

#: A linear map between arrays of one shape.
Map: TypeAlias = Callable[[Any], Any]

#: Called after every iteration with its number, the residual and the solution so far, which it
#: must not change; returns True to end there.
Watch: TypeAlias = Callable[[int, float, Any], bool | None]


@final
@dataclass(frozen=True, slots=True)
class Solution:
    """What conjugate gradients found.

    Attributes
    ----------
    x : array of float32
    trace : tuple of float
        Residual after every iteration, as :func:`conjugate_gradient` defines it.
    stopped_because : str
    """

    x: Any
    trace: tuple[float, ...]
    stopped_because: str


def conjugate_gradient(
    system: Map,
    right_side: Any,
    *,
    preconditioner: Map,
    start: Any = None,
    iterations: int = 100,
    tolerance: float = 1e-3,
    watch: Watch | None = None,
) -> Solution:
    """Solve ``A x = b`` by conjugate gradients with a preconditioner [1]_.

    The residual is ``sqrt(r' M r / b' M b)`` with ``r = b - A x`` and the preconditioner ``M``,
    near the relative error in the energy norm where `M` is near the inverse of `A`.

    Parameters
    ----------
    system : callable
        Returns ``A x`` for an array, as a new array; symmetric and positive definite.
    right_side : array of float32
        Not changed.
    preconditioner : callable
        Returns ``M r``, as a new array; symmetric and positive definite, near the inverse.
    start : array of float32, optional
        Where to begin; overwritten. Zero is taken if not given or if its residual is smaller.
    iterations : int
        The most to make; one is always made unless the right side is zero.
    tolerance : float
        Residual to stop at, positive; float32 reaches some 1e-6.
    watch : callable, optional

    Returns
    -------
    Solution

    Raises
    ------
    SettingsError
        If `iterations` or `tolerance` is not positive.

    References
    ----------
    .. [1] Y. Saad, *Iterative Methods for Sparse Linear Systems*, 2nd ed., SIAM (2003),
       algorithm 9.1.
    """
    check_limits(iterations, tolerance)
    xp = array_api_compat.array_namespace(right_side)
    whole = _dot(right_side, preconditioner(right_side))
    if not whole > 0:
        return Solution(xp.zeros_like(right_side), (), "the right side is zero, and so is x")
    x, residual, direction, size = _begin(system, right_side, preconditioner, start, whole)
    # Volumes are large: what is not needed any more is let go.
    del right_side, start
    trace: list[float] = []
    reason = f"the most iterations, {iterations}, were made"
    for iteration in range(1, iterations + 1):
        if size > 0:
            image = system(direction)
            step = size / _dot(direction, image)
            x += step * direction
            residual -= step * image
            del image
            better = preconditioner(residual)
            before, size = size, _dot(residual, better)
            better += (size / before) * direction
            direction = better
        trace.append(math.sqrt(size / whole))
        if watch is not None and watch(iteration, trace[-1], x):
            reason = CANCELLED
            break
        if trace[-1] <= tolerance:
            reason = (
                f"the residual {trace[-1]:.2g} after {iteration} iterations is not above "
                f"{tolerance:g}"
            )
            break
    return Solution(x, tuple(trace), reason)


def check_limits(iterations: int, tolerance: float) -> None:
    """Raise a SettingsError unless both are positive."""
    if iterations < 1:
        raise SettingsError(f"iterations must be at least 1, not {iterations}.")
    if not (math.isfinite(tolerance) and tolerance > 0):
        raise SettingsError(f"tolerance must be a positive number, not {tolerance}.")


def _begin(
    system: Map, right_side: Any, preconditioner: Map, start: Any, whole: float
) -> tuple[Any, Any, Any, float]:
    """Return x, residual, first direction and the residual's square, from the better start."""
    xp = array_api_compat.array_namespace(right_side)
    if start is not None:
        residual = right_side - system(start)
        direction = preconditioner(residual)
        size = _dot(residual, direction)
        if size < whole:
            return start, residual, direction, size
    residual = xp.asarray(right_side, copy=True)
    return xp.zeros_like(right_side), residual, preconditioner(residual), whole


def _dot(a: Any, b: Any) -> float:
    """Inner product, summed in float64."""
    xp = array_api_compat.array_namespace(a)
    return float(xp.sum(a * b, dtype=xp.float64))
