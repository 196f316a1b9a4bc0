"""Train, export, measure and describe the network that ships as ``bcrnet-physical``.

    python scripts/train_bcrnet_physical.py runs/bcrnet-physical

About 25 minutes on two cores, from simulation alone. Interrupted, it goes on from its last
checkpoint. The result, ``bcrnet-physical.onnx`` and its card, lands in the folder; copy both
to ``src/pellucid/weights`` to ship them.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
from collections import defaultdict
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pellucid.assess.metrics import psnr, ssim
from pellucid.export.onnx import export_onnx
from pellucid.export.reach import measure_reach
from pellucid.imaging.intensity import estimate_scale
from pellucid.nets import BCRNet, FusedBCRNet
from pellucid.restore.network import NetworkPlane
from pellucid.restore.weights import load_weights
from pellucid.simulate import (
    Instrument,
    PairStream,
    PhysicalRegime,
    Preparation,
    ProceduralSource,
)
from pellucid.simulate.specimens import SPECIMENS
from pellucid.train import Trainer, TrainingConfig

#: Number of the first specimen of validation and of test: far beyond those trained on.
VALIDATION_FROM, TEST_FROM = 1_000_000, 2_000_000
VALIDATION_SCENES, TEST_SCENES = 200, 500
#: Differences beyond the reach stay below this share of the range of an image.
REACH_TOLERANCE = 5e-4
KNOWN_FAILURES = (
    "Noise that is correlated over more than about two pixels (images compressed, or enlarged "
    "before restoration) may be taken for structure: look for short curls in smooth areas.",
    "Out-of-focus haze is kept, not removed.",
    "Optics with a cut-off outside the trained range.",
)


#: What the default weights are trained for: wider than the named regime, and with what users do.
REGIME = PhysicalRegime(
    instrument=Instrument(peak_photons=(30.0, 10_000.0), attenuation=(0.0, 1.0)),
    preparation=Preparation(
        smoothing_pixels=(-2.0, 0.8), haze_fraction=(-0.5, 0.5), offset_error=(-0.05, 0.25)
    ),
)


def stream(
    config: TrainingConfig, scenes: range, *, seed: int, size: int, pixels: int, workers: int
) -> PairStream:
    """Return pairs that show scenes of the given numbers, drawn now."""
    source = ProceduralSource(needs=REGIME.needs, seed=config.seed, pixels=pixels)
    pairs = PairStream(source, regime=REGIME, seed=seed, size=size, scenes=scenes)
    pairs.fill(workers=workers)
    return pairs


def streams(config: TrainingConfig, workers: int) -> tuple[PairStream, PairStream]:
    """Draw the specimens of training and validation."""
    pairs, validation = (
        stream(
            config,
            range(first, first + count),
            seed=seed,
            size=config.patch,
            pixels=config.scene,
            workers=workers,
        )
        for first, count, seed in (
            (0, config.specimens, config.seed),
            (VALIDATION_FROM, VALIDATION_SCENES, config.seed + 1),
        )
    )
    return pairs, validation


def record_start(config: TrainingConfig, folder: Path) -> dict[str, Any]:
    """Write what the run started from, once, and return it."""
    path = folder / "run.json"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        commit = subprocess.run(
            ["git", "rev-parse", "HEAD"], check=True, capture_output=True, text=True
        ).stdout.strip()
        versions = {"torch": torch.__version__, "python": platform.python_version()}
        record = {"commit": commit, "config": config.model_dump(), "versions": versions}
        path.write_text(json.dumps(record, indent=1))
    started: dict[str, Any] = json.loads(path.read_text())
    return started


def network_reach(network: torch.nn.Module, multiple: int, config: TrainingConfig) -> int:
    """Measure how far the network looks, on test specimens of 512 pixels."""
    scenes = range(TEST_FROM, TEST_FROM + 10)
    pairs = stream(config, scenes, seed=1, size=512, pixels=512, workers=1)
    images = [pairs[index].image for index in range(len(scenes))]

    def run(image: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return network(torch.from_numpy(image)[None, None])[0, 0].numpy()

    return measure_reach(run, images, multiple=multiple, tolerance=REACH_TOLERANCE)


def figures(onnx: Path, config: TrainingConfig) -> Any:
    """Score the exported network on specimens never seen, as a user would run it."""
    network = NetworkPlane(load_weights(onnx))
    source = ProceduralSource(needs=REGIME.needs, seed=config.seed, pixels=config.scene)
    pairs = PairStream(
        source, regime=REGIME, seed=config.seed + 2, size=config.patch, first=TEST_FROM
    )
    rows: dict[str, list[tuple[float, ...]]] = defaultdict(list)
    for index in range(TEST_SCENES):
        pair = pairs[index]
        restored = network.restore(pair.image, estimate_scale(pair.image))
        scores = (
            psnr(pair.image, pair.truth, fit=True),
            psnr(restored, pair.truth, fit=True),
            ssim(pair.image, pair.truth, fit=True),
            ssim(restored, pair.truth, fit=True),
        )
        photons = float(pair.conditions["peak_photons"])
        level = "30 to 200" if photons < 200 else "200 to 1400" if photons < 1400 else "1400 up"
        for group in ("all", str(pair.conditions["kind"]), f"{level} photons"):
            rows[group].append(scores)
    names = ("input_psnr_db", "restored_psnr_db", "input_ssim", "restored_ssim")
    return {
        group: {
            "images": len(scores),
            **dict(zip(names, np.round(np.mean(scores, axis=0), 3).tolist(), strict=True)),
        }
        for group, scores in sorted(rows.items())
    }


def finish(trainer: Trainer, started: dict[str, Any], folder: Path) -> None:
    """Export the averaged network, measure it, and write its card."""
    config = trainer.config
    network = trainer.average
    if not isinstance(network, BCRNet):
        raise TypeError(f"expected a BCRNet, not {type(network).__name__}")
    design = network.design
    reach = network_reach(network, design.multiple, config)
    onnx = folder / f"{config.name}.onnx"
    low, high = REGIME.instrument.cutoff_per_pixel
    export_onnx(
        FusedBCRNet(network.to(memory_format=torch.contiguous_format)),
        onnx,
        reach_pixels=reach,
        multiple=design.multiple,
        metadata={"cutoff_per_pixel": f"{low} {high}", "name": config.name},
    )
    card = {
        "name": config.name,
        "architecture": {"BCRNet": asdict(design)},
        "parameters": sum(p.numel() for p in network.parameters()),
        "reach_pixels": reach,
        "reach_tolerance": REACH_TOLERANCE,
        "regime": asdict(REGIME),
        "data": "procedural specimens only: " + ", ".join(SPECIMENS),
        "pairs_seen": trainer.pairs_seen,
        "training_minutes": round(trainer.seconds / 60, 1),
        "machine": "2 CPU cores, bf16",
        "date": datetime.now(UTC).date().isoformat(),
        **started,
        "figures": {
            "what": "held-out simulated specimens, 128x128, PSNR (dB) and SSIM after "
            "gain-and-offset fit to the truth",
            **figures(onnx, config),
        },
        "known_failures": KNOWN_FAILURES,
        "sha256": load_weights(onnx).sha256,
        "licence": "BSD-3-Clause",
    }
    text = json.dumps(card, indent=1)
    (folder / f"{config.name}.json").write_text(text + "\n")
    print(text)


def main() -> None:
    """Train to the end, then export, measure and describe."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pairs", type=int, default=240_000)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    config = TrainingConfig(pairs=arguments.pairs)
    print(config.model_dump_json(indent=1), flush=True)
    started = record_start(config, arguments.folder)
    torch.set_num_threads(1)
    torch.manual_seed(config.seed)
    pairs, validation = streams(config, arguments.threads)
    trainer = Trainer(
        BCRNet(),
        config,
        pairs=pairs,
        validation=validation,
        folder=arguments.folder,
        threads=arguments.threads,
        report=lambda line: print(line, flush=True),
    )
    score = trainer.run()
    print(f"validation {score:.2f} dB after {trainer.seconds / 60:.1f} minutes")
    finish(trainer, started, arguments.folder)


if __name__ == "__main__":
    main()
