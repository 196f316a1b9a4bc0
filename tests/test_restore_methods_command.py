"""``pellucid restore --method``, ``--psf`` and ``--auto`` as a user runs them."""

from pathlib import Path

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

from pellucid.cli import app
from pellucid.io.read import read_image
from pellucid.simulate.cell import simulate_cell

OPTICS = ("--na", 1.4, "--emission", 525, "--pixel-size", 0.065)


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(map(str, arguments)))
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    path = tmp_path / "cell.tif"
    cell = simulate_cell(seed=3, pixels=96, peak_photons=1000.0)
    tifffile.imwrite(path, np.rint(cell.recorded).astype(np.uint16))
    return path


def test_auto_says_what_it_picked_and_why(recorded: Path, tmp_path: Path) -> None:
    code, out, err = run("restore", recorded, "--method", "richardson-lucy", "--auto", *OPTICS)
    assert code == 0, err
    for words in ("background", "shot noise", "iterations", "least sum of bias and noise"):
        assert words in out
    assert (tmp_path / "cell-restored.ome.tif").exists()


def test_a_file_with_the_point_spread_function_does_what_the_optics_do(
    recorded: Path, tmp_path: Path
) -> None:
    psf = tmp_path / "psf.ome.tif"
    assert run("psf", "-o", psf, *OPTICS, "--size", 65)[0] == 0
    first, second = tmp_path / "a.ome.tif", tmp_path / "b.ome.tif"
    shared = ("restore", recorded, "--method", "richardson-lucy", "--iterations", 5)
    assert run(*shared, *OPTICS, "-o", first)[0] == 0
    code, _, err = run(*shared, "--psf", psf, "--pixel-size", 0.065, "-o", second)
    assert code == 0, err
    assert "psf.ome.tif" in err  # a warning says what was done
    one, two = (read_image(path).data for path in (first, second))
    assert np.abs(one - two)[16:-16, 16:-16].max() < 0.05 * np.ptp(one)


def test_sizes_of_a_file_without_any_can_be_stated(recorded: Path, tmp_path: Path) -> None:
    y, x = np.mgrid[-20:21, -20:21] * 0.13
    tifffile.imwrite(tmp_path / "psf.tif", np.exp(-(y**2 + x**2) / 0.05).astype(np.float32))
    shared = (
        "restore", recorded, "--method", "wiener", "--psf", tmp_path / "psf.tif",
        "--pixel-size", 0.065, "-o", tmp_path / "out.ome.tif",
    )  # fmt: skip
    code, _, err = run(*shared, "--psf-pixel-size", 0.13)
    assert code == 0, err
    assert "resampled" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--method", "blind", "--psf", "psf.tif"), "but the method is blind"),
        (("--psf", "psf.tif"), "but the method is bcr"),
        (("--method", "tikhonov", "--iterations", 3), "iterations = 3 belongs to"),
        (("--method", "fista", "--stop", "soon"), "stop = 'soon' is not known"),
        (("--method", "richardson-lucy", "--psf", "none.tif"), "none.tif"),
        (
            (
                "--method",
                "photon-split",
            ),
            "needs the optics",
        ),
    ],
)
def test_mistakes_are_one_sentence(recorded: Path, arguments: tuple, message: str) -> None:
    code, _, err = run("restore", recorded, *arguments)
    assert code == 2
    assert message in " ".join(err.split())
    assert "Traceback" not in err
    assert len(list(recorded.parent.iterdir())) == 1
