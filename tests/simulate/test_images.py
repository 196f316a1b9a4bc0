import hashlib
import pickle
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pellucid.errors import ImageError, PellucidWarning, SettingsError
from pellucid.simulate._resample import resampled
from pellucid.simulate._store import ByteStore
from pellucid.simulate.canvas import Canvas
from pellucid.simulate.images import ImageFolder, Picture, image_scene

CANVAS = Canvas(pixels=32, pixel_size_um=0.065, oversampling=4)
RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (60, 80)).astype(np.uint8)
COLOUR = RNG.integers(0, 256, (40, 50, 3)).astype(np.uint8)
WEIGHTS = np.array([0.2126, 0.7152, 0.0722])


def smooth_picture(shape: tuple[int, int] = (300, 400)) -> NDArray[np.float32]:
    """Return a picture with detail and a slope, whose opposite edges differ much."""
    y, x = np.indices(shape, dtype=np.float32)
    waves = np.sin(y / 5.0) * np.cos(x / 7.0) + np.sin((x + y) / 11.0)
    return (100.0 + 20.0 * waves + 0.3 * x + 0.2 * y).astype(np.float32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "b" / "deep").mkdir(parents=True)
    (tmp_path / "z.PNG").write_bytes(imagecodecs.png_encode(GREY))
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(COLOUR))
    (tmp_path / "b" / "deep" / "photo.jpg").write_bytes(imagecodecs.jpeg_encode(COLOUR, level=95))
    tifffile.imwrite(
        tmp_path / "b" / "cells.tif", np.stack([GREY, GREY.T[:60, :].repeat(2, 1)[:, :80]]) * 3,
        imagej=True, metadata={"axes": "CYX"},
    )  # fmt: skip
    tifffile.imwrite(tmp_path / "b" / "rgb.tif", COLOUR, photometric="rgb")
    (tmp_path / "notes.txt").write_text("not a picture")
    (tmp_path / ".hidden.png").write_bytes(b"junk")
    return tmp_path


def test_a_folder_lists_every_plane_in_order(folder: Path) -> None:
    pictures = ImageFolder(folder)
    assert pictures.names == (
        "a.png", "b/cells.tif#c0", "b/cells.tif#c1", "b/deep/photo.jpg", "b/rgb.tif", "z.PNG",
    )  # fmt: skip
    assert tuple(p.name for p in pictures) == pictures.names
    assert len(pictures) == 6
    np.testing.assert_array_equal(pictures[-1].data, GREY)
    assert pictures[-1].data.dtype == np.uint8
    np.testing.assert_array_equal(pictures[1].data, GREY * 3)
    assert ImageFolder(folder, patterns=["*.JPG"]).names == ("b/deep/photo.jpg",)


def test_colour_becomes_luminance(folder: Path) -> None:
    pictures = {p.name: p.data for p in ImageFolder(folder)}
    expected = COLOUR @ WEIGHTS
    np.testing.assert_allclose(pictures["a.png"], expected, atol=1e-3)
    np.testing.assert_allclose(pictures["b/rgb.tif"], expected, atol=1e-3)
    assert pictures["b/deep/photo.jpg"].shape == (40, 50)
    assert np.corrcoef(pictures["b/deep/photo.jpg"].ravel(), expected.ravel())[0, 1] > 0.95


def test_transparency_is_passed_over(tmp_path: Path) -> None:
    alpha = np.full((*GREY.shape, 1), 7, np.uint8)
    for name, data in (
        ("grey.png", np.concatenate([GREY[..., None], alpha], axis=-1)),
        ("rgba.png", np.concatenate([COLOUR, alpha[:40, :50]], axis=-1)),
    ):
        (tmp_path / name).write_bytes(imagecodecs.png_encode(data))
    grey, rgba = ImageFolder(tmp_path)
    np.testing.assert_array_equal(grey.data, GREY)
    np.testing.assert_allclose(rgba.data, COLOUR @ WEIGHTS, atol=1e-3)


def test_printers_colours_are_understood(tmp_path: Path) -> None:
    pillow = pytest.importorskip("PIL.Image")
    even = np.broadcast_to(np.array([200, 100, 50], np.uint8), (32, 32, 3)).copy()
    even[:, 16:] = 30
    pillow.fromarray(even).convert("CMYK").save(tmp_path / "p.jpg", quality=98)
    assert np.abs(ImageFolder(tmp_path)[0].data - even @ WEIGHTS).max() < 6


def test_focal_planes_are_pictures(tmp_path: Path) -> None:
    stack = RNG.integers(0, 999, (12, 2, 16, 17)).astype(">u2")
    tifffile.imwrite(tmp_path / "s.tif", stack.astype("u2"), imagej=True, metadata={"axes": "ZCYX"})
    pictures = ImageFolder(tmp_path)
    assert pictures.names[:3] == ("s.tif#z00c0", "s.tif#z00c1", "s.tif#z01c0")
    assert len(pictures) == 24
    np.testing.assert_array_equal(pictures[23].data, stack[11, 1])


def test_pictures_prove_where_they_come_from(folder: Path) -> None:
    pictures = ImageFolder(folder)
    hashes = pictures.sha256()
    assert tuple(hashes) == pictures.names
    for picture in pictures:
        file = folder / picture.name.split("#")[0]
        expected = hashlib.sha256(file.read_bytes()).hexdigest()
        assert picture.sha256 == hashes[picture.name] == expected
    assert Picture.of(GREY).sha256 == hashlib.sha256(GREY.tobytes()).hexdigest()


def test_frames_are_cut_where_told(folder: Path) -> None:
    pictures = ImageFolder(folder, margins={"z*": 8, "*": 0})
    np.testing.assert_array_equal(pictures[5].data, GREY[8:-8, 8:-8])
    assert pictures[0].data.shape == (40, 50)
    with pytest.raises(ImageError, match="used up by a margin of 20 pixels"):
        _ = ImageFolder(folder, margins={"a.png": 20})[0]
    with pytest.raises(SettingsError, match="margin of 'a' is -1"):
        ImageFolder(folder, margins={"a": -1})


def test_memory_is_bounded_and_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for index in range(6):
        tile = RNG.integers(0, 256, (50, 40)).astype(np.uint8)
        (tmp_path / f"{index}.png").write_bytes(imagecodecs.png_encode(tile))
    pictures = ImageFolder(tmp_path, memory_bytes=3 * 2000)
    decoded: list[str] = []
    original = Path.read_bytes

    def counted(path: Path) -> bytes:
        decoded.append(path.name)
        return original(path)

    monkeypatch.setattr(Path, "read_bytes", counted)
    for index in (0, 1, 2, 0, 3, 0, 1):
        assert pictures[index].data.nbytes == 2000
        assert pictures.held_bytes <= 6000
    # 1 was the least recently used when 3 came.
    assert decoded == ["0.png", "1.png", "2.png", "3.png", "1.png"]
    copy = pickle.loads(pickle.dumps(pictures))
    assert copy.held_bytes == 0
    np.testing.assert_array_equal(copy[4].data, pictures[4].data)
    assert ImageFolder(tmp_path, memory_bytes=1)[0].data.nbytes == 2000
    with pytest.raises(SettingsError, match="-1 bytes"):
        ImageFolder(tmp_path, memory_bytes=-1)


@settings(max_examples=50, deadline=None)
@given(
    limit=st.integers(0, 30),
    puts=st.lists(st.tuples(st.integers(0, 5), st.integers(1, 20)), max_size=30),
)
def test_a_store_keeps_what_was_used_last(limit: int, puts: list[tuple[int, int]]) -> None:
    store: ByteStore[int] = ByteStore(limit)
    order: list[tuple[int, int]] = []
    for key, size in puts:
        store.put(key, size, size)
        order = [item for item in order if item[0] != key]
        if size <= limit:
            order.append((key, size))
        while sum(size for _, size in order) > limit:
            del order[0]
        assert store.held_bytes == sum(size for _, size in order) <= limit
        assert [store.get(key) for key, _ in order] == [size for _, size in order]
    assert store.get("absent") is None


def test_nothing_is_skipped_silently(folder: Path) -> None:
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")
    photo = (folder / "b" / "deep" / "photo.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(photo[: len(photo) // 2])
    (folder / "dark.png").write_bytes(imagecodecs.png_encode(np.zeros((9, 9), np.uint8)))
    pictures = ImageFolder(folder)
    for name, said in (
        ("broken.png", "is not a picture that can be read"),
        ("cut.jpg", "the JPEG is cut short"),
        ("dark.png", r"is constant \(every pixel is 0\)"),
    ):
        with pytest.raises(ImageError, match=said) as caught:
            _ = pictures[pictures.names.index(name)]
        assert name in str(caught.value)
    with pytest.warns(PellucidWarning, match="Left out: .*") as warned:
        kept = ImageFolder(folder, skip_unreadable=True)
    assert len(warned) == 3
    assert len(kept) == 6
    assert not {"broken.png", "cut.jpg", "dark.png"} & set(kept.names)
    (folder / "bad.tif").write_bytes(b"II*\0 and then nothing at all")
    with pytest.raises(ImageError, match=r"bad\.tif is not a picture"):
        ImageFolder(folder)


def test_bad_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="There is no folder"):
        ImageFolder(tmp_path / "none")
    with pytest.raises(ImageError, match=r"holds no picture named \*\.png"):
        ImageFolder(tmp_path, patterns=["*.png"])
    (tmp_path / "text.png").write_text("GIF89a, perhaps")
    with pytest.raises(ImageError, match="neither PNG, JPEG nor TIFF"):
        _ = ImageFolder(tmp_path)[0]


def test_pictures_check_themselves() -> None:
    with pytest.raises(ImageError, match="has two axes"):
        Picture.of(np.zeros((3, 4, 5)))
    with pytest.raises(ImageError, match="not finite"):
        Picture.of(np.full((3, 4), np.nan))
    with pytest.raises(ImageError, match="is constant"):
        image_scene(np.random.default_rng(0), np.ones((30, 30)), CANVAS)
    picture = Picture.of(GREY)
    with pytest.raises(ValueError, match="read-only"):
        picture.data[0, 0] = 1
    assert picture.percentiles[0] == GREY.min()
    assert picture.percentiles[50] == np.median(GREY)


# Resampling


@settings(max_examples=40, deadline=None)
@given(
    step=st.floats(0.1, 6.0),
    start=st.tuples(st.floats(-30.0, 60.0), st.floats(-30.0, 60.0)),
    count=st.integers(1, 30),
)
def test_constants_stay_constant(step: float, start: tuple[float, float], count: int) -> None:
    out = resampled(np.full((20, 13), 7, np.uint8), start=start, step=step, count=count)
    assert out.dtype == np.float32
    assert out.shape == (count, count)
    np.testing.assert_allclose(out, 7.0, rtol=1e-5)


def test_a_step_of_one_returns_the_pixels_and_mirrors_beyond() -> None:
    plane = RNG.random((8, 8)).astype(np.float32)
    np.testing.assert_allclose(resampled(plane, start=(0, 0), step=1.0, count=8), plane, atol=1e-6)
    out = resampled(plane, start=(-8, -8), step=1.0, count=24)
    np.testing.assert_allclose(out, np.pad(plane, 8, mode="symmetric"), atol=1e-6)


def test_enlarging_is_exact_for_parabolas() -> None:
    y, x = np.indices((30, 30)) + 0.5  # centres of the pixels
    plane = 1.0 + 0.1 * y + 0.02 * x * x - 0.01 * y * y
    v, u = 10.0 + 0.37 * (np.indices((20, 20)) + 0.5)
    np.testing.assert_allclose(
        resampled(plane, start=(10, 10), step=0.37, count=20),
        1.0 + 0.1 * v + 0.02 * u * u - 0.01 * v * v,
        rtol=1e-5,
    )


def test_shrinking_averages_areas() -> None:
    plane = RNG.random((24, 24))
    np.testing.assert_allclose(
        resampled(plane, start=(0, 0), step=3.0, count=8),
        plane.reshape(8, 3, 8, 3).mean(axis=(1, 3)),
        rtol=1e-5,
    )
    # Any step keeps the mean of what it covers.
    out = resampled(plane, start=(0, 0), step=24 / 11, count=11)
    assert out.mean() == pytest.approx(plane.mean(), rel=1e-5)


# Scenes


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    shape=st.tuples(st.integers(20, 500), st.integers(20, 500)),
    zooms=st.sampled_from([(0.25, 0.5), (1.0, 1.0), (1.0, 4.0), (8.0, 8.0)]),
    overlap=st.sampled_from([0.1, 0.25, 1.0]),
)
def test_scenes_have_no_seam(
    seed: int, shape: tuple[int, int], zooms: tuple[float, float], overlap: float
) -> None:
    scene = image_scene(
        np.random.default_rng(seed),
        smooth_picture(shape),
        CANVAS,
        zoom_range=zooms,
        dark_percentile_range=(0.0, 0.0),
        overlap=overlap,
    )
    assert scene.shape == (CANVAS.samples, CANVAS.samples)
    assert scene.dtype == np.float32
    assert scene.flags.c_contiguous
    assert scene.min() >= 0.0
    for axis in (0, 1):
        inside = np.abs(np.diff(scene, axis=axis))
        seam = np.abs(np.take(scene, 0, axis) - np.take(scene, -1, axis))
        assert seam.max() <= 1.2 * inside.max()


def test_a_plain_crop_would_have_a_seam() -> None:
    """The slope of this picture makes a jump that the scene must not have."""
    picture = np.add.outer(np.zeros(400), np.arange(400.0)).astype(np.float32)
    scene = image_scene(
        np.random.default_rng(1), picture, CANVAS,
        zoom_range=(1.0, 1.0), gamma_range=(1.0, 1.0), dark_percentile_range=(0.0, 0.0),
    )  # fmt: skip
    rise = np.abs(np.diff(scene, axis=0)), np.abs(np.diff(scene, axis=1))
    along = int(np.argmax([r.max() for r in rise]))
    seam = np.abs(np.take(scene, 0, along) - np.take(scene, -1, along)).max()
    span = scene.max() - scene.min()
    # The crop's far sides differ by more than the scene spans; the fade is 16 samples wide.
    assert span > 0.2
    assert seam < 0.2 * span
    assert rise[along].max() < 0.2 * span


def test_a_periodic_picture_is_left_as_it_is() -> None:
    """Where the continuation equals the near side, fading changes nothing."""
    n = CANVAS.samples
    y, x = np.indices((4 * n, 4 * n))
    picture = 2.0 + np.sin(2 * np.pi * 3 * x / n) + np.cos(2 * np.pi * 5 * y / n)
    scene = image_scene(
        np.random.default_rng(2), picture, CANVAS,
        zoom_range=(1.0, 1.0), gamma_range=(1.0, 1.0), dark_percentile_range=(0.0, 0.0),
    )  # fmt: skip
    spectrum = np.abs(np.fft.rfft2(scene - scene.mean()))
    assert np.sort(spectrum.ravel())[-8] < 2e-3 * spectrum.max()


def test_scenes_depend_on_the_generator_alone() -> None:
    picture = Picture.of(smooth_picture())
    first = [image_scene(np.random.default_rng(s), picture, CANVAS) for s in (1, 2, 1)]
    np.testing.assert_array_equal(first[0], first[2])
    assert np.abs(first[0] - first[1]).max() > 0.1
    again = image_scene(np.random.default_rng(1), smooth_picture(), CANVAS)
    np.testing.assert_array_equal(first[0], again)


def test_scenes_are_turned_and_mirrored() -> None:
    picture = np.zeros((64, 64), dtype=np.float32)
    picture[8:12, 20:50] = 1.0
    picture[12:30, 20:24] = 1.0
    canvas = Canvas(pixels=12, pixel_size_um=0.1, oversampling=4)
    kinds = set()
    for seed in range(60):
        scene = image_scene(
            np.random.default_rng(seed), picture, canvas,
            zoom_range=(1.0, 1.0), least_peak=1.0, overlap=0.1,
        )  # fmt: skip
        gradient = np.gradient(scene)
        kinds.add((float(np.sign(np.cov(gradient[0].ravel(), gradient[1].ravel())[0, 1])),
                   scene.sum(axis=0).max() > scene.sum(axis=1).max()))  # fmt: skip
    assert len(kinds) >= 4


def test_contrast_lies_in_the_ranges() -> None:
    ramp = np.broadcast_to(np.linspace(50.0, 150.0, 600, dtype=np.float32), (600, 600)).copy()
    canvas = Canvas(pixels=100, pixel_size_um=0.1, oversampling=4)

    def quantiles(seed: int, **ranges: tuple[float, float]) -> NDArray[np.float64]:
        scene = image_scene(
            np.random.default_rng(seed), ramp, canvas, zoom_range=(0.75, 0.75), **ranges
        )
        return np.percentile(scene, [1, 10, 25, 50, 75])

    # The ramp is seen from end to end (mirrored beyond), so its percentiles are known.
    plain = quantiles(0, gamma_range=(1.0, 1.0), dark_percentile_range=(0.0, 0.0))
    squared = quantiles(0, gamma_range=(2.0, 2.0), dark_percentile_range=(0.0, 0.0))
    np.testing.assert_allclose(squared, plain**2, atol=1e-5)
    darker = quantiles(0, gamma_range=(1.0, 1.0), dark_percentile_range=(40.0, 40.0))
    np.testing.assert_allclose(darker, np.clip((plain - 0.4) / 0.6, 0, None), atol=5e-3)
    assert darker[2] == 0.0
    for seed in range(6):
        drawn = quantiles(seed, gamma_range=(0.5, 3.0), dark_percentile_range=(10.0, 20.0))
        bounds = [
            quantiles(seed, gamma_range=(g, g), dark_percentile_range=(d, d))
            for g in (0.5, 3.0)
            for d in (10.0, 20.0)
        ]
        assert np.all(drawn >= np.min(bounds, axis=0) - 1e-6)
        assert np.all(drawn <= np.max(bounds, axis=0) + 1e-6)


def test_pictures_too_small_are_enlarged_and_then_mirrored() -> None:
    tile = RNG.random((18, 18)).astype(np.float32)
    # 144 samples with the margin: a zoom of eight is just enough, one of two is not.
    enlarged = image_scene(
        np.random.default_rng(3), tile, CANVAS, zoom_range=(1.0, 8.0), overlap=0.125
    )
    steps = np.abs(np.diff(enlarged, axis=1)).mean()
    mirrored = image_scene(
        np.random.default_rng(3), tile, CANVAS, zoom_range=(1.0, 2.0), overlap=0.125
    )
    assert np.abs(np.diff(mirrored, axis=1)).mean() > 2.0 * steps
    # Mirrored at two samples a pixel, the tile comes back after 72 samples.
    inner = mirrored[20:38, 20:38], mirrored[92:110, 92:110]
    assert np.corrcoef(inner[0].ravel(), inner[1].ravel())[0, 1] > 0.99
    tiny = image_scene(np.random.default_rng(0), np.array([[0.0, 1.0]]), CANVAS)
    assert tiny.shape == (128, 128)
    assert tiny.max() > 0.5


def test_empty_places_are_avoided() -> None:
    picture = RNG.normal(100.0, 1.0, (1000, 1000)).astype(np.float32)
    picture[400:520, 600:720] += 500.0
    described = Picture.of(picture)
    bright = {
        least: np.mean([
            np.percentile(
                image_scene(
                    np.random.default_rng(seed), described, CANVAS,
                    zoom_range=(1.0, 1.0), gamma_range=(1.0, 1.0), least_peak=least,
                ),
                99,
            ) > 0.3
            for seed in range(40)
        ])
        for least in (0.0, 0.5)
    }  # fmt: skip
    assert bright[0.5] > 1.5 * bright[0.0] > 0


def test_sparse_pictures_keep_their_light() -> None:
    """One bright pixel in a thousand: the percentile of the peak is the background itself."""
    picture = np.full((200, 200), 10, np.uint16)
    picture[100:103, 100:103] = 4000
    described = Picture.of(picture)
    assert described.peak == 4000
    scenes = [image_scene(np.random.default_rng(s), described, CANVAS) for s in range(8)]
    assert all(scene.min() == 0.0 for scene in scenes)
    assert max(scene.max() for scene in scenes) > 0.5


@pytest.mark.parametrize(
    ("settings_", "said"),
    [
        ({"zoom_range": (2.0, 1.0)}, r"zoom_range is \(2.0, 1.0\)"),
        ({"zoom_range": (0.0, 1.0)}, "from 0.001 to 1000"),
        ({"gamma_range": (float("nan"), 1.0)}, "gamma_range is"),
        ({"dark_percentile_range": (0.0, 100.0)}, "from 0 to 99"),
        ({"overlap": 0.0}, "overlap is"),
        ({"least_peak": 2.0}, "least_peak is"),
    ],
)
def test_bad_settings_are_named(settings_: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        image_scene(np.random.default_rng(0), GREY, CANVAS, **settings_)


def test_real_ground_truths_make_scenes(real_images: Path) -> None:
    pictures = ImageFolder(
        real_images / "ground_truth",
        patterns=["actin1_sim_gt.tif", "bbbc022*", "mito*"],
        margins={"actin?_sim_gt.tif": 16},
    )
    assert len(pictures) == 5
    # The dark frame of the SIM image is gone.
    assert pictures[0].data.shape == (480, 992)
    for seed, picture in enumerate(pictures):
        scene = image_scene(np.random.default_rng(seed), picture, CANVAS)
        assert np.isfinite(scene).all()
        assert scene.min() == 0.0
        assert scene.max() > 0
