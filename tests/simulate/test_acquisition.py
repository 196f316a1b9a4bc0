import numpy as np
import pytest

from pellucid.errors import SettingsError
from pellucid.optics import Microscope, widefield_psf
from pellucid.simulate import Canvas, Exposure, blur, camera_scene, expose
from pellucid.simulate.scene import soft_copy

CANVAS = Canvas(pixels=64, pixel_size_um=0.065)


def bead_scene() -> np.ndarray:
    return CANVAS.splat(np.array([[2.03, 2.11]]), np.array([1.0]))


def test_blur_keeps_the_light() -> None:
    scene = camera_scene(bead_scene(), CANVAS)
    for cutoff in (0.12, 0.3, 0.45):
        image = blur(scene, cutoff)
        assert image.sum() == pytest.approx(scene.truth.sum(), rel=0.01)
        assert image.min() >= 0


def test_blur_of_a_bead_is_the_psf_seen_by_a_pixel() -> None:
    """The spectral short cut agrees with convolving the fine scene by a fine PSF."""
    scope = Microscope(numerical_aperture=1.2, emission_nm=525, pixel_size_um=0.065)
    fine_scope = Microscope(numerical_aperture=1.2, emission_nm=525, pixel_size_um=0.065 / 4)
    fine = bead_scene()
    n = CANVAS.samples
    psf = np.fft.ifftshift(widefield_psf(fine_scope, (n, n)).astype(float))
    slow = np.fft.ifft2(np.fft.fft2(fine) * np.fft.fft2(psf)).real
    slow = slow.reshape(64, 4, 64, 4).sum(axis=(1, 3))
    scene = camera_scene(fine, CANVAS)
    peak = fine.reshape(64, 4, 64, 4).sum(axis=(1, 3)).max() / scene.truth.max()
    quick = blur(scene, scope.cutoff_per_pixel) * peak
    np.testing.assert_allclose(quick, slow, atol=0.01 * slow.max())


def test_a_scene_that_goes_on_has_no_frame() -> None:
    flat = camera_scene(np.ones((CANVAS.samples, CANVAS.samples), np.float32), CANVAS)
    np.testing.assert_allclose(blur(flat, 0.3), flat.truth, rtol=1e-5)


def test_attenuation_and_haze_only_blur_more() -> None:
    scene = camera_scene(bead_scene(), CANVAS)
    sharp, dull = blur(scene, 0.3), blur(scene, 0.3, attenuation=1.0)
    assert dull.max() < sharp.max()
    assert soft_copy(scene, 5.0).max() < dull.max()
    assert soft_copy(scene, 5.0).sum() == pytest.approx(scene.truth.sum(), rel=1e-3)


@pytest.mark.parametrize("cutoff", [0.0, 0.51, -0.2])
def test_a_cut_off_the_camera_cannot_sample_is_refused(cutoff: float) -> None:
    with pytest.raises(SettingsError, match="Nyquist"):
        blur(camera_scene(bead_scene(), CANVAS), cutoff)


@pytest.mark.parametrize("photons", [5.0, 100.0, 5000.0])
def test_shot_noise_has_the_variance_of_its_mean(photons: float) -> None:
    clean = np.ones((400, 400), dtype=np.float32)
    exposure = Exposure(peak_photons=photons, background_photons=3.0, read_noise_electrons=0.0)
    image = expose(np.random.default_rng(0), clean, exposure).astype(float)
    assert image.mean() == pytest.approx(photons + 3.0, rel=0.01)
    assert image.var() == pytest.approx(photons + 3.0, rel=0.02)


def test_read_noise_adds_its_variance() -> None:
    exposure = Exposure(peak_photons=1e-6, background_photons=0.0, read_noise_electrons=2.5)
    image = expose(np.random.default_rng(0), np.ones((300, 300), np.float32), exposure)
    assert image.std() == pytest.approx(2.5, rel=0.02)


def test_impossible_exposures_are_named() -> None:
    with pytest.raises(SettingsError, match="peak_photons"):
        Exposure(peak_photons=0.0)
