import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ive

from pellucid.errors import SettingsError
from pellucid.simulate.canvas import Canvas
from pellucid.simulate.specimens import to_camera, worm_like_chains
from pellucid.simulate.specimens._stamps import stamp

CANVAS = Canvas(pixels=48, pixel_size_um=0.08)


def torus_place(mass: np.ndarray) -> float:
    """Centre of mass on the torus, in samples, as the angle of the first Fourier coefficient."""
    n = len(mass)
    return float(np.angle(np.sum(mass * np.exp(2j * np.pi * np.arange(n) / n)))) * n / (2 * np.pi)


@settings(max_examples=30, deadline=None)
@given(y=st.floats(-20, 20), x=st.floats(-20, 20), weight=st.floats(0.1, 10))
def test_a_point_of_light_keeps_its_light_and_place(y: float, x: float, weight: float) -> None:
    scene = CANVAS.splat(np.array([[y, x]]), np.array([weight]))
    assert scene.dtype == np.float32
    assert scene.sum() == pytest.approx(weight, rel=1e-5)
    assert scene.min() >= 0
    for axis, place in ((0, y), (1, x)):
        off = torus_place(scene.sum(axis=1 - axis)) / CANVAS.samples - place / CANVAS.side_um
        assert abs(off - round(off)) < 1e-3


def test_single_and_double_precision_points_agree() -> None:
    rng = np.random.default_rng(0)
    points, weights = rng.uniform(-9, 9, (500, 2)), rng.random(500)
    double = CANVAS.splat(points, weights)
    single = CANVAS.splat(points.astype(np.float32), weights.astype(np.float32))
    np.testing.assert_allclose(single, double, atol=2e-4)


@pytest.mark.parametrize("sigma_um", [0.006, 0.03, 0.1])
def test_softening_keeps_light_and_has_the_stated_width(sigma_um: float) -> None:
    scene = CANVAS.splat(np.array([[1.6, 1.6]]), np.array([1.0]))
    soft = CANVAS.soften(scene, sigma_um)
    assert soft.sum() == pytest.approx(1.0, rel=1e-4)
    assert soft.min() >= 0
    away = np.arange(CANVAS.samples) * CANVAS.step_um - 1.6
    near = np.abs(away) < 6 * max(sigma_um, CANVAS.step_um)  # beyond, rounding outweighs it
    variance = float((soft[np.ix_(near, near)].sum(axis=1) * away[near] ** 2).sum())
    assert variance == pytest.approx(sigma_um**2, rel=0.02)


def test_the_softening_kernel_is_the_gaussian_of_a_grid() -> None:
    """Modified Bessel functions, the solution of the diffusion equation on samples."""
    scene = np.zeros(CANVAS.shape, dtype=np.float32)
    scene[50, 60] = 1.0
    soft = CANVAS.soften(scene, 0.018)
    kernel = ive(np.abs(np.arange(-20, 21)), (0.018 / CANVAS.step_um) ** 2)
    np.testing.assert_allclose(soft[30:71, 40:81], np.outer(kernel, kernel), atol=1e-6)


@pytest.mark.parametrize(("pixels", "oversampling"), [(16, 4), (15, 4), (12, 3), (9, 3), (10, 1)])
def test_the_spectrum_gives_what_the_camera_sees(pixels: int, oversampling: int) -> None:
    canvas = Canvas(pixels=pixels, pixel_size_um=0.1, oversampling=oversampling)
    scene = np.random.default_rng(1).random(canvas.shape, dtype=np.float32)
    spectrum = canvas.spectrum(scene)
    np.testing.assert_allclose(canvas.scene_of(spectrum), scene, atol=1e-6)
    np.testing.assert_allclose(
        canvas.camera_pixels(spectrum), to_camera(scene, canvas), rtol=2e-6, atol=2e-6
    )


@pytest.mark.parametrize(("pixels", "oversampling"), [(16, 4), (15, 4), (9, 3)])
def test_the_camera_band_is_the_pixels_without_aliasing(pixels: int, oversampling: int) -> None:
    """Of a scene without frequencies above the camera's limit it is the FFT of the pixels."""
    canvas = Canvas(pixels=pixels, pixel_size_um=0.1, oversampling=oversampling)
    scene = 1 + np.random.default_rng(2).random(canvas.shape)
    full = np.fft.fft2(scene)
    low = np.abs(np.fft.fftfreq(canvas.samples)) < 0.4999 / oversampling
    limited = np.fft.ifft2(full * low[:, None] * low).real.astype(np.float32)
    band = canvas.camera_band(canvas.spectrum(limited))
    expected = np.fft.rfft2(to_camera(limited, canvas))
    inside = np.abs(np.fft.fftfreq(pixels)) < 0.4999
    np.testing.assert_allclose(
        band[inside][:, : (pixels + 1) // 2],
        expected[inside][:, : (pixels + 1) // 2],
        atol=2e-5 * np.abs(expected).max(),
    )
    # What lies above the limit is not folded in.
    np.testing.assert_allclose(
        canvas.camera_band(canvas.spectrum(scene.astype(np.float32)))[inside][:, 1:4],
        band[inside][:, 1:4],
        atol=2e-5 * np.abs(expected).max(),
    )


def shift_error(draw: object, canvas: Canvas, highest: float) -> float:
    """How far moving a drawing by part of a sample is from turning the phase of its spectrum.

    In relation to the spectrum, over frequencies up to `highest` cycles a fine sample.
    """
    by = np.array([0.37, 0.61])
    still, moved = draw(np.zeros(2)), draw(by * canvas.step_um)  # type: ignore[operator]
    f = np.fft.fftfreq(canvas.samples)
    turned = np.fft.fft2(still) * np.exp(-2j * np.pi * (f[:, None] * by[0] + f * by[1]))
    band = np.ix_(np.abs(f) <= highest, np.abs(f) <= highest)
    off = np.fft.fft2(moved)[band] - turned[band]
    return float(np.linalg.norm(off) / np.linalg.norm(turned[band]))


def test_filaments_lie_between_samples_without_stairs() -> None:
    """To 1.2 % up to the camera's Nyquist limit, to 0.3 % up to half of it."""
    canvas = Canvas(pixels=64, pixel_size_um=0.1)
    start = np.random.default_rng(0).uniform(0, 6, (12, 2))

    def draw(by_um: np.ndarray) -> np.ndarray:
        chains = worm_like_chains(
            np.random.default_rng(1),
            canvas,
            start_um=start + by_um,
            direction=0.6 * np.arange(12.0),
            length_um=np.full(12, 5.0),
            persistence_um=10.0,
            brightness=np.ones(12),
        )
        return canvas.soften(chains, 0.012)

    assert shift_error(draw, canvas, 1 / 8) < 0.012
    assert shift_error(draw, canvas, 1 / 16) < 0.003


@pytest.mark.parametrize("wall_um", [0.0, 0.015])
@pytest.mark.parametrize("radius_um", [0.02, 0.06, 0.1, 0.25])
def test_round_bodies_lie_between_samples_without_stairs(radius_um: float, wall_um: float) -> None:
    canvas = Canvas(pixels=64, pixel_size_um=0.1)
    centre = np.random.default_rng(0).uniform(0, 6, (20, 2))
    radius, wall = np.full(20, radius_um), np.full(20, wall_um)

    def draw(by_um: np.ndarray) -> np.ndarray:
        return stamp(canvas, centre + by_um, radius, np.ones(20), wall_um=wall)

    assert shift_error(draw, canvas, 1 / 8) < 0.02
    assert shift_error(draw, canvas, 1 / 16) < 0.01


def test_impossible_canvases_are_named() -> None:
    with pytest.raises(SettingsError, match="pixel size"):
        Canvas(pixels=16, pixel_size_um=-1.0)
    with pytest.raises(SettingsError, match="pixel size"):
        Canvas(pixels=16, pixel_size_um=float("nan"))
    with pytest.raises(SettingsError, match="one plane, not 0"):
        Canvas(pixels=16, pixel_size_um=0.1, planes=0)
    with pytest.raises(SettingsError, match="5 planes needs z_step_um"):
        Canvas(pixels=16, pixel_size_um=0.1, planes=5)
    with pytest.raises(SettingsError, match=r"positive, not -0\.2"):
        Canvas(pixels=16, pixel_size_um=0.1, planes=5, z_step_um=-0.2)


def test_points_that_do_not_fit_the_canvas_are_named() -> None:
    with pytest.raises(SettingsError, match=r"\(3, 3\)"):
        CANVAS.splat(np.zeros((3, 3)), np.ones(3))
    with pytest.raises(SettingsError, match="weights"):
        CANVAS.splat(np.zeros((3, 2)), np.ones(2))
