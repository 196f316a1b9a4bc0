"""The program as users run it: every case in a process of its own or through its parser."""

import json
import resource
import signal
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner, Result

import pellucid
from pellucid import Image, read_image, write_image
from pellucid.cli import app
from pellucid.io import Channel, Objective, Voxel
from pellucid.simulate.cell import CellImage

from .conftest import Run


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.fixture
def source(tmp_path: Path, cell: CellImage) -> Path:
    """A 16-bit OME-TIFF of a cell that states its optics."""
    image = Image(
        np.rint(cell.recorded[:96, :112]).astype(np.uint16),
        "YX",
        Voxel(pixel_size_um=0.065, pixel_size_y_um=0.065),
        (Channel(name="tubulin", emission_nm=525.0),),
        Objective(numerical_aperture=1.4),
    )
    return write_image(image, tmp_path / "cell.ome.tif")


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize("method", ["bcr", "richardson-lucy", "wiener"])
def test_restores_beside_the_source(source: Path, run: Run, method: str) -> None:
    before = read_image(source)
    done = run("restore", source, "--method", method)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    result = source.with_name("cell-restored.ome.tif")
    assert str(result) in done.stdout
    after = read_image(result)
    assert after.data.dtype == np.float32
    assert (after.axes, after.voxel, after.channels) == (before.axes, before.voxel, before.channels)
    assert after.objective == before.objective
    assert after.data.mean() == pytest.approx(before.data.mean(), rel=0.01)
    expected = pellucid.restore(before, method).data
    np.testing.assert_allclose(after.data, expected, rtol=1e-5)
    with tifffile.TiffFile(result) as tiff:
        xml = ET.fromstring(tiff.ome_metadata)
    note = json.loads(xml.find(".//{*}CommentAnnotation/{*}Value").text)
    assert note["method"] == method
    assert note["source"] == "cell.ome.tif"
    assert note["versions"]["numpy"] == np.__version__


def test_optics_are_options_of_the_same_names(tmp_path: Path, cell: CellImage) -> None:
    path = tmp_path / "plain.tif"
    tifffile.imwrite(path, cell.recorded[:64, :64])
    missing = call("restore", path, "--method", "wiener")
    assert missing.exit_code == 2
    for option in ("--na", "--emission", "--pixel-size"):
        assert option in missing.stderr
    assert files(tmp_path) == {"plain.tif"}
    done = call(
        "restore", path, "--method", "wiener", "--na", 1.4, "--emission", 525, "--pixel-size",
        0.065, "--excitation", 488, "--refractive-index", 1.515, "--z-step", 0.2,
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr


def test_same_type_rounds_clips_and_says_how_much(tmp_path: Path, cell: CellImage) -> None:
    image = cell.recorded - cell.recorded.min()
    path = tmp_path / "grid.tif"
    tifffile.imwrite(path, np.rint(image * (255 / image.max())).astype(np.uint8))
    done = call("restore", path, "--dtype", "same")
    assert done.exit_code == 0
    assert "of 65536 pixels lay outside 0 to 255" in done.stderr
    assert read_image(tmp_path / "grid-restored.ome.tif").data.dtype == np.uint8


def test_report_is_written(source: Path, tmp_path: Path) -> None:
    done = call("restore", source, "--report", tmp_path / "report.html")
    assert done.exit_code == 0
    assert "cut-off" not in done.stderr
    assert "data:image/png" in (tmp_path / "report.html").read_text()


def test_a_report_without_its_packages_is_refused_before_any_work(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pellucid.assess.report.find_spec", lambda name: None)
    for command in (("restore", source, "--report", "r.html"), ("demo", source)):
        done = call(*command)
        assert done.exit_code == 2
        assert "pip install 'pellucid[report]'" in done.stderr
    assert files(source.parent) == {"cell.ome.tif"}


def test_never_overwrites_unless_told(source: Path) -> None:
    target = source.with_name("cell-restored.ome.tif")
    target.write_bytes(b"precious")
    done = call("restore", source)
    assert done.exit_code == 2
    assert "--overwrite" in done.stderr
    assert target.read_bytes() == b"precious"
    assert call("restore", source, "--overwrite").exit_code == 0
    assert read_image(target).data.shape == (96, 112)


def test_one_bad_file_does_not_stop_the_rest(source: Path, tmp_path: Path, run: Run) -> None:
    (tmp_path / "broken.tif").write_bytes(b"II*\0 nothing here")
    (tmp_path / "second.ome.tif").write_bytes(source.read_bytes())
    results = tmp_path / "results"
    done = run("restore", tmp_path, "-o", results)
    assert done.returncode == 1
    assert files(results) == {"cell-restored.ome.tif", "second-restored.ome.tif"}
    assert "1 of 3 images failed" in done.stderr
    assert "broken.tif" in done.stderr
    assert "Traceback" not in done.stderr
    (tmp_path / "broken.tif").unlink()
    again = run("restore", tmp_path, "-o", results, "--overwrite")
    assert (again.returncode, again.stderr) == (0, "")


def plain(path: Path, data: np.ndarray, **options: object) -> Path:
    tifffile.imwrite(path, data, **options)
    return path


def truncated(folder: Path) -> Path:
    path = plain(folder / "cut.tif", np.random.default_rng(0).random((64, 64)))
    path.write_bytes(path.read_bytes()[:9000])
    return path


def truncated_compressed(folder: Path) -> Path:
    data = np.random.default_rng(0).random((64, 64))
    path = plain(folder / "cut.tif", data, compression="zlib", rowsperstrip=8)
    path.write_bytes(path.read_bytes()[:-3000])
    return path


def broken_png(folder: Path) -> Path:
    import imagecodecs

    path = folder / "broken.png"
    path.write_bytes(imagecodecs.png_encode(np.eye(64, dtype=np.uint8) * 200)[:80])
    return path


def rgb_png(folder: Path) -> Path:
    import imagecodecs

    path = folder / "rgb.png"
    path.write_bytes(imagecodecs.png_encode(np.zeros((8, 8, 3), np.uint8)))
    return path


def zero_size(folder: Path) -> Path:
    path = folder / "zero.tif"
    with pytest.warns(UserWarning, match="zero-size"):
        tifffile.imwrite(path, np.zeros((0, 5), np.float32))
    return path


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


RNG = np.random.default_rng(0)
GOOD = RNG.integers(1, 99, (16, 16)).astype(np.uint16)
WITH_NAN = np.where(np.eye(16) > 0, np.nan, 1.0 + RNG.random((16, 16)))

BAD_INPUT = {
    "missing file": (lambda f: f / "missing.tif", "There is no file"),
    "not an image": (
        lambda f: write(f / "a.tif", b"hello, world"),
        "neither a TIFF, a PNG",
    ),
    "empty file": (lambda f: write(f / "a.tif", b""), "is empty (0 bytes)"),
    "header only": (lambda f: write(f / "a.tif", b"II*\0\x08\0\0\0"), "TIFF without an image"),
    "truncated": (truncated, "truncated"),
    "truncated, compressed": (truncated_compressed, "truncated"),
    "broken png": (broken_png, "damaged PNG"),
    "zero size": (zero_size, "holds no pixels"),
    "nan": (lambda f: plain(f / "a.tif", WITH_NAN), "16 of 256 pixels are not finite"),
    "inf": (lambda f: plain(f / "a.tif", WITH_NAN * np.inf), "not finite"),
    "constant": (lambda f: plain(f / "a.tif", np.full((9, 9), 7, np.uint8)), "Every pixel"),
    "complex": (lambda f: plain(f / "a.tif", GOOD.astype(np.complex64)), "complex"),
    "rgb": (lambda f: plain(f / "a.tif", np.zeros((9, 9, 3), np.uint8)), "colour picture"),
    "rgb png": (rgb_png, "colour picture"),
    "mask": (lambda f: plain(f / "a.tif", np.eye(9, dtype=bool)), "type bool"),
    "unknown axes": (
        lambda f: plain(f / "a.tif", np.zeros((5, 9, 9), np.uint8), photometric="minisblack"),
        "--axes ZYX",
    ),
    "empty folder": (lambda f: f, "holds no image"),
}


@pytest.mark.parametrize("case", BAD_INPUT)
def test_bad_input_gets_one_sentence_and_nothing_is_written(tmp_path: Path, case: str) -> None:
    make, words = BAD_INPUT[case]
    source = make(tmp_path)
    before = files(tmp_path)
    done = call("restore", source, "-o", tmp_path / "out.ome.tif")
    assert done.exit_code == 2
    assert words in done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
    assert files(tmp_path) == before


BAD_OPTIONS = {
    "unknown method": (["--method", "magic"], "choose one of bcr"),
    "unknown type": (["--dtype", "int7"], "float32 or same"),
    "unknown weights": (["--weights", "gold"], "bcrnet-physical"),
    "missing weights": (["--weights", "gone.onnx"], "cannot be read"),
    "iterations of bcr": (["--iterations", "5"], "richardson-lucy"),
    "no iterations": (["--method", "richardson-lucy", "--iterations", "0"], "at least 1"),
    "aperture beyond the index": (
        ["--method", "wiener", "--na", "1.4", "--refractive-index", "1.33"],
        "1.33",
    ),
    "wavelength in um": (["--method", "wiener", "--emission", "0.5"], "nm"),
    "negative ratio": (["--method", "wiener", "--noise-to-signal", "-1"], "positive"),
    "tiny tiles": (["--tile", "16"], "too small"),
    "wrong axes": (["--axes", "ZYX"], "names 3 axes but the image has 2"),
    "no such folder": (["-o", "no/such/folder/a.tif"], "There is no folder"),
    "not a tiff name": (["-o", "result.jpg"], "result.ome.tif"),
    "report in no folder": (["--report", "no/folder/r.html"], "There is no folder"),
}


@pytest.mark.parametrize("case", BAD_OPTIONS)
def test_bad_options_get_one_sentence_and_nothing_is_written(
    source: Path, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(source.parent)
    options, words = BAD_OPTIONS[case]
    large = np.tile(read_image(source).data, (8, 8))
    write_image(Image(large, "YX", *vars_of(source)), source, overwrite=True)
    done = call("restore", source, *options)
    assert done.exit_code == 2
    assert words in done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert files(source.parent) == {"cell.ome.tif"}


def vars_of(source: Path) -> tuple[Voxel, tuple[Channel, ...], Objective]:
    image = read_image(source)
    return image.voxel, image.channels, image.objective


def test_a_full_disk_leaves_nothing(source: Path, run: Run) -> None:
    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))

    done = run("restore", source, preexec_fn=limit)
    assert done.returncode == 2
    assert "cannot be written" in done.stderr
    assert "free some space" in done.stderr
    assert files(source.parent) == {"cell.ome.tif"}


def test_a_folder_that_cannot_be_written_to(source: Path) -> None:
    blocked = source.parent / "file"
    blocked.write_text("in the way")
    done = call("restore", source, source, "-o", blocked / "sub")
    assert done.exit_code == 2
    assert "cannot be created" in done.stderr
    done = call("restore", source, "-o", "/proc/version.tif")
    assert done.exit_code == 2
    assert "/proc" in done.stderr


def test_help_and_version(run: Run) -> None:
    assert run("--version").stdout.strip() == f"pellucid {pellucid.__version__}"
    page = run("restore", "--help").stdout
    for option in ("--method", "--na", "--emission", "--pixel-size", "--overwrite", "--report"):
        assert option in page
    assert run("restore").returncode == 2


def test_demo_of_a_simulated_cell(tmp_path: Path, run: Run) -> None:
    done = run("demo", "-o", tmp_path / "demo")
    assert done.returncode == 0, done.stderr
    assert {
        "cell-before.png",
        "cell-after.png",
        "cell-truth.png",
        "cell-comparison.png",
        "cell-report.html",
        "cell-restored.ome.tif",
    } <= files(tmp_path / "demo")
    rows = [line for line in done.stdout.splitlines() if "PSNR" in line]
    before, after = (float(row.split("PSNR")[1].split()[0]) for row in rows[:2])
    assert after > before + 3.0
    again = run("demo", "-o", tmp_path / "demo")
    assert again.returncode == 0
    assert [line for line in again.stdout.splitlines() if "PSNR" in line] == rows


def test_demo_of_an_image(source: Path, tmp_path: Path) -> None:
    done = call("demo", source, "-o", tmp_path / "demo")
    assert done.exit_code == 0
    assert {"cell-before.png", "cell-after.png", "cell-restored.ome.tif"} <= files(
        tmp_path / "demo"
    )
    wrong = call("demo", tmp_path / "none.tif", "-o", tmp_path / "other")
    assert wrong.exit_code == 2
    assert "There is no file" in wrong.stderr
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("command", "says"), [("restore", "estimated"), ("psf", "1 if"), ("simulate", "physical if")]
)
def test_help_names_the_defaults(run: Run, command: str, says: str) -> None:
    assert says in " ".join(run(command, "--help").stdout.replace("│", " ").split())
