"""Real pairs: every restorer on the whole image, scored against the sharper one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
from benchmarks._classical import Problem, richardson_lucy
from benchmarks.evaluation._cache import key_of
from benchmarks.evaluation._frc import ring_correlation
from benchmarks.evaluation._pairs import RealPair
from benchmarks.evaluation._restorers import Restorer
from benchmarks.evaluation._scores import INPUT
from numpy.typing import NDArray

from pellucid.assess.metrics import fit_gain_offset, psnr, ssim
from pellucid.imaging.intensity import BACKGROUND_PERCENTILE

#: Iterations of Richardson-Lucy: the best of so many by the truth, and two that users take.
MOST, USUAL = 60, (10, 20)
RL_BEST = f"Richardson-Lucy, best of 1 to {MOST}"
#: The same with the best of several apertures.
RL_ORACLE = "Richardson-Lucy, best aperture and iteration"
_VERSION = "real-2"


@final
@dataclass(frozen=True, slots=True)
class Made:
    """A restoration of the part that is scored, and how it came about in words."""

    image: NDArray[np.float32]
    how: str = ""


def usual(iterations: int) -> str:
    """Return the name of a row of so many iterations."""
    return f"Richardson-Lucy, {iterations}"


def restorations(pair: RealPair, networks: Sequence[Restorer], folder: Path) -> dict[str, Made]:
    """Restore an image by everything, from memory where it was done before.

    Parameters
    ----------
    pair : RealPair
    networks : sequence of Restorer
    folder : Path
        Where results are kept.

    Returns
    -------
    dict of str to Made
        By the name of the row.
    """
    made = {INPUT: Made(pair.image[pair.scored])}
    made |= _kept(folder, pair, f"rl {MOST} {USUAL} {list(pair.blurs)}", _richardson_lucy)
    for network in networks:
        print(f"  {pair.name}: {network.name}", flush=True)

        def run(pair: RealPair, network: Restorer = network) -> dict[str, Made]:
            restored = network.restore(pair.image, pair.cutoff_per_pixel)
            return {"": Made(restored[pair.scored])}

        made[network.name] = _kept(folder, pair, network.identity, run)[""]
    return made


def figures(pair: RealPair, made: dict[str, Made]) -> dict[str, Any]:
    """Score restorations as JSON holds them: by row, PSNR, SSIM, resolution, and marks."""
    truth = pair.truth[pair.scored]
    rows: dict[str, dict[str, Any]] = {}
    for name, one in made.items():
        fitted = fit_gain_offset(one.image, truth)
        planes = [(fitted, truth)] if truth.ndim == 2 else list(zip(fitted, truth, strict=True))
        rows[name] = {
            "psnr_db": round(psnr(fitted, truth), 3),
            "ssim": round(float(np.mean([ssim(x, y) for x, y in planes])), 4),
            "resolved_per_pixel": round(
                float(np.mean([ring_correlation(x, y).resolved_per_pixel for x, y in planes])), 4
            ),
        }
        if one.how:
            rows[name]["how"] = one.how
    for row in rows.values():
        row["worse_than_input"] = row["psnr_db"] < rows[INPUT]["psnr_db"]
        row["far_below_richardson_lucy"] = row["psnr_db"] < rows[RL_ORACLE]["psnr_db"] - 1.0
    return {
        "group": pair.group,
        "shape": list(pair.image.shape),
        "pixel_size_um": pair.pixel_size_um,
        "shift_pixels": [round(s, 2) for s in pair.shift.shift_pixels],
        "rows": rows,
    }


def _richardson_lucy(pair: RealPair) -> dict[str, Made]:
    """Return the estimates users take, and the best by the truth, for one blur and for any."""
    truth = pair.truth[pair.scored]
    background = float(np.percentile(pair.image, BACKGROUND_PERCENTILE))
    found: dict[str, Made] = {}
    best_db = -np.inf
    for words, blur in pair.blurs.items():
        print(f"  {pair.name}: Richardson-Lucy, {words}", flush=True)
        problem = Problem(
            image=pair.image, transfer=blur(pair.grid), grid=pair.grid, background=background
        )
        assumed = not found
        best_here = -np.inf
        for number, estimate in enumerate(richardson_lucy(problem, MOST), start=1):
            inner = estimate[pair.scored]
            made = Made(inner.copy(), f"{words}, {number} iterations")
            reached = psnr(inner, truth, fit=True)
            if assumed and number in USUAL:
                found[usual(number)] = made
            if assumed and reached > best_here:
                best_here, found[RL_BEST] = reached, made
            if reached > best_db:
                best_db, found[RL_ORACLE] = reached, made
    return {name: found[name] for name in (*(usual(n) for n in USUAL), RL_BEST, RL_ORACLE)}


def _kept(folder: Path, pair: RealPair, identity: str, run: Any) -> dict[str, Made]:
    """Return what was made before, or make it and keep it."""
    path = folder / f"{key_of(_VERSION, identity, pair.sha256)}.npz"
    if path.exists():
        with np.load(path) as archive:
            names = json.loads(str(archive["names"]))
            return {name: Made(archive[f"a{i}"], how) for i, (name, how) in enumerate(names)}
    made: dict[str, Made] = run(pair)
    folder.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part.npz")
    arrays: dict[str, Any] = {f"a{i}": one.image for i, one in enumerate(made.values())}
    arrays["names"] = json.dumps([(name, one.how) for name, one in made.items()])
    np.savez(part, **arrays)
    part.replace(path)
    return made
