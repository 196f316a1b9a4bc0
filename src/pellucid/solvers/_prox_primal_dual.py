"""A primal-dual iteration for ``f(K x) + radius R(A u)``, of the intensity or its square root."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, final

import array_api_compat

from pellucid.imaging._arrays import to_numpy
from pellucid.solvers._prox_setup import Setup
from pellucid.solvers._prox_watch import Watch
from pellucid.solvers.problem import Problem
from pellucid.solvers.regularisers import Regulariser

#: Steps in the dual spaces, in units of the size that dual variables come to have over the size
#: of the scene; measured to be quickest.
_PACE = 1.5
#: How far the product of step sizes stays below the limit of convergence.
_SAFETY = 0.98
#: The norm of the operator is found to this share, and taken to be larger by it.
_NORM_TOL = 1e-2
#: Parts of the scene that send less than this share of their light to the camera start at the
#: mean.
_SEEN = 1e-2


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Roughness:
    """What is held against a scene ``x``: ``radius R(A u)``, ``u`` being ``x`` or its root.

    Attributes
    ----------
    regulariser : Regulariser
        ``R`` and ``A``.
    radius : float
        Its weight, positive; per image unit, or per its square root.
    root : bool
        Whether ``u`` is the square root; the scene is not negative then.
    nonnegative : bool
        Whether the scene must not be negative.
    """

    regulariser: Regulariser
    radius: float
    root: bool
    nonnegative: bool

    def scene(self, u: Any) -> Any:
        """Return ``x``."""
        return u * u if self.root else u


def run_primal_dual(setup: Setup, rough: Roughness, watch: Watch) -> tuple[Any, str]:
    """Minimise; return the scene and why it ended.

    Both terms are dual variables, and the next of them are extrapolated: a turn needs ``K``,
    ``A`` and their adjoints once each. Of the square root, ``x = u^2`` is replaced by its
    tangent in every turn, and steps are the shorter the brighter a sample is.
    """
    operator, data = setup.problem.operator, setup.data
    regulariser, difference = rough.regulariser, rough.regulariser.operator
    scale = math.sqrt(setup.brightest) if rough.root else setup.brightest
    pace, pace_rough = _PACE / (setup.level * setup.brightest), _PACE * rough.radius / scale
    gain = pace * ((1.0 + _NORM_TOL) * operator.norm(tol=_NORM_TOL)) ** 2
    bend = pace_rough * regulariser.norm_bound**2
    u = _start(setup.problem, rough)
    scene = rough.scene(u)
    expected, field = operator.apply(scene), difference.apply(u)
    dual, dual_rough = 0.0 * expected, 0.0 * field
    why = None
    while why is None:
        older, older_rough = dual, dual_rough
        dual = data.prox_conjugate(dual + pace * expected, pace)
        dual_rough = regulariser.project(dual_rough + pace_rough * field, rough.radius)
        slope = operator.adjoint(2.0 * dual - older)
        slope_rough = difference.adjoint(2.0 * dual_rough - older_rough)
        if rough.root:
            # How bright the sample becomes is not known: the brightest is added for safety.
            step = _SAFETY / (4.0 * gain * (u * u + setup.brightest) + bend)
            u = u - step * (2.0 * u * slope + slope_rough)
        else:
            u = u - (_SAFETY / (gain + bend)) * (slope + slope_rough)
        if rough.nonnegative:
            u = _positive(u)
        before, scene = scene, rough.scene(u)
        expected, field = operator.apply(scene), difference.apply(u)
        value = data.value(expected) + rough.radius * regulariser.value(field)
        why = watch.reason(value, scene, before, expected)
    return scene, why


def first_scene(problem: Problem, *, nonnegative: bool) -> Any:
    """Return the data spread back over the scene; where little is seen, their mean."""
    xp, operator = problem.xp, problem.operator
    data = _positive(problem.data) if nonnegative else problem.data
    seen = operator.adjoint(xp.ones_like(data))
    spread = operator.adjoint(data) / xp.clip(seen, _SEEN, math.inf)
    mean = float(to_numpy(data).mean(dtype="float64"))
    scene = xp.where(seen > _SEEN, spread, problem.full(mean))
    return _positive(scene) if nonnegative else scene


def _start(problem: Problem, rough: Roughness) -> Any:
    scene = first_scene(problem, nonnegative=rough.nonnegative)
    return problem.xp.sqrt(scene) if rough.root else scene


def _positive(x: Any) -> Any:
    return array_api_compat.array_namespace(x).clip(x, 0.0, math.inf)
