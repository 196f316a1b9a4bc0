"""Scores of one simulated image: every row that one job makes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias, final

import numpy as np
from benchmarks._classical import richardson_lucy, total_variation
from benchmarks.evaluation._oracle import problem_of, wiener_estimate
from benchmarks.evaluation._restorers import Restorer
from benchmarks.evaluation._sets import Case
from numpy.typing import NDArray

from pellucid.assess.metrics import psnr, ssim

#: Iterations of Richardson-Lucy that are tried, all of them.
RL_ITERATIONS, RL_LONG = 100, 300
#: Strengths and iterations of total variation that are tried.
TV_STRENGTHS = (0.03, 0.15, 0.6, 2.0, 6.0, 20.0)
TV_ITERATIONS, TV_EVERY = 200, 25

#: Rows of the tables that no network makes.
INPUT = "input"
RL = f"Richardson-Lucy, best of 1 to {RL_ITERATIONS}"
RL_MORE = f"Richardson-Lucy, best of 1 to {RL_LONG}"
TV = "total variation, best strength"
LMMSE = "best linear estimate"
#: What is done, for the key of the cache.
IDENTITIES = {
    INPUT: "input-1",
    RL: f"rl-1 {RL_ITERATIONS} {RL_LONG}",
    TV: f"tv-3 {TV_STRENGTHS} {TV_ITERATIONS} {TV_EVERY}",
    LMMSE: "lmmse-2",
}

#: PSNR and SSIM after a gain-and-offset fit, PSNR as it is, and how an oracle chose.
Scores: TypeAlias = dict[str, float]


@final
@dataclass(frozen=True, slots=True)
class Job:
    """What to compute for one image.

    Attributes
    ----------
    case : Case
    classical : mapping of str to str
        Classical rows wanted and the key of each.
    networks : mapping of Restorer to str
        Networks wanted and the key of each.
    power : ndarray or None
        Mean power spectrum of the image's kind of specimen, for the linear estimate.
    """

    case: Case
    classical: Mapping[str, str]
    networks: Mapping[Restorer, str]
    power: NDArray[np.float32] | None


def run(job: Job) -> dict[str, dict[str, Scores]]:
    """Return what a job asks for: by key, the scores of its rows by name."""
    case, done = job.case, {}
    for row, key in job.classical.items():
        if row == INPUT:
            done[key] = {row: score(case.image, case)}
        elif row == RL:
            done[key] = _richardson_lucy(case)
        elif row == TV:
            done[key] = _total_variation(case)
        elif row == LMMSE and job.power is not None:
            done[key] = {row: score(case.to_image_units(wiener_estimate(case, job.power)), case)}
    for network, key in job.networks.items():
        restored = network.restore(case.image, case.cutoff_per_pixel)
        done[key] = {network.name: score(restored, case)}
    return done


def score(restored: NDArray[np.float32], case: Case) -> Scores:
    """Score a restoration in the units of the image."""
    return {
        "psnr": psnr(restored, case.truth, fit=True),
        "ssim": ssim(restored, case.truth, fit=True),
        "raw": psnr(restored, case.truth),
    }


def _richardson_lucy(case: Case) -> dict[str, Scores]:
    found: dict[str, Scores] = {}
    best, best_db, best_number = None, -np.inf, 0
    for number, estimate in enumerate(richardson_lucy(problem_of(case), RL_LONG), start=1):
        reached = psnr(estimate, case.truth, fit=True)
        if reached > best_db:
            best, best_db, best_number = estimate.copy(), reached, number
        if number in {RL_ITERATIONS, RL_LONG} and best is not None:
            row = RL if number == RL_ITERATIONS else RL_MORE
            found[row] = {**score(case.to_image_units(best), case), "iterations": best_number}
    return found


def _total_variation(case: Case) -> dict[str, Scores]:
    best, best_db, chosen = None, -np.inf, (0.0, 0)
    iterates = total_variation(
        problem_of(case), TV_STRENGTHS, iterations=TV_ITERATIONS, every=TV_EVERY
    )
    for number, estimates in enumerate(iterates, start=1):
        for strength, estimate in zip(TV_STRENGTHS, estimates, strict=True):
            reached = psnr(estimate, case.truth, fit=True)
            if reached > best_db:
                best, best_db, chosen = estimate, reached, (strength, number * TV_EVERY)
    if best is None:
        return {}
    scores = score(case.to_image_units(best), case)
    return {TV: {**scores, "strength": chosen[0], "iterations": chosen[1]}}
