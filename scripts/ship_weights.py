"""Make a finished run's network one that ships: complete its card, copy both into the package.

    python scripts/ship_weights.py runs/bcrnet-physical

The run comes from ``pellucid train --config configs/bcrnet-physical.yaml``.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

from pellucid.errors import SettingsError

WEIGHTS = Path(__file__).parents[1] / "src" / "pellucid" / "weights"
#: Largest file that a wheel should carry.
MOST_BYTES = 1_200_000

DATA = {
    "specimens": "procedural specimens of pellucid, drawn for the run",
    "ground_truth": "BPAE cells, membranes, nuclei, tubulin, nuclear pores, neurons, pollen: "
    "BioImageAnalysisNotebooks and NEUBIAS training resources (CC BY 4.0), BBBC022 and GigaDB "
    "100888 (CC0), sdeconv and StarDist sample data (BSD-3)",
    "natural_train": "the 24 natural images of Kodak (unrestricted use)",
}
FAILURES = {
    "thick": (
        "Light from beyond the depth of field is taken away; a dense, even layer of structure may "
        "be taken for it and be dimmed.",
    ),
    "any": (
        "Noise that is correlated over more than about two pixels (images compressed, or enlarged "
        "more than twice before restoration) may be taken for structure: look for short curls in "
        "smooth areas.",
        "Optics with a cut-off outside the trained range.",
        "Filaments closer than the resolution may be joined or split; do not count them there.",
    ),
    "minmax": (
        "Made for the paper's protocol: whole images of 128 x 128 pixels, scaled one by one from "
        "zero to one, of the published simulation. Not for real images.",
    ),
}


def completed(card: dict[str, object], run: dict[str, object]) -> dict[str, object]:
    """Return a card with its data, licences and known failures in words."""
    config = run["config"]
    entries = config["data"]  # type: ignore[index]
    regimes = {entry.get("regime") for entry in entries}
    sources = ["specimens"] if any(e["kind"] == "specimens" for e in entries) else []
    sources += [e["folder"] for e in entries if e["kind"] == "pictures"]
    failures = list(FAILURES["minmax"] if regimes & {"released", "paper"} else FAILURES["any"])
    if "thick" in regimes:
        failures += FAILURES["thick"]
    return {
        **card,
        "data_and_licences": {name: DATA[name] for name in sources},
        "known_failures": failures,
        "licence": "BSD-3-Clause",
    }


def main() -> None:
    """Complete the card and copy."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    run = parser.parse_args().run
    config = json.loads((run / "run.json").read_text())
    name = config["config"]["name"]
    onnx = run / f"{name}.onnx"
    if onnx.stat().st_size > MOST_BYTES:
        raise SettingsError(
            f"{onnx} has {onnx.stat().st_size} bytes, and shipped weights at most {MOST_BYTES}."
        )
    card = completed(json.loads(onnx.with_suffix(".json").read_text()), config)
    shutil.copyfile(onnx, WEIGHTS / onnx.name)
    (WEIGHTS / f"{name}.json").write_text(json.dumps(card, indent=1) + "\n")
    print(f"{name}: {onnx.stat().st_size} bytes, {card['figures']}")


if __name__ == "__main__":
    main()
