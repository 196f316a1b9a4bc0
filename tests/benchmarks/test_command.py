import json
from pathlib import Path

import numpy as np
import pytest
from benchmarks.evaluation import _report, _run, _scores
from benchmarks.evaluation.__main__ import main
from benchmarks.evaluation._options import LOCAL, PIECES, RESULTS, Options, parse
from benchmarks.evaluation._restorers import shipped
from benchmarks.evaluation._tables import (
    ladder_table,
    leave_out_table,
    noise_table,
    real_table,
    set_tables,
)

from pellucid.errors import SettingsError


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_scores, "RL_ITERATIONS", 3)
    monkeypatch.setattr(_scores, "RL_LONG", 4)
    monkeypatch.setattr(_scores, "TV_ITERATIONS", 2)
    monkeypatch.setattr(_scores, "TV_EVERY", 1)
    monkeypatch.setattr(_run, "shipped", lambda: shipped()[:1])


def options(tmp_path: Path, *words: str) -> list[str]:
    return [
        *words, "--images", "10", "--processes", "1",
        "--data", str(tmp_path / "none"), "--peers", str(tmp_path / "none"),
        "--kept", str(tmp_path / "kept"), "--output", str(tmp_path / "out"),
    ]  # fmt: skip


@pytest.mark.usefixtures("quick")
def test_the_command_writes_what_it_was_asked_for_and_says_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(options(tmp_path, "--only", "physical", "real", "ladder", "leave-out")) == 0
    found = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert found["physical"]["groups"]["all"] == 10
    assert set(found["skipped"]) == {
        "released m-rBCR", "natural pictures", "real", "leave-out",
    }  # fmt: skip
    name = shipped()[0].name
    assert found["physical"]["rows"][name]["all"]["psnr_db"][0] > 20
    assert found["ladder"]["costs"][name]["parameters"] > 10_000
    tables = (tmp_path / "out" / "evaluation.md").read_text()
    assert f"| {name} |" in tables
    assert (tmp_path / "out" / "examples.png").read_bytes()[1:4] == b"PNG"
    assert "evaluation.json" in capsys.readouterr().out
    kept = (tmp_path / "kept" / "scores.jsonl").read_text()
    # Again, and another piece beside it: nothing is computed anew and nothing lost.
    assert main(options(tmp_path, "--only", "ladder")) == 0
    assert (tmp_path / "kept" / "scores.jsonl").read_text() == kept
    again = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert again["physical"] == found["physical"]
    assert "real" in again["skipped"]
    page = _report.write_page(again, tmp_path / "evaluation.md").read_text()
    assert "$" not in page
    assert "Not evaluated yet." in page  # the noise, which nobody asked for
    assert found["physical"]["fingerprint"] in page


def test_options_are_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert parse([]).pieces == PIECES
    assert parse([]).output == RESULTS
    assert parse([]).full
    assert parse(["--images", "20"]).output == LOCAL
    assert parse(["--only", "noise", "real"]).pieces == ("real", "noise")
    weights = tmp_path / "a.onnx"
    weights.write_bytes(b"")
    trial = parse(["--weights", f"mine={weights}"])
    assert trial.weights == {"mine": weights}
    assert not trial.full
    with pytest.raises(SettingsError, match="10 \\(one of every kind\\) to 500, not 3"):
        parse(["--images", "3"])
    with pytest.raises(SettingsError, match="takes NAME=PATH"):
        parse(["--weights", "mine.onnx"])
    with pytest.raises(SettingsError, match=r"there is no .*b\.onnx"):
        parse(["--weights", f"mine={tmp_path / 'b.onnx'}"])
    with pytest.raises(SettingsError, match="no class of specimen 'cells'; choose from filaments"):
        parse(["--leave-out", f"cells={weights}"])
    assert main(["--images", "3"]) == 2
    assert "Error: --images takes" in capsys.readouterr().err


def test_options_know_the_authors_weights() -> None:
    given = parse(["--peers", "/peers"])
    assert isinstance(given, Options)
    assert given.released_weights == Path("/peers/mrbcr_released_weights.npz")


def row(psnr: float, *, worse: bool = False, far: bool = False) -> dict[str, object]:
    return {
        "psnr_db": psnr, "ssim": 0.5, "resolved_per_pixel": 0.25, "how": "NA 1, 3 iterations",
        "worse_than_input": worse, "far_below_richardson_lucy": far,
    }  # fmt: skip


def test_tables_show_what_is_bad() -> None:
    pairs = {
        name: {
            "group": "g",
            "pixel_size_um": 0.05,
            "shift_pixels": [0.5, -1.0],
            "rows": {
                "input": row(20),
                "Richardson-Lucy, best aperture and iteration": row(25),
                "net": row(psnr, worse=psnr < 20, far=psnr < 24),
            },
        }
        for name, psnr in (("a", 18.0), ("b", 23.0))
    }
    text = real_table({"pairs": pairs})
    assert "18.00 / 0.500 ↓‡" in text
    assert "23.00 / 0.500 ‡" in text
    assert "| **mean, g** | 20.00 / 0.500 | 25.00 / 0.500 | 20.50 / 0.500 |" in text
    assert "| a | 200 | 200 | 200 |" in text  # one over 0.25 cycles a pixel, at 50 nm
    assert "+0.50, -1.00" in text
    assert real_table({"pairs": {}}) == "No real pairs."


def test_tables_of_sets_and_the_ladder_hold_every_row() -> None:
    figures = {
        "psnr_db": [30.0, 29.0, 31.0], "ssim": [0.9, 0.8, 0.95], "raw_psnr_db": [28.0, 27.0, 29.0],
        "gain_db": [-1.0, -1.5, -0.5],
    }  # fmt: skip
    rows = {"net": {"all": figures, "points": figures}, "input": {"all": figures}}
    text = set_tables({"groups": {"all": 5, "points": 2}, "fingerprint": "f", "rows": rows})
    assert "| net | 30.00 (29.00 to 31.00) | 0.900 (0.800 to 0.950) | -1.00 (-1.50 to -0.50) |" in (
        text
    )
    assert "| net | 30.00 (-1.00) |" in text
    assert text.index("| input |") < text.index("| net |")
    costs = {"net": {"parameters": 1234, "products": 5_000_000, "told": True}}
    ladder = ladder_table({"rows": rows, "costs": costs})
    assert "| net | 30.00 | +0.00 | optics, noise measured | 1,234 | 5 |" in ladder
    assert "| input as recorded | 28.00 |" in ladder
    assert "0.131 (0.129 to 0.132)" in noise_table({"networks": {"net": [0.131, 0.129, 0.132]}})
    left = {
        "images": 100, "input_psnr_db": 20.0, "without_psnr_db": 25.0, "with_psnr_db": 25.5,
        "difference_db": [-0.5, -0.6, -0.4], "gain_db": None,
    }  # fmt: skip
    assert "| points | 100 | 20.00 | 25.00 | 25.50 | -0.50 (-0.60 to -0.40) | - |" in (
        leave_out_table({"classes": {"points": left}})
    )


def test_results_are_numbers_json_can_hold(tmp_path: Path) -> None:
    figures, tables = _report.write({"skipped": {}}, tmp_path)
    assert json.loads(figures.read_text()) == {"skipped": {}}
    assert tables.read_text().startswith("# Evaluation")
    assert _report.load(tmp_path) == {"skipped": {}}
    assert _report.load(tmp_path / "none") == {}
    assert np.isfinite(len(_report.about()["commit"]))
