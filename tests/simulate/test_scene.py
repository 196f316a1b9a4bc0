import numpy as np
import pytest

from pellucid.errors import SettingsError
from pellucid.optics import Microscope
from pellucid.simulate import CameraScene, Canvas, blur, blur_planes, camera_scene

CANVAS = Canvas(pixels=48, pixel_size_um=0.08)
SCOPE = Microscope(
    numerical_aperture=1.2, emission_nm=525, pixel_size_um=0.08, refractive_index=1.333
)


def flat_scene(seed: int = 0) -> CameraScene:
    rng = np.random.default_rng(seed)
    points = rng.uniform(0, CANVAS.side_um, (40, 2))
    return camera_scene(CANVAS.splat(points, np.ones(40)), CANVAS)


def volume(planes: int = 5) -> CameraScene:
    parts = [flat_scene(seed) for seed in range(planes)]
    return CameraScene(
        np.stack([part.truth for part in parts]), np.stack([part.spectrum for part in parts])
    )


def test_the_spectrum_is_that_of_the_truth_where_nothing_is_aliased() -> None:
    """A scene without frequencies beyond the camera's Nyquist limit: sampling loses nothing."""
    n = CANVAS.samples
    y, x = np.mgrid[:n, :n] / n
    fine = (2 + np.sin(2 * np.pi * (5 * x + 3 * y)) + np.cos(2 * np.pi * 9 * y)).astype(np.float32)
    scene = camera_scene(fine, CANVAS)
    direct = np.fft.rfft2(scene.truth)
    keep = np.ones(direct.shape, bool)
    keep[24] = keep[:, 24] = False  # at the Nyquist frequency both signs fall together
    np.testing.assert_allclose(scene.spectrum[keep], direct[keep], atol=2e-4 * abs(direct).max())


def test_a_volume_reduces_plane_by_plane() -> None:
    canvas = Canvas(pixels=48, pixel_size_um=0.08, planes=3, z_step_um=0.2)
    fine = np.random.default_rng(0).random(canvas.shape, dtype=np.float32)
    whole = camera_scene(fine, canvas)
    assert whole.truth.shape == (3, 48, 48)
    assert np.percentile(whole.truth.sum(axis=0), 99.9) == pytest.approx(1.0, rel=1e-5)
    one = camera_scene(fine[1], CANVAS)
    ratio = whole.truth[1].sum() / one.truth.sum()
    np.testing.assert_allclose(whole.spectrum[1], one.spectrum * ratio, rtol=1e-3, atol=1e-3)


def test_planes_in_focus_blur_as_a_plane_does() -> None:
    stack = volume()
    together = blur_planes(stack, SCOPE, np.zeros(5))
    apart = sum(
        blur(CameraScene(truth, spectrum), SCOPE.cutoff_per_pixel)
        for truth, spectrum in zip(stack.truth, stack.spectrum, strict=True)
    )
    # The table of the transfer function has 129 steps; rectification of rounding aside.
    np.testing.assert_allclose(together, apart, atol=2e-3 * together.max())


def test_out_of_focus_light_is_spread_not_lost() -> None:
    stack = volume(1)
    sharp = blur_planes(stack, SCOPE, np.array([0.0]))
    hazy = blur_planes(stack, SCOPE, np.array([2.0]))
    assert hazy.max() < 0.3 * sharp.max()
    assert hazy.sum() == pytest.approx(stack.truth.sum(), rel=5e-3)
    assert sharp.sum() == pytest.approx(stack.truth.sum(), rel=5e-3)


def test_misfits_are_named() -> None:
    with pytest.raises(SettingsError, match="blur_planes"):
        blur(volume(), 0.3)
    with pytest.raises(SettingsError, match="3 distances"):
        blur_planes(volume(5), SCOPE, np.zeros(3))
