"""What is asked for on the command line, checked."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

from benchmarks.evaluation._report import ROOT
from benchmarks.evaluation._sets import CLASSES, SPECIMENS

from pellucid.errors import SettingsError

#: Pieces of the evaluation, in the order in which they are done.
PIECES = ("physical", "released", "real", "noise", "ladder", "leave-out")
RESULTS = ROOT / "benchmarks" / "results"
LOCAL = RESULTS / "local"
_WEIGHTS = "mrbcr_released_weights.npz"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What to evaluate and where things are.

    Attributes
    ----------
    pieces : tuple of str
    images : int
        Images of procedural specimens in a set.
    weights, checkpoints, left_out : mapping of str to Path
        Candidates by name, and networks by the class they were trained without.
    data, peers, kept, output : Path
        Real images, the authors' weights, results kept, and where files go.
    processes : int
    """

    pieces: tuple[str, ...]
    images: int
    weights: Mapping[str, Path]
    checkpoints: Mapping[str, Path]
    left_out: Mapping[str, Path]
    data: Path
    peers: Path
    kept: Path
    output: Path
    processes: int

    @property
    def full(self) -> bool:
        """Whether the results are those that are committed."""
        return self.output == RESULTS

    @property
    def released_weights(self) -> Path:
        """File of the authors' m-rBCR."""
        return self.peers / _WEIGHTS


def parse(arguments: Sequence[str] | None = None) -> Options:
    """Read the command line.

    Raises
    ------
    SettingsError
        If a value makes no sense.
    """
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.evaluation",
        description="Evaluate the shipped weights, and candidates, against the best there is.",
    )
    shared = ROOT.parent / "shared"
    parser.add_argument("--only", nargs="+", choices=PIECES, default=PIECES, help="pieces")
    parser.add_argument("--images", type=int, default=SPECIMENS, help="images of a simulated set")
    for name, what in (
        ("weights", "candidates, NAME=FILE.onnx"),
        ("checkpoint", "runs that still go on, NAME=FOLDER"),
        ("leave-out", "networks trained without a class of specimen, CLASS=FILE.onnx"),
    ):
        parser.add_argument(f"--{name}", nargs="+", default=[], metavar="NAME=PATH", help=what)
    parser.add_argument("--data", type=Path, default=shared / "data", help="folder of real images")
    parser.add_argument("--peers", type=Path, default=shared / "peers", help="authors' weights")
    parser.add_argument("--kept", type=Path, default=ROOT / "runs" / "evaluation")
    parser.add_argument("--output", type=Path, help="folder of the results")
    parser.add_argument("--processes", type=int, default=_cores())
    given = parser.parse_args(arguments)
    if not 10 <= given.images <= SPECIMENS:
        raise SettingsError(
            f"--images takes 10 (one of every kind) to {SPECIMENS}, not {given.images}."
        )
    left_out = _named(given.leave_out, "--leave-out")
    unknown = sorted(set(left_out) - set(CLASSES.values()))
    if unknown:
        raise SettingsError(
            f"There is no class of specimen {unknown[0]!r}; choose from "
            f"{', '.join(dict.fromkeys(CLASSES.values()))}."
        )
    weights = _named(given.weights, "--weights")
    checkpoints = _named(given.checkpoint, "--checkpoint")
    # What is committed is the whole evaluation of the shipped networks.
    trial = bool(weights or checkpoints) or given.images < SPECIMENS
    return Options(
        pieces=tuple(piece for piece in PIECES if piece in given.only),
        images=given.images,
        weights=weights,
        checkpoints=checkpoints,
        left_out=left_out,
        data=given.data,
        peers=given.peers,
        kept=given.kept,
        output=(given.output or (LOCAL if trial else RESULTS)).resolve(),
        processes=max(1, given.processes),
    )


def _cores() -> int:
    """Return how many processors this process may use, where the system tells."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _named(words: Sequence[str], option: str) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for word in words:
        name, _, path = word.partition("=")
        if not name or not path:
            raise SettingsError(f"{option} takes NAME=PATH, such as mine=mine.onnx, not {word!r}.")
        if not Path(path).exists():
            raise SettingsError(f"{option} {name}: there is no {path}; check the path.")
        found[name] = Path(path)
    return found
