"""``pellucid simulate`` as a user drives it."""

import json
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from .conftest import Run


def test_pairs_are_written_and_an_interrupted_set_goes_on(run: Run, tmp_path: Path) -> None:
    arguments = ("simulate", "--regime", "paper", "--count", "40", "--size", "32", "-o", "pairs")
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith("manifest.json")
    manifest = json.loads((tmp_path / "pairs" / "manifest.json").read_text())
    assert manifest["plan"]["regime"] == "paper"
    with np.load(tmp_path / "pairs" / "train" / "00000.npz") as held:
        assert held["w"].shape == (32, 32, 32)
    (tmp_path / "pairs" / "test" / "00000.npz").unlink()
    assert run(*arguments, cwd=tmp_path).returncode == 0
    assert json.loads((tmp_path / "pairs" / "manifest.json").read_text()) == manifest


def test_a_preview_shows_what_was_asked_for(run: Run, tmp_path: Path) -> None:
    done = run(
        "simulate", "--preview", "sheet.png", "--kind", "filaments", "--kind", "nuclei",
        "--regime", "physical", "--size", "48", cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert imagecodecs.png_decode((tmp_path / "sheet.png").read_bytes()).shape[0] > 200
    again = run("simulate", "--preview", "sheet.png", cwd=tmp_path)
    assert again.returncode == 2
    assert "exists already" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "--preview"),
        (["-o", "x", "--regime", "ideal"], "ideal"),
        (["-o", "x", "--kind", "cats"], "cats"),
        (["-o", "x", "--count", "0"], "count"),
        (["-o", "x", "--workers", "0"], "--workers"),
        (["-o", "x", "--seed", "-1"], "seed"),
        (["-o", "x", "--size", "5000"], "5000"),
        (["--preview", "x.png", "--seed", "-1"], "seed"),
        (["--preview", "x.png", "--size", "0"], "0 pixels"),
        (["-o", "x", "--dtype", "int8"], "int8"),
        (["-o", "x", "--images", "nowhere"], "nowhere"),
        (["-o", "no/where/x.png", "--count", "-3"], "count"),
    ],
)
def test_bad_input_is_one_sentence(
    run: Run, tmp_path: Path, arguments: list[str], says: str
) -> None:
    done = run("simulate", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []
