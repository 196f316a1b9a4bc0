"""`pellucid psf` as a user runs it."""

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from pellucid import Microscope, read_image, widefield_psf
from pellucid.cli import app
from pellucid.errors import OpticsError
from pellucid.io import Channel, Image, Objective, Voxel, microscope_of
from pellucid.optics import Confocal, point_spread_function

COMMON = ("--na", 1.2, "--emission", 525, "--pixel-size", 0.08)
DEEP = (*COMMON, "--refractive-index", 1.33, "--z-step", 0.2, "--planes", 9, "--size", 33)


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["psf", *map(str, arguments)])


def test_a_plane_with_its_pixel_size_and_picture(tmp_path: Path) -> None:
    path = tmp_path / "p.ome.tif"
    done = call(*COMMON, "--size", 65, "-o", path, "--show")
    assert done.exit_code == 0, done.stderr
    image = read_image(path)
    scope = Microscope(numerical_aperture=1.2, emission_nm=525, pixel_size_um=0.08)
    np.testing.assert_array_equal(image.data, widefield_psf(scope, (65, 65)))
    assert image.voxel.pixel_size_um == 0.08
    assert image.objective.numerical_aperture == 1.2
    assert microscope_of(image) == scope
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    assert "Sampling is sufficient" in done.stdout
    assert "% of the light falls beside the grid" in done.stdout


@pytest.mark.parametrize(
    "options",
    [
        ("--modality", "confocal", "--excitation", 488),
        ("--modality", "confocal", "--excitation", 488, "--pinhole", 0.3),
        ("--modality", "spinning-disk", "--excitation", 488, "--pinhole", 0.5, "--spacing", 2.5),
        ("--modality", "light-sheet", "--thickness", 1.5),
        ("--modality", "two-photon", "--excitation", 920),
        ("--modality", "sted", "--excitation", 640, "--saturation", 10),
        ("--theory", "vectorial"),
    ],
    ids=lambda options: f"{options[1]}{len(options)}",
)
def test_stacks_of_every_modality(tmp_path: Path, options: tuple) -> None:
    path = tmp_path / "p.ome.tif"
    done = call(*DEEP, *options, "-o", path, "--show")
    assert done.exit_code == 0, done.stderr
    image = read_image(path)
    assert image.axes == "ZYX"
    assert image.data.shape == (9, 33, 33)
    assert image.voxel.z_step_um == 0.2
    assert np.unravel_index(image.data.argmax(), image.data.shape) == (4, 16, 16)


def test_an_objective_by_name(tmp_path: Path) -> None:
    path = tmp_path / "p.ome.tif"
    done = call(
        "--objective", "63x/1.4 oil", "--emission", 525, "--pixel-size", 0.05, "--z-step", 0.1,
        "--planes", 3, "--size", 17, "--excitation", 488, "--modality", "confocal", "-o", path,
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    scope = Microscope(
        numerical_aperture=1.4,
        emission_nm=525,
        excitation_nm=488,
        pixel_size_um=0.05,
        refractive_index=1.515,
        z_step_um=0.1,
        modality=Confocal(airy_units=1.0),
    )
    expected = point_spread_function(scope, (3, 17, 17)).data
    np.testing.assert_array_equal(read_image(path).data, expected)


BAD = {
    "aperture beyond the index": (("--na", 1.4, "--refractive-index", 1.33), "1.33"),
    "negative pixel": (("--pixel-size", -0.1), "positive"),
    "no pinhole": (("--modality", "confocal", "--excitation", 488, "--pinhole", 0), "positive"),
    "even planes": (("--planes", 4, "--z-step", 0.2, "--refractive-index", 1.33), "use 5"),
    "wavelength in um": (("--emission", 0.525), "given in nm"),
    "excitation missing": (("--modality", "two-photon"), "--excitation"),
    "index missing": (("--planes", 3, "--z-step", 0.2), "refractive_index"),
    "step missing": (("--planes", 3, "--refractive-index", 1.33), "z_step_um"),
    "unknown modality": (("--modality", "magic"), "choose one of widefield"),
    "unknown objective": (("--objective", "7x"), "choose one of"),
    "unknown theory": (("--theory", "ray"), "scalar, vectorial"),
    "no size": (("--size", 0), "at least 1"),
    "detail of another": (("--thickness", 1.0), "does not belong to widefield"),
    "disk without spacing": (("--modality", "spinning-disk", "--excitation", 488), "--spacing"),
    "sheet without thickness": (("--modality", "light-sheet"), "--thickness"),
    "sted without saturation": (("--modality", "sted", "--excitation", 488), "--saturation"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_parameters_get_one_sentence(tmp_path: Path, case: str) -> None:
    options, words = BAD[case]
    done = call(*COMMON, *options, "-o", tmp_path / "p.ome.tif", "--show")
    assert done.exit_code == 2
    assert words in done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_missing_parameters_and_existing_files(tmp_path: Path) -> None:
    assert "--na (or --objective), --emission" in call("--pixel-size", 0.1).stderr
    path = tmp_path / "p.ome.tif"
    path.write_bytes(b"precious")
    done = call(*COMMON, "-o", path)
    assert done.exit_code == 2
    assert path.read_bytes() == b"precious"


def test_a_microscope_is_read_from_metadata() -> None:
    image = Image(
        np.zeros((4, 8, 8)),
        "ZYX",
        Voxel(pixel_size_um=0.1, z_step_um=0.3),
        (Channel(emission_nm=461.0, excitation_nm=405.0),),
        Objective(numerical_aperture=0.8, refractive_index=1.0),
    )
    assert microscope_of(image) == Microscope(
        numerical_aperture=0.8,
        emission_nm=461.0,
        excitation_nm=405.0,
        refractive_index=1.0,
        pixel_size_um=0.1,
        z_step_um=0.3,
    )
    with pytest.raises(OpticsError, match=r"--na, --emission"):
        microscope_of(Image(np.zeros((8, 8)), "YX", Voxel(pixel_size_um=0.1)))
