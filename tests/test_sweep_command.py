"""`pellucid sweep` as a user runs it."""

import json
import shlex
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from pellucid import Microscope, read_image, widefield_psf
from pellucid.cli import app
from pellucid.io import Channel, Image, Objective, Voxel, write_image
from pellucid.restore.trial import SWEEPABLE
from pellucid.simulate.cell import CellImage
from pellucid.sweep import _most_structure


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def described(data: np.ndarray, scope: Microscope, axes: str) -> Image:
    count = data.shape[axes.index("C")] if "C" in axes else 1
    return Image(
        data.astype(np.float32),
        axes,
        Voxel(
            pixel_size_um=scope.pixel_size_um,
            pixel_size_y_um=scope.pixel_size_um,
            z_step_um=scope.z_step_um or 0.3,
        ),
        (Channel(emission_nm=scope.emission_nm),) * count,
        Objective(
            numerical_aperture=scope.numerical_aperture, refractive_index=scope.refractive_index
        ),
    )


@pytest.fixture
def image(tmp_path: Path, cell: CellImage) -> Path:
    """An image of 96 x 80 pixels that states its optics."""
    data = cell.recorded[60:156, 80:160]
    return write_image(described(data, cell.microscope, "YX"), tmp_path / "cell.ome.tif")


def table(done: Result) -> dict[float, float]:
    """Return values and scores as they are printed."""
    lines = done.stdout.splitlines()
    start = next(n for n, line in enumerate(lines) if "held-out score" in line) + 1
    end = next(n for n, line in enumerate(lines) if line.startswith("Restore the whole"))
    return {float(words[0]): float(words[1]) for words in map(str.split, lines[start:end])}


def test_iterations_are_tried_and_the_best_is_told(tmp_path: Path, image: Path) -> None:
    sheet = tmp_path / "out.png"
    done = call("sweep", image, "--values", "40,5,10,20,5", "-o", sheet)
    assert done.exit_code == 0, done.stderr
    scores = table(done)
    assert list(scores) == [5, 10, 20, 40]
    best = min(scores, key=lambda value: scores[value])
    assert f"{best:g}  {scores[best]:.4f}  best" in done.stdout
    assert done.stdout.count("best") == 1
    assert 0.9 < scores[best] < 1.3
    assert scores[5] > scores[best]
    assert sheet.read_bytes().startswith(b"\x89PNG")
    record = json.loads((tmp_path / "out.json").read_text("utf-8"))
    assert record["values"] == [5, 10, 20, 40]
    np.testing.assert_allclose(record["held_out_scores"], list(scores.values()), atol=1e-4)
    assert record["best_value"] == best
    assert record["rows"] == [0, 96]
    assert record["columns"] == [0, 80]
    assert record["noise"]["from"] == "the image"
    assert record["microscope"]["emission_nm"] == pytest.approx(525)
    assert str(tmp_path) not in json.dumps(record)


def test_the_command_that_is_printed_restores_the_whole_image(tmp_path: Path, image: Path) -> None:
    sheet = tmp_path / "out.png"
    done = call("sweep", image, "--values", "3,6,9", "--crop", "8,0,64", "--na", "1.3", "-o", sheet)
    assert done.exit_code == 0, done.stderr
    assert "rows 8 to 71 of 96, columns 0 to 63 of 80" in done.stdout
    (line,) = [line for line in done.stdout.splitlines() if "pellucid restore" in line]
    program, *words = shlex.split(line)
    assert program == "pellucid"
    assert "--na 1.3" in line
    result = tmp_path / "restored.tif"
    again = call(*words, "-o", result)
    assert again.exit_code == 0, again.stderr
    assert read_image(result).data.shape == (96, 80)


@pytest.mark.parametrize("method", ["unmatched", "wiener", "tikhonov", "regularised-inverse"])
def test_methods_have_values_to_try(tmp_path: Path, image: Path, method: str) -> None:
    target = tmp_path / "out.png"
    done = call("sweep", image, "--method", method, "--crop", "20,20,24", "-o", target)
    assert done.exit_code == 0, done.stderr
    scores = table(done)
    assert len(scores) == len(SWEEPABLE[method].values)
    assert all(0.5 < score < 20 for score in scores.values())
    assert f"--method {method} --{SWEEPABLE[method].setting.replace('_', '-')} " in done.stdout
    if SWEEPABLE[method].found_as is not None:
        # They lie about the value that the method chooses: equal steps of their logarithm.
        np.testing.assert_allclose(np.diff(np.log10(list(scores))), 0.5, atol=0.03)


@pytest.mark.parametrize("method", ["total-variation", "hessian-schatten", "fista"])
def test_proximal_methods(tmp_path: Path, image: Path, method: str) -> None:
    target, crop = tmp_path / "out.png", ("--crop", "30,30,16")
    values = () if method == "total-variation" else ("--values", "0.1,10")
    done = call("sweep", image, "--method", method, *crop, *values, "-o", target)
    assert done.exit_code == 0, done.stderr
    scores = table(done)
    assert len(scores) == (len(SWEEPABLE[method].values) if not values else 2)
    assert f"--method {method} --strength " in done.stdout


def test_the_seed_decides_and_more_splits_are_averaged(tmp_path: Path, image: Path) -> None:
    common = ("sweep", image, "--values", "5,15", "--crop", "0,0,48", "--overwrite")
    common = (*common, "-o", tmp_path / "out.png")
    one, same, other = (table(call(*common, "--seed", seed)) for seed in (0, 0, 1))
    assert one == same
    assert one != other
    both = table(call(*common, "--splits", 2))
    for value in (5.0, 15.0):
        assert both[value] == pytest.approx((one[value] + other[value]) / 2, abs=2e-4)


def test_a_stack_is_restored_whole_and_one_plane_shown(tmp_path: Path, cell: CellImage) -> None:
    planes = np.stack([cell.recorded[k : k + 48, 80:128] for k in range(3)])
    stack = np.stack([planes, planes + 50])
    path = write_image(described(stack, cell.microscope, "CZYX"), tmp_path / "stack.ome.tif")
    sheet = tmp_path / "out.png"
    done = call(
        "sweep", path, "--values", "2,4", "--plane", 2, "--channel", 1, "-o", sheet
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert "3 planes, number 2 shown\n" in done.stdout
    record = json.loads((tmp_path / "out.json").read_text("utf-8"))
    assert record["plane_shown"] == 2
    assert record["channel"] == 1
    assert record["microscope"]["z_step_um"] == pytest.approx(0.3)


def test_of_a_series_the_first_image_is_taken(tmp_path: Path, cell: CellImage) -> None:
    series = np.stack([cell.recorded[60:108, 80:128], np.full((48, 48), 7.0)])
    path = write_image(described(series, cell.microscope, "TYX"), tmp_path / "series.ome.tif")
    done = call("sweep", path, "--values", "2,4", "-o", tmp_path / "out.png")
    assert done.exit_code == 0, done.stderr
    assert "columns 0 to 47 of 48, first of 2 points in time" in done.stdout


def test_a_measured_point_spread_function_and_a_stated_camera(
    tmp_path: Path, image: Path, cell: CellImage
) -> None:
    psf = widefield_psf(cell.microscope, (65, 65))
    path = write_image(described(1e4 * psf + 7, cell.microscope, "YX"), tmp_path / "psf.tif")
    bare = tmp_path / "bare.tif"
    write_image(Image(read_image(image).data, "YX"), bare)
    common = ("--values", "5,10,20", "--crop", "0,0,64", "-o", tmp_path / "out.png")
    camera = ("--gain", 1, "--offset", 100, "--read-noise", 1.5, "--pixel-size", 0.065)
    done = call("sweep", bare, "--psf", path, *camera, *common)
    assert done.exit_code == 0, done.stderr
    assert "psf.tif was freed of its background of 7" in done.stderr
    assert f"--psf {path}" in done.stdout
    record = json.loads((tmp_path / "out.json").read_text("utf-8"))
    assert record["psf"] == "psf.tif"
    assert record["noise"]["from"] == "the user"
    assert record["noise"]["photon"] == 1
    computed = call("sweep", image, *camera, *common, "--overwrite")
    for value, score in table(done).items():
        assert table(computed)[value] == pytest.approx(score, abs=0.02)


def test_values_at_the_end_of_the_range_are_told(tmp_path: Path, image: Path) -> None:
    done = call(
        "sweep", image, "--values", "1,2", "--crop", "0,0,64", "-o", tmp_path / "out.png"
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert "The best value, 2, is the largest that was tried" in done.stderr


def test_the_part_with_most_structure_is_taken() -> None:
    plane = np.random.default_rng(0).normal(100, 1, (300, 400))
    y, x = np.indices((64, 64))
    plane[170:234, 40:104] += 30 * (np.sin(x / 3) * np.sin(y / 3) > 0)
    plane[20, 350] = 1e6  # a hot pixel
    top, left = _most_structure(plane, 100, 100)
    assert top <= 170
    assert top + 100 >= 234
    assert left <= 40
    assert left + 100 >= 104
    assert _most_structure(plane, 300, 400) == (0, 0)


BAD = {
    "unknown method": (("--method", "bcr"), "'bcr' has no setting to sweep; choose one of rich"),
    "one value": (("--values", "5"), "2 to 16 different values, not 1"),
    "no number": (("--values", "5,ten"), "must be numbers with commas between them"),
    "part of an iteration": (("--values", "2.5,5"), "whole number of at least 1, not 2.5"),
    "no iterations": (("--values", "0,5"), "whole number of at least 1, not 0"),
    "negative": (("--method", "wiener", "--values", "-1,1"), "must be positive, not -1"),
    "crop of two": (("--crop", "1,2"), "three whole numbers"),
    "crop outside": (("--crop", "50,0,64"), "of an image of 96 x 80"),
    "crop too small": (("--crop", "0,0,8"), "size of 16 or more"),
    "no such plane": (("--plane", 1), "no plane 1 in an image of 1"),
    "no such channel": (("--channel", 1), "no channel 1 in an image of 1"),
    "no light to restore": (("--share", 0), "share between 0 and 1"),
    "no split": (("--splits", 0), "at least one split"),
    "not a PNG": (("-o", "out.jpg"), "does not end with .png"),
    "gain alone": (("--gain", 1), "both --gain (electrons per count) and --offset"),
    "no gain": (("--gain", 0, "--offset", 100), "positive gain"),
    "no such file of optics": (("--psf", "missing.tif"), "There is no file missing.tif"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gets_one_sentence(
    tmp_path: Path, image: Path, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    options, words = BAD[case]
    done = call("sweep", image, *options)
    assert done.exit_code == 2
    assert words in done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == [image.name]


def test_missing_optics_uniform_parts_and_hidden_noise(tmp_path: Path, image: Path) -> None:
    target = ("-o", tmp_path / "out.png")
    data = read_image(image).data
    bare = write_image(Image(data, "YX"), tmp_path / "bare.tif")
    done = call("sweep", bare, *target)
    assert done.exit_code == 2
    assert "richardson-lucy needs the optics" in done.stderr
    optics = ("--na", 1.2, "--emission", 525, "--pixel-size", 0.065)
    half = data.copy()
    half[:, :40] = 100.0
    path = write_image(Image(half, "YX"), tmp_path / "half.tif")
    done = call("sweep", path, *optics, "--crop", "0,0,32", *target)
    assert "Every pixel of the part is 100" in done.stderr
    small = write_image(Image(data[:20, :20], "YX"), tmp_path / "small.tif")
    done = call("sweep", small, *optics, *target)
    assert done.exit_code == 2
    assert "noise of the image cannot be measured" in done.stderr
    assert "--gain and --offset" in done.stderr


@pytest.mark.parametrize("name", ["out.png", "out.json"])
def test_nothing_is_overwritten_unasked(tmp_path: Path, image: Path, name: str) -> None:
    precious = tmp_path / name
    precious.write_bytes(b"precious")
    common = ("sweep", image, "--values", "1,2", "--crop", "0,0,32", "-o", tmp_path / "out.png")
    done = call(*common)
    assert done.exit_code == 2
    assert "exists already" in done.stderr
    assert precious.read_bytes() == b"precious"
    assert call(*common, "--overwrite").exit_code == 0
    assert precious.read_bytes() != b"precious"
