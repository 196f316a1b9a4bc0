"""Networks trained without one class of specimen, on that class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.evaluation._scores import INPUT
from benchmarks.evaluation._simulated import Scored
from benchmarks.evaluation._summary import best_classical

from pellucid.assess.bootstrap import paired_difference

_SEED = 71_007


def leave_out_figures(
    scored: Scored, left_out: Mapping[str, str], reference: str
) -> dict[str, Any]:
    """Compare networks on the class each has never seen with one that has seen all.

    Parameters
    ----------
    scored : Scored
        Of the physical set.
    left_out : mapping of str to str
        Name of the network by the class it was trained without.
    reference : str
        Name of the network trained with all classes.

    Returns
    -------
    dict
        By class.
    """
    figures = {}
    for specimen_class, name in left_out.items():
        members = [i for i, c in enumerate(scored.cases) if c.specimen_class == specimen_class]
        without, with_it, given = (
            [_psnr(scored, row, index) for index in members] for row in (name, reference, INPUT)
        )
        difference = paired_difference(without, with_it, seed=_SEED)
        best = best_classical(scored, members)
        gain = None if best is None else paired_difference(without, best, seed=_SEED)
        figures[specimen_class] = {
            "network": name,
            "images": len(members),
            "input_psnr_db": round(sum(given) / len(given), 3),
            "without_psnr_db": round(sum(without) / len(without), 3),
            "with_psnr_db": round(sum(with_it) / len(with_it), 3),
            "difference_db": [
                round(v, 3) for v in (difference.mean, difference.low, difference.high)
            ],
            "gain_db": None
            if gain is None
            else [round(v, 3) for v in (gain.mean, gain.low, gain.high)],
        }
    return figures


def _psnr(scored: Scored, row: str, index: int) -> float:
    scores = scored.rows[row][index]
    if scores is None:
        raise ValueError(f"{row!r} was not run on image {index} of the class it was left out of")
    return scores["psnr"]
