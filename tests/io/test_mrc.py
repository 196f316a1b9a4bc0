import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.errors import ImageError, PellucidError
from pellucid.io import Channel, Voxel
from pellucid.io.mrc import open_mrc, read_mrc

from ..mrc_files import mrc_bytes, mrc_header

STACK = np.random.default_rng(0).integers(0, 100, (3, 5, 7))


def written(folder: Path, content: bytes) -> Path:
    path = folder / "a.mrc"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["i1", "i2", "f4", "u2", "f2"])
def test_every_mode_in_both_byte_orders(tmp_path: Path, kind: str, order: str) -> None:
    path = written(tmp_path, mrc_bytes(STACK.astype(kind), order=order))
    data, axes = open_mrc(path).read()
    assert axes == "ZYX"
    assert data.dtype == np.dtype(kind)
    assert data.dtype.isnative
    np.testing.assert_array_equal(data, STACK)
    image = read_mrc(path)
    assert image.axes == "ZYX"
    assert image.data.dtype == (np.float32 if kind == "f2" else np.dtype(kind))
    np.testing.assert_array_equal(image.data, STACK)


def test_lengths_are_converted_from_angstrom(tmp_path: Path) -> None:
    # 7 intervals of 650 A along x, 5 of 700 A along y, 3 of 2000 A along z.
    content = mrc_bytes(
        STACK.astype("f4"), cell=(4550.0, 3500.0, 6000.0), labels=("made by a test", "second")
    )
    file = open_mrc(written(tmp_path, content))
    assert file.header.flavour == "mrc"
    assert file.header.labels == ("made by a test", "second")
    assert read_mrc(file.path).voxel == Voxel(
        pixel_size_um=0.065, pixel_size_y_um=0.07, z_step_um=0.2
    )


def test_a_crop_keeps_the_spacing_of_its_grid(tmp_path: Path) -> None:
    # The cell spans the intervals of the whole grid, not the samples that are stored.
    content = mrc_bytes(STACK.astype("i2"), cell=(1e4, 1e4, 1e4), intervals=(100, 100, 50))
    assert read_mrc(written(tmp_path, content)).voxel == Voxel(
        pixel_size_um=0.01, pixel_size_y_um=0.01, z_step_um=0.02
    )


@settings(max_examples=12, deadline=None)
@given(places=st.permutations([1, 2, 3]), order=st.sampled_from("<>"))
def test_axes_are_put_in_order(
    tmp_path_factory: pytest.TempPathFactory, places: list[int], order: str
) -> None:
    column, row, section = places
    letters = "".join("XYZ"[p - 1] for p in (section, row, column))
    stored = STACK.astype("i2").transpose(["ZYX".index(letter) for letter in letters])
    content = mrc_bytes(
        stored, order=order, axes=tuple(places), cell=(7e3, 5e3, 6e3), intervals=(7, 5, 3)
    )
    image = read_mrc(written(tmp_path_factory.getbasetemp(), content))
    assert image.axes == "ZYX"
    np.testing.assert_array_equal(image.data, STACK)
    # The lengths belong to x, y and z, however the data are stored.
    assert image.voxel == Voxel(pixel_size_um=0.1, pixel_size_y_um=0.1, z_step_um=0.2)


def test_a_single_section_is_a_plane(tmp_path: Path) -> None:
    image = read_mrc(written(tmp_path, mrc_bytes(STACK[:1].astype("u2"))))
    assert image.axes == "YX"
    np.testing.assert_array_equal(image.data, STACK[0])


def test_extended_headers_are_passed_over(tmp_path: Path) -> None:
    content = mrc_bytes(STACK.astype("i2"), extended=b"\xff" * 300)
    np.testing.assert_array_equal(read_mrc(written(tmp_path, content)).data, STACK)


def test_an_extended_header_that_is_not_there_is_not_missed(tmp_path: Path) -> None:
    header = mrc_header((7, 5, 3), 6, extended=512, flavour="dv")
    content = header + STACK.astype("<u2").tobytes()
    np.testing.assert_array_equal(read_mrc(written(tmp_path, content)).data, STACK)


def test_imod_says_whether_bytes_are_signed(tmp_path: Path) -> None:
    values = np.arange(200, 212, dtype=np.uint8).reshape(1, 3, 4)
    content = bytearray(mrc_bytes(values.view("i1")))
    assert read_mrc(written(tmp_path, bytes(content))).data.min() == 200 - 256
    struct.pack_into("<2i", content, 152, 1146047817, 0)
    # Older IMOD left the number of the light-microscopy flavour in its files.
    struct.pack_into("<h", content, 96, -16224)
    file = open_mrc(written(tmp_path, bytes(content)))
    assert file.header.flavour == "mrc"
    np.testing.assert_array_equal(file.read()[0], values[0])
    struct.pack_into("<2i", content, 152, 1146047817, 1)
    assert read_mrc(written(tmp_path, bytes(content))).data.dtype == np.int8


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("sequence", "axes"), [(0, "CTZ"), (1, "TZC"), (2, "TCZ")], ids=["ZTW", "WZT", "ZWT"]
)
def test_sections_of_light_microscopes(
    tmp_path: Path, sequence: int, axes: str, order: str
) -> None:
    length = {"T": 2, "C": 3, "Z": 4}
    values = np.arange(24 * 4 * 6, dtype="u2").reshape([*(length[a] for a in axes), 4, 6])
    content = mrc_bytes(
        values.reshape(24, 4, 6),
        order=order,
        flavour="dv",
        times=2,
        sequence=sequence,
        waves=(461, 525, 607),
        cell=(0.0626, 0.0626, 0.125),
        intervals=(1, 1, 1),
    )
    image = read_mrc(written(tmp_path, content))
    assert image.axes == axes + "YX"
    np.testing.assert_array_equal(image.data, values)
    assert image.voxel == Voxel(pixel_size_um=0.0626, pixel_size_y_um=0.0626, z_step_um=0.125)
    assert image.channels == tuple(Channel(emission_nm=nm) for nm in (461.0, 525.0, 607.0))


def test_raw_frames_of_light_microscopes_are_sections(tmp_path: Path) -> None:
    # As in BioSR: nine frames, spacing stated for the whole grid.
    frames = np.random.default_rng(1).integers(0, 4000, (9, 8, 8)).astype("u2")
    content = mrc_bytes(frames, flavour="dv", waves=(525,), cell=(8 * 0.0626, 8 * 0.0626, 9.0))
    image = read_mrc(written(tmp_path, content))
    assert image.axes == "ZYX"
    assert image.voxel.pixel_size_um == 0.0626
    assert image.channels == (Channel(emission_nm=525.0),)
    assert read_mrc(written(tmp_path, content), axes="tyx").axes == "TYX"


def test_sections_that_contradict_the_header_need_a_name(tmp_path: Path) -> None:
    path = written(tmp_path, mrc_bytes(STACK.astype("u2"), flavour="dv", times=2))
    with pytest.raises(ImageError, match=r"what its 3 sections are .* --axes ZYX"):
        read_mrc(path)
    np.testing.assert_array_equal(read_mrc(path, axes="ZYX").data, STACK)


def test_files_of_neither_flavour_leave_the_unit_of_length_open(tmp_path: Path) -> None:
    for order in "<>":
        for axes in ((0, 0, 0), (1, 2, 3)):
            content = mrc_bytes(
                STACK.astype("i2"), order=order, flavour="old", axes=axes, cell=(7.0, 5.0, 3.0)
            )
            image = read_mrc(written(tmp_path, content))
            np.testing.assert_array_equal(image.data, STACK)
            assert image.voxel == Voxel()


def test_a_wrong_machine_stamp_does_not_mislead(tmp_path: Path) -> None:
    content = mrc_bytes(STACK.astype("f4"), order=">", stamp=b"\0\0\0\0")
    np.testing.assert_array_equal(read_mrc(written(tmp_path, content)).data, STACK)


@pytest.mark.parametrize("order", ["<", ">"])
def test_transfer_functions_stay_complex(tmp_path: Path, order: str) -> None:
    values = np.exp(1j * np.arange(5, dtype="f4")).astype("c8").reshape(1, 1, 5)
    content = mrc_bytes(values, order=order, flavour="dv", cell=(0.03, 0.03, 0.05))
    path = written(tmp_path, content)
    data, axes = open_mrc(path).read()
    assert axes == "YX"
    np.testing.assert_array_equal(data, values[0])
    with pytest.raises(ImageError, match=r"complex numbers .*open_mrc\(path\)\.read\(\)"):
        read_mrc(path)


def test_the_measured_transfer_function_of_biosr(real_images: Path) -> None:
    file = open_mrc(real_images / "psf" / "biosr_multisim_otf_488.mrc")
    assert file.header.flavour == "dv"
    assert file.header.emission_nm == (515.0,)
    assert file.header.spacing == (0.05, 0.03120008, 0.03120008)
    assert file.header.labels[0] == "488-45nm-37m3.5-4"
    data, axes = file.read()
    assert data.dtype == np.complex64
    assert (data.shape, axes) == ((1, 257), "YX")
    magnitude = np.abs(data[0])
    assert magnitude[0] == pytest.approx(1.0)
    # It falls from one to nothing beyond the cut-off of about 2 * 1.49 / 0.515 cycles per um.
    frequency = np.arange(257) * 0.03120008
    assert np.all(magnitude[frequency > 2 * 1.49 / 0.515] < 0.02)
    assert np.all(np.diff(magnitude[frequency < 4.0][::8]) < 0)


def test_planes_are_read_when_they_are_used(tmp_path: Path) -> None:
    stack = np.zeros((40, 200, 200), dtype="f4")
    stack[7] = 1.0
    file = open_mrc(written(tmp_path, mrc_bytes(stack, order=">")))
    tracemalloc.start()
    try:
        mapped = file.memory_map()
        assert mapped[7].min() == 1.0
        used = tracemalloc.get_traced_memory()[1]
        assert used < stack[0].nbytes
        tracemalloc.reset_peak()
        data, _ = file.read()
        assert tracemalloc.get_traced_memory()[1] < 1.2 * stack.nbytes
    finally:
        tracemalloc.stop()
    with pytest.raises(ValueError, match="read-only"):
        mapped[0] = 1.0
    data[0] = 1.0  # what was read is the caller's own
    assert open_mrc(file.path).read()[0][0].max() == 0.0


def damaged(**changes: object) -> bytes:
    return mrc_bytes(STACK.astype("i2"), **changes)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "has 0 bytes, less than the 1024 of an MRC header"),
        (b"MAP " * 100, "has 400 bytes"),
        (bytes(2000), "is not an MRC file"),
        (b"a text, " * 200, "is not an MRC file"),
        (damaged()[:-1], "is truncated: it has 1233 bytes but its data reach to byte 1234"),
        (damaged(mode=3), r"has MRC mode 3 \(complex 16-bit integers\), and only 0, 1, 2"),
        (damaged(mode=101), r"mode 101 \(4-bit integers\)"),
        (damaged(mode=77), "mode 77, and only"),
        (damaged(mode=12, flavour="dv"), "mode 12, and only 0, 1, 2, 4, 5, 6, 7"),
        (damaged(axes=(1, 1, 3)), "damaged header .axes 1, 1, 3"),
        (mrc_header((0, 5, 3), 1), "damaged header .0 x 5 x 3 samples"),
        (mrc_header((7, 5, 3), 1, extended=-8), "-8 bytes of extended header"),
        (mrc_header((2**30, 2**30, 2**30), 2), "is truncated"),
        (mrc_bytes(np.full((1, 4, 4), np.nan, "f4")), "16 of 16 pixels are not finite"),
    ],
)
def test_bad_files_are_named_in_one_sentence(tmp_path: Path, content: bytes, said: str) -> None:
    path = written(tmp_path, content)
    with pytest.raises(ImageError, match=said) as caught:
        read_mrc(path)
    assert str(path) in str(caught.value)


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="There is no file"):
        open_mrc(tmp_path / "none.mrc")
    with pytest.raises(ImageError, match="is a folder"):
        open_mrc(tmp_path)


def test_axes_out_of_order_with_channels_are_refused(tmp_path: Path) -> None:
    content = mrc_bytes(
        np.zeros((12, 4, 4), "u2"), flavour="dv", times=2, waves=(461, 525), axes=(2, 1, 3)
    )
    with pytest.raises(ImageError, match="axes in the order ZXY and several channels"):
        read_mrc(written(tmp_path, content))


@settings(max_examples=200, deadline=None)
@given(
    flavour=st.sampled_from(["mrc", "dv", "old"]),
    order=st.sampled_from("<>"),
    damage=st.lists(st.tuples(st.integers(0, 223), st.integers(0, 255)), max_size=6),
    cut=st.integers(0, 1234),
)
def test_damaged_files_never_end_in_a_traceback(
    tmp_path_factory: pytest.TempPathFactory,
    flavour: str,
    order: str,
    damage: list[tuple[int, int]],
    cut: int,
) -> None:
    content = bytearray(mrc_bytes(STACK.astype("i2"), order=order, flavour=flavour))
    for place, value in damage:
        content[place] = value
    path = written(tmp_path_factory.getbasetemp(), bytes(content if cut % 2 else content[:cut]))
    try:
        said = "" if read_mrc(path).data.size else "nothing"
    except PellucidError as error:
        said = str(error)
    assert said == "" or str(path) in said
