"""The pupil phase whose point spread function predicts photons it was not fitted to."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Protocol, final

import numpy as np
from numpy.typing import NDArray

from pellucid.imaging._boundary import Boundary
from pellucid.imaging.blur import Blur
from pellucid.optics.microscope import Microscope
from pellucid.solvers._rl_acceleration import BiggsAndrews
from pellucid.solvers._rl_arrays import at_least
from pellucid.solvers._rl_poisson import PoissonFit
from pellucid.solvers._rl_thinning import Thinning
from pellucid.solvers.noise_model import NoiseModel
from pellucid.solvers.problem import Problem

#: Most accelerated iterations for a candidate, and how many may pass without a better prediction.
_ITERATIONS = 80
_PATIENCE = 4
#: Distance of the first candidates, waves: valleys of the prediction are about so wide.
_STEP_WAVES = 0.05
#: Golden sections after them: down to some 0.003 waves.
_SECTIONS = 6
_GOLDEN = 0.5 * (math.sqrt(5.0) - 1.0)
#: Of two to four terms: how far all of them are moved at once, either way, to begin with.
_CORNERS = (0.07, 0.14)
_MOST_CORNERED = 4
#: Of several terms: most rounds of refinement, the moves tried along the way of each, and the
#: gain in log-likelihood that another round is worth.
_ROUNDS = 4
_MOVES = (1.0, 2.0, 4.0)
_WORTH = 1.0

#: Called after every candidate with those done, those in all, its score and its image.
Told = Callable[[int, int, float, Any], bool]


@final
@dataclass(frozen=True, slots=True)
class Candidate:
    """A point spread function that was tried.

    Attributes
    ----------
    score : float
        Negative log-likelihood of the held-out half of the photons, twice over and up to a
        constant.
    waves : tuple of float
        Root-mean-square phase of every term.
    psf : ndarray of float32
    scene : array
        The scene found from the other half, at full intensity.
    operator : Blur
    """

    score: float
    waves: tuple[float, ...]
    psf: NDArray[np.float32]
    scene: Any
    operator: Blur


class Score(Protocol):
    """Tries a pupil phase."""

    def __call__(self, waves: tuple[float, ...]) -> Candidate:
        """Return the candidate with the phases of the terms."""


@final
class HeldOut:
    """Deconvolves half of the photons and scores the scene on the other half.

    Parameters
    ----------
    task : Problem
        Its operator only gives the image's shape; it is replaced.
    microscope : Microscope
    terms : tuple of int
        OSA/ANSI indices of the phases tried; other aberrations of the microscope stay.
    psf_shape : tuple of int
    boundary : str
    noise : NoiseModel
    seed : int
        Of the split into halves, the same for all candidates.
    """

    def __init__(
        self,
        task: Problem,
        microscope: Microscope,
        terms: tuple[int, ...],
        *,
        psf_shape: tuple[int, ...],
        boundary: Boundary,
        noise: NoiseModel,
        seed: int,
    ) -> None:
        self._task, self._microscope, self._terms = task, microscope, terms
        self._psf_shape, self._boundary, self._noise = psf_shape, boundary, noise
        coins = Thinning(PoissonFit(task, noise).counts, noise.photon, seed)
        first, second = coins.halves()
        self._fitted = 2.0 * first
        xp = task.xp
        self._held = xp.astype(2.0 * second, xp.float64)

    def microscope(self, waves: tuple[float, ...]) -> Microscope:
        """Return the microscope with the phases of the terms."""
        kept = tuple((j, w) for j, w in self._microscope.zernike_waves if j not in self._terms)
        return replace(
            self._microscope,
            zernike_waves=kept + tuple(zip(self._terms, waves, strict=True)),
        )

    def __call__(self, waves: tuple[float, ...]) -> Candidate:
        """Return the candidate with the phases of the terms."""
        from pellucid.optics.psf import point_spread_function

        psf = point_spread_function(self.microscope(waves), self._psf_shape).data
        task = self._task
        operator = Blur(psf, task.operator.output_shape, boundary=self._boundary, like=task.data)
        task = replace(task, operator=operator, camera=operator.camera)
        fit = PoissonFit(task, self._noise, counts=self._fitted)
        xp = task.xp
        ahead = BiggsAndrews(xp, 1e-6 * fit.level)
        scene = best = fit.start()
        lowest, since = math.inf, 0
        for _ in range(_ITERATIONS):
            point = ahead.ahead(scene)
            expected = at_least(fit.expected(point), fit.dark)
            wide = xp.astype(expected, xp.float64)
            score = float(xp.sum(wide - self._held * xp.log(wide))) / self._noise.photon
            since += 1
            if score < lowest:
                lowest, since, best = score, 0, point
            if since > _PATIENCE:
                break
            updated = fit.updated(point, expected)
            ahead.learn(scene, point, updated)
            scene = updated
        return Candidate(lowest, waves, psf, best, operator)


def number_of_candidates(terms: int, reach_waves: float) -> int:
    """Return how many candidates a search tries: all of them for one term, the most for several."""
    first = 1 + len(_corners(terms, reach_waves)) + terms * (2 * _grid(reach_waves) + _SECTIONS)
    each = terms * (_SECTIONS + 2) + len(_MOVES)
    return first if terms == 1 else first + _ROUNDS * each


def search(
    score: Score, start: tuple[float, ...], *, reach_waves: float, told: Told | None
) -> tuple[Candidate, bool]:
    """Find the phases of the best score, one term after the other.

    Up to four terms are first moved together, where none of them alone might gain. Then every
    term is tried at steps over the whole reach around its start, as there are valleys of the
    score that do not hold its minimum, and by golden sections around the best. Several terms may
    trade against each other in a valley that runs aslant: rounds of refinement follow, each with
    moves further along the way that the last one came, as long as they gain.

    Returns
    -------
    best : Candidate
    cancelled : bool
        Whether `told` asked to end before all candidates were tried.
    """
    run = _Run(score, told, number_of_candidates(len(start), reach_waves))
    try:
        run.consider(start)
        for corner in _corners(len(start), reach_waves):
            run.consider(tuple(at + move for at, move in zip(start, corner, strict=True)))
        steps = _grid(reach_waves)
        for term, middle in enumerate(start):
            for k in range(steps, -steps - 1, -1):
                if k:
                    run.consider_term(term, middle + k * _STEP_WAVES)
            run.refine(term)
        before = start
        for _ in range(_ROUNDS if len(start) > 1 else 0):
            lowest = run.best.score
            run.move_on(before, within=reach_waves, of=start)
            before = run.best.waves
            for term, at in enumerate(before):
                run.consider_term(term, at - 0.5 * _STEP_WAVES)
                run.consider_term(term, at + 0.5 * _STEP_WAVES)
                run.refine(term)
            if lowest - run.best.score < _WORTH:
                break
    except _CancelledError:
        return run.best, True
    return run.best, False


class _CancelledError(Exception):
    """The caller has asked to end."""


@final
class _Run:
    """The candidates of one search."""

    def __init__(self, score: Score, told: Told | None, total: int) -> None:
        self._score, self._told, self._total = score, told, total
        self._done = 0
        self._best: Candidate | None = None

    @property
    def best(self) -> Candidate:
        """The best so far."""
        if self._best is None:
            raise AssertionError("the start is the first candidate")
        return self._best

    def consider(self, waves: tuple[float, ...]) -> float:
        """Try phases; return their score."""
        found = self._score(waves)
        if self._best is None or found.score < self._best.score:
            self._best = found
        self._done += 1
        if self._told is not None and self._told(
            self._done, self._total, found.score, found.scene[found.operator.camera]
        ):
            raise _CancelledError
        return found.score

    def consider_term(self, term: int, waves: float) -> float:
        """Try another phase of one term of the best."""
        best = self.best.waves
        return self.consider((*best[:term], waves, *best[term + 1 :]))

    def move_on(self, before: tuple[float, ...], *, within: float, of: tuple[float, ...]) -> None:
        """Go on in the direction from some phases to the best, not beyond the reach."""
        best = self.best.waves
        for factor in _MOVES:
            self.consider(
                tuple(
                    min(max(b + factor * (b - a), middle - within), middle + within)
                    for a, b, middle in zip(before, best, of, strict=True)
                )
            )

    def refine(self, term: int) -> None:
        """Narrow one term down between its neighbours by golden sections."""
        middle = self.best.waves[term]
        low, high = middle - _STEP_WAVES, middle + _STEP_WAVES
        left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        left_score, right_score = self.consider_term(term, left), self.consider_term(term, right)
        for _ in range(_SECTIONS - 2):
            if left_score < right_score:
                high, right, right_score = right, left, left_score
                left = high - _GOLDEN * (high - low)
                left_score = self.consider_term(term, left)
            else:
                low, left, left_score = left, right, right_score
                right = low + _GOLDEN * (high - low)
                right_score = self.consider_term(term, right)


def _corners(terms: int, reach_waves: float) -> list[tuple[float, ...]]:
    """Return the moves of all terms at once."""
    if not 1 < terms <= _MOST_CORNERED:
        return []
    sizes = [size for size in _CORNERS if size <= reach_waves]
    return [move for size in sizes for move in product((size, -size), repeat=terms)]


def _grid(reach_waves: float) -> int:
    """Return the number of steps on either side."""
    return math.ceil(reach_waves / _STEP_WAVES - 1e-9)
