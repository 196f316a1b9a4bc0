import io
import pickle
import zipfile
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray

from pellucid.errors import ImageError, PellucidWarning, SettingsError
from pellucid.simulate.records import (
    Records,
    open_records,
    read_biosr,
    read_class_folders,
    read_npz,
    read_w2s,
)

from ..mrc_files import mrc_bytes

RNG = np.random.default_rng(0)
LOW = RNG.random((12, 8, 9))
HIGH = RNG.random((12, 8, 9))


def assert_record(
    records: Records, index: int, low: NDArray[np.generic], high: NDArray[np.generic]
) -> None:
    record = records[index]
    assert record.name == records.names[index]
    assert record.low is not None
    assert record.low.dtype == record.high.dtype == np.float32
    np.testing.assert_array_equal(record.low, np.asarray(low, np.float32))
    np.testing.assert_array_equal(record.high, np.asarray(high, np.float32))


# npz


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("target", ["o", "gt"])
@pytest.mark.parametrize("channel", [False, True])
def test_many_pairs_in_one_npz(tmp_path: Path, save: object, target: str, channel: bool) -> None:
    arrays = {"w": LOW, target: HIGH}
    if channel:
        arrays = {key: values[..., None] for key, values in arrays.items()}
    save(tmp_path / "a.npz", **arrays)
    records = open_records(tmp_path / "a.npz")
    assert records.layout == "npz"
    assert len(records) == 12
    assert records.names[0] == "a.npz#00"
    assert records.names[11] == "a.npz#11"
    for index in (0, 11, 5, -1):
        assert_record(records, index, LOW[index], HIGH[index])
    assert records[3].files == (tmp_path / "a.npz",)


@pytest.mark.parametrize("key", ["w", "w_img", "low"])
def test_one_pair_in_an_npz(tmp_path: Path, key: str) -> None:
    for shape in ((8, 9), (8, 9, 1)):
        values = np.arange(72, dtype=np.uint16).reshape(shape)
        np.savez(tmp_path / "a.npz", **{key: values, "o": values + 1})
        records = read_npz(tmp_path / "a.npz")
        assert records.names == ("a.npz",)
        assert_record(records, 0, values.reshape(8, 9), values.reshape(8, 9) + 1)


def test_a_folder_of_npz(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    np.savez(tmp_path / "train" / "s10.npz", w=LOW[0], o=HIGH[0])
    np.savez(tmp_path / "train" / "s9.npz", w=LOW[1:4], gt=HIGH[1:4])
    records = open_records(tmp_path)
    assert records.names == (
        "train/s9.npz#0", "train/s9.npz#1", "train/s9.npz#2", "train/s10.npz",
    )  # fmt: skip
    assert_record(records, 2, LOW[3], HIGH[3])
    assert_record(records, 3, LOW[0], HIGH[0])
    chosen = records[1:3]
    assert chosen.names == records.names[1:3]
    assert_record(chosen, 0, LOW[2], HIGH[2])


def test_records_read_only_what_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.savez(tmp_path / "plain.npz", w=LOW, o=HIGH.astype(">f4"))
    np.savez(tmp_path / "column.npz", w=np.asfortranarray(LOW), o=HIGH)
    np.savez_compressed(tmp_path / "small.npz", w=LOW, o=HIGH)
    records = {name: read_npz(tmp_path / f"{name}.npz") for name in ("plain", "column", "small")}
    wholes: list[str] = []
    original = np.load

    def counted(path: Path, **options: object) -> object:
        wholes.append(Path(path).stem)
        return original(path, **options)

    monkeypatch.setattr(np, "load", counted)
    for index in (4, 7, 4):
        for opened in records.values():
            assert_record(
                opened, index, LOW[index],
                HIGH.astype("f4")[index] if opened is records["plain"] else HIGH[index],
            )  # fmt: skip
    # Whole arrays are read once, and only where they must be.
    assert sorted(wholes) == ["column", "small", "small"]
    tight = read_npz(tmp_path / "small.npz", memory_bytes=LOW.nbytes)
    wholes.clear()
    assert_record(tight, 0, LOW[0], HIGH[0])
    assert_record(tight, 1, LOW[1], HIGH[1])
    assert len(wholes) == 4  # the two arrays do not fit together


def test_records_go_to_other_processes(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", w=LOW, o=HIGH)
    copy = pickle.loads(pickle.dumps(read_npz(tmp_path / "a.npz")))
    assert_record(copy, 6, LOW[6], HIGH[6])


def test_arrays_of_other_names_can_be_stated(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, w=LOW, o=HIGH, gt=2 * HIGH, raw=3 * LOW)
    with pytest.raises(ImageError, match=r"more than one of them is 'gt' or 'o'; .* high="):
        read_npz(path)
    assert_record(read_npz(path, low="raw", high="gt"), 1, 3 * LOW[1], 2 * HIGH[1])
    with pytest.raises(ImageError, match="none of them is 'absent'"):
        read_npz(path, low="absent", high="gt")


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"x": LOW}, r"holds the arrays 'x', and none of them is 'w' or 'w_img' or 'low'"),
        ({"w": LOW}, "none of them is 'gt' or 'o'"),
        ({"w": LOW, "o": HIGH[:5]}, r"12 inputs 'w' .* but 5 targets 'o'"),
        ({"w": LOW[0, 0], "o": HIGH}, r"has shape \(9,\); pairs are"),
        ({"w": LOW[None], "o": HIGH[None]}, r"has shape \(1, 12, 8, 9\)"),
        ({"w": LOW[:0], "o": HIGH[:0]}, "is empty"),
        ({"w": LOW.astype(complex), "o": HIGH}, "of type complex128, not numbers"),
        ({"w": np.array([{}, 1], object), "o": HIGH}, "of type object, not numbers"),
    ],
)
def test_npz_files_that_are_no_pairs(
    tmp_path: Path, arrays: dict[str, NDArray[np.generic]], said: str
) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(ImageError, match=said):
        open_records(tmp_path / "a.npz")


def test_damaged_npz_files(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    path.write_bytes(b"not a zip file")
    with pytest.raises(ImageError, match="is not an npz file that can be read"):
        read_npz(path)
    with pytest.raises(ImageError, match="There is no file"):
        read_npz(tmp_path / "none.npz")
    np.savez_compressed(path, w=LOW, o=HIGH)
    content = bytearray(path.read_bytes())
    content[400:600] = bytes(200)
    path.write_bytes(content)
    with pytest.raises(ImageError, match=r"the array 'w' cannot be read"):
        _ = read_npz(path)[0]
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("w.npy", b"no array")
        archive.writestr("o.npy", b"no array")
    with pytest.raises(ImageError, match="'w' cannot be read"):
        read_npz(path)
    np.savez(path, w=LOW, o=np.full_like(HIGH, np.nan))
    with pytest.raises(ImageError, match=r"a\.npz#00 \(o\): 72 of 72 pixels are not finite"):
        _ = read_npz(path)[0]


# BioSR


def frames(count: int, side: int) -> NDArray[np.uint16]:
    return RNG.integers(90, 4000, (count, side, side)).astype(np.uint16)


def put(path: Path, data: NDArray[np.generic], pixel_um: float, order: str = "<") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cell = (pixel_um * data.shape[2], pixel_um * data.shape[1], 1.0)
    path.write_bytes(mrc_bytes(data, flavour="dv", cell=cell, order=order))


@pytest.fixture
def biosr(tmp_path: Path) -> Path:
    root = tmp_path / "BioSR"
    for cell in ("Cell_002", "Cell_010", "Cell_001"):
        for level in ("level_01", "level_02", "gt"):
            put(root / "F-actin" / cell / f"RawSIMData_{level}.mrc", frames(9, 8), 0.0626)
        put(root / "F-actin" / cell / "SIM_gt.mrc", frames(1, 16), 0.0313)
    put(root / "F-actin_Nonlinear" / "Cell_001" / "RawSIMData_level_01.mrc", frames(25, 6), 0.0604)
    sharp = RNG.random((1, 18, 18)).astype("f4")
    put(root / "F-actin_Nonlinear" / "Cell_001" / "SIM_gt_a.mrc", sharp, 0.0604 / 3, ">")
    put(root / "F-actin_Nonlinear" / "Cell_001" / "SIM_gt_b.mrc", sharp**0.6, 0.0604 / 3)
    for level in ("01", "02"):
        put(root / "ER" / "Cell_001" / "RawSIMData" / f"RawSIMData_level_{level}.mrc",
            frames(9, 8), 0.0626)  # fmt: skip
        put(root / "ER" / "Cell_001" / "GTSIM" / f"GTSIM_level_{level}.mrc", frames(1, 16), 0.0313)
    return root


def raw_mean(path: Path, count: int, side: int) -> NDArray[np.float64]:
    stored = np.frombuffer(path.read_bytes()[1024:], "<u2").reshape(count, side, side)
    return stored.mean(axis=0)


def test_biosr_pairs_widefield_with_sim(biosr: Path) -> None:
    records = open_records(biosr)
    assert records.layout == "BioSR"
    assert records.names == (
        "ER/Cell_001/level_01", "ER/Cell_001/level_02",
        "F-actin/Cell_001/level_01", "F-actin/Cell_001/level_02", "F-actin/Cell_001/gt",
        "F-actin/Cell_002/level_01", "F-actin/Cell_002/level_02", "F-actin/Cell_002/gt",
        "F-actin/Cell_010/level_01", "F-actin/Cell_010/level_02", "F-actin/Cell_010/gt",
        "F-actin_Nonlinear/Cell_001/level_01",
    )  # fmt: skip
    cell = biosr / "F-actin" / "Cell_002"
    raw, target = cell / "RawSIMData_level_02.mrc", cell / "SIM_gt.mrc"
    high = np.frombuffer(target.read_bytes()[1024:], "<u2").reshape(16, 16)
    assert_record(records, 6, raw_mean(raw, 9, 8), high)
    record = records[6]
    assert record.files == (raw, target)
    assert (record.low_pixel_um, record.high_pixel_um) == (0.0626, 0.0313)
    nested = records[1]
    assert [path.name for path in nested.files] == ["RawSIMData_level_02.mrc", "GTSIM_level_02.mrc"]
    nonlinear = records[11]
    assert nonlinear.files[1].name == "SIM_gt_a.mrc"
    assert nonlinear.high.shape == (18, 18)


def test_biosr_from_a_structure_or_a_cell_and_by_level(biosr: Path) -> None:
    assert len(read_biosr(biosr / "F-actin")) == 9
    assert read_biosr(biosr / "F-actin" / "Cell_001").names[0] == "Cell_001/level_01"
    chosen = read_biosr(biosr, levels=("gt",))
    assert [name.split("/")[-1] for name in chosen.names] == ["gt"] * 3
    with pytest.raises(ImageError, match="no cells of BioSR of the levels level_33"):
        read_biosr(biosr, levels=["level_33"])


def test_biosr_without_a_target(biosr: Path) -> None:
    put(biosr / "Myosin-IIA" / "Cell_001" / "RawSIMData_level_01.mrc", frames(9, 8), 0.0626)
    (biosr / "ER" / "Cell_001" / "GTSIM" / "GTSIM_level_02.mrc").unlink()
    with pytest.raises(ImageError, match=r"Cell_001/RawSIMData/.* has no .*GTSIM_level_02\.mrc"):
        read_biosr(biosr)
    with pytest.warns(PellucidWarning, match="Left out") as warned:
        records = read_biosr(biosr, skip_unpaired=True)
    assert len(warned) == 2
    assert len(records) == 10


def test_biosr_files_are_read_when_asked_for(biosr: Path) -> None:
    path = biosr / "F-actin" / "Cell_001" / "RawSIMData_level_01.mrc"
    path.write_bytes(path.read_bytes()[:-8])
    records = read_biosr(biosr / "F-actin")
    with pytest.raises(ImageError, match=r"RawSIMData_level_01\.mrc is truncated"):
        _ = records[0]
    assert records[1].high.shape == (16, 16)
    put(path, RNG.random((3, 8, 8)).astype("c8"), 0.06)
    with pytest.raises(ImageError, match="is not a stack of frames"):
        _ = records[0]


# W2S


def npy(values: NDArray[np.generic]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, values)
    return buffer.getvalue()


def w2s_repository(root: Path, suffix: str) -> dict[str, NDArray[np.generic]]:
    values = {}
    for folder, side in (("avg1", 8), ("avg4", 8), ("avg16", 8), ("avg400", 8), ("sim", 16)):
        (root / folder).mkdir(parents=True)
        for stem in ("001_0", "001_2", "010_1"):
            if suffix == "npy":
                image = RNG.normal(size=(side, side))
                content = npy(image)
            else:
                image = RNG.integers(0, 256, (side, side)).astype(np.uint8)
                content = imagecodecs.png_encode(image)
            (root / folder / f"{stem}.{suffix}").write_bytes(content)
            values[f"{folder}/{stem}"] = image
    return values


@pytest.mark.parametrize("suffix", ["npy", "png"])
def test_w2s_repository(tmp_path: Path, suffix: str) -> None:
    train = w2s_repository(tmp_path / "data" / "train", suffix)
    w2s_repository(tmp_path / "data" / "test", suffix)
    (tmp_path / "data" / "train" / "avg1" / ".ipynb_checkpoints").mkdir()
    records = open_records(tmp_path)
    assert records.layout == "W2S"
    assert len(records) == 2 * 3 * 3
    assert records.names[9] == "data/train/avg1/001_0"
    assert_record(records, 9, train["avg1/001_0"], train["sim/001_0"])
    noise_free = read_w2s(tmp_path / "data" / "train", averages=[4], target="avg400")
    assert noise_free.names == ("avg4/001_0", "avg4/001_2", "avg4/010_1")
    assert_record(noise_free, 2, train["avg4/010_1"], train["avg400/010_1"])


def test_w2s_raw_frames(tmp_path: Path) -> None:
    stack = RNG.integers(100, 900, (400, 4, 5)).astype(np.uint16)
    sim = RNG.random((8, 10))
    for image in ("Image001", "Image002"):
        (tmp_path / image).mkdir()
        (tmp_path / image / "wf_channel1.npy").write_bytes(npy(stack))
        (tmp_path / image / "sim_channel1.npy").write_bytes(npy(sim))
        (tmp_path / image / "sim_input_channel1.npy").write_bytes(npy(sim))
    records = open_records(tmp_path)
    assert records.names[:5] == tuple(f"Image001/wf_channel1/avg{n}" for n in (1, 2, 4, 8, 16))
    assert len(records) == 10
    assert_record(records, 0, stack[249], sim)
    assert_record(records, 8, stack[:8].mean(axis=0), sim)
    clean = read_w2s(tmp_path, averages=[400], target="avg400")
    assert_record(clean, 0, stack.mean(axis=0), stack.mean(axis=0))
    with pytest.raises(ImageError, match="has 400 frames; an average of 401"):
        _ = read_w2s(tmp_path, averages=[401])[0]
    (tmp_path / "Image001" / "sim_channel1.npy").unlink()
    with pytest.raises(ImageError, match=r"has no sim_channel1\.npy beside it"):
        read_w2s(tmp_path)


def test_w2s_with_parts_missing(tmp_path: Path) -> None:
    w2s_repository(tmp_path, "npy")
    with pytest.raises(ImageError, match="no folder avg2; there are avg1, avg4, avg16, avg400"):
        read_w2s(tmp_path, averages=[2])
    with pytest.raises(SettingsError, match="target is 'gt'"):
        read_w2s(tmp_path, target="gt")
    pointer = tmp_path / "avg1" / "001_0.npy"
    pointer.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 2097280\n")
    with pytest.raises(ImageError, match="fetch it with: git lfs pull"):
        _ = read_w2s(tmp_path)[0]
    (tmp_path / "sim" / "001_2.npy").unlink()
    with pytest.raises(ImageError, match=r"has no target .*001_2"):
        read_w2s(tmp_path)
    for path in (tmp_path / "sim").iterdir():
        path.unlink()
    (tmp_path / "sim").rmdir()
    with pytest.raises(ImageError, match=r"no folder 'sim' of targets, .* target='avg400'"):
        read_w2s(tmp_path)


# Class folders, and telling them apart


def test_class_folders_hold_targets_alone(tmp_path: Path) -> None:
    grey = RNG.integers(0, 256, (10, 12)).astype(np.uint8)
    colour = RNG.integers(0, 256, (10, 12, 3)).astype(np.uint8)
    for name, content in (
        ("n01440764/n01440764_1.JPEG", imagecodecs.jpeg_encode(grey, level=100)),
        ("n01440764/n01440764_2.JPEG", imagecodecs.png_encode(colour)),  # there are such
        ("n01443537/a.png", imagecodecs.png_encode(grey)),
        ("stray.png", imagecodecs.png_encode(grey)),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    records = open_records(tmp_path)
    assert records.layout == "class folders"
    assert records.names == (
        "n01440764/n01440764_1.JPEG", "n01440764/n01440764_2.JPEG", "n01443537/a.png",
    )  # fmt: skip
    assert all(record.low is None for record in records)
    np.testing.assert_array_equal(records[2].high, grey.astype(np.float32))
    np.testing.assert_allclose(records[1].high, colour @ [0.2126, 0.7152, 0.0722], atol=1e-3)
    assert records[2].files == (tmp_path / "n01443537" / "a.png",)
    (tmp_path / "n01443537" / "a.png").write_bytes(b"junk")
    with pytest.raises(ImageError, match=r"a\.png is not a picture"):
        _ = records[2]
    with pytest.raises(ImageError, match="no sub-folders of JPEG or PNG"):
        read_class_folders(tmp_path / "n01443537")


def test_what_is_not_known_says_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"looked for npz .* BioSR .* W2S .* sub-folders of JPEG"):
        open_records(tmp_path)
    with pytest.raises(ImageError, match="There is no folder"):
        open_records(tmp_path / "none")
    (tmp_path / "a.txt").write_text("text")
    with pytest.raises(ImageError, match="name an npz file or a folder"):
        open_records(tmp_path / "a.txt")
    for reader, said in ((read_npz, "no npz"), (read_biosr, "no cells"), (read_w2s, "no images")):
        with pytest.raises(ImageError, match=said):
            reader(tmp_path)


def test_two_layouts_at_once_are_not_guessed(biosr: Path) -> None:
    np.savez(biosr / "a.npz", w=LOW, o=HIGH)
    with pytest.raises(ImageError, match="more than one layout; open it with read_npz or read_bio"):
        open_records(biosr)
    assert len(read_biosr(biosr)) == 12


def test_listing_a_large_set_reads_no_pixels(biosr: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("a file was opened")

    monkeypatch.setattr(Path, "open", refuse)
    assert len(read_biosr(biosr).names) == 12
