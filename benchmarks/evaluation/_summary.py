"""Means over images with their intervals, by class of specimen and by photons."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np
from benchmarks.evaluation._scores import RL, TV, Scores
from benchmarks.evaluation._sets import PICTURE_CLASS, Case
from benchmarks.evaluation._simulated import Scored

from pellucid.assess.bootstrap import Interval, bootstrap_interval, paired_difference

#: What every row is compared with, image by image: the better of the two.
BASELINES = (RL, TV)
#: All images of procedural specimens.
ALL = "all"
_SEED = 71_005

#: Mean, lower and upper end of the interval.
Figures: TypeAlias = list[float]


def summary(scored: Scored) -> dict[str, Any]:
    """Return a set's figures as JSON holds them.

    Returns
    -------
    dict
        ``groups``: number of images by group. ``rows``: by row and group, ``psnr_db`` and
        ``ssim`` after a gain-and-offset fit, ``raw_psnr_db`` without, ``gain_db`` against the
        better of the two classical rows; each a mean and the ends of its 95 % interval.
    """
    groups = _groups(scored.cases)
    rows = {
        row: found for row, scores in scored.rows.items() if (found := _row(scores, scored, groups))
    }
    return {
        "groups": {name: len(members) for name, members in groups.items()},
        "fingerprint": scored.fingerprint,
        "rows": rows,
    }


def _groups(cases: Sequence[Case]) -> dict[str, list[int]]:
    """Return the numbers of the images of every group, natural pictures by themselves."""
    groups: dict[str, list[int]] = {ALL: []}
    for index, case in enumerate(cases):
        if case.specimen_class == PICTURE_CLASS:
            groups.setdefault(PICTURE_CLASS, []).append(index)
            continue
        groups[ALL].append(index)
        groups.setdefault(case.specimen_class, []).append(index)
        if case.level is not None:
            groups.setdefault(f"{case.level} photons", []).append(index)
    return {name: members for name, members in groups.items() if len(members) > 1}


def _row(
    scores: Sequence[Scores | None], scored: Scored, groups: dict[str, list[int]]
) -> dict[str, dict[str, Figures]]:
    found = {}
    for group, members in groups.items():
        own = [s for index in members if (s := scores[index]) is not None]
        if len(own) < len(members):
            continue
        found[group] = {
            "psnr_db": _figures(_interval(s["psnr"] for s in own)),
            "ssim": _figures(_interval(s["ssim"] for s in own), digits=4),
            "raw_psnr_db": _figures(_interval(s["raw"] for s in own)),
        }
        best = best_classical(scored, members)
        if best is not None:
            difference = paired_difference([s["psnr"] for s in own], best, seed=_SEED)
            found[group]["gain_db"] = _figures(difference)
    return found


def best_classical(scored: Scored, members: Iterable[int]) -> list[float] | None:
    """Return the better of the classical rows for every image, in dB; None without them."""
    rows = [scored.rows[name] for name in BASELINES if name in scored.rows]
    if not rows:
        return None
    best = []
    for index in members:
        reached = [s["psnr"] for row in rows if (s := row[index]) is not None]
        if not reached:
            return None
        best.append(max(reached))
    return best


def _interval(values: Iterable[float]) -> Interval:
    return bootstrap_interval(np.fromiter(values, dtype=np.float64), seed=_SEED)


def _figures(interval: Interval, digits: int = 3) -> Figures:
    return [round(value, digits) for value in (interval.mean, interval.low, interval.high)]
