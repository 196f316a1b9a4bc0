"""The shipped network as users run it: tiles, gain and offset, mean."""

import numpy as np
import pytest

from pellucid import Image, PellucidError, psnr, restore
from pellucid.errors import WeightsError
from pellucid.imaging import estimate_scale
from pellucid.io import Channel, Objective, Voxel
from pellucid.restore import Restorer, load_weights, shipped_weights, weights_card
from pellucid.restore.network import NetworkPlane
from pellucid.simulate import Canvas, Exposure, blur, camera_scene, expose, mixture
from pellucid.simulate.cell import CellImage

SIZES = [(1, 1), (7, 300), (129, 257), (513, 1030)]


def specimen(shape: tuple[int, int], seed: int = 0) -> np.ndarray:
    """A noisy simulated image of any shape, cut from a scene of filaments and haze."""
    canvas = Canvas(pixels=max(*shape, 64), pixel_size_um=0.065)
    rng = np.random.default_rng(seed)
    scene = camera_scene(mixture(rng, canvas, {"filaments": 1.0, "diffuse": 0.4}), canvas)
    clean = blur(scene, 0.3)[: shape[0], : shape[1]]
    exposure = Exposure(peak_photons=300.0, background_photons=20.0)
    return expose(rng, clean / np.float32(clean.max() or 1), exposure) + np.float32(100)


@pytest.mark.parametrize("shape", SIZES)
def test_tiles_agree_with_the_whole(shape: tuple[int, int]) -> None:
    image = specimen(shape)
    weights = load_weights()
    whole = NetworkPlane(weights, tile=4096)
    smallest = 2 * whole.reach + 4 * whole.multiple
    tiled = NetworkPlane(weights, tile=smallest)
    scale = estimate_scale(image)
    expected, result = whole.restore(image, scale), tiled.restore(image, scale)
    assert result.shape == shape
    if max(shape) > 2 * smallest:
        assert tiled.tiles(shape) > 4 > whole.tiles(shape)
    error = np.abs(result - expected).max()
    assert error <= 1e-3 * max(float(np.ptp(expected)), 1e-6)


@pytest.mark.parametrize(("gain", "offset"), [(0.01, 0.0), (3.7, 250.0), (40.0, -1000.0)])
def test_follows_gain_and_offset(recorded: np.ndarray, gain: float, offset: float) -> None:
    image = recorded.astype(float)
    first = restore(image).astype(float)
    second = restore(gain * image + offset).astype(float)
    expected = gain * first + offset
    assert np.abs(second - expected).max() <= 1e-4 * np.ptp(expected)


@pytest.mark.parametrize("shape", [(1, 1), (7, 300), (129, 257)])
def test_keeps_the_mean(shape: tuple[int, int]) -> None:
    image = specimen(shape)
    result = restore(image)
    assert result.dtype == np.float32
    assert result.mean(dtype=float) == pytest.approx(image.mean(dtype=float), rel=1e-4)


def test_the_network_itself_hardly_moves_the_mean(cell: CellImage) -> None:
    """What is put back to keep the mean is small: the network conserves light by itself."""
    network = NetworkPlane(load_weights())
    scale = estimate_scale(cell.recorded)
    normalised = scale.normalise(cell.recorded)
    raw = network._run(normalised)
    signal = normalised.mean() - np.percentile(normalised, 1)
    assert abs(raw.mean() - normalised.mean()) < 0.05 * signal


def test_sharpens_the_cell_by_more_than_three_decibels(cell: CellImage) -> None:
    before = psnr(cell.recorded, cell.truth, fit=True)
    assert psnr(restore(cell.recorded), cell.truth, fit=True) > before + 3.0


def test_the_card_tells_of_three_decibels_on_every_class() -> None:
    figures = dict(weights_card("bcrnet-physical")["figures"])
    figures.pop("what")
    for group, row in figures.items():
        assert row["restored_psnr_db"] >= row["input_psnr_db"] + 3.0, group


def test_the_card_belongs_to_the_file() -> None:
    for name in shipped_weights():
        card = weights_card(name)
        weights = load_weights(name)
        assert card["sha256"] == weights.sha256
        config = card["config"]
        assert config.get("training", config)["seed"] > 0
        assert len(card["commit"]) == 40
        assert len(weights.onnx) <= 1.2e6
        assert NetworkPlane(weights).reach == card["reach_pixels"]


def test_noise_without_a_specimen_becomes_flat() -> None:
    image = np.random.default_rng(0).poisson(100.0, (256, 256)).astype(np.float32)
    result = restore(image)
    assert result.std() < 0.2 * image.std()


def test_frames_do_not_ring() -> None:
    """The error in the outer pixels is like that inside."""
    canvas = Canvas(pixels=256, pixel_size_um=0.065)
    rng = np.random.default_rng(4)
    scene = camera_scene(mixture(rng, canvas, {"network": 1.0}), canvas)
    clean = blur(scene, 0.3)
    peak = np.float32(np.percentile(clean, 99.9))
    image = expose(rng, clean / peak, Exposure(peak_photons=1000.0))
    truth = scene.truth / peak * 1000.0
    wrong = np.abs(restore(image[:200, :200]) - truth[:200, :200])
    inner = wrong[20:-20, 20:-20].mean()
    frame = np.concatenate([wrong[:6].ravel(), wrong[-6:].ravel(), wrong[:, :6].ravel()])
    assert frame.mean() < 1.6 * inner


def test_stacks_channels_and_time_keep_everything(cell: CellImage) -> None:
    planes = np.stack([cell.recorded[:64, :96], cell.recorded[64:128, :96]])
    data = np.stack([planes, 2 * planes + 300]).astype(np.uint16)
    image = Image(
        data,
        "CTYX",
        Voxel(pixel_size_um=0.065),
        (Channel(name="a"), Channel(name="b")),
        Objective(numerical_aperture=1.4),
    )
    restored = Restorer().restore(image)
    assert restored.image.axes == "CTYX"
    assert restored.image.channels == image.channels
    assert restored.image.voxel == image.voxel
    result = restored.image.data
    assert result.dtype == np.float32
    means = data.mean(axis=(2, 3))
    np.testing.assert_allclose(result.mean(axis=(2, 3)), means, rtol=1e-4)
    # One scale a channel: the second channel is the first in other units.
    np.testing.assert_allclose(result[1], 2 * result[0] + 300, atol=0.02 * np.ptp(result[1]))
    assert len(restored.settings["background"]) == 2


def test_progress_counts_to_the_end(recorded: np.ndarray) -> None:
    seen: list[tuple[int, int]] = []
    Restorer().restore(Image(recorded, "YX"), lambda done, total: seen.append((done, total)))
    assert seen[-1][0] == seen[-1][1] == len(seen)


def test_optics_outside_the_training_are_said(recorded: np.ndarray) -> None:
    image = Image(
        recorded,
        "YX",
        Voxel(pixel_size_um=0.01),
        (Channel(emission_nm=600.0),),
        Objective(numerical_aperture=0.5),
    )
    with pytest.warns(UserWarning, match=r"0\.0167 cycles per pixel .* bin the image"):
        Restorer().restore(image)


def test_unknown_and_damaged_weights_are_explained(tmp_path: object) -> None:
    from pathlib import Path

    folder = Path(str(tmp_path))
    with pytest.raises(WeightsError, match="shipped ones are bcrnet-physical"):
        load_weights("nonsense")
    with pytest.raises(WeightsError, match="cannot be read"):
        load_weights(folder / "missing.onnx")
    (folder / "bad.onnx").write_bytes(b"not a model")
    with pytest.raises(WeightsError, match="not an ONNX model"):
        Restorer(weights=folder / "bad.onnx")


def test_a_file_of_ones_own_gives_the_same(tmp_path: object, recorded: np.ndarray) -> None:
    from pathlib import Path

    path = Path(str(tmp_path)) / "copy.onnx"
    path.write_bytes(load_weights().onnx)
    part = recorded[:64, :64]
    np.testing.assert_array_equal(restore(part, weights=path), restore(part))


@pytest.mark.parametrize(
    "bad",
    [
        np.full((8, 8), 3.0),
        np.array(5.0),
        np.ones(7),
        np.ones((0, 5)),
        np.ones((4, 4), complex),
        np.array([[1.0, np.nan], [1.0, 2.0]]),
        np.array([[1.0, np.inf], [1.0, 2.0]]),
        np.ones((2, 8, 8)),
        np.array([["a", "b"], ["c", "d"]]),
    ],
    ids=["constant", "0-d", "1-d", "empty", "complex", "nan", "inf", "axes", "text"],
)
def test_arrays_that_are_not_images_are_explained(bad: np.ndarray) -> None:
    with pytest.raises(PellucidError) as caught:
        restore(bad)
    assert len(str(caught.value)) > 30
