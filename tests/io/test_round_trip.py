from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid import Image, read_image, write_image
from pellucid.errors import ImageError, OutputError, PellucidWarning
from pellucid.io import Channel, Objective, Voxel
from pellucid.io.write import OME_TYPES, cast

FULL = Image(
    np.arange(2 * 3 * 4 * 5 * 6, dtype=np.uint16).reshape(2, 3, 4, 5, 6),
    "TCZYX",
    Voxel(pixel_size_um=0.065, pixel_size_y_um=0.07, z_step_um=0.2, time_step_s=1.5),
    (
        Channel(name="DAPI", emission_nm=461.0, excitation_nm=405.0),
        Channel(name="α-tubulin <1>", emission_nm=525.0),
        Channel(),
    ),
    Objective(numerical_aperture=1.4, refractive_index=1.518),
)


def test_everything_comes_back(tmp_path: Path) -> None:
    back = read_image(write_image(FULL, tmp_path / "full.ome.tif", annotation={"method": "none"}))
    np.testing.assert_array_equal(back.data, FULL.data)
    assert back.data.dtype == FULL.data.dtype
    assert back.axes == FULL.axes
    assert back.voxel == FULL.voxel
    assert back.channels == FULL.channels
    assert back.objective == FULL.objective


def test_other_readers_see_an_ome_tiff(tmp_path: Path) -> None:
    path = write_image(FULL, tmp_path / "full.ome.tif", annotation={"method": "none"})
    with tifffile.TiffFile(path) as tiff:
        assert tiff.is_ome
        assert tiff.series[0].axes == "TCZYX"
        described = tifffile.xml2dict(tiff.ome_metadata)["OME"]
    assert described["Image"]["Pixels"]["PhysicalSizeX"] == 0.065
    assert described["Instrument"]["Objective"]["LensNA"] == 1.4
    assert '"method": "none"' in str(described["StructuredAnnotations"])


@settings(max_examples=30, deadline=None)
@given(
    outer=st.permutations("TCZ"),
    count=st.integers(0, 3),
    dtype=st.sampled_from(OME_TYPES),
    data=st.data(),
)
def test_any_order_of_axes_and_any_type(
    tmp_path_factory: pytest.TempPathFactory,
    outer: list[str],
    count: int,
    dtype: str,
    data: st.DataObject,
) -> None:
    axes = "".join(outer[:count]) + "YX"
    shape = tuple(data.draw(st.integers(2, 4)) for _ in axes)
    values = np.random.default_rng(0).integers(0, 100, shape).astype(dtype)
    path = tmp_path_factory.mktemp("any") / "a.ome.tif"
    back = read_image(write_image(Image(values, axes), path))
    assert back.axes == axes
    assert back.data.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(back.data, values)


def test_imagej_hyperstacks_keep_their_calibration(tmp_path: Path) -> None:
    path = tmp_path / "ij.tif"
    values = np.arange(2 * 3 * 2 * 8 * 9, dtype=np.uint16).reshape(2, 3, 2, 8, 9)
    tifffile.imwrite(
        path,
        values,
        imagej=True,
        resolution=(1 / 0.065, 1 / 0.07),
        metadata={
            "axes": "TZCYX",
            "spacing": 0.3,
            "unit": "um",
            "finterval": 2.5,
            "Labels": ["actin", "DNA"] * 6,
        },
    )
    image = read_image(path)
    assert image.axes == "TZCYX"
    np.testing.assert_array_equal(image.data, values)
    assert image.voxel.pixel_size_um == pytest.approx(0.065, rel=1e-6)
    assert image.voxel.pixel_size_y_um == pytest.approx(0.07, rel=1e-6)
    assert image.voxel.z_step_um == 0.3
    assert image.voxel.time_step_s == 2.5
    assert [channel.name for channel in image.channels] == ["actin", "DNA"]


def test_units_of_ome_files_are_honoured(tmp_path: Path) -> None:
    path = tmp_path / "nm.ome.tif"
    tifffile.imwrite(
        path,
        np.zeros((2, 8, 8), np.uint8) + np.arange(2, dtype=np.uint8)[:, None, None],
        ome=True,
        metadata={
            "axes": "CYX",
            "PhysicalSizeX": 65.0,
            "PhysicalSizeXUnit": "nm",
            "PhysicalSizeY": 0.065,
            "PhysicalSizeYUnit": "µm",
            "Channel": {"Name": ["a", "b"], "EmissionWavelength": [461, 525]},
        },
    )
    image = read_image(path)
    assert image.voxel.pixel_size_um == 0.065
    assert image.voxel.pixel_size_y_um == 0.065
    assert image.channels[1] == Channel(name="b", emission_nm=525.0)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_png(tmp_path: Path, dtype: type) -> None:
    import imagecodecs

    values = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (7, 5)).astype(dtype)
    path = tmp_path / "a.png"
    path.write_bytes(imagecodecs.png_encode(values))
    image = read_image(path)
    assert image.axes == "YX"
    np.testing.assert_array_equal(image.data, values)
    assert image.data.dtype == dtype


@pytest.mark.parametrize("compression", ["zlib", "lzw", "packbits"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_compressed_and_big_endian_tiffs(tmp_path: Path, compression: str, byteorder: str) -> None:
    values = np.random.default_rng(0).integers(0, 999, (16, 17)).astype(np.uint16)
    path = tmp_path / "c.tif"
    tifffile.imwrite(path, values, compression=compression, byteorder=byteorder)
    image = read_image(path)
    np.testing.assert_array_equal(image.data, values)
    assert image.data.dtype.isnative


def test_axes_can_be_stated_for_a_plain_stack(tmp_path: Path) -> None:
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, np.zeros((4, 8, 9), np.uint16), photometric="minisblack")
    with pytest.raises(ImageError, match=r"axis of length 4 .* --axes ZYX"):
        read_image(path)
    assert read_image(path, axes="tyx").axes == "TYX"
    with pytest.raises(ImageError, match="names 2 axes but the image has 3"):
        read_image(path, axes="YX")
    with pytest.raises(ImageError, match="not understood"):
        read_image(path, axes="ZZX")


def test_channels_that_come_last_move_to_the_front(tmp_path: Path) -> None:
    path = tmp_path / "yxc.tif"
    values = np.random.default_rng(0).integers(0, 99, (8, 9, 2)).astype(np.uint16)
    tifffile.imwrite(path, values, photometric="minisblack", metadata={"axes": "YXC"})
    image = read_image(path, axes="YXC")
    assert image.axes == "CYX"
    np.testing.assert_array_equal(image.data, np.moveaxis(values, -1, 0))


def test_more_than_one_image_in_a_file_is_said(tmp_path: Path) -> None:
    path = tmp_path / "two.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as tiff:
        tiff.write(np.ones((8, 8), np.uint8))
        tiff.write(np.ones((4, 4), np.uint8))
    with pytest.warns(PellucidWarning, match="holds 2 images; only the first"):
        assert read_image(path).data.shape == (8, 8)


def test_writing_never_replaces_unless_told(tmp_path: Path) -> None:
    path = tmp_path / "a.ome.tif"
    write_image(FULL, path)
    before = path.read_bytes()
    with pytest.raises(OutputError, match="exists already"):
        write_image(FULL.with_data(FULL.data + 1), path)
    assert path.read_bytes() == before
    write_image(FULL.with_data(FULL.data + 1), path, overwrite=True)
    assert read_image(path).data.flat[0] == 1
    assert [p.name for p in tmp_path.iterdir()] == ["a.ome.tif"]


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path, *args: object, **kwargs: object) -> None:
        Path(path).write_bytes(b"half a file")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tifffile.imwrite", fail)
    with pytest.raises(OutputError, match=r"No space left on device; free some space"):
        write_image(FULL, tmp_path / "a.ome.tif")
    assert list(tmp_path.iterdir()) == []


def test_cast_rounds_clips_and_says_so() -> None:
    image = Image(np.array([[-3.0, 1.4], [1.6, 300.0]], dtype=np.float32), "YX")
    with pytest.warns(PellucidWarning, match="2 of 4 pixels lay outside 0 to 255"):
        result = cast(image, np.uint8)
    assert result.data.tolist() == [[0, 1], [2, 255]]
    assert cast(image, np.float64).data.dtype == np.float64


def test_images_check_themselves() -> None:
    with pytest.raises(ImageError, match="describe each channel once"):
        Image(np.ones((2, 4, 4)), "CYX", channels=(Channel(),))
    with pytest.raises(ImageError, match="type bool"):
        Image(np.ones((4, 4), bool), "YX")
    with pytest.raises(ImageError, match="cannot take the place"):
        FULL.with_data(np.ones((3, 3)))
