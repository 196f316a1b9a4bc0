"""Accelerated proximal gradients for ``f(K x) + radius R(W x)`` with an orthonormal ``W``."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Any, final

import array_api_compat

from pellucid.imaging._arrays import to_numpy
from pellucid.imaging.operator import LinearOperator
from pellucid.solvers._prox_watch import Watch
from pellucid.solvers.data_terms import DataTerm
from pellucid.solvers.regularisers import WaveletSparsity

#: The most inner steps that make a scene both sparse and positive, and the share of the outer
#: step that they are exact to.
_INNER_STEPS, _INNER_TOL = 20, 0.03
#: The curvature of a data term without Lipschitz constant grows by this until it bounds, ...
_GROWTH = 1.5
#: ... but for rounding, which is this share of the value.
_ROUNDING = 1e-6
#: The norm of the operator is found to this share, and taken to be larger by it.
_NORM_TOL = 1e-2


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SparseProblem:
    """What is minimised, and how.

    Attributes
    ----------
    data : DataTerm
        ``f``.
    operator : LinearOperator
        ``K``, from scenes that the wavelets can halve.
    regulariser : WaveletSparsity
        ``R`` and ``W``.
    radius : float
        Weight of the regulariser, per image unit.
    curvature : float
        Where the search for a bound of the data term's curvature starts, if it has none.
    nonnegative : bool
    monotone : bool
        Whether a step that raises the objective is not taken.
    shifts : tuple of tuple of int
        By which the scene is shifted before its wavelets are taken, in turn.
    """

    data: DataTerm
    operator: LinearOperator
    regulariser: WaveletSparsity
    radius: float
    curvature: float
    nonnegative: bool
    monotone: bool
    shifts: tuple[tuple[int, ...], ...]


@final
class SparseMap:
    """The proximal map of ``weight R(W x)`` on positive scenes, or on all.

    Without the constraint it is soft thresholding. With it the dual problem, to find the
    coefficients ``d`` of dual norm `weight` that minimise ``|max(v - W^T d, 0)|^2``, is solved
    by accelerated projected gradients [1]_ from where the last call ended.

    References
    ----------
    .. [1] A. Beck and M. Teboulle, "Fast gradient-based algorithms for constrained total
       variation image denoising and deblurring problems", IEEE Trans. Image Process. 18,
       2419-2434 (2009).
    """

    def __init__(self, regulariser: WaveletSparsity, *, nonnegative: bool) -> None:
        self._regulariser, self._transform = regulariser, regulariser.operator
        self._nonnegative = nonnegative
        self._pull: Any = None

    def __call__(self, v: Any, weight: float, near: Any) -> Any:
        """Return the proximal point of `v`, to a share of its distance from `near`."""
        transform, project = self._transform, self._regulariser.project
        if not self._nonnegative:
            return v - transform.adjoint(project(transform.apply(v), weight))
        # The dual is kept as an image: the wavelets may have been shifted since.
        start = 0.0 * v if self._pull is None else self._pull
        dual = ahead = project(transform.apply(start), weight)
        found = _positive(v - transform.adjoint(ahead))
        momentum = 1.0
        for _ in range(_INNER_STEPS):
            last, before = found, dual
            dual = project(ahead + transform.apply(found), weight)
            momentum, slower = _next_momentum(momentum), momentum
            ahead = dual + ((slower - 1.0) / momentum) * (dual - before)
            found = _positive(v - transform.adjoint(ahead))
            if _dot(found - last, found - last) <= _INNER_TOL**2 * _dot(found - near, found - near):
                break
        self._pull = transform.adjoint(dual)
        return _positive(v - self._pull)


@final
@dataclass(frozen=True, slots=True)
class _Point:
    """A scene and its image, which are combined alike."""

    scene: Any
    expected: Any

    def towards(self, other: _Point, share: float) -> _Point:
        return _Point(
            self.scene + share * (other.scene - self.scene),
            self.expected + share * (other.expected - self.expected),
        )


@final
class _Search:
    """Forward-backward steps, with a bound of the curvature that grows as it must."""

    def __init__(self, problem: SparseProblem) -> None:
        self._problem = problem
        self._map = SparseMap(problem.regulariser, nonnegative=problem.nonnegative)
        self._axes = tuple(range(len(problem.operator.input_shape)))
        gain = ((1.0 + _NORM_TOL) * problem.operator.norm(tol=_NORM_TOL)) ** 2
        constant = problem.data.lipschitz
        self._searched = constant is None
        self._bound = gain * (problem.curvature if constant is None else constant)

    def step(self, ahead: _Point, near: _Point, shift: tuple[int, ...]) -> tuple[_Point, float]:
        """Return the point after a step from `ahead`, and its objective."""
        data, operator = self._problem.data, self._problem.operator
        value = data.value(ahead.expected)
        slope = operator.adjoint(data.gradient(ahead.expected))
        near_scene = self._shifted(near.scene, shift)
        back = tuple(-s for s in shift)
        while True:
            target = self._shifted(ahead.scene - slope / self._bound, shift)
            sparse = self._map(target, self._problem.radius / self._bound, near_scene)
            scene = self._shifted(sparse, back)
            found = _Point(scene, operator.apply(scene))
            fit = data.value(found.expected)
            if not self._searched or self._bounds(value, slope, scene - ahead.scene, fit):
                break
            self._bound *= _GROWTH
        regulariser = self._problem.regulariser
        rough = regulariser.value(regulariser.operator.apply(sparse))
        return found, fit + self._problem.radius * rough

    def _bounds(self, value: float, slope: Any, move: Any, fit: float) -> bool:
        most = value + _dot(slope, move) + 0.5 * self._bound * _dot(move, move)
        return fit <= most + _ROUNDING * abs(most)

    def _shifted(self, x: Any, shift: tuple[int, ...]) -> Any:
        if not any(shift):
            return x
        return array_api_compat.array_namespace(x).roll(x, shift, axis=self._axes)


def run_fista(
    problem: SparseProblem, start: Any, watch: Watch, region: tuple[slice, ...]
) -> tuple[Any, str]:
    """Minimise; return the scene and why it ended.

    Momentum starts afresh where it points uphill. The scene returned is the mean of the last
    ones, one for every shift.
    """
    search = _Search(problem)
    point = ahead = _Point(start, problem.operator.apply(start))
    cost, momentum = math.inf, 1.0
    last: deque[Any] = deque(maxlen=len(problem.shifts))
    why = None
    while why is None:
        shift = problem.shifts[len(watch.trace) % len(problem.shifts)]
        found, found_cost = search.step(ahead, point, shift)
        before, taken = point, not (problem.monotone and found_cost > cost)
        if taken:
            point, cost = found, found_cost
        if _dot(ahead.scene - found.scene, found.scene - before.scene) > 0:
            momentum = 1.0
        momentum, slower = _next_momentum(momentum), momentum
        # The first term is zero where the step was taken, the second where it was not.
        ahead = point.towards(found, slower / momentum)
        ahead = _Point(
            ahead.scene + ((slower - 1.0) / momentum) * (point.scene - before.scene),
            ahead.expected + ((slower - 1.0) / momentum) * (point.expected - before.expected),
        )
        if not math.isfinite(problem.data.value(ahead.expected)):
            ahead, momentum = point, 1.0
        last.append(point.scene)
        other = before.scene if taken else found.scene
        why = watch.reason(cost, point.scene[region], other[region], point.expected)
    return sum(list(last)[1:], start=last[0]) / len(last), why


def _next_momentum(momentum: float) -> float:
    return 0.5 * (1.0 + math.sqrt(1.0 + 4.0 * momentum**2))


def _positive(x: Any) -> Any:
    return array_api_compat.array_namespace(x).clip(x, 0.0, math.inf)


def _dot(x: Any, y: Any) -> float:
    """Inner product, its terms in float32 and their sum in float64."""
    return float(to_numpy(x * y).sum(dtype="float64"))
