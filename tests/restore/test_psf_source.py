"""A point spread function from a file, fitted to an image: known answers, real files, bad input."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pellucid.errors import ImageError, OpticsError, PellucidWarning
from pellucid.io import Channel, Image, Voxel, write_image
from pellucid.optics import Microscope, widefield_psf
from pellucid.optics._width import sample
from pellucid.optics.psf_width import widths
from pellucid.restore.psf_source import PreparedPsf, read_psf

from ..mrc_files import mrc_bytes

PIXEL, STEP = 0.08, 0.2


def scope(pixel_size_um: float = PIXEL, z_step_um: float | None = STEP) -> Microscope:
    return Microscope(
        numerical_aperture=1.2,
        emission_nm=525,
        pixel_size_um=pixel_size_um,
        refractive_index=1.33,
        z_step_um=z_step_um,
    )


def spot(
    shape: tuple[int, ...], shift: tuple[float, ...], *, pixel: float = PIXEL, step: float = STEP
) -> NDArray[np.float64]:
    """A point spread function of peak one, off the middle, cut from a larger one."""
    margin = 8
    large = tuple(n + 2 * margin for n in shape)
    wide = widefield_psf(scope(pixel, step), large).astype(float)
    at = [margin + np.arange(n) - s for n, s in zip(shape, shift, strict=True)]
    return np.maximum(sample(wide, at), 0) / wide.max()


def save(
    folder: Path,
    data: NDArray,
    *,
    pixel: float | None = PIXEL,
    step: float | None = STEP,
    name: str = "p.tif",
) -> Path:
    voxel = Voxel(pixel_size_um=pixel, pixel_size_y_um=pixel, z_step_um=step)
    image = Image(data.astype(np.float32), "ZYX"[-data.ndim :], voxel)
    return write_image(image, folder / name, overwrite=True)


def read(path: Path, shape: tuple[int, ...] = (128, 128), **voxel: float) -> PreparedPsf:
    """Read for an image; what it says is one sentence that names every step."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        made = read_psf(
            path,
            voxel=Voxel(**(voxel or {"pixel_size_um": PIXEL, "z_step_um": STEP})),
            volume=len(shape) == 3,
            image_shape=shape,
        )
    assert len(caught) == bool(made.steps)
    for warning in caught:
        said = str(warning.message)
        assert warning.category is PellucidWarning
        assert said.startswith(f"The point spread function {path.name} was ")
        assert said.endswith(".")
        assert all(step in said for step in made.steps)
    assert made.data.dtype == np.float32
    assert made.data.min() >= 0
    assert made.data.sum(dtype=float) == pytest.approx(1, abs=1e-5)
    assert all(n % 2 for n in made.data.shape)
    return made


def off(made: PreparedPsf, scope: Microscope) -> float:
    """Largest difference from the one computed directly on its samples, over the peak."""
    direct = widefield_psf(scope, made.data.shape).astype(float)
    direct /= direct.sum()
    return float(np.abs(made.data - direct).max() / direct.max())


def test_a_computed_one_comes_back_as_it_is(tmp_path: Path) -> None:
    plane = read(save(tmp_path, widefield_psf(scope(), (129, 129)), step=None))
    assert off(plane, scope()) < 0.003
    stack = read(save(tmp_path, widefield_psf(scope(), (41, 97, 97))), (64, 128, 128))
    assert stack.data.shape == (41, 97, 97)
    # Light in the borders of planes out of focus is not taken for background.
    assert off(stack, scope()) < 0.01


@settings(max_examples=8, deadline=None)
@given(
    shift=st.tuples(st.floats(-6, 6), st.floats(-6, 6)),
    background=st.floats(0, 2000),
    seed=st.integers(0, 99),
)
def test_a_noisy_one_off_the_middle(
    tmp_path_factory: pytest.TempPathFactory,
    shift: tuple[float, float],
    background: float,
    seed: int,
) -> None:
    counts = np.random.default_rng(seed).poisson(4e4 * spot((65, 64), shift) + background)
    made = read(save(tmp_path_factory.mktemp("psf"), counts, step=None))
    assert off(made, scope()) < 0.02
    assert any("recentred by" in s for s in made.steps) or max(map(abs, shift)) < 0.1


@pytest.mark.parametrize("pixel", [0.05, 0.06, 0.1])
def test_other_sampling(tmp_path: Path, pixel: float) -> None:
    counts = 2e4 * spot((81, 81), (2.3, -3.6), pixel=pixel) + 100
    made = read(save(tmp_path, counts, pixel=pixel, step=None))
    assert off(made, scope()) < 0.015
    assert any(f"from {pixel:g} to 0.08 um along y and x" in s for s in made.steps)
    assert any("freed of its background of 100" in s for s in made.steps)
    assert any("recentred by (-2.30, +3.60) samples (y, x)" in s for s in made.steps)


def test_a_stack_of_other_sampling(tmp_path: Path) -> None:
    counts = 2e4 * spot((41, 97, 97), (1.4, 3.3, -2.7), pixel=0.06, step=0.15) + 100
    made = read(save(tmp_path, counts, pixel=0.06, step=0.15), (20, 128, 128))
    # Only its middle is compared: the cone of light beyond the file's samples is not in it.
    direct = widefield_psf(scope(), made.data.shape).astype(float)
    middle = tuple(slice(n // 2 - 7, n // 2 + 8) for n in made.data.shape)
    one, other = made.data[middle] / made.data.max(), direct[middle] / direct.max()
    np.testing.assert_allclose(one, other, atol=0.01)
    assert any("from 0.15 to 0.2 um along z, from 0.06 to 0.08" in s for s in made.steps)


def test_pixels_that_are_not_square(tmp_path: Path) -> None:
    path = save(tmp_path, widefield_psf(scope(), (65, 65)), step=None)
    made = read(path, (64, 64), pixel_size_um=PIXEL, pixel_size_y_um=2 * PIXEL)
    square = read(path, (64, 64), pixel_size_um=PIXEL)
    assert made.data.shape[0] < 0.6 * made.data.shape[1]
    across, along = (p.data.sum(axis=0) for p in (made, square))
    n = min(len(across), len(along)) // 2
    middle = [a[len(a) // 2 - n : len(a) // 2 + n + 1] for a in (across, along)]
    np.testing.assert_allclose(*middle, atol=0.02 * along.max())


def test_the_plane_in_focus_serves_a_plane(tmp_path: Path) -> None:
    counts = 2e4 * spot((31, 65, 65), (2.6, 1.5, 0.4))
    made = read(save(tmp_path, counts), pixel_size_um=PIXEL)
    assert off(made, scope()) < 0.01
    assert "reduced to its plane in focus, z = 17.6 of 31" in made.steps


def test_ends_without_light_and_beyond_the_image_are_left_out(tmp_path: Path) -> None:
    y, x = np.indices((101, 101)) - 50
    path = save(tmp_path, np.exp(-(x**2 + y**2) / (2 * 3.0**2)), step=None)
    made = read(path)
    # Of a Gaussian 0.05 per cent lie beyond 3.48 deviations on both sides.
    assert made.data.shape == (21, 21)
    assert made.steps[-1].startswith("cropped to 21 x 21 samples of the image, without 0.0")
    narrow = read(path, (128, 4))
    assert narrow.data.shape == (21, 7)
    assert "without 24 % of its light" in narrow.steps[-1]


def test_the_origin_may_stand_in_the_corner(tmp_path: Path) -> None:
    middle = widefield_psf(scope(), (65, 65))
    made = read(save(tmp_path, np.fft.ifftshift(middle), step=None))
    assert "moved from the corner to the middle" in made.steps
    np.testing.assert_allclose(
        made.data, read(save(tmp_path, middle, step=None)).data, atol=1e-5 * middle.max()
    )


def test_sizes_stated_win_over_the_file(tmp_path: Path) -> None:
    path = save(tmp_path, widefield_psf(scope(), (65, 65)), pixel=1.0, step=None)
    with pytest.warns(PellucidWarning, match="without 0"):
        made = read_psf(
            path,
            voxel=Voxel(pixel_size_um=PIXEL),
            volume=False,
            image_shape=(64, 64),
            psf_voxel=Voxel(pixel_size_um=PIXEL, z_step_um=STEP),
        )
    assert not any("resampled" in s for s in made.steps)
    assert off(made, scope()) < 0.01


def test_sizes_that_no_file_states_are_taken_as_equal(tmp_path: Path) -> None:
    path = save(tmp_path, 1e4 * spot((21, 33, 33), (0, 0, 0)), pixel=None, step=None)
    with pytest.warns(PellucidWarning, match="taken to have the image's z step and pixel size"):
        read_psf(path, voxel=Voxel(), volume=True, image_shape=(16, 64, 64))
    with pytest.raises(OpticsError, match=r"does not state its z step.*--psf-z-step"):
        read(path, (16, 64, 64))
    with pytest.raises(OpticsError, match=r"does not state its pixel size.*--psf-pixel-size"):
        read(path, pixel_size_um=0.1)
    stated = save(tmp_path, spot((33, 33), (0, 0)), step=None)
    with pytest.raises(OpticsError, match=r"is 0.08 um, but the image's is not known.*--pixel"):
        read_psf(stated, voxel=Voxel(), volume=False, image_shape=(64, 64))


def test_mrc_and_stacks_without_names_of_axes(tmp_path: Path) -> None:
    data = (2e4 * spot((15, 33, 33), (0, 0, 0)) + 50).astype(np.float32)
    bare = tmp_path / "bare.tif"
    tifffile.imwrite(bare, data, photometric="minisblack", metadata=None)
    with pytest.warns(PellucidWarning, match=r"bare.tif was read as \(z, y, x\)"):
        one = read_psf(bare, voxel=Voxel(), volume=True, image_shape=(16, 64, 64))
    named = read(save(tmp_path, data), (16, 64, 64))
    np.testing.assert_array_equal(one.data, named.data)
    mrc = tmp_path / "p.mrc"
    mrc.write_bytes(mrc_bytes(data))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PellucidWarning)
        read_psf(
            mrc,
            voxel=Voxel(pixel_size_um=PIXEL, z_step_um=STEP),
            volume=True,
            image_shape=(16, 64, 64),
            psf_voxel=Voxel(pixel_size_um=PIXEL, z_step_um=STEP),
        )


# Bad input

FLAT = np.full((9, 9), 7.0)
PLANE = widefield_psf(scope(), (33, 33))
BAD = {
    "zero": (np.zeros((9, 9)), "holds no light: its largest value is 0"),
    "constant": (FLAT, "Every sample of p.tif is 7"),
    "all negative": (-PLANE, "holds no light"),
    "an amplitude": (PLANE - 0.3 * np.roll(PLANE, 9, axis=0), "negative values down to"),
    "noise": (np.random.default_rng(0).normal(100, 5, (32, 32)), "holds no bright spot"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_point_spread_function(tmp_path: Path, case: str) -> None:
    data, words = BAD[case]
    path = save(tmp_path, data, step=None)
    with pytest.raises(OpticsError, match=words) as caught:
        read(path)
    assert str(caught.value).count(". ") == 0


def test_other_files_are_refused(tmp_path: Path) -> None:
    broken = PLANE.copy()
    broken[3, 3] = np.nan
    path = tmp_path / "nan.tif"
    tifffile.imwrite(path, broken)
    with pytest.raises(ImageError, match="1 of 1089 pixels are not finite"):
        read(path)
    with pytest.raises(ImageError, match="There is no file"):
        read(tmp_path / "missing.tif")
    for axes, words in (("CYX", "holds 2 channels"), ("TYX", "holds 2 points in time")):
        channels = (Channel(), Channel()) if "C" in axes else ()
        image = Image(np.stack([PLANE, PLANE]), axes, Voxel(pixel_size_um=PIXEL), channels)
        with pytest.raises(OpticsError, match=words):
            read(write_image(image, tmp_path / f"{axes}.tif"))
    with pytest.raises(OpticsError, match=r"one plane, but the image is a z stack of 16"):
        read(save(tmp_path, PLANE, step=None), (16, 64, 64))
    with pytest.raises(OpticsError, match=r"is 80 um and the image's 0.08 um.*micrometres"):
        read(save(tmp_path, PLANE, pixel=80.0, step=None))
    with pytest.raises(OpticsError, match="--pixel-size must be a positive number"):
        read(save(tmp_path, PLANE, step=None), pixel_size_um=-0.1)
    with pytest.raises(OpticsError, match="needs 2 lengths"):
        read_psf(path.with_name("p.tif"), voxel=Voxel(), volume=False, image_shape=(4, 64, 64))


# Real files


def real(folder: Path, name: str, voxel: Voxel | None, shape: tuple[int, ...]) -> PreparedPsf:
    with pytest.warns(PellucidWarning, match="recentred"):
        return read_psf(
            folder / "psf" / name,
            voxel=voxel or Voxel(),
            volume=len(shape) == 3,
            image_shape=shape,
            psf_voxel=voxel,
        )


def test_a_measured_light_sheet_function(real_images: Path) -> None:
    voxel = Voxel(pixel_size_um=0.102, z_step_um=0.1)
    made = real(real_images, "lls_psf_zyx.tif", voxel, (64, 128, 128))
    assert np.unravel_index(made.data.argmax(), made.data.shape) == tuple(
        n // 2 for n in made.data.shape
    )
    assert "freed of its background of 150" in made.steps
    from pellucid.optics.measured import MeasuredPsf

    found = widths(MeasuredPsf(data=made.data, pixel_size_um=0.102, z_step_um=0.1))
    assert found.x.half_maximum_um == pytest.approx(0.31, abs=0.03)
    assert found.z is not None
    assert found.z.half_maximum_um == pytest.approx(0.68, abs=0.05)


def test_a_theoretical_function_without_sizes(real_images: Path) -> None:
    made = real(real_images, "flowdec_bead_theoretical_psf_zyx.tif", None, (64, 64, 64))
    assert made.data.shape[0] > 60
    # Its samples are too far apart to be moved exactly, but y and x are alike.
    np.testing.assert_allclose(made.data, np.swapaxes(made.data, 1, 2), atol=1e-4 * made.data.max())
    middle = made.data[31, 32]
    assert (middle * (np.arange(len(middle)) - 32)).sum() / middle.sum() == pytest.approx(
        0, abs=0.1
    )


def test_several_beads_are_told(real_images: Path) -> None:
    made = real(real_images, "mpi_confocal_beads_zyx.tif", None, (41, 150, 150))
    assert any("left with a second spot of 5" in s for s in made.steps)
