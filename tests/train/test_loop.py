import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import torch
from pydantic import ValidationError

from pellucid.errors import WeightsError
from pellucid.nets import BCRNet, BCRNetDesign
from pellucid.simulate import PairStream, PhysicalRegime, ProceduralSource
from pellucid.train import Trainer, TrainingConfig
from pellucid.train.loop import Moment, Observer, learning_rate
from pellucid.train.losses import log_mse
from pellucid.train.parallel import Group

REGIME = PhysicalRegime()
SMALL = TrainingConfig(
    pairs=96,
    batch=8,
    patch=32,
    validation_pairs=4,
    checkpoint_minutes=1e-5,
    optimiser="adamw",
    pictures=0,
)
SPECIMENS, SCENE = 4, 64


def trainer(
    folder: Path,
    config: TrainingConfig = SMALL,
    threads: int = 2,
    observer: Observer | None = None,
    group: Group | None = None,
) -> Trainer:
    torch.manual_seed(config.seed)
    source = ProceduralSource(needs=REGIME.needs, seed=1, pixels=SCENE)
    scenes = range(SPECIMENS)
    return Trainer(
        BCRNet(BCRNetDesign(channels=4, widths=(8, 8), up_widths=(8, 8), coarse_width=8)),
        config,
        pairs=PairStream(source, regime=REGIME, seed=2, size=config.patch, scenes=scenes),
        validation=PairStream(source, regime=REGIME, seed=3, size=config.patch, scenes=scenes),
        folder=folder,
        threads=threads,
        observer=observer,
        group=group,
    )


def parameters(folder: Path) -> list[torch.Tensor]:
    state = torch.load(folder / "checkpoint.pt", weights_only=True)
    return [*state["network"].values(), *state["average"].values()]


def test_goes_on_bit_for_bit_after_being_killed(tmp_path: Path) -> None:
    whole = trainer(tmp_path / "whole")
    whole.run()
    # The same run in a process that is killed after its first checkpoint.
    code = (
        "import sys; sys.path[:0] = [sys.argv[2]]; from pathlib import Path;"
        "import test_loop as t; t.trainer(Path(sys.argv[1])).run()"
    )
    folder = tmp_path / "killed"
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(folder), str(Path(__file__).parent)], env=os.environ
    )
    deadline = time.monotonic() + 60
    while not (folder / "checkpoint.pt").exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    step = torch.load(folder / "checkpoint.pt", weights_only=True)["step"]
    assert 0 < step <= SMALL.steps
    resumed = trainer(folder)
    assert resumed.pairs_seen == step * SMALL.batch
    resumed.run()
    for one, two in zip(parameters(tmp_path / "whole"), parameters(folder), strict=True):
        assert torch.equal(one, two)


def test_halves_of_a_batch_give_the_gradient_of_the_whole(tmp_path: Path) -> None:
    one, two = trainer(tmp_path / "a", threads=1), trainer(tmp_path / "b", threads=2)
    losses = [run._advance(run._load(0), 0.0) for run in (one, two)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    for first, second in zip(one._network.parameters(), two._network.parameters(), strict=True):
        # bf16 rounds to three digits, in another order.
        size = first.grad.abs().max().item()
        torch.testing.assert_close(first.grad, second.grad, rtol=0, atol=0.02 * size)


def test_learns(tmp_path: Path) -> None:
    config = TrainingConfig(pairs=1600, batch=8, patch=32, validation_pairs=12, pictures=3)
    run = trainer(tmp_path, config)
    before = run.validate()
    assert run.run() > before + 1.0
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert lines[-1]["pairs"] == 1600
    assert "validation_db" in lines[-1]
    picture = imagecodecs.png_decode((tmp_path / "validation.png").read_bytes())
    assert min(picture.shape[:2]) > 200
    assert picture.std() > 20


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    trainer(tmp_path).run()
    with pytest.raises(WeightsError, match=r"another configuration \(it differs in seed\)"):
        trainer(tmp_path, SMALL.model_copy(update={"seed": 5}))


def test_schedule_warms_up_and_ends_at_zero() -> None:
    config = TrainingConfig(pairs=3200, batch=32, learning_rate=1.0)
    rates = [learning_rate(config, (step + 1) / config.steps) for step in range(config.steps)]
    assert rates[0] == pytest.approx(0.2)
    assert np.argmax(rates) == 4
    assert max(rates) == pytest.approx(1.0)
    assert rates[-1] == pytest.approx(0.0, abs=1e-9)


def test_a_budget_of_time_is_kept_and_ends_the_schedule(tmp_path: Path) -> None:
    config = SMALL.model_copy(update={"minutes": 0.05, "pairs": 10**9, "checkpoint_minutes": 9.0})
    moments: list[Moment] = []
    run = trainer(tmp_path, config, observer=moments.append)
    run.run()
    assert 3.0 <= run.seconds < 6.0
    assert moments[-1].done == 1.0
    assert moments[-1].pairs == run.pairs_seen > 8
    halfway = min(moments, key=lambda moment: abs(moment.done - 0.5))
    assert halfway.seconds_left == pytest.approx(1.5, abs=0.5)


def test_loss_counts_every_image_by_its_relative_error() -> None:
    truth = torch.zeros(2, 1, 4, 4)
    image = torch.cat([torch.full((1, 1, 4, 4), 0.1), torch.full((1, 1, 4, 4), 20.0)])
    expected = (np.log(0.01) + np.log(400.0)) / 2
    assert log_mse(image, truth).item() == pytest.approx(expected, rel=1e-4)


def test_impossible_configurations_are_refused() -> None:
    with pytest.raises(ValidationError, match="multiple of 32"):
        TrainingConfig(patch=100)
    with pytest.raises(ValidationError, match="extra"):
        TrainingConfig(wrong=1)
