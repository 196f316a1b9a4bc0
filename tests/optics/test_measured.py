"""Point spread functions measured on beads: known answers, properties, real recordings."""

import math
from collections import Counter
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import fourier_shift
from scipy.signal import fftconvolve

from pellucid import read_image
from pellucid.errors import OpticsError
from pellucid.optics import Microscope, widefield_psf
from pellucid.optics.bead_size import deconvolve_bead
from pellucid.optics.measured import (
    FoundBeads,
    MeasuredPsf,
    average_beads,
    find_beads,
    prepare_psf,
)
from pellucid.optics.psf_width import widths

WIDE = Microscope(
    numerical_aperture=1.2,
    emission_nm=525,
    pixel_size_um=0.08,
    refractive_index=1.33,
    z_step_um=0.2,
)
VOXEL = {"pixel_size_um": 0.08, "z_step_um": 0.2}
FIELD = (32, 96, 96)
PLACES = np.array([[15.3, 24.6, 25.2], [16.1, 68.4, 30.0], [14.7, 30.25, 70.8], [15.8, 70.5, 71.5]])


def spot(scope: Microscope, shape: tuple[int, ...], place: np.ndarray) -> np.ndarray:
    """A bead of peak one at a place between samples, by the shift theorem."""
    psf = widefield_psf(scope, shape).astype(float)
    shift = np.asarray(place) - [n // 2 for n in shape]
    moved = np.fft.ifftn(fourier_shift(np.fft.fftn(psf), shift)).real
    return moved / psf.max()


def stack_of(
    places: np.ndarray,
    heights: list[float],
    *,
    background: float = 100.0,
    seed: int | None = 0,
) -> np.ndarray:
    clean = sum(h * spot(WIDE, FIELD, p) for p, h in zip(places, heights, strict=True))
    clean = np.maximum(clean, 0) + background
    return clean if seed is None else np.random.default_rng(seed).poisson(clean)


@pytest.fixture(scope="module")
def beads() -> np.ndarray:
    return stack_of(PLACES, [900, 1000, 1100, 800])


@pytest.fixture(scope="module")
def found(beads: np.ndarray) -> FoundBeads:
    return find_beads(beads, **VOXEL)


def psf_of(data: np.ndarray, **voxel: float) -> MeasuredPsf:
    unit = (data / data.sum(dtype=float)).astype(np.float32)
    return MeasuredPsf(data=unit, **voxel)


@pytest.fixture(scope="module")
def truth(found: FoundBeads) -> MeasuredPsf:
    return psf_of(widefield_psf(WIDE, found.shape), **VOXEL)


def reasons(found: FoundBeads) -> Counter[str]:
    return Counter(r.reason for r in found.rejected if r.reason != "too dim")


def nearest(found: FoundBeads, place: np.ndarray) -> float:
    return min(float(np.abs(b.centre - place).max()) for b in found.beads)


def seen_with_a_ball(
    scope: Microscope, shape: tuple[int, int, int], diameter_um: float, fine: int = 3
) -> np.ndarray:
    """What the microscope shows of a ball: summed up on a finer grid, then sampled."""
    step, pixel = scope.z_step_um / fine, scope.pixel_size_um / fine
    finer = replace(scope, z_step_um=step, pixel_size_um=pixel)
    psf = widefield_psf(finer, tuple(fine * n for n in shape)).astype(float)
    reach = [math.ceil(diameter_um / 2 / d) for d in (step, pixel, pixel)]
    z, y, x = (
        (np.arange(-5 * r - 2, 5 * r + 3) / 5 * d)
        for r, d in zip(reach, (step, pixel, pixel), strict=True)
    )
    inside = z[:, None, None] ** 2 + y[:, None] ** 2 + x**2 <= (diameter_um / 2) ** 2
    blocks = inside.reshape([k for r in reach for k in (2 * r + 1, 5)]).mean(axis=(1, 3, 5))
    thick = fftconvolve(psf, blocks, mode="same")
    at = tuple(slice((fine * n) // 2 - fine * (n // 2), None, fine) for n in shape)
    return np.maximum(thick[at], 0)


# Finding


def test_centres_are_found_to_a_tenth_of_a_pixel(found: FoundBeads) -> None:
    assert len(found.beads) == 4
    for place in PLACES:
        assert nearest(found, place) < 0.1
    for bead in found.beads:
        assert bead.background == pytest.approx(100, abs=12)  # the bead's own tails
        assert 600 < bead.height < 1300
    heights = [b.height for b in found.beads]
    assert heights == sorted(heights, reverse=True)


def test_without_noise_centres_are_exact() -> None:
    exact = find_beads(stack_of(PLACES, [1.0] * 4, seed=None, background=0.0), **VOXEL)
    assert len(exact.beads) == 4
    for place in PLACES:
        assert nearest(exact, place) < 0.03


@settings(max_examples=10, deadline=None)
@given(
    offset=st.tuples(*[st.floats(-0.5, 0.5)] * 2),
    background=st.floats(0, 1000),
    gain=st.floats(0.01, 100),
    seed=st.integers(0, 99),
)
def test_an_image_is_searched_like_a_stack_at_any_gain(
    offset: tuple[float, float], background: float, gain: float, seed: int
) -> None:
    scope = Microscope(numerical_aperture=1.2, emission_nm=525, pixel_size_um=0.08)
    place = np.array([24.0, 28.0]) + offset
    clean = np.maximum(3000 * spot(scope, (51, 51), place), 0) + background
    image = gain * np.random.default_rng(seed).poisson(clean)
    result = find_beads(image, pixel_size_um=0.08)
    assert len(result.beads) == 1
    assert result.z_step_um is None
    np.testing.assert_allclose(result.beads[0].centre, [0, *place], atol=0.1)
    psf = average_beads(image, result)
    assert psf.data.ndim == 2
    assert widths(psf).z is None


def test_an_uneven_background_hides_no_bead(beads: np.ndarray) -> None:
    slope = np.linspace(0, 400, FIELD[2])
    result = find_beads(beads + slope, **VOXEL)
    assert len(result.beads) == 4
    for place in PLACES:
        assert nearest(result, place) < 0.1


def test_beads_in_one_window_are_clumped() -> None:
    places = np.vstack([PLACES, PLACES[1] + [0.4, 8.0, 1.0]])
    result = find_beads(stack_of(places, [1000, 900, 1000, 1000, 700]), **VOXEL)
    assert len(result.beads) == 3
    assert reasons(result) == {"clumped": 2}
    clumped = [r.bead.centre for r in result.rejected if r.reason == "clumped"]
    for place in places[[1, 4]]:
        assert min(np.abs(c - place).max() for c in clumped) < 0.5


def test_beads_too_near_to_be_told_apart_are_clumped() -> None:
    places = np.vstack([PLACES, PLACES[1] + [0.0, 3.0, 0.0]])
    result = find_beads(stack_of(places, [1000] * 5), **VOXEL)
    assert len(result.beads) == 3
    assert set(reasons(result)) == {"clumped"}


@pytest.mark.parametrize("edge", [[15.0, 70.0, 4.0], [3.0, 70.0, 70.0], [15.0, 93.0, 70.0]])
def test_beads_at_the_edge_are_clipped(edge: list[float]) -> None:
    places = np.vstack([PLACES[:3], edge])
    result = find_beads(stack_of(places, [1000] * 4), **VOXEL)
    assert len(result.beads) == 3
    assert reasons(result)["clipped"] >= 1
    assert any(
        r.reason == "clipped" and np.abs(r.bead.centre - edge).max() < 1 for r in result.rejected
    )


@pytest.mark.parametrize("ceiling", [255, 4095, 65535])
def test_saturated_beads_are_clipped(ceiling: int) -> None:
    heights = [3.0 * ceiling, *[0.5 * ceiling] * 3]
    stack = np.minimum(stack_of(PLACES, heights, background=0.02 * ceiling), ceiling)
    kind = np.uint8 if ceiling == 255 else np.uint16
    result = find_beads(stack.astype(kind), **VOXEL)
    assert len(result.beads) == 3
    assert reasons(result)["clipped"] == 1
    clipped = next(r for r in result.rejected if r.reason == "clipped")
    assert "saturated" in clipped.detail
    assert str(ceiling) in clipped.detail


def test_a_camera_may_saturate_at_any_stated_value() -> None:
    stack = np.minimum(stack_of(PLACES, [3000, 500, 500, 500]), 1000)
    assert reasons(find_beads(stack, **VOXEL))["clipped"] == 0
    stated = find_beads(stack, saturation=1000, **VOXEL)
    assert len(stated.beads) == 3
    assert reasons(stated)["clipped"] == 1


def test_dim_beads_and_hot_pixels_are_left_out() -> None:
    stack = stack_of(PLACES, [1000, 1000, 1000, 90])
    stack[20, 48, 48] = 3000
    result = find_beads(stack, **VOXEL)
    assert len(result.beads) == 3
    assert reasons(result)["hot pixel"] == 1
    dim = [r.bead.centre for r in result.rejected if r.reason == "too dim"]
    assert min(np.abs(c - PLACES[3]).max() for c in dim) < 1


def test_noise_alone_holds_no_bead() -> None:
    for seed in range(10):
        noise = np.random.default_rng(seed).poisson(100, (8, 64, 64))
        with pytest.raises(OpticsError, match=r"No bead was found.*noise.*check"):
            find_beads(noise, **VOXEL)
    with pytest.raises(OpticsError, match="No bead was found"):
        find_beads(np.full((4, 8, 8), 7.0), **VOXEL)


@pytest.mark.parametrize(
    ("stack", "options", "words"),
    [
        (np.ones(5), {}, r"shape \(5,\)"),
        (np.ones((2, 2, 8, 8)), {}, "one channel"),
        (np.ones((0, 8, 8)), {}, "shape"),
        (np.ones((4, 8, 8), complex), {}, "complex"),
        (np.full((4, 8, 8), np.nan), {}, "256 of 256 samples are not finite"),
        (np.ones((4, 8, 8)), {"pixel_size_um": 0.0}, "pixel_size_um.*not 0"),
        (np.ones((4, 8, 8)), {"z_step_um": -1.0}, "z_step_um.*not -1"),
        (np.ones((4, 8, 8)), {"z_step_um": None}, "4 planes"),
        (np.ones((4, 8, 8)), {"pixel_size_um": math.nan}, "pixel_size_um.*not nan"),
    ],
)
def test_what_is_no_recording_is_refused(
    stack: np.ndarray, options: dict[str, float], words: str
) -> None:
    for function in (find_beads, prepare_psf):
        with pytest.raises(OpticsError, match=words):
            function(stack, **{**VOXEL, **options})


def test_bad_limits_and_windows_are_refused(beads: np.ndarray) -> None:
    with pytest.raises(OpticsError, match="min_snr must be"):
        find_beads(beads, min_snr=0, **VOXEL)
    for shape in ((9, 9), (33, 9, 9), (0, 9, 9)):
        with pytest.raises(OpticsError, match="does not fit"):
            find_beads(beads, shape=shape, **VOXEL)


def test_a_stack_of_one_plane_is_an_image() -> None:
    image = stack_of(PLACES, [20000] * 4)[15]
    plane = find_beads(image, pixel_size_um=0.08)
    stack = find_beads(image[None], pixel_size_um=0.08, z_step_um=0.3)
    assert plane == stack
    assert len(plane.beads) == 4


# Averaging


def test_the_average_is_the_true_point_spread_function(
    found: FoundBeads, truth: MeasuredPsf
) -> None:
    beads = stack_of(PLACES, [20000, 18000, 22000, 19000])
    psf = average_beads(beads, find_beads(beads, shape=found.shape, **VOXEL))
    assert psf.data.dtype == np.float32
    assert psf.data.shape == found.shape
    assert psf.data.min() >= 0
    assert psf.data.sum(dtype=float) == pytest.approx(1, abs=1e-5)
    assert psf.beads_used == 4
    assert np.unravel_index(psf.data.argmax(), psf.data.shape) == tuple(n // 2 for n in found.shape)
    # Compared on the true function's own terms: the border's level counts as background.
    level = np.median(np.concatenate([truth.data[0].ravel(), truth.data[-1].ravel()]))
    expected = np.maximum(truth.data - level, 0)
    expected *= (psf.data * expected).sum() / (expected**2).sum()
    assert np.linalg.norm(psf.data - expected) < 0.03 * np.linalg.norm(expected)


def test_the_average_has_the_true_widths(
    beads: np.ndarray, found: FoundBeads, truth: MeasuredPsf
) -> None:
    measured, expected = widths(average_beads(beads, found)), widths(truth)
    for axis in ("x", "y", "z"):
        got, want = getattr(measured, axis), getattr(expected, axis)
        assert got.half_maximum_um == pytest.approx(want.half_maximum_um, rel=0.03)
        assert got.gaussian_um == pytest.approx(want.gaussian_um, rel=0.03)
        assert 0 < got.rms_residual < 0.05


def test_brightness_and_background_do_not_change_the_average(
    beads: np.ndarray, found: FoundBeads
) -> None:
    first = average_beads(beads, found).data
    moved = 3.0 * beads + 500
    second = average_beads(moved, find_beads(moved, **VOXEL)).data
    np.testing.assert_allclose(second, first, atol=1e-3 * first.max())


def test_a_larger_window_rejects_more(beads: np.ndarray, found: FoundBeads) -> None:
    with pytest.raises(OpticsError, match=r"All \d+ spots are unfit.*4 clipped"):
        average_beads(beads, found, shape=(31, 95, 95))
    wider = average_beads(beads, found, shape=(19, 37, 37))
    assert wider.beads_used == 4
    assert wider.data.shape == (19, 37, 37)
    clumped = average_beads(beads, replace(found, beads=found.beads[:1]), shape=(19, 37, 37))
    assert clumped.beads_used == 1
    nothing = replace(found, beads=(), rejected=())
    with pytest.raises(OpticsError, match="All 0 spots"):
        average_beads(beads, nothing)


def test_all_rejected_is_told_with_the_reasons() -> None:
    stack = stack_of(np.array([[15.0, 40.0, 40.0], [15.0, 48.0, 40.0]]), [1000, 1000])
    result = find_beads(stack, **VOXEL)
    assert result.beads == ()
    with pytest.raises(OpticsError, match="2 clumped"):
        average_beads(stack, result)


# Widths


def test_widths_of_a_gaussian_are_exact() -> None:
    sigma_um = np.array([0.4, 0.12, 0.15])
    axes = [np.arange(-n, n + 1) * d for n, d in zip((10, 15, 15), (0.2, 0.08, 0.08), strict=True)]
    z, y, x = (np.exp(-0.5 * (a / s) ** 2) for a, s in zip(axes, sigma_um, strict=True))
    got = widths(psf_of(z[:, None, None] * y[:, None] * x, **VOXEL))
    for width, sigma in zip((got.z, got.y, got.x), sigma_um, strict=True):
        assert width is not None
        expected = 2 * math.sqrt(2 * math.log(2)) * sigma
        assert width.gaussian_um == pytest.approx(expected, rel=1e-4)
        assert width.half_maximum_um == pytest.approx(expected, rel=2e-3)
        assert width.rms_residual < 1e-4


def test_the_airy_pattern_has_its_known_width() -> None:
    scope = Microscope(numerical_aperture=1.2, emission_nm=525, pixel_size_um=0.08)
    got = widths(psf_of(widefield_psf(scope, (41, 41)), pixel_size_um=0.08))
    # (2 J1(v) / v)^2 = 1/2 at v = 1.61634.
    assert got.x.half_maximum_um == pytest.approx(1.61634 * 0.525 / (np.pi * 1.2), rel=3e-3)
    assert got.x == got.y


def test_a_window_too_small_for_the_width_is_refused() -> None:
    with pytest.raises(OpticsError, match="3 samples along y"):
        widths(psf_of(np.ones((3, 9)), pixel_size_um=0.1))
    with pytest.raises(OpticsError, match="larger window"):
        widths(psf_of(np.ones((9, 9)), pixel_size_um=0.1))


# Resampling


@pytest.mark.parametrize(
    "voxel",
    [
        {"pixel_size_um": 0.05},
        {"pixel_size_um": 0.1, "z_step_um": 0.25},
        {"z_step_um": 0.1},
        {"pixel_size_um": 0.093},
    ],
)
def test_resampling_keeps_sum_centre_and_width(truth: MeasuredPsf, voxel: dict[str, float]) -> None:
    other = truth.resampled(**voxel)
    assert other.data.sum(dtype=float) == pytest.approx(1, abs=1e-5)
    assert other.data.min() >= 0
    assert np.unravel_index(other.data.argmax(), other.data.shape) == tuple(
        n // 2 for n in other.data.shape
    )
    before, after = widths(truth), widths(other)
    for axis in ("x", "y", "z"):
        assert getattr(after, axis).half_maximum_um == pytest.approx(
            getattr(before, axis).half_maximum_um, rel=0.02
        )


def test_a_resampled_function_is_the_one_of_that_sampling() -> None:
    scope = replace(WIDE, pixel_size_um=0.06, z_step_um=0.15)
    fine = psf_of(widefield_psf(scope, (41, 61, 61)), pixel_size_um=0.06, z_step_um=0.15)
    coarse = fine.resampled(pixel_size_um=0.08, z_step_um=0.2, shape=(25, 31, 31))
    expected = psf_of(widefield_psf(WIDE, (25, 31, 31)), **VOXEL)
    np.testing.assert_allclose(coarse.data, expected.data, atol=0.01 * expected.data.max())


def test_resampling_to_itself_changes_nothing(truth: MeasuredPsf) -> None:
    same = truth.resampled(shape=truth.data.shape)
    np.testing.assert_allclose(same.data, truth.data, atol=1e-6 * truth.data.max())
    assert same.steps


@settings(max_examples=20, deadline=None)
@given(pixel_um=st.floats(0.03, 0.3), size=st.integers(1, 60), ratio=st.integers(4, 40))
def test_whatever_the_sampling_the_sum_is_one(pixel_um: float, size: int, ratio: int) -> None:
    scope = Microscope(numerical_aperture=0.9, emission_nm=600, pixel_size_um=0.1)
    psf = psf_of(widefield_psf(scope, (ratio, 41)), pixel_size_um=0.1)
    other = psf.resampled(pixel_size_um=pixel_um, shape=(size, size))
    assert other.data.shape == (size, size)
    assert other.data.sum(dtype=float) == pytest.approx(1, abs=1e-4)


def test_bad_resampling_is_refused(truth: MeasuredPsf) -> None:
    with pytest.raises(OpticsError, match="pixel_size_um must be"):
        truth.resampled(pixel_size_um=0)
    with pytest.raises(OpticsError, match="needs 3 lengths"):
        truth.resampled(shape=(9, 9))
    plane = psf_of(truth.data[10], pixel_size_um=0.08)
    with pytest.raises(OpticsError, match="one plane"):
        plane.resampled(z_step_um=0.1)


# The bead's size


@pytest.mark.parametrize("diameter_um", [0.1, 0.17, 0.2, 0.25])
def test_the_width_without_the_bead_is_restored(diameter_um: float) -> None:
    shape = (31, 45, 45)
    scope = replace(WIDE, pixel_size_um=0.05, z_step_um=0.1)
    voxel = {"pixel_size_um": 0.05, "z_step_um": 0.1}
    seen = psf_of(seen_with_a_ball(scope, shape, diameter_um), **voxel)
    true = widths(psf_of(widefield_psf(scope, shape), **voxel))
    restored = widths(deconvolve_bead(seen, diameter_um))
    for axis in ("x", "y", "z"):
        want = getattr(true, axis).half_maximum_um
        assert getattr(restored, axis).half_maximum_um == pytest.approx(want, rel=0.02)
    if diameter_um >= 0.2:
        assert widths(seen).x.half_maximum_um > 1.07 * true.x.half_maximum_um


def test_a_point_like_bead_changes_nothing(truth: MeasuredPsf) -> None:
    same = deconvolve_bead(truth, 0.001)
    np.testing.assert_allclose(same.data, truth.data, atol=1e-4 * truth.data.max())


def test_a_bead_too_large_is_refused_by_its_diameter(truth: MeasuredPsf) -> None:
    with pytest.raises(OpticsError, match=r"diameter_um = 1 hides.*beads below 0\.\d+ um"):
        deconvolve_bead(truth, 1.0)
    for bad in (0.0, -1.0, math.nan):
        with pytest.raises(OpticsError, match="positive number of micrometres"):
            deconvolve_bead(truth, bad)


# One stored function


@settings(max_examples=10, deadline=None)
@given(
    shift=st.tuples(*[st.floats(-3, 3)] * 3),
    background=st.floats(0, 500),
    seed=st.integers(0, 99),
)
def test_a_stored_function_is_centred_and_freed_of_background(
    shift: tuple[float, float, float], background: float, seed: int
) -> None:
    shape = (21, 41, 40)
    clean = 20000 * spot(WIDE, shape, np.array(shape) // 2 + np.array(shift))
    recorded = np.random.default_rng(seed).poisson(np.maximum(clean, 0) + background)
    psf = prepare_psf(recorded, **VOXEL)
    assert psf.data.shape == shape
    assert psf.data.sum(dtype=float) == pytest.approx(1, abs=1e-5)
    again = find_beads(psf.data, shape=(11, 21, 21), **VOXEL).beads[0]
    np.testing.assert_allclose(again.centre, np.array(shape) // 2, atol=0.05)
    expected = widths(psf_of(widefield_psf(WIDE, shape), **VOXEL))
    assert widths(psf).x.half_maximum_um == pytest.approx(expected.x.half_maximum_um, rel=0.03)
    assert len(psf.steps) >= 4
    assert all(s.endswith(".") for s in psf.steps)


def test_noise_does_not_outweigh_the_spot() -> None:
    shape = (21, 128, 128)
    clean = spot(WIDE, shape, np.array(shape) // 2)
    noisy = 200 * clean + np.random.default_rng(0).normal(100, 5, shape)
    psf = prepare_psf(noisy, **VOXEL)
    y, x = np.indices(shape[1:]) - 64
    far = np.hypot(y, x) > 40
    assert psf.data[:, far].sum() < 0.01


def test_the_origin_may_stand_in_the_corner(truth: MeasuredPsf) -> None:
    stored = np.fft.ifftshift(truth.data)
    psf = prepare_psf(stored, **VOXEL)
    expected = prepare_psf(truth.data, **VOXEL)
    np.testing.assert_allclose(psf.data, expected.data, atol=1e-6)
    assert any("corner" in s for s in psf.steps)


def test_what_holds_no_spot_is_refused() -> None:
    noise = np.random.default_rng(0).normal(100, 5, (5, 32, 32))
    for array in (noise, np.zeros((5, 8, 8)), np.ones((1, 1))):
        with pytest.raises(OpticsError, match="no bright spot"):
            prepare_psf(array, **VOXEL)


def test_a_shape_and_a_background_may_be_given(truth: MeasuredPsf) -> None:
    psf = prepare_psf(truth.data, shape=(9, 15, 15), background=0.0, **VOXEL)
    assert psf.data.shape == (9, 15, 15)
    with pytest.raises(OpticsError, match="does not fit"):
        prepare_psf(truth.data, shape=(9, 15), **VOXEL)


def test_a_measured_function_is_checked_and_frozen(truth: MeasuredPsf) -> None:
    with pytest.raises(OpticsError, match=r"sums to one.*prepare_psf"):
        MeasuredPsf(data=2 * truth.data, **VOXEL)
    with pytest.raises(OpticsError, match="least value"):
        MeasuredPsf(data=truth.data - 0.1, **VOXEL)
    with pytest.raises(OpticsError, match="z_step_um"):
        MeasuredPsf(data=truth.data, pixel_size_um=0.08)
    with pytest.raises(FrozenInstanceError):
        truth.beads_used = 3  # type: ignore[misc]


# Real recordings


def test_four_real_confocal_beads(real_images: Path) -> None:
    stack = read_image(real_images / "psf" / "mpi_confocal_beads_zyx.tif", axes="ZYX").data
    result = find_beads(stack, pixel_size_um=0.0225, z_step_um=0.125)
    assert len(result.beads) == 4
    assert result.rejected == ()
    psf = average_beads(stack, result)
    assert psf.beads_used == 4
    found = widths(psf)
    assert 0.14 < found.x.half_maximum_um < 0.20
    assert 0.20 < found.y.half_maximum_um < 0.28
    assert found.z is not None
    assert 0.5 < found.z.half_maximum_um < 0.7
    # Each bead alone agrees with the average of all.
    for bead in result.beads:
        alone = widths(average_beads(stack, replace(result, beads=(bead,))))
        assert alone.x.gaussian_um == pytest.approx(found.x.gaussian_um, rel=0.05)
        assert alone.y.gaussian_um == pytest.approx(found.y.gaussian_um, rel=0.05)


def test_a_real_light_sheet_function(real_images: Path) -> None:
    stack = read_image(real_images / "psf" / "lls_psf_zyx.tif", axes="ZYX").data
    psf = prepare_psf(stack, pixel_size_um=0.102, z_step_um=0.1)
    assert psf.data.shape == stack.shape
    found = widths(psf)
    assert found.x.half_maximum_um == pytest.approx(0.31, abs=0.03)
    assert found.y.half_maximum_um == pytest.approx(0.31, abs=0.03)
    assert found.z is not None
    assert found.z.half_maximum_um == pytest.approx(0.68, abs=0.05)
    searched = average_beads(stack, find_beads(stack, pixel_size_um=0.102, z_step_um=0.1))
    assert widths(searched).x.half_maximum_um == pytest.approx(found.x.half_maximum_um, rel=0.02)
    freed = widths(deconvolve_bead(psf, 0.17))
    assert 0.9 * found.x.half_maximum_um < freed.x.half_maximum_um < found.x.half_maximum_um
