"""Two processes give what one gives."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from pellucid.errors import SettingsError
from pellucid.train.parallel import Group

HERE = Path(__file__).parent

# One step in every process, gradients and parameters of the first kept.
STEP = """
import sys
sys.path[:0] = [sys.argv[2]]
from pathlib import Path
import torch
import test_loop as t
from pellucid.train.parallel import Group
torch.set_num_threads(1)
group = Group.from_environment()
config = t.SMALL.model_copy(update={"precision": "float32"})
run = t.trainer(Path(sys.argv[1]) / f"rank{group.rank}of{group.size}", config, 1, group=group)
losses = []
for step in range(3):
    losses.append(run._advance(run._load(step), 10.0 * (group.rank + 1)))
    if step == 0:
        gradients = [p.grad.clone() for p in run._network.parameters()]
torch.save({
    "losses": losses,
    "gradients": gradients,
    "parameters": list(run._network.state_dict().values()),
    "seconds": run.seconds,
}, Path(sys.argv[1]) / f"{group.rank}-of-{group.size}.pt")
group.leave()
"""


def start(folder: Path, size: int) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = []
    for rank in range(size):
        told = {
            "RANK": str(rank),
            "LOCAL_RANK": str(rank),
            "WORLD_SIZE": str(size),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
        }
        environment = {**os.environ, **(told if size > 1 else {})}
        command = [sys.executable, "-c", STEP, str(folder), str(HERE)]
        processes.append(subprocess.Popen(command, env=environment))
    assert [process.wait(120) for process in processes] == [0] * size


def test_two_processes_give_the_gradients_of_one(tmp_path: Path) -> None:
    start(tmp_path, 1)
    start(tmp_path, 2)
    one, first, second = (
        torch.load(tmp_path / f"{name}.pt", weights_only=True)
        for name in ("0-of-1", "0-of-2", "1-of-2")
    )
    for whole, part in zip(one["gradients"], first["gradients"], strict=True):
        torch.testing.assert_close(part, whole, rtol=1e-4, atol=1e-6 * whole.abs().max().item())
    assert first["losses"] == pytest.approx(one["losses"], rel=1e-5)
    # Both processes hold the same network to the last bit, and go by the first one's clock.
    for a, b in zip(first["parameters"], second["parameters"], strict=True):
        assert torch.equal(a, b)
    assert first["seconds"] == second["seconds"] == 10.0


def test_torchrun_trains_and_only_the_first_writes(tmp_path: Path) -> None:
    config = tmp_path / "run.yaml"
    config.write_text(
        "name: small\n"
        "network: {design: {channels: 4, widths: [8, 8], up_widths: [8, 8], coarse_width: 8}}\n"
        "data: [{kind: specimens, scenes: 4, scene_pixels: 64, kinds: [beads]}]\n"
        "training: {pairs: 64, batch: 8, patch: 32, validation_pairs: 4, pictures: 0}\n"
    )
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2",
        "-m", "pellucid.cli", "train", "--config", str(config), "--threads", "1",
        "-o", str(tmp_path / "small.onnx"),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("small.onnx") == 1
    card = json.loads((tmp_path / "small.json").read_text())
    assert card["pairs_seen"] == 64
    lines = (tmp_path / "small-run" / "log.jsonl").read_text().splitlines()
    assert sum("validation_db" in line for line in lines) == 1


def test_a_batch_that_cannot_be_divided_is_refused() -> None:
    with pytest.raises(SettingsError, match="multiple of 3"):
        Group(rank=1, size=3).share(32)
    assert Group(rank=1, size=2).share(8) == range(4, 8)
