"""The results as files: JSON, tables, and the page of the documentation."""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from string import Template
from typing import Any

from benchmarks.evaluation import _noise_only as noise_only
from benchmarks.evaluation._pairs import FRAME
from benchmarks.evaluation._scores import TV_ITERATIONS, TV_STRENGTHS
from benchmarks.evaluation._sets import FIRST, LEVELS, PHOTONS, SCENE, SEEDS, SIZE
from benchmarks.evaluation._tables import (
    ladder_table,
    leave_out_table,
    noise_table,
    real_table,
    set_tables,
)

ROOT = Path(__file__).resolve().parents[2]
_TEMPLATE = Path(__file__).with_name("template.md")
_MISSING = "Not evaluated yet."
_EXAMPLES = """![One image of every class](../benchmarks/results/examples.png)

*One image of every class of `physical`, each picture at its own contrast; Richardson-Lucy with the
true point spread function at its best iteration.*

"""
_NOISE = """![A flat field and what the networks make of it](../benchmarks/results/noise.png)

*Left to right: the flat field, {order}; each about its own mean, at one contrast of three standard
deviations of the field either way.*

"""


def about() -> dict[str, str]:
    """Return when and from what the figures were made."""
    import onnxruntime

    def git(*words: str) -> str:
        command = ["git", *words]
        done = subprocess.run(  # noqa: S603
            command, cwd=ROOT, check=False, capture_output=True, text=True
        )
        return done.stdout.strip()

    changed = " with changes" if git("status", "--porcelain", "--", "src", "benchmarks") else ""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "commit": "from commit " + (git("rev-parse", "--short", "HEAD") or "unknown") + changed,
        "versions": f"Python {platform.python_version()}, ONNX Runtime {onnxruntime.__version__}",
    }


def load(folder: Path) -> dict[str, Any]:
    """Return what earlier runs found, by piece."""
    path = folder / "evaluation.json"
    found: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return found


def write(results: Mapping[str, Any], folder: Path) -> tuple[Path, Path]:
    """Write the figures and their tables; return the two files."""
    folder.mkdir(parents=True, exist_ok=True)
    figures, tables = folder / "evaluation.json", folder / "evaluation.md"
    _whole(figures, json.dumps(results, indent=1) + "\n")
    parts = ["# Evaluation: the tables"]
    for piece, text in _pieces(results).items():
        parts += [f"## {piece}", text]
    _whole(tables, "\n\n".join(parts) + "\n")
    return figures, tables


def write_page(results: Mapping[str, Any], path: Path) -> Path:
    """Write the page of the documentation."""
    pieces = _pieces(results)
    noise = results.get("noise", {})
    skipped = results.get("skipped", {})
    low, high = PHOTONS
    _whole(
        path,
        Template(_TEMPLATE.read_text("utf-8")).substitute(
            about=_made(results),
            tv_tried=f"{len(TV_STRENGTHS)} strengths and every 25th of {TV_ITERATIONS} iterations",
            simulated_settings=(
                f"Images of {SIZE}x{SIZE} pixels cut from specimens of {SCENE}x{SCENE}, five "
                "classes equally often; natural pictures by themselves, not in the means. "
                "`physical` is the named regime (NA 0.4 to 1.45, cut-off 0.12 to 0.45 cycles per "
                f"pixel, read noise 1 to 5 electrons, camera offset) with {low:g} to {high:g} "
                f"photons at the peak in three levels parted at {LEVELS[1]:g} and "
                f"{LEVELS[2]:g}; seeds {', '.join(map(str, SEEDS['physical']))}. `released` is "
                f"the regime of that name; seeds {', '.join(map(str, SEEDS['released']))}."
            ),
            physical=pieces.get("physical", _MISSING),
            released=pieces.get("released", _MISSING),
            ladder=pieces.get("ladder", _MISSING),
            real=pieces.get("real", _MISSING),
            noise=pieces.get("noise", _MISSING),
            leave_out=pieces.get("leave-out", _MISSING),
            frame=FRAME,
            first=f"{FIRST:,}",
            noise_settings=(
                f"Even light of {noise_only.PHOTONS:g} photons a pixel, read noise "
                f"{noise_only.CAMERA.read_noise_electrons:g} electrons, {noise_only.IMAGES} images "
                f"of {noise_only.SIDE}x{noise_only.SIDE} pixels. What a network leaves of the "
                "noise is how much structure it makes out of nothing."
            ),
            examples_picture=_EXAMPLES if "physical" in results else "",
            noise_picture=_NOISE.format(order=", ".join(noise["networks"])) if noise else "",
            skipped="".join(f"\n\nLeft out: {name}: {why}" for name, why in skipped.items()),
        ),
    )
    return path


def _made(results: Mapping[str, Any]) -> str:
    """Say when, from which commit and with what the pieces were made."""
    words: dict[str, list[str]] = {}
    for piece, found in results.items():
        if "about" in found:
            words.setdefault(", ".join(found["about"].values()), []).append(piece)
    if len(words) == 1:
        return f"Made {next(iter(words))}."
    return "; ".join(f"{', '.join(pieces)}: made {when}" for when, pieces in words.items()) + "."


def _pieces(results: Mapping[str, Any]) -> dict[str, str]:
    """Return the tables there are, by piece."""
    found = {
        name: set_tables(results[name]) for name in ("physical", "released") if name in results
    }
    if "ladder" in results:
        found["ladder"] = ladder_table(results["ladder"])
    if "real" in results:
        found["real"] = real_table(results["real"])
    if "noise" in results:
        found["noise"] = noise_table(results["noise"])
    if "leave-out" in results:
        found["leave-out"] = leave_out_table(results["leave-out"])
    return found


def _whole(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_text(text, "utf-8")
    part.replace(path)
