"""``pellucid train`` as a user runs it."""

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from typer.testing import CliRunner

from pellucid.cli import app
from pellucid.restore.network import NetworkPlane
from pellucid.restore.weights import load_weights

SMALL = """
name: small
network: {design: {channels: 4, widths: [8, 8], up_widths: [8, 8], coarse_width: 8TOLD}}
data: [{kind: specimens, scenes: 12, scene_pixels: 96, kinds: [filaments, beads]}]
training: {pairs: PAIRS, batch: 8, patch: 64, validation_pairs: 12, pictures: 2}
"""


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["train", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


def config(folder: Path, *, pairs: int = 1200, told: bool = False) -> Path:
    path = folder / "small.yaml"
    text = SMALL.replace("PAIRS", str(pairs)).replace("TOLD", ", told: 3" if told else "")
    path.write_text(text)
    return path


def test_a_configuration_trains_exports_and_describes(tmp_path: Path) -> None:
    onnx = tmp_path / "small.onnx"
    code, out, err = run("--config", config(tmp_path), "-o", onnx, "--threads", 2)
    assert code == 0, err
    assert "widths: [8, 8]" in out  # the whole configuration is printed
    assert "1200 pairs" in out
    assert "pairs/s" in err
    card = json.loads((tmp_path / "small.json").read_text())
    scores = card["figures"]["validation"]["all"]
    assert scores["restored_psnr_db"] > scores["input_psnr_db"] + 0.5
    assert card["before_db"] == pytest.approx(scores["input_psnr_db"], abs=0.01)
    assert card["sha256"] == load_weights(onnx).sha256
    assert len(card["commit"]) in {7, 40}
    assert {path.name for path in (tmp_path / "small-run").iterdir()} == {
        "checkpoint.pt", "config.yaml", "log.jsonl", "run.json", "validation.png",
    }  # fmt: skip
    # Repeated, it refuses to write over the result; told to, it finds the run finished.
    assert run("--config", config(tmp_path), "-o", onnx)[0] == 2
    code, out, _ = run("--config", config(tmp_path), "-o", onnx, "--overwrite")
    assert code == 0
    # Another run in its folder is refused.
    changed = config(tmp_path, pairs=2400)
    code, _, err = run("--config", changed, "-o", onnx, "--overwrite")
    assert code == 2
    assert "differs in pairs" in err


def test_an_informed_network_is_told_about_the_image(tmp_path: Path) -> None:
    onnx = tmp_path / "informed.onnx"
    code, _, err = run("--config", config(tmp_path, pairs=160, told=True), "-o", onnx)
    assert code == 0, err
    network = NetworkPlane(load_weights(onnx))
    assert network.told == ("cutoff_per_pixel", "photon", "gaussian")
    session = onnxruntime.InferenceSession(onnx.read_bytes(), providers=["CPUExecutionProvider"])
    assert [one.name for one in session.get_inputs()] == ["image", "told"]


def test_a_microscope_is_all_it_needs(tmp_path: Path) -> None:
    onnx = tmp_path / "mine.onnx"
    code, out, err = run(
        "--na", 1.4, "--emission", 525, "--pixel", 0.065, "--modality", "widefield",
        "-o", onnx, "--minutes", 0.1, "--threads", 2,
    )  # fmt: skip
    assert code == 0, err
    assert "refractive index as 1.515" in out
    card = json.loads((tmp_path / "mine.json").read_text())
    scores = card["figures"]["validation"]["all"]
    # It goes on from the shipped weights, which know widefield images already.
    assert card["before_db"] > scores["input_psnr_db"] + 0.5
    assert scores["restored_psnr_db"] > scores["input_psnr_db"] + 0.5
    low, high = NetworkPlane(load_weights(onnx)).trained_cutoff_per_pixel
    assert low < 2 * 1.4 / 0.525 * 0.065 < high
    image = np.random.default_rng(0).poisson(50, (64, 64)).astype(np.float32)
    assert NetworkPlane(load_weights(onnx)) is not None
    from pellucid import restore

    assert restore(image, weights=onnx).shape == (64, 64)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Say what to train for"),
        (("--config", "x.yaml", "--na", 1.4), "given together: --config and --na"),
        (("--config", "x.yaml"), "cannot be read"),
        (("--na", 1.4, "-o", "x.onnx"), "--emission"),
        (("--na", 1.4, "--emission", 525, "--pixel", 0.065), "Name the trained network by -o"),
        (("--na", 1.4, "--emission", 525, "--pixel", 0.3, "-o", "x.onnx"), "smaller pixels"),
        (("--na", 1.4, "--emission", 525, "--pixel", 0.065, "-o", "x.pt"), "must end with .onnx"),
        (("--config", "x.yaml", "--minutes", -1), "--minutes must be positive"),
        (("--config", "x.yaml", "--threads", 0), "--threads must be at least 1"),
        (("--config", "x.yaml", "--seed", -1), "--seed must be zero or more"),
        (
            ("--na", 1.4, "--emission", 525, "--pixel", 0.065, "-o", "x.onnx", "--start", "no"),
            "no weights named 'no'",
        ),
        (("--pairs", "low", "high", "-o", "x.onnx"), "low"),
    ],
)
def test_mistakes_are_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = run(*arguments)
    assert code == 2
    assert message in " ".join(err.split())
    assert "Traceback" not in err
    assert not list(tmp_path.glob("*.onnx"))
