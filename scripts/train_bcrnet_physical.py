"""Train the network that ships as ``bcrnet-physical``, from simulation alone.

    python scripts/train_bcrnet_physical.py runs/bcrnet-physical

About 25 minutes on two cores. Interrupted, it goes on from its last checkpoint.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
from pathlib import Path

import torch

from pellucid.nets import BCRNet
from pellucid.simulate.pairs import PairStream, PhysicalRegime, draw_scenes
from pellucid.train import Trainer, TrainingConfig

#: Number of the first specimen of validation and of test: far beyond those trained on.
VALIDATION_FROM, TEST_FROM = 1_000_000, 2_000_000
SCENES_APART = 200


def build(config: TrainingConfig, regime: PhysicalRegime, folder: Path, threads: int) -> Trainer:
    """Draw the specimens and set up the trainer, from its checkpoint if there is one."""
    torch.set_num_threads(threads)
    torch.manual_seed(config.seed)
    streams = []
    for first, count, seed in (
        (0, config.specimens, config.seed),
        (VALIDATION_FROM, SCENES_APART, config.seed + 1),
    ):
        pool = draw_scenes(
            range(first, first + count),
            seed=config.seed,
            pixels=config.scene,
            regime=regime,
            workers=threads,
        )
        streams.append(PairStream(pool, regime=regime, seed=seed, size=config.patch))
    pairs, validation = streams
    return Trainer(BCRNet(), config, pairs=pairs, validation=validation, folder=folder)


def record_start(config: TrainingConfig, folder: Path) -> None:
    """Write what the run started from, once."""
    record = folder / "run.json"
    if record.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], check=True, capture_output=True, text=True
    ).stdout.strip()
    versions = {"torch": torch.__version__, "python": platform.python_version()}
    record.write_text(
        json.dumps(
            {"commit": commit, "config": config.model_dump(), "versions": versions}, indent=1
        )
    )


def main() -> None:
    """Train to the end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pairs", type=int, default=200_000)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    config = TrainingConfig(pairs=arguments.pairs)
    print(config.model_dump_json(indent=1), flush=True)
    record_start(config, arguments.folder)
    trainer = build(config, PhysicalRegime(), arguments.folder, arguments.threads)
    score = trainer.run()
    print(f"validation {score:.2f} dB after {trainer.seconds / 60:.1f} minutes")


if __name__ == "__main__":
    main()
