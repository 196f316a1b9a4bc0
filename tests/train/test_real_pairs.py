import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from pellucid.assess.registration import bin_to, shifted
from pellucid.errors import ImageError, PellucidWarning, SettingsError
from pellucid.imaging import Blur, estimate_scale
from pellucid.optics import Microscope, point_spread_function
from pellucid.train import PairBatches, RealPairs

Floats = NDArray[np.float64]
#: Pixels that may be reflected at the frame, where blur and shift see something else.
FRAME = 12


def specimen(seed: int, side: int) -> Floats:
    """Return points and blobs on a dark ground, fine enough to lose something by blur."""
    rng = np.random.default_rng(seed)
    points = (rng.random((side, side)) < 0.01) * rng.gamma(2.0, 1.0, (side, side))
    blobs = gaussian_filter((rng.random((side, side)) < 2e-3) * 1.0, 3.0) * 40
    return 20 * gaussian_filter(points, 0.8) + blobs


def write_pair(
    folder: Path, name: str, image: NDArray[np.generic], truth: NDArray[np.generic], **options: str
) -> None:
    for kind, data in (("low", image), ("high", truth)):
        (folder / kind).mkdir(exist_ok=True)
        axes = options.get(f"{kind}_axes", options.get("axes", "ZYX"[-data.ndim :]))
        tifffile.imwrite(
            folder / kind / f"{name}.tif", data.astype(np.float32), imagej=True,
            metadata={"axes": axes},
        )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten pairs: the image blurred, moved, brighter and on an offset, with some noise."""
    for number in range(10):
        rng = np.random.default_rng(number)
        truth = specimen(number, 128)
        image = 50 * gaussian_filter(shifted(truth, (1.3, -2.6)), 1.5) + 400
        image = image + 5 * rng.standard_normal(image.shape)
        write_pair(tmp_path, f"cell{number}", image, truth)
    return tmp_path


def stream(folder: Path, **options: object) -> RealPairs:
    return RealPairs(folder / "low", folder / "high", **{"seed": 1, "size": 48, **options})


def test_every_pair_is_registered_and_said_to_be(folder: Path) -> None:
    pairs = stream(folder)
    assert [report.name for report in pairs.reports] == [f"cell{n}" for n in range(10)]
    for report in pairs.reports:
        assert report.refused is None
        # The image has to be moved back to lie on the truth.
        np.testing.assert_allclose(report.registration.shift_pixels, (-1.3, 2.6), atol=0.05)
        assert report.registration.correlation > 0.7
        assert report.brightness.gain == pytest.approx(50, rel=0.05)
        assert report.brightness.offset == pytest.approx(400, rel=0.01)
        assert report.brightness.blur_pixels == pytest.approx(1.5 * 2.355, rel=0.05)


def test_truths_blurred_agree_with_images_and_both_are_in_the_unit_range(folder: Path) -> None:
    pairs = stream(folder, turn=False)
    for index in range(12):
        pair = pairs[index]
        file, y, x = (pair.conditions[key] for key in ("file", "y", "x"))
        whole = tifffile.imread(folder / "low" / f"{file}.tif")
        raw = whole[y : y + 48, x : x + 48]
        # Not a sample of the image was interpolated, and none is next to the frame.
        assert min(y, x) >= 4
        assert max(y, x) <= 128 - 48 - 4
        np.testing.assert_array_equal(pair.image, estimate_scale(whole).normalise(raw))
        inner = (slice(FRAME, -FRAME),) * 2
        blurred = gaussian_filter(pair.truth, 1.5)[inner]
        noise = 5 / estimate_scale(whole).span
        assert (blurred - pair.image[inner]).std() < 1.3 * noise
        assert abs((blurred - pair.image[inner]).mean()) < 0.2 * noise
        assert pair.image.dtype == pair.truth.dtype == np.float32


@pytest.mark.parametrize("factor", [2, 4])
def test_finer_truths_are_averaged_over_the_pixels_of_the_image(
    tmp_path: Path, factor: int
) -> None:
    fine = 10 * gaussian_filter(specimen(3, 128 * factor), 0.5 * factor)
    moved = shifted(fine, (1.5 * factor, -0.75 * factor))
    image = 7 * bin_to(gaussian_filter(moved, 1.5 * factor), (128, 128)) + 100
    write_pair(tmp_path, "a", image, fine)
    pairs = stream(tmp_path, turn=False)
    report = pairs.reports[0]
    np.testing.assert_allclose(report.registration.shift_pixels, (-1.5, 0.75), atol=0.03)
    assert report.brightness.gain == pytest.approx(7, rel=0.03)
    scale = estimate_scale(image.astype(np.float32))
    truth = scale.normalise(7 * bin_to(moved, (128, 128)) + 100)
    for index in range(4):
        pair = pairs[index]
        y, x = pair.conditions["y"], pair.conditions["x"]
        part = truth[y : y + 48, x : x + 48]
        assert (pair.truth - part).std() < 0.03 * part.std()


@pytest.mark.parametrize("cutoff", [0.15, 0.3])
def test_light_is_kept_for_the_blur_of_a_microscope(tmp_path: Path, cutoff: float) -> None:
    """Airy patterns spread a sixth of their light far out: it must not be lost to the truth."""
    scope = Microscope(numerical_aperture=1.0, emission_nm=500.0, pixel_size_um=0.25 * cutoff)
    assert scope.cutoff_per_pixel == pytest.approx(cutoff)
    truth = specimen(5, 192)
    psf = point_spread_function(scope, (63, 63)).data
    blur = Blur(psf, truth.shape, boundary="reflect")
    write_pair(tmp_path, "a", 30 * blur.apply(truth) + 100, truth)
    report = stream(tmp_path).reports[0]
    assert report.brightness.gain == pytest.approx(30, rel=0.03)
    # Ordinary least squares would lose a third and more.
    assert np.polyfit(truth.ravel(), blur.apply(truth).ravel(), 1)[0] < 0.7


def test_parts_have_no_file_in_common_and_hold_all(folder: Path) -> None:
    seen = {}
    for part in ("training", "validation"):
        pairs = stream(folder, part=part)
        seen[part] = {pairs[index].conditions["file"] for index in range(60)}
        assert seen[part] == {report.name for report in pairs.reports}
    assert len(seen["training"]) == 8
    assert len(seen["validation"]) == 2
    assert not seen["training"] & seen["validation"]
    # A file stays where it is when files beside it are used or not.
    assert {r.name for r in stream(folder, part="validation", seed=9).reports} == seen["validation"]


def test_pairs_depend_on_their_number_alone(folder: Path) -> None:
    pairs = stream(folder)
    pairs.fill(workers=2)
    later = pickle.loads(pickle.dumps(pairs))
    again = stream(folder, memory_bytes=0)
    for index in (7, 0, 123_456):
        for other in (later, again):
            one, two = pairs[index], other[index]
            np.testing.assert_array_equal(one.image, two.image)
            np.testing.assert_array_equal(one.truth, two.truth)
            assert one.conditions == two.conditions
    assert not np.array_equal(pairs[0].image, pairs[1].image)
    assert not np.array_equal(pairs[0].image, stream(folder, seed=2)[0].image)
    image, truth = next(iter(PairBatches(pairs, batch=3, count=1)))
    assert image.shape == truth.shape == (3, 1, 48, 48)


def test_turns_and_mirrors_are_those_stated(folder: Path) -> None:
    pairs = stream(folder)
    found = set()
    for index in range(40):
        pair = pairs[index]
        c = pair.conditions
        whole = tifffile.imread(folder / "low" / f"{c['file']}.tif")
        raw = np.rot90(whole[c["y"] : c["y"] + 48, c["x"] : c["x"] + 48], c["turns"])
        raw = raw[:, ::-1] if c["mirror"] else raw
        np.testing.assert_array_equal(pair.image, estimate_scale(whole).normalise(raw))
        found.add((c["turns"], c["mirror"]))
    assert len(found) == 8


def test_brighter_places_are_favoured_a_little(tmp_path: Path) -> None:
    truth = specimen(0, 256)
    truth[:128] *= 0.05
    write_pair(tmp_path, "a", gaussian_filter(truth, 1.0), truth)
    pairs = stream(tmp_path, size=16, turn=False)
    rows = np.array([pairs[index].conditions["y"] for index in range(600)])
    # Half of the patches lie anywhere, the rest at the brighter of two places: 1/4 + 3/8.
    assert np.mean(rows > 120) == pytest.approx(0.625, abs=0.06)


def test_what_does_not_show_the_same_is_left_out(folder: Path) -> None:
    write_pair(folder, "cell3", gaussian_filter(specimen(77, 128), 1.5), specimen(3, 128))
    write_pair(folder, "cell4", np.ones((128, 128)), specimen(4, 128))
    with pytest.warns(PellucidWarning) as said:
        pairs = stream(folder)
    messages = " ".join(str(w.message) for w in said)
    assert "cell3 (channel 0): image and truth do not show the same (correlation 0." in messages
    assert "cell4: Every pixel of the image is 1.0" in messages
    assert len(said) == 2
    assert [r.name for r in pairs.reports if r.refused] == ["cell3", "cell4"]
    assert not {"cell3", "cell4"} & {pairs[index].conditions["file"] for index in range(60)}
    with pytest.raises(ImageError, match=r"cell3.*do not show the same.*do without strict"):
        stream(folder, strict=True)


def test_shifts_and_noise_beyond_the_limits_are_refused(folder: Path) -> None:
    with (
        pytest.warns(PellucidWarning, match=r"lie \(-1\.3, 2\.6\) pixels apart, and at most 2"),
        pytest.raises(ImageError, match=r"Of 10 pairs in .* none can be used"),
    ):
        stream(folder, most_shift_pixels=2)
    with (
        pytest.warns(PellucidWarning, match=r"too little of the image is signal .* at least 60 dB"),
        pytest.raises(ImageError, match="none can be used"),
    ):
        stream(folder, least_snr_db=60)
    with (
        pytest.warns(PellucidWarning, match="hold no patch of 128 pixels"),
        pytest.raises(ImageError, match="none can be used"),
    ):
        stream(folder, size=128)


def test_stacks_and_channels_are_samples_of_their_own(tmp_path: Path) -> None:
    truth = np.stack([np.stack([specimen(10 * c + z, 96) for c in (1, 2)]) for z in range(3)])
    image = np.empty_like(truth)
    for c, shift in enumerate([(0.0, 2.0), (-1.5, 0.0)]):
        for z in range(3):
            image[z, c] = 9 * gaussian_filter(shifted(truth[z, c], shift), 1.2) + 10 * c
    write_pair(tmp_path, "a", image, truth, axes="ZCYX")
    pairs = stream(tmp_path)
    shifts = [report.registration.shift_pixels for report in pairs.reports]
    np.testing.assert_allclose(shifts, [(0, -2), (1.5, 0)], atol=0.05)
    found = {
        (p.conditions["channel"], p.conditions["plane"]) for p in map(pairs.__getitem__, range(60))
    }
    assert found == {(c, z) for c in range(2) for z in range(3)}
    second = stream(tmp_path, channel=1, turn=False)
    assert len(second.reports) == 1
    pair = second[5]
    z, y, x = (pair.conditions[key] for key in ("plane", "y", "x"))
    assert pair.conditions["channel"] == 1
    scale = estimate_scale(image[:, 1].astype(np.float32))
    expected = scale.normalise(image[z, 1, y : y + 48, x : x + 48].astype(np.float32))
    np.testing.assert_allclose(pair.image, expected, atol=1e-6)


def test_one_truth_serves_many_recordings(tmp_path: Path) -> None:
    truth = specimen(1, 96)
    rng = np.random.default_rng(0)
    image = gaussian_filter(truth, 1.2) + 0.2 * rng.standard_normal((5, 96, 96))
    write_pair(tmp_path, "a", image, truth, low_axes="TYX")
    pairs = stream(tmp_path, turn=False)
    got = [pairs[index] for index in range(40)]
    assert {pair.conditions["plane"] for pair in got} == set(range(5))
    for pair in got[:5]:
        blurred = gaussian_filter(pair.truth, 1.2)[FRAME:-FRAME, FRAME:-FRAME]
        assert (
            np.corrcoef(blurred.ravel(), pair.image[FRAME:-FRAME, FRAME:-FRAME].ravel())[0, 1] > 0.8
        )


def test_both_may_lie_in_one_folder(folder: Path) -> None:
    both = folder / "both"
    both.mkdir()
    for number in range(3):
        for kind in ("low", "high"):
            (folder / kind / f"cell{number}.tif").rename(both / f"cell{number}_{kind}.tif")
    pairs = RealPairs(both, both, seed=0, size=32, endings=("_low", "_high"))
    assert [report.name for report in pairs.reports] == ["cell0", "cell1", "cell2"]
    with pytest.raises(SettingsError, match="two folders, or the endings"):
        RealPairs(both, both, seed=0)


def test_what_cannot_be_paired_is_explained(folder: Path) -> None:
    for number in range(3):
        (folder / "high" / f"cell{number}.tif").unlink()
    with pytest.raises(ImageError, match=r"3 of 17 images have no partner.*cell0\.tif.*cell2\.tif"):
        stream(folder)
    for number in range(3):
        (folder / "low" / f"cell{number}.tif").unlink()
    with pytest.raises(SettingsError, match="no part 'test'; choose one of all, training"):
        stream(folder, part="test")
    with pytest.raises(SettingsError, match="validation_share = 1 must lie"):
        stream(folder, part="training", validation_share=1)
    with pytest.raises(SettingsError, match="seed of at least 0"):
        stream(folder, seed=-1)
    with pytest.raises(SettingsError, match="least_correlation lies from 0 to 1"):
        stream(folder, least_correlation=2)
    with pytest.raises(ImageError, match="no channel 1"):
        stream(folder, channel=1)
    with pytest.raises(ImageError, match="There is no folder"):
        RealPairs(folder / "nowhere", folder / "high", seed=0)
    (folder / "empty").mkdir()
    with pytest.raises(ImageError, match="holds no TIFF, PNG or MRC image"):
        RealPairs(folder / "empty", folder / "high", seed=0)


@pytest.mark.parametrize(
    ("image", "truth", "message"),
    [
        ((96, 96), (100, 100), "100 x 100 pixels, which is no whole multiple of the 96 x 96"),
        ((96, 96), (192, 96), "no whole multiple"),
        ((2, 96, 96), (3, 96, 96), "1 times of 2 planes but .* has 1 of 3"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(
    tmp_path: Path, image: tuple[int, ...], truth: tuple[int, ...], message: str
) -> None:
    write_pair(tmp_path, "a", np.ones(image), np.ones(truth))
    with pytest.raises(ImageError, match=message):
        stream(tmp_path)


def test_a_single_file_cannot_be_divided(tmp_path: Path) -> None:
    write_pair(tmp_path, "a", gaussian_filter(specimen(0, 96), 1.0), specimen(0, 96))
    with pytest.raises(SettingsError, match="1 file cannot be divided"):
        stream(tmp_path, part="validation")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert stream(tmp_path)[0].image.shape == (48, 48)
