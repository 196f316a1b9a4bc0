"""The pieces of the evaluation, one after another."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, final

from benchmarks.evaluation import _pictures as pictures
from benchmarks.evaluation import _report as report
from benchmarks.evaluation._cache import Cache
from benchmarks.evaluation._cost import cost
from benchmarks.evaluation._leave_out import leave_out_figures
from benchmarks.evaluation._noise_only import noise_figures
from benchmarks.evaluation._options import LOCAL, PIECES, Options
from benchmarks.evaluation._pairs import real_pairs
from benchmarks.evaluation._real import figures, restorations
from benchmarks.evaluation._restorers import Restorer, candidate, checkpoint, released, shipped
from benchmarks.evaluation._sets import PICTURES, SPECIMENS
from benchmarks.evaluation._simulated import Scored, draw, score
from benchmarks.evaluation._summary import ALL, summary

from pellucid.restore.weights import DEFAULT_WEIGHTS

#: The sharper image of a real pair, on its picture.
_TRUTH = "truth"


def evaluate(options: Options) -> list[Path]:
    """Do what is asked for and return the files written."""
    return _Evaluation(options).run()


@final
class _Evaluation:
    """One run: what it found so far, by piece, and why it left something out."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._cache = Cache(options.kept / "scores.jsonl")
        self._results = report.load(options.output)
        # Why pieces not asked for now were left out then still holds.
        self._skipped: dict[str, str] = {
            name: why
            for name, why in self._results.get("skipped", {}).items()
            if name in PIECES and name not in options.pieces
        }
        self._scored: dict[str, Scored] = {}
        self._written: list[Path] = []
        self._networks = self._all_networks()
        self._left_out = {
            name: candidate(f"without {name}", path) for name, path in options.left_out.items()
        }

    def run(self) -> list[Path]:
        options = self._options
        pieces: dict[str, Callable[[str], dict[str, Any] | None]] = {
            "physical": self._simulated,
            "released": self._simulated,
            "real": self._real,
            "noise": self._noise,
            "ladder": self._ladder,
            "leave-out": self._leave_out,
        }
        for piece in options.pieces:
            print(piece, flush=True)
            found = pieces[piece](piece)
            if found is not None:
                self._results[piece] = {**found, "about": report.about()}
            # Whatever is interrupted later, this piece is done.
            self._results["skipped"] = self._skipped
            self._written += report.write(self._results, options.output)
        if options.full:
            page = report.ROOT / "docs" / "evaluation.md"
            self._written.append(report.write_page(self._results, page))
        return list(dict.fromkeys(self._written))

    def _all_networks(self) -> tuple[Restorer, ...]:
        """Return the networks in the order of the tables."""
        options = self._options
        networks: list[Restorer] = []
        if not options.released_weights.exists():
            self._skipped["released m-rBCR"] = f"there is no {options.released_weights}."
        elif find_spec("torch") is None:
            self._skipped["released m-rBCR"] = "torch is not installed."
        else:
            networks.append(released(options.released_weights))
        networks += shipped()
        networks += [candidate(name, path) for name, path in options.weights.items()]
        networks += [
            checkpoint(name, path, options.kept / "checkpoints")
            for name, path in options.checkpoints.items()
        ]
        return tuple(networks)

    def _scores_of(self, name: str) -> Scored:
        """Score a set, once a run."""
        if name not in self._scored:
            options = self._options
            folder = options.data / "natural_test"
            if not folder.is_dir():
                self._skipped["natural pictures"] = f"there is no {folder}."
            cases = draw(
                name,
                specimens=options.images,
                pictures=min(PICTURES, max(2, options.images * PICTURES // SPECIMENS)),
                folder=folder if folder.is_dir() else None,
                processes=options.processes,
            )
            wanted: dict[Restorer, frozenset[str] | None] = dict.fromkeys(self._networks)
            if name == "physical":
                wanted |= {network: frozenset({c}) for c, network in self._left_out.items()}
            self._scored[name] = score(
                cases, wanted, self._cache, processes=options.processes, what=name
            )
        return self._scored[name]

    def _simulated(self, name: str) -> dict[str, Any]:
        scored = self._scores_of(name)
        if name == "physical":
            png = pictures.examples(scored.cases, self._networks)
            self._written.append(pictures.write(self._options.output / "examples.png", png))
        return summary(scored)

    def _real(self, name: str) -> dict[str, Any] | None:
        folder = self._options.data / "pairs"
        if not folder.is_dir():
            self._skipped[name] = f"there is no {folder}."
            return None
        found: dict[str, Any] = {}
        for pair in real_pairs(folder):
            made = restorations(pair, self._networks, self._options.kept / "real")
            found[pair.name] = figures(pair, made)
            images = {row: one.image for row, one in made.items()}
            png = pictures.real_sheet({**images, _TRUTH: pair.truth[pair.scored]})
            stem = pair.name.replace(", ", "-").replace(" ", "-")
            self._written.append(pictures.write(LOCAL / f"real-{stem}.png", png))
        return {"pairs": found}

    def _noise(self, name: str) -> dict[str, Any]:
        print(f"  {name}: {len(self._networks)} networks", flush=True)
        png = pictures.noise_strip(self._networks)
        self._written.append(pictures.write(self._options.output / "noise.png", png))
        return {"networks": noise_figures(self._networks, self._cache)}

    def _ladder(self, name: str) -> dict[str, Any]:
        del name
        rows = summary(self._scores_of("physical"))["rows"]
        return {
            "rows": {row: {ALL: groups[ALL]} for row, groups in rows.items() if ALL in groups},
            "costs": {network.name: cost(network) for network in self._networks},
        }

    def _leave_out(self, name: str) -> dict[str, Any] | None:
        if not self._left_out:
            self._skipped[name] = "no network trained without a class was given (--leave-out)."
            return None
        named = {c: network.name for c, network in self._left_out.items()}
        scored = self._scores_of("physical")
        return {"classes": leave_out_figures(scored, named, DEFAULT_WEIGHTS)}
