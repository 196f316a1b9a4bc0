from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import fourier_shift, gaussian_filter
from skimage.registration import phase_cross_correlation

from pellucid.assess.registration import agreement, bin_to, register, shifted, valid_part
from pellucid.errors import ImageError, SettingsError

Floats = NDArray[np.float64]


def field(seed: int, shape: tuple[int, ...], cutoff: float = 0.3) -> Floats:
    """Return periodic structure below a cut-off, of unit variance, stronger at low frequencies."""
    rng = np.random.default_rng(seed)
    axes = np.meshgrid(*(np.fft.fftfreq(n) for n in shape), indexing="ij")
    radius = np.sqrt(sum(f**2 for f in axes))
    spectrum = np.fft.fftn(rng.standard_normal(shape)) * (radius < cutoff) / (radius + 0.02)
    values = np.fft.ifftn(spectrum).real
    return (values - values.mean()) / values.std()


def round_the_circle(image: Floats, shift: tuple[float, ...]) -> Floats:
    return np.fft.ifftn(fourier_shift(np.fft.fftn(image), shift)).real


def two_views(
    seed: int, side: int, *, blur: float = 0.0, noise: float = 0.0
) -> tuple[Floats, Floats, Floats]:
    """Return an image, its reference and the shift between them, cut from a larger field."""
    rng = np.random.default_rng([1, seed])
    shift = rng.uniform(-6, 6, 2)
    whole = field(seed, (2 * side, 2 * side))
    inner = (slice(side // 2, -side // 2),) * 2
    image = round_the_circle(whole, tuple(-shift))
    image = (gaussian_filter(image, blur) if blur else image)[inner]
    image = image / image.std() + noise * rng.standard_normal(image.shape)
    reference = whole[inner] + 0.2 * noise * rng.standard_normal(image.shape)
    return image, reference, shift


@pytest.mark.parametrize(
    ("blur", "noise", "within"), [(0.0, 0.0, 0.005), (0.0, 0.3, 0.03), (1.5, 0.2, 0.05)]
)
def test_shifts_of_band_limited_images_are_found(blur: float, noise: float, within: float) -> None:
    for seed in range(6):
        image, reference, shift = two_views(seed, 128, blur=blur, noise=noise)
        found = register(300.0 * image + 1000.0, reference)
        np.testing.assert_allclose(found.shift_pixels, shift, atol=within)
        assert found.correlation > 0.85


def test_shifts_of_stacks_are_found() -> None:
    whole = field(3, (40, 96, 96))
    shift = (1.3, -2.6, 3.45)
    moved = round_the_circle(whole, tuple(-d for d in shift))
    inner = (slice(4, -4), slice(8, -8), slice(8, -8))
    found = register(gaussian_filter(moved, 1.0)[inner], whole[inner])
    np.testing.assert_allclose(found.shift_pixels, shift, atol=0.05)
    # A volume of one plane is a plane.
    plane, image = whole[:1], gaussian_filter(moved[:1], (0, 1, 1))
    flat = register(image[0], plane[0])
    assert register(image, plane).shift_pixels[1:] == pytest.approx(flat.shift_pixels)


def test_large_shifts_are_found_within_the_limit() -> None:
    whole = field(5, (256, 256), cutoff=0.2)
    image, reference = whole[30:158, 64:192], whole[64:192, 40:168]
    found = register(image, reference, max_shift=40)
    np.testing.assert_allclose(found.shift_pixels, (-34, 24), atol=0.02)
    # Without the limit that the true shift is beyond, something else is found, and says so.
    near = register(image, reference, max_shift=5)
    assert max(map(abs, near.shift_pixels)) < 8
    assert near.correlation < 0.3 < found.correlation


def test_errors_are_those_stated() -> None:
    deviations = []
    for seed in range(20):
        image, reference, shift = two_views(seed, 96, blur=1.0, noise=0.5)
        found = register(image, reference)
        deviations.append((np.array(found.shift_pixels) - shift) / found.error_pixels)
    assert 0.6 < np.sqrt(np.mean(np.square(deviations))) < 1.5


def test_agrees_with_scikit_image_where_that_is_right() -> None:
    """On a circle without noise; among noise, blur and frames ours is the more exact."""
    whole = field(0, (128, 128), cutoff=0.45)
    moved = round_the_circle(whole, (-2.35, 4.15))
    expected, *_ = phase_cross_correlation(whole, moved, upsample_factor=100)
    np.testing.assert_allclose(register(moved, whole).shift_pixels, expected, atol=0.02)
    ours, theirs = [], []
    for seed in range(6):
        image, reference, shift = two_views(seed, 128, blur=1.5, noise=0.2)
        ours.append(np.array(register(image, reference).shift_pixels) - shift)
        other, *_ = phase_cross_correlation(reference, image, upsample_factor=20)
        theirs.append(other - shift)
    assert np.square(ours).mean() < 0.25 * np.square(theirs).mean()


@settings(max_examples=10, deadline=None)
@given(gain=st.floats(1e-3, 1e5), offset=st.floats(-1e4, 1e4))
def test_brightness_does_not_matter(gain: float, offset: float) -> None:
    image, reference, _ = two_views(1, 64, blur=1.0, noise=0.2)
    plain, other = register(image, reference), register(gain * (image + offset), reference)
    np.testing.assert_allclose(other.shift_pixels, plain.shift_pixels, atol=1e-4)
    assert other.correlation == pytest.approx(plain.correlation, abs=1e-4)


def test_uneven_light_and_background_do_not_matter() -> None:
    image, reference, shift = two_views(2, 128, noise=0.2)
    y, x = np.indices(image.shape) / 128
    uneven = (image + 10) * (1 - 0.5 * (y - 0.3) ** 2 - 0.5 * (x - 0.6) ** 2) + 30 * x
    np.testing.assert_allclose(register(uneven, reference).shift_pixels, shift, atol=0.05)


def test_agreement_tells_the_same_from_the_other() -> None:
    for seed in range(6):
        image, reference, shift = two_views(seed, 128, blur=1.5, noise=1.0)
        same = register(image, reference)
        assert same.correlation > 0.6
        # The noise has the power of the signal.
        assert same.agreement.snr_db == pytest.approx(0.0, abs=2.0)
        assert register(image, field(100 + seed, (128, 128))).correlation < 0.25
        back = shifted(image, shift)
        assert agreement(back, reference).correlation == pytest.approx(same.correlation, abs=0.05)
        assert agreement(-back, reference).correlation < 0.1


@given(dy=st.floats(-9, 9), dx=st.floats(-9, 9))
@settings(max_examples=25, deadline=None)
def test_waves_are_moved_exactly(dy: float, dx: float) -> None:
    y, x = np.indices((64, 80), dtype=float)

    def wave(y: Floats, x: Floats) -> Floats:
        return 5 + np.cos(2 * np.pi * (0.11 * y + 0.07 * x)) + np.cos(2 * np.pi * 0.23 * (x - y))

    moved = shifted(wave(y, x), (dy, dx))
    # The mirror at the frame has an edge in its slope, whose ripple has died away here.
    inner = (slice(24, -24), slice(24, -24))
    np.testing.assert_allclose(moved[inner], wave(y - dy, x - dx)[inner], atol=0.02)
    assert moved.dtype == np.float32


def test_whole_shifts_copy_and_nothing_wraps_round() -> None:
    image = np.random.default_rng(0).random((20, 30))
    moved = shifted(image, (3, -4))
    expected = np.pad(image, ((3, 0), (0, 4)), mode="symmetric")[:20, 4:]
    np.testing.assert_allclose(moved, expected, atol=1e-6)
    part = valid_part(image.shape, (3, -4))
    assert part == (slice(3, 20), slice(0, 26))
    np.testing.assert_allclose(moved[part], image[:17, 4:], atol=1e-6)
    lamp = np.zeros((32, 32))
    lamp[:, -1] = 1.0
    assert np.abs(shifted(lamp, (0, 2.0))[:, :8]).max() < 1e-6
    np.testing.assert_array_equal(shifted(image, (0.0, 0.0)), image.astype(np.float32))


def test_noise_stays_white_and_shifts_undo_each_other() -> None:
    noise = np.random.default_rng(1).standard_normal((256, 256))
    moved = shifted(noise, (0.5, -0.3))
    assert moved.var() == pytest.approx(noise.var(), rel=0.01)
    assert abs(np.corrcoef(moved[:, 1:].ravel(), moved[:, :-1].ravel())[0, 1]) < 0.01
    image, *_ = two_views(0, 64)
    again = shifted(shifted(image, (1.3, -0.7)), (-1.3, 0.7))
    np.testing.assert_allclose(again[8:-8, 8:-8], image[8:-8, 8:-8], atol=0.02)


def test_registering_what_was_shifted_gives_the_shift_back() -> None:
    image, *_ = two_views(4, 128)
    for shift in [(0.4, -3.7), (5.25, 2.5)]:
        moved = shifted(image, shift)
        np.testing.assert_allclose(
            register(moved, image).shift_pixels, np.negative(shift), atol=0.02
        )
        aligned = shifted(moved, register(moved, image))
        inner = (slice(16, -16), slice(16, -16))
        np.testing.assert_allclose(aligned[inner], image[inner], atol=0.05)


@given(fy=st.integers(1, 4), fx=st.integers(1, 4))
def test_binning_averages_areas(fy: int, fx: int) -> None:
    coarse = np.random.default_rng(2).random((5, 7))
    fine = np.kron(coarse, np.ones((fy, fx)))
    np.testing.assert_allclose(bin_to(fine, (5, 7)), coarse, rtol=1e-6)
    ramp = np.arange(5.0 * fy)[:, None] * np.ones(7 * fx)
    means = fy * np.arange(5) + (fy - 1) / 2
    np.testing.assert_allclose(bin_to(ramp, (5, 7))[:, 0], means, rtol=1e-6, atol=1e-6)


def test_real_widefield_and_sim_images_are_registered(real_images: Path) -> None:
    low = tifffile.imread(real_images / "pairs" / "er1_wf_t2.tif")
    high = bin_to(tifffile.imread(real_images / "pairs" / "er1_sim_gt.tif"), low.shape)
    there, back = register(low, high), register(high, low)
    assert max(map(abs, there.shift_pixels)) < 1.0
    np.testing.assert_allclose(there.shift_pixels, np.negative(back.shift_pixels), atol=0.03)
    assert there.correlation > 0.8
    assert register(low, high[:, ::-1]).correlation < 0.25


def test_what_cannot_be_registered_is_explained() -> None:
    image, reference, _ = two_views(0, 32)
    with pytest.raises(ImageError, match=r"\(31, 32\).*differ in shape"):
        register(image[1:], reference)
    with pytest.raises(ImageError, match=r"reference is 1\.0"):
        register(image, np.ones((32, 32)))
    with pytest.raises(ImageError, match="at least 16 x 16"):
        register(image[:8], reference[:8])
    with pytest.raises(ImageError, match="not finite"):
        register(np.where(image > 2, np.nan, image), reference)
    with pytest.raises(SettingsError, match="upsampling is 0"):
        register(image, reference, upsampling=0)
    with pytest.raises(SettingsError, match="max_shift is 99 pixels"):
        register(image, reference, max_shift=99)
    with pytest.raises(SettingsError, match=r"one finite number an axis, not \(1\.0,\)"):
        shifted(image, (1.0,))
    with pytest.raises(ImageError, match="do not overlap"):
        valid_part((10, 10), (0, 12))
    with pytest.raises(ImageError, match=r"\(32, 32\) has no whole number"):
        bin_to(image, (15, 16))
