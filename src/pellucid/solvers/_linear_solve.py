"""The linear solvers' common way: choose, then solve the normal equations on the scene."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias, final

import array_api_compat
import numpy as np
from numpy.typing import NDArray

from pellucid.errors import SettingsError
from pellucid.imaging._arrays import put, to_numpy
from pellucid.imaging.operator import LinearOperator
from pellucid.solvers._linear_basis import Basis, Cosines, Hartley
from pellucid.solvers._linear_fit import Fit, fit
from pellucid.solvers._linear_penalty import Penalty
from pellucid.solvers._linear_periodogram import Periodogram, periodogram
from pellucid.solvers._linear_transfer import Response
from pellucid.solvers._regularisation import Choice, check_choice, choose
from pellucid.solvers.conjugate_gradient import Solution, check_limits, conjugate_gradient
from pellucid.solvers.noise_model import NoiseModel
from pellucid.solvers.problem import Background, Problem, problem
from pellucid.solvers.progress import Callback, Progress
from pellucid.solvers.restoration import Restoration, Setting

#: An operator may change the level of uniform light by this share, ...
_LEVEL = 0.1
#: ... and what is left of an image less this share of its level is rounding.
_ROUNDING = 2e-6


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What all linear solvers can be told; see :func:`pellucid.solvers.wiener`.

    Attributes
    ----------
    eps : float or None
    eps_name : str
        What the caller calls it.
    choice : str
    noise : NoiseModel or None
    background : float or "estimated"
    voxel_size : tuple of float or None
    iterations : int
    tolerance : float
    callback : callable or None
    """

    eps: float | None
    eps_name: str
    choice: Choice
    noise: NoiseModel | None
    background: Background
    voxel_size: tuple[float, ...] | None
    iterations: int
    tolerance: float
    callback: Callback | None

    def check(self, ndim: int) -> tuple[float, ...]:
        """Return the smallest side of a voxel over its side along every axis.

        Raises
        ------
        SettingsError
            If an option is out of its range.
        """
        if self.eps is not None and not (math.isfinite(self.eps) and self.eps > 0):
            raise SettingsError(f"{self.eps_name} must be a positive number, not {self.eps}.")
        check_choice(self.choice)
        check_limits(self.iterations, self.tolerance)
        if self.voxel_size is None:
            return (1.0,) * ndim
        sides = tuple(float(side) for side in self.voxel_size)
        if len(sides) != ndim or not all(math.isfinite(side) and side > 0 for side in sides):
            raise SettingsError(
                f"voxel_size needs one positive number for each of the image's {ndim} axes, not "
                f"{self.voxel_size}."
            )
        return tuple(min(sides) / side for side in sides)


@final
@dataclass(frozen=True, slots=True)
class Measured:
    """What a penalty may be made from.

    Attributes
    ----------
    bins, fitted : callable
        Return the periodogram of the image, and signal and noise fitted to it; made when they are
        first called.
    noise_variance : float or None
        Mean over the image, if the noise is known.
    image_shape : tuple of int
    scales : tuple of float
    """

    bins: Callable[[], Periodogram]
    fitted: Callable[[], Fit]
    noise_variance: float | None
    image_shape: tuple[int, ...]
    scales: tuple[float, ...]


#: Makes the penalty, and says in settings what it is.
MakePenalty: TypeAlias = Callable[[Measured], tuple[Penalty, dict[str, Setting]]]


def solve(image: Any, operator: LinearOperator, make: MakePenalty, options: Options) -> Restoration:
    """Return ``(K^T K + eps R^T R)^-1 K^T`` of an image about its level; see the callers."""
    scales = options.check(len(operator.output_shape))
    start = problem(image, operator, options.background)
    deviation, level = _about_level(start)
    settings: dict[str, Setting] = {"background": start.background}
    if deviation is None:
        return Restoration(
            start.finished(start.full(level)),
            (),
            "the image is uniform, and so is the restoration",
            settings,
        )
    response = Response(operator, start.camera)
    periodic = getattr(operator, "boundary", None) == "periodic"
    noise_variance = _noise_variance(start, options.noise)
    bins = cache(lambda: periodogram(to_numpy(deviation), response, scales, periodic=periodic))
    fitted = cache(lambda: fit(bins().band(), noise_variance))
    measured = Measured(bins, fitted, noise_variance, operator.output_shape, scales)
    penalty, described = make(measured)
    eps, chosen_by = options.eps, "the user"
    if eps is None:
        eps, chosen_by = choose(options.choice, bins(), penalty, fitted, noise_variance)
    shape = operator.input_shape
    basis: Basis = Hartley(shape) if periodic else Cosines(shape)
    passed = response.on_whole_torus(shape) if periodic else response.on_cosines(shape)
    weight = penalty.at(basis.frequencies(), scales)
    weight *= eps
    held = weight.astype(np.float32)
    del weight
    # The mean costs nothing, and all of it passes.
    held.flat[0], passed.flat[0] = 0.0, 1.0
    mean = _mean(start.data)

    def finished(coefficients: Any) -> Any:
        seen = basis.inverse(coefficients)[start.camera]
        return seen + (mean - _mean(seen) + start.background)

    solution = _solve(start, deviation, _Equations(basis, passed, held), finished, options)
    return Restoration(
        finished(solution.x),
        solution.trace,
        solution.stopped_because,
        {
            options.eps_name: eps,
            "chosen_by": chosen_by,
            **described,
            **settings,
            "iterations": len(solution.trace),
            "tolerance": options.tolerance,
        },
    )


@final
@dataclass(frozen=True, slots=True)
class _Equations:
    """What the coefficients of a scene in a basis pass with, squared, and are held down by."""

    basis: Basis
    passed: NDArray[np.float32]
    held: NDArray[np.float32]


def _solve(
    start: Problem,
    deviation: Any,
    equations: _Equations,
    finished: Callable[[Any], Any],
    options: Options,
) -> Solution:
    """Solve the normal equations for the coefficients of the scene; overwrites what passes."""
    operator = start.operator
    basis, passed, held = equations.basis, equations.passed, equations.held
    first = basis.forward(_mirrored(deviation, start))
    first *= put(np.sqrt(passed), deviation)
    # What passes is not needed any more.
    passed += held
    inverse, weight = put(np.reciprocal(passed, out=passed), deviation), put(held, deviation)
    first *= inverse

    def system(c: Any) -> Any:
        result = basis.forward(operator.adjoint(operator.apply(basis.inverse(c))))
        result += weight * c
        return result

    def watch(iteration: int, value: float, x: Any) -> bool | None:
        if options.callback is None:
            return None
        return options.callback(Progress(iteration, options.iterations, value, finished(x)))

    return conjugate_gradient(
        system,
        basis.forward(operator.adjoint(deviation)),
        preconditioner=lambda c: inverse * c,
        start=first,
        iterations=options.iterations,
        tolerance=options.tolerance,
        watch=watch,
    )


def _about_level(start: Problem) -> tuple[Any, float]:
    """Return the data less the image of a uniform scene, None if nothing is left, and its level."""
    xp = start.xp
    flat = start.operator.apply(start.full(1.0))
    gain = _mean(flat)
    if not abs(gain - 1.0) <= _LEVEL:
        raise SettingsError(
            f"The operator makes of uniform light of 1 an image of mean {gain:.3g}, but linear "
            "solvers keep the level of an image; scale the operator."
        )
    level = _mean(start.data) / gain
    deviation = start.data - level * flat
    largest = float(xp.max(xp.abs(deviation)))
    return (deviation, level) if largest > _ROUNDING * abs(level) else (None, level)


def _noise_variance(start: Problem, noise: NoiseModel | None) -> float | None:
    """Return the variance of the noise, averaged over the image."""
    if noise is None:
        return None
    return noise.photon * max(_mean(start.data), 0.0) + noise.gaussian**2


def _mirrored(image: Any, start: Problem) -> Any:
    """Continue an image over the scene by mirroring it at its edges, as often as needed."""
    for axis, part in enumerate(start.camera):
        size = start.operator.input_shape[axis]
        first, last, _ = part.indices(size)
        n = last - first
        if n == size:
            continue
        turn = (np.arange(size) - first) % (2 * n)
        places = put(np.where(turn < n, turn, 2 * n - 1 - turn), image)
        image = start.xp.take(image, places, axis=axis)
    return image


def _mean(array: Any) -> float:
    xp = array_api_compat.array_namespace(array)
    return float(xp.sum(array, dtype=xp.float64)) / float(math.prod(array.shape))
