from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter, zoom

from pellucid.errors import ImageError, PellucidError, SettingsError
from pellucid.imaging._noise_patches import STRIDE, measure_patches, noise_subspace
from pellucid.imaging.camera import Camera
from pellucid.imaging.noise import (
    NoiseEstimate,
    estimate_noise,
    gaussian_sigma,
    photon_transfer,
)
from pellucid.optics import widefield_psf
from pellucid.optics.microscope import Microscope
from pellucid.simulate import SPECIMENS, Canvas, blur, camera_scene

OFFSET = 100.0
Clean = Callable[..., np.ndarray]


@cache
def drawn(kind: str, seed: int, pixels: int, cutoff: float) -> np.ndarray:
    canvas = Canvas(pixels=pixels, pixel_size_um=cutoff * 0.1875)  # NA 1.4 at 525 nm
    scene = SPECIMENS[kind](np.random.default_rng(seed), canvas)
    image = blur(camera_scene(scene, canvas), cutoff).astype(float)
    return image / np.percentile(image, 99.9)


@pytest.fixture(scope="module")
def clean() -> Clean:
    """Expected photons of a specimen with a background of 2 per cent, as a microscope sees it."""

    def photons(
        kind: str, peak: float, *, seed: int = 4, pixels: int = 256, cutoff: float = 0.35
    ) -> np.ndarray:
        return peak * (drawn(kind, seed, pixels, cutoff) + 0.02)

    return photons


def sensor(gain: float, read: float, **kwargs: float) -> Camera:
    return Camera(
        gain_electrons_per_count=gain,
        read_noise_electrons=read,
        offset_counts=OFFSET,
        bit_depth=16,
        **kwargs,
    )


def shot(photons: np.ndarray, gain: float, read: float, seed: int = 0) -> np.ndarray:
    return sensor(gain, read).record(photons, np.random.default_rng([seed, int(1000 * gain)]))


EXTENDED = ("filaments", "network", "diffuse")
CONDITIONS = [  # gain, read noise, photons at the peak
    (0.2, 1.0, 300.0),
    (0.2, 5.0, 10_000.0),
    (1.0, 2.0, 100.0),
    (1.0, 5.0, 1000.0),
    (5.0, 1.0, 1000.0),
    (5.0, 5.0, 300.0),
    (5.0, 5.0, 10_000.0),
]


@pytest.fixture(scope="module")
def survey(clean: Clean) -> list[tuple[tuple[float, float, float], NoiseEstimate]]:
    """Estimates over the stated range, two specimens of every extended kind."""
    return [
        (condition, estimate_noise(shot(photons, gain, read, seed), offset_counts=OFFSET))
        for kind in EXTENDED
        for seed in (4, 5)
        for condition in CONDITIONS
        for gain, read, peak in [condition]
        for photons in [clean(kind, peak, seed=seed, cutoff=0.35 if seed == 4 else 0.25)]
    ]


Survey = list[tuple[tuple[float, float, float], NoiseEstimate]]


def test_the_gain_is_within_ten_per_cent(survey: Survey) -> None:
    relative = [(e.gain_electrons_per_count or np.inf) / c[0] - 1 for c, e in survey]
    assert np.abs(relative).max() < 0.10
    assert np.abs(relative).mean() < 0.03
    assert abs(np.mean(relative)) < 0.015


def test_the_variance_at_mid_signal_is_within_ten_per_cent(survey: Survey) -> None:
    for (gain, read, peak), estimate in survey:
        middle = OFFSET + 0.5 * peak / gain
        truth = (0.5 * peak + read**2) / gain**2 + 1 / 12
        assert estimate.variance_at(middle) == pytest.approx(truth, rel=0.10)


def test_errors_are_what_they_say(survey: Survey) -> None:
    gains = [
        (e.gain_electrons_per_count - c[0]) / e.gain_error_electrons_per_count for c, e in survey
    ]
    middles = [
        (e.variance_at(level) - ((0.5 * peak + read**2) / gain**2 + 1 / 12))
        / e.variance_error_at(level)
        for (gain, read, peak), e in survey
        for level in [OFFSET + 0.5 * peak / gain]
    ]
    for deviations in (gains, middles):
        assert 0.7 < np.sqrt(np.mean(np.square(deviations))) < 1.35
        assert np.abs(deviations).max() < 4


def test_the_read_noise_is_right_or_not_given(survey: Survey) -> None:
    told = [(c, e) for c, e in survey if e.read_noise_electrons is not None]
    assert len(told) >= 12
    for (_, read, _), estimate in told:
        assert estimate.read_noise_electrons == pytest.approx(read, rel=0.15)
        assert estimate.read_noise_error_counts <= 0.05 * estimate.read_noise_counts
    assert np.mean([abs(e.read_noise_electrons / c[1] - 1) for c, e in told]) < 0.04
    for (_, _, peak), estimate in survey:
        if peak == 10_000.0:  # the background alone has 200 electrons
            assert estimate.read_noise_counts is None
            assert "shot noise or rounding swamps it" in estimate.remarks[0]


def test_a_large_image_serves_sparse_specimens_too(clean: Clean) -> None:
    photons = clean("vesicles", 1000.0, seed=1, pixels=512)
    estimate = estimate_noise(shot(photons, 0.5, 1.6), offset_counts=OFFSET)
    assert estimate.gain_electrons_per_count == pytest.approx(0.5, rel=0.08)
    assert estimate.gain_error_electrons_per_count < 0.03 * 0.5
    assert estimate.r2 > 0.97
    assert estimate.whiteness == pytest.approx(1.0, abs=0.05)
    assert estimate.samples > 9000


def test_without_light_there_is_no_gain_but_noise() -> None:
    dark = shot(np.zeros((128, 128)), 1.0, 3.0)
    estimate = estimate_noise(dark, offset_counts=OFFSET - 1)
    assert estimate.gain_electrons_per_count is None
    assert estimate.read_noise_electrons is None
    assert "gain cannot be told" in estimate.remarks[0]
    assert estimate.sigma_counts == pytest.approx(3.0, rel=0.04)
    assert estimate.slope_counts >= 0


def test_without_offset_there_is_no_read_noise_but_the_same_line(clean: Clean) -> None:
    image = shot(clean("network", 300.0), 1.0, 3.0)
    given_, not_given = estimate_noise(image, offset_counts=OFFSET), estimate_noise(image)
    assert not_given.offset_counts is None
    assert not_given.read_noise_counts is None
    assert "offset_counts" in not_given.remarks[-1]
    assert not_given.slope_counts == pytest.approx(given_.slope_counts, rel=0.01)
    assert given_.read_noise_electrons == pytest.approx(3.0, rel=0.1)


@settings(max_examples=10, deadline=None)
@given(factor=st.floats(1e-3, 1e3), shift=st.floats(-1e3, 1e3))
def test_units_do_not_matter(factor: float, shift: float) -> None:
    photons = 100 * (drawn("diffuse", 4, 256, 0.35)[:128, :128] + 0.02)
    counts = Camera(read_noise_electrons=5.0).record(photons, np.random.default_rng(3))
    first = estimate_noise(counts, offset_counts=0.0)
    second = estimate_noise(factor * (counts.astype(float) + shift), offset_counts=factor * shift)
    assert second.slope_counts == pytest.approx(factor * first.slope_counts, rel=1e-3)
    assert second.gain_electrons_per_count * factor == pytest.approx(
        first.gain_electrons_per_count, rel=1e-3
    )
    assert second.read_noise_counts == pytest.approx(factor * first.read_noise_counts, rel=1e-3)
    assert second.r2 == pytest.approx(first.r2, abs=1e-3)


def test_hot_pixels_are_left_out(clean: Clean) -> None:
    photons = clean("network", 300.0)
    camera = sensor(1.0, 2.0, hot_pixel_fraction=1e-3, hot_pixel_electrons=2000.0)
    image = camera.record(photons, np.random.default_rng(2))
    estimate = estimate_noise(image, offset_counts=OFFSET)
    assert estimate.gain_electrons_per_count == pytest.approx(1.0, rel=0.1)
    assert estimate.read_noise_electrons == pytest.approx(2.0, rel=0.15)
    assert estimate.samples < 2500


def test_saturated_pixels_are_left_out(clean: Clean) -> None:
    camera = Camera(gain_electrons_per_count=1.0, offset_counts=OFFSET, bit_depth=10)
    image = camera.record(clean("diffuse", 1500.0), np.random.default_rng(2))
    assert (image == 1023).mean() > 0.005
    estimate = estimate_noise(image, offset_counts=OFFSET)
    assert estimate.gain_electrons_per_count == pytest.approx(1.0, rel=0.06)
    with pytest.raises(ImageError, match="neither constant nor saturated"):
        estimate_noise(np.full((64, 64), 255) - (np.arange(64 * 64).reshape(64, 64) % 64 == 0))


def test_shifted_bits_are_recognised(clean: Clean) -> None:
    image = shot(clean("diffuse", 300.0), 1.0, 2.0)
    plain = estimate_noise(image, offset_counts=OFFSET)
    shifted = estimate_noise(image.astype(np.uint16) << 4, offset_counts=16 * OFFSET)
    assert (plain.rounding_step_counts, shifted.rounding_step_counts) == (1, 16)
    assert estimate_noise(image / 3.0).rounding_step_counts == 0
    assert shifted.gain_electrons_per_count * 16 == pytest.approx(
        plain.gain_electrons_per_count, rel=1e-3
    )
    assert shifted.read_noise_counts == pytest.approx(16 * plain.read_noise_counts, rel=1e-3)


@pytest.mark.parametrize(
    "spoil", [lambda x: zoom(x, 1.3, order=1), lambda x: gaussian_filter(x, 0.6)]
)
def test_noise_that_is_not_a_cameras_is_refused(
    clean: Clean, spoil: Callable[[np.ndarray], np.ndarray]
) -> None:
    estimate = estimate_noise(
        spoil(shot(clean("network", 1000.0), 0.2, 2.0)[:160, :160]), offset_counts=OFFSET
    )
    assert estimate.gain_electrons_per_count is None
    assert estimate.read_noise_counts is None
    assert estimate.whiteness < 0.85
    assert "not white" in estimate.remarks[0]


def test_structure_finer_than_the_cut_off_is_noticed(clean: Clean) -> None:
    photons = clean("filaments", 10_000.0, cutoff=0.5)
    image = shot(photons, 1.0, 2.0)
    assert estimate_noise(image).gain_electrons_per_count is None
    told = estimate_noise(image, cutoff_per_pixel=0.5)
    assert told.gain_electrons_per_count == pytest.approx(1.0, rel=0.1)


def test_what_rounding_hides_is_refused(clean: Clean) -> None:
    photons = clean("diffuse", 10_000.0)
    eight_bits = np.rint(photons / photons.max() * 200).astype(np.uint8)
    with pytest.raises(ImageError, match="hides the noise"):
        estimate_noise(eight_bits)
    # At five electrons a count, one of read noise is lost; the shot noise is not.
    estimate = estimate_noise(shot(clean("diffuse", 300.0), 5.0, 1.0), offset_counts=OFFSET)
    assert estimate.read_noise_counts is None
    assert estimate.gain_electrons_per_count == pytest.approx(5.0, rel=0.1)


def test_a_stack_is_one_recording(clean: Clean) -> None:
    photons = np.stack([clean("network", 100.0)[:128, :128], clean("diffuse", 300.0)[:128, :128]])
    estimate = estimate_noise(shot(photons, 1.0, 2.0), offset_counts=OFFSET)
    assert estimate.gain_electrons_per_count == pytest.approx(1.0, rel=0.1)
    assert estimate.samples == 2 * 24**2


# --- the patterns that hold noise -----------------------------------------------------------


@pytest.mark.parametrize("cutoff", [0.2, 0.35, 0.5])
def test_optics_cannot_fill_the_patterns_of_noise(cutoff: float) -> None:
    subspace = noise_subspace(cutoff)
    np.testing.assert_allclose(
        subspace.basis.T @ subspace.basis, np.eye(subspace.dimension), atol=1e-5
    )
    assert subspace.weights.sum() == pytest.approx(1.0, rel=1e-5)
    scope = Microscope(numerical_aperture=1.0, emission_nm=500, pixel_size_um=0.25 * cutoff)
    point = widefield_psf(scope, (64, 64)).astype(float)
    windows = np.lib.stride_tricks.sliding_window_view(point, (10, 10))[15:40, 15:40]
    windows = windows.reshape(-1, 100)
    passed = ((windows @ subspace.basis) ** 2).sum(axis=1)
    assert passed.max() < 2e-5 * (windows**2).sum(axis=1).max()
    even = np.ones(100) / 10
    assert ((even @ subspace.basis) ** 2).sum() < 1e-6


def test_the_lower_the_cut_off_the_more_patterns() -> None:
    dimensions = [noise_subspace(cutoff).dimension for cutoff in (0.1, 0.2, 0.35, 0.5)]
    assert dimensions == sorted(dimensions, reverse=True)
    assert noise_subspace(0.35, 1e-4).dimension > noise_subspace(0.35, 1e-7).dimension


def test_variance_and_level_of_a_patch_meet_in_a_line_exactly() -> None:
    """Whatever the structure, E[variance] = a E[level] + b, over many noises of one scene."""
    rng = np.random.default_rng(0)
    photons = 40 + 20 * np.sin(np.indices((40, 40)).sum(0) / 4)
    subspace = noise_subspace(0.35)
    total = np.zeros(49)
    rounds = 600
    for _ in range(rounds):
        noise = rng.poisson(photons) - photons + 2.0 * rng.standard_normal(photons.shape)
        total += measure_patches(noise, subspace, 0.0).variance
    level = measure_patches(photons, subspace, 0.0).level
    error = np.sqrt(2 / subspace.dimension / rounds)
    ratio = total / rounds / (level + 4.0)
    assert np.abs(ratio - 1).max() < 5 * error
    assert np.sqrt(np.mean((ratio - 1) ** 2)) == pytest.approx(error, rel=0.4)


def test_the_overlap_of_patches_is_counted() -> None:
    subspace = noise_subspace(0.35)
    assert subspace.overlap(10) == pytest.approx(1.0)
    rng = np.random.default_rng(1)
    means = [
        measure_patches(rng.standard_normal((120, 120)), subspace, 0.0).variance.mean()
        for _ in range(100)
    ]
    expected = 2 / subspace.dimension / 23**2 * subspace.overlap(STRIDE)
    assert np.var(means) == pytest.approx(expected, rel=0.5)


# --- one sigma ------------------------------------------------------------------------------


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**31), sigma=st.floats(1e-3, 1e4), level=st.floats(-1e3, 1e3))
def test_sigma_of_plain_noise(seed: int, sigma: float, level: float) -> None:
    noise = np.random.default_rng(seed).standard_normal((128, 128))
    assert gaussian_sigma(level + sigma * noise) == pytest.approx(sigma, rel=0.07)


@pytest.mark.parametrize("kind", ["filaments", "network", "vesicles", "diffuse", "points"])
def test_structure_does_not_count_as_sigma(clean: Clean, kind: str) -> None:
    noise = 5.0 * np.random.default_rng(0).standard_normal((256, 256))
    assert gaussian_sigma(clean(kind, 1000.0) + noise) == pytest.approx(5.0, rel=0.03)


def test_sigma_of_small_and_of_rounded_images() -> None:
    rng = np.random.default_rng(0)
    small = [gaussian_sigma(rng.standard_normal((32, 32))) for _ in range(60)]
    assert np.mean(small) == pytest.approx(1.0, abs=0.02)
    assert np.std(small) < 0.06
    rounded = np.rint(50 + 0.8 * rng.standard_normal((256, 256))).astype(np.uint8)
    assert gaussian_sigma(rounded) == pytest.approx(np.sqrt(0.64 + 1 / 12), rel=0.02)


def test_sigma_does_not_follow_outliers() -> None:
    image = np.random.default_rng(0).standard_normal((256, 256))
    image[40:120, 100:180] += 50 * (np.indices((80, 80)).sum(0) % 2)
    assert gaussian_sigma(image) == pytest.approx(1.0, rel=0.03)


# --- repeated frames ------------------------------------------------------------------------


def frames(photons: np.ndarray, count: int, gain: float, read: float, seed: int = 0) -> np.ndarray:
    return shot(np.broadcast_to(photons, (count, *photons.shape)), gain, read, seed)


@pytest.mark.parametrize("count", [3, 5, 20])
@pytest.mark.parametrize(("gain", "read"), [(0.5, 1.6), (2.0, 6.0), (0.2, 3.0)])
def test_photon_transfer_is_exact(clean: Clean, count: int, gain: float, read: float) -> None:
    photons = clean("filaments", 200.0)[:160, :160]
    estimate = photon_transfer(frames(photons, count, gain, read), offset_counts=OFFSET)
    gain_error = abs(estimate.gain_electrons_per_count - gain)
    assert gain_error < 3.5 * estimate.gain_error_electrons_per_count
    assert gain_error < 0.05 * gain
    if estimate.read_noise_counts is not None:
        read_error = abs(estimate.read_noise_counts - read / gain)
        assert read_error < 3.5 * estimate.read_noise_error_counts
    assert (estimate.read_noise_counts is not None) == (count > 3 or read > 2)
    assert estimate.rule == "repeated frames"
    assert estimate.samples == 160 * 160


def test_few_frames_do_not_flatten_the_line() -> None:
    """With read noise as large as the differences of the scene a plain fit loses a third."""
    photons = np.tile(np.linspace(0, 20, 200), (200, 1))
    slopes, plain = [], []
    for seed in range(8):
        counts = frames(photons, 3, 1.0, 6.0, seed).astype(float)
        slopes.append(photon_transfer(counts).slope_counts)
        plain.append(np.polyfit(counts.mean(0).ravel(), counts.var(0, ddof=1).ravel(), 1)[0])
    assert np.mean(plain) < 0.85
    assert np.mean(slopes) == pytest.approx(1.0, abs=0.06)


def test_frames_need_not_be_a_picture() -> None:
    """Pixels are independent: photon transfer assumes nothing about neighbours."""
    rng = np.random.default_rng(5)
    estimate = photon_transfer(frames(rng.uniform(0, 500, (4, 40, 50)), 6, 2.0, 3.0))
    assert estimate.gain_electrons_per_count == pytest.approx(2.0, rel=0.05)


def test_flickering_pixels_are_left_out(clean: Clean) -> None:
    counts = frames(clean("network", 300.0)[:128, :128], 10, 1.0, 2.0)
    counts[3, 5::16, 7::16] += 3000
    estimate = photon_transfer(counts, offset_counts=OFFSET)
    assert estimate.gain_electrons_per_count == pytest.approx(1.0, rel=0.03)
    assert estimate.read_noise_counts == pytest.approx(2.0, rel=0.1)
    assert estimate.samples == 128**2 - 64


def test_one_image_and_many_frames_agree(clean: Clean) -> None:
    counts = frames(clean("diffuse", 500.0), 8, 0.5, 2.0)
    single = estimate_noise(counts[0], offset_counts=OFFSET)
    many = photon_transfer(counts, offset_counts=OFFSET)
    assert single.gain_electrons_per_count == pytest.approx(
        many.gain_electrons_per_count, abs=4 * single.gain_error_electrons_per_count
    )
    np.testing.assert_allclose(
        single.variance_at([150, 500, 1000]), many.variance_at([150, 500, 1000]), rtol=0.05
    )


# --- real recordings ------------------------------------------------------------------------


def test_a_real_camera_has_one_gain_at_every_exposure(real_images: Path) -> None:
    """The sCMOS camera behind three exposures: data sheets say 0.46 electrons a count, 1.6 e."""
    folder = real_images / "widefield"
    fast = tifffile.imread(folder / "TIRF_200Hz.tif")
    estimates = [
        estimate_noise(tifffile.imread(folder / "TIRF_9Hz.tif"), offset_counts=OFFSET),
        estimate_noise(tifffile.imread(folder / "TIRF_100Hz.tif"), offset_counts=OFFSET),
        estimate_noise(fast[0], offset_counts=OFFSET),
        photon_transfer(fast, offset_counts=OFFSET),
    ]
    for estimate in estimates:
        assert estimate.gain_electrons_per_count == pytest.approx(0.43, rel=0.1)
        assert estimate.read_noise_electrons == pytest.approx(1.6, rel=0.15)
        assert estimate.r2 > 0.95


@pytest.mark.parametrize("cell", ["02", "08", "11"])
def test_real_microtubules_show_camera_noise(real_images: Path, cell: str) -> None:
    image = tifffile.imread(real_images / "widefield" / f"mt_cell{cell}_wf_level01.tif")
    estimate = estimate_noise(image, offset_counts=OFFSET)
    assert estimate.whiteness == pytest.approx(1.0, abs=0.03)
    assert estimate.r2 > 0.99
    assert 1.0 < estimate.gain_electrons_per_count < 1.5
    assert 1.5 < estimate.read_noise_electrons < 2.5


def test_a_resampled_real_image_is_refused(real_images: Path) -> None:
    pairs = real_images / "pairs"
    with pytest.raises(ImageError, match="hides the noise"):
        estimate_noise(tifffile.imread(pairs / "mt_wf_lowexp.tif"))
    smooth = estimate_noise(tifffile.imread(pairs / "mt_wf_highexp.tif"))
    assert smooth.gain_electrons_per_count is None


# --- bad input ------------------------------------------------------------------------------


NOISE = np.random.default_rng(0).standard_normal((40, 40))


@pytest.mark.parametrize(
    ("image", "match"),
    [
        (np.full((64, 64), 7.0), "constant at 7 holds no noise"),
        (np.where(np.arange(1600).reshape(40, 40) == 3, np.nan, NOISE), "finite"),
        (np.where(np.arange(1600).reshape(40, 40) == 3, np.inf, NOISE), "finite"),
        (NOISE[:31], "32 x 32 pixels or more, not from 31 x 40"),
        (NOISE[0], r"2 or 3 axes and pixels, not the shape \(40,\)"),
        (np.empty((0, 40)), "pixels"),
        (NOISE.astype(complex), "real numbers, not complex128"),
        (np.array([["a"]]), "real numbers"),
    ],
)
def test_what_is_no_image_is_named(image: np.ndarray, match: str) -> None:
    for use in (estimate_noise, gaussian_sigma):
        with pytest.raises(ImageError, match=match):
            use(image)


def test_impossible_options_are_named() -> None:
    for cutoff in (0.0, 0.51, float("nan")):
        with pytest.raises(SettingsError, match="cutoff_per_pixel"):
            estimate_noise(NOISE, cutoff_per_pixel=cutoff)
        with pytest.raises(SettingsError, match="cutoff_per_pixel"):
            gaussian_sigma(NOISE, cutoff_per_pixel=cutoff)
    with pytest.raises(SettingsError, match="finite number, not nan"):
        estimate_noise(NOISE, offset_counts=float("nan"))
    with pytest.raises(SettingsError, match="lies above the whole image"):
        estimate_noise(NOISE, offset_counts=50.0)


def test_impossible_frames_are_named() -> None:
    stack = np.random.default_rng(0).standard_normal((4, 20, 20))
    with pytest.raises(ImageError, match="at least 3 frames of the same scene, not 2"):
        photon_transfer(stack[:2])
    with pytest.raises(ImageError, match="3 or 4 axes"):
        photon_transfer(stack[0])
    with pytest.raises(ImageError, match="at least 64 pixels that are not saturated, not 25"):
        photon_transfer(stack[:, :5, :5])
    with pytest.raises(ImageError, match="hides the noise"):
        photon_transfer(np.rint(0.1 * stack + np.arange(20)))
    with pytest.raises(PellucidError, match="constant"):
        photon_transfer(np.ones((3, 20, 20)))
    with pytest.raises(SettingsError, match="finite"):
        photon_transfer(stack, offset_counts=float("inf"))
