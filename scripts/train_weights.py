"""Train the shipped weights on the mixture that comes nearest to real widefield images.

    python scripts/train_weights.py large runs/large --data ../shared/data --minutes 110
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
from pathlib import Path

import torch

from pellucid.nets import BCRNet, BCRNetDesign
from pellucid.simulate import (
    Instrument,
    MixedPairs,
    PairStream,
    PhysicalRegime,
    Preparation,
    ProceduralSource,
    ThickRegime,
)
from pellucid.simulate.images import ImageFolder
from pellucid.simulate.pictures import PictureSource
from pellucid.train import Trainer, TrainingConfig

INSTRUMENT = Instrument(peak_photons=(30.0, 50_000.0), attenuation=(0.0, 1.0))
OWNERS = {
    "smoothing_pixels": (-2.0, 0.8),
    "offset_error": (-0.05, 0.5),
    "unevenness": (-0.5, 0.5),
    "upsampled": 0.3,
}
THICK = ThickRegime(
    instrument=INSTRUMENT, preparation=Preparation(**OWNERS), planes=10, depth_um=(0.7, 6.0)
)
PLANE = PhysicalRegime(
    instrument=INSTRUMENT,
    preparation=Preparation(**OWNERS, haze_fraction=(-0.6, 0.5), haze_kept=False),
)
KINDS = (
    "filaments", "actin", "network", "vesicles", "mitochondria", "nuclei", "membranes", "beads",
    "points", "diffuse", "filaments", "actin", "network", "mitochondria", "membranes",
)
VALIDATION_FROM = 1_000_000
DESIGNS = {
    "physical": BCRNetDesign(),
    "large": BCRNetDesign(
        channels=16, widths=(32, 64, 96, 128), up_widths=(64, 64, 96, 128), coarse_width=96
    ),
}


def pairs(config: TrainingConfig, pictures: Path | None, natural: Path | None) -> MixedPairs:
    """Return the stream of training, its specimens drawn."""
    cache = 5 << 30
    streams = [
        PairStream(
            ProceduralSource(
                needs=regime.needs, seed=config.seed, pixels=config.scene, kinds=KINDS, veil=0.3
            ),
            regime=regime,
            seed=config.seed + offset,
            size=config.patch,
            scenes=range(offset * 100_000, offset * 100_000 + count),
            cache_bytes=cache,
        )
        for regime, offset, count in ((THICK, 0, 1500), (PLANE, 1, 2000))
    ]
    shares = [0.5, 0.25]
    for folder, share, offset in ((pictures, 0.15, 2), (natural, 0.10, 3)):
        if folder is not None:
            source = PictureSource(
                ImageFolder(folder), needs=PLANE.needs, seed=config.seed + offset, pixels=config.scene
            )
            streams.append(
                PairStream(
                    source, regime=PLANE, seed=config.seed + offset, size=config.patch,
                    scenes=range(1500), cache_bytes=cache,
                )
            )
            shares.append(share)
    return MixedPairs(streams, shares=shares, seed=config.seed)


def validation(config: TrainingConfig) -> MixedPairs:
    """Return pairs of specimens of their own."""
    streams = [
        PairStream(
            ProceduralSource(needs=regime.needs, seed=config.seed, pixels=config.scene, veil=0.3),
            regime=regime,
            seed=config.seed + 7,
            size=config.patch,
            scenes=range(VALIDATION_FROM, VALIDATION_FROM + 150),
        )
        for regime in (THICK, PLANE)
    ]
    return MixedPairs(streams, shares=(1, 1), seed=config.seed + 7)


def main() -> None:
    """Train one network for a budget of time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", choices=sorted(DESIGNS))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--natural", type=Path)
    parser.add_argument("--minutes", type=float, default=110.0)
    arguments = parser.parse_args()
    config = TrainingConfig(
        name=f"bcrnet-{arguments.name}",
        pairs=10_000_000,
        minutes=arguments.minutes,
        optimiser="muon",
        learning_rate=3e-3,
        validation_pairs=300,
        checkpoint_minutes=6.0,
        seed=20261,
    )
    torch.set_num_threads(1)
    torch.manual_seed(config.seed)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], check=True, capture_output=True, text=True,
        cwd=Path(__file__).parent,
    ).stdout.strip()
    versions = {"torch": torch.__version__, "python": platform.python_version()}
    record = {"commit": commit, "config": config.model_dump(), "versions": versions}
    (arguments.folder / "run.json").write_text(json.dumps(record, indent=1))
    stream = pairs(config, arguments.pictures, arguments.natural)
    stream.fill(workers=2)
    held_out = validation(config)
    held_out.fill(workers=2)
    trainer = Trainer(
        BCRNet(DESIGNS[arguments.name]),
        config,
        pairs=stream,
        validation=held_out,
        folder=arguments.folder,
        report=lambda line: print(line, flush=True),
    )
    print(f"validation {trainer.run():.2f} dB")


if __name__ == "__main__":
    main()
