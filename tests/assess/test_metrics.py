import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from pellucid import psnr, ssim
from pellucid.assess import fit_gain_offset, radial_power_spectrum
from pellucid.errors import ImageError


def pair(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.random((48, 40))
    return truth + 0.1 * rng.standard_normal(truth.shape), truth


def test_psnr_agrees_with_scikit_image() -> None:
    image, truth = pair()
    expected = peak_signal_noise_ratio(truth, image, data_range=np.ptp(truth))
    assert psnr(image, truth) == pytest.approx(expected, rel=1e-9)
    assert psnr(truth, truth) == math.inf


def test_ssim_agrees_with_scikit_image() -> None:
    image, truth = pair()
    expected = structural_similarity(
        truth,
        image,
        data_range=np.ptp(truth),
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    assert ssim(image, truth) == pytest.approx(expected, rel=1e-6)
    assert ssim(truth, truth) == pytest.approx(1.0)


@given(gain=st.floats(0.1, 50), offset=st.floats(-100, 100))
def test_fitted_scores_do_not_depend_on_units(gain: float, offset: float) -> None:
    image, truth = pair()
    other = gain * image + offset
    assert psnr(other, truth, fit=True) == pytest.approx(psnr(image, truth, fit=True), abs=1e-6)
    assert ssim(other, truth, fit=True) == pytest.approx(ssim(image, truth, fit=True), abs=1e-6)


def test_the_fit_is_the_least_squares_one() -> None:
    image, truth = pair()
    fitted = fit_gain_offset(image, truth)
    best = np.mean((fitted - truth) ** 2)
    slope, intercept = np.polyfit(image.ravel(), truth.ravel(), 1)
    np.testing.assert_allclose(fitted, slope * image + intercept, rtol=1e-9)
    assert np.mean((1.01 * fitted - truth) ** 2) > best
    assert (fit_gain_offset(np.ones_like(truth), truth) == truth.mean()).all()


def test_what_cannot_be_scored_is_explained() -> None:
    image, truth = pair()
    with pytest.raises(ImageError, match="differ in shape"):
        psnr(image[1:], truth)
    with pytest.raises(ImageError, match="constant"):
        psnr(image, np.ones_like(image))
    with pytest.raises(ImageError, match="at least 11"):
        ssim(image[:5], truth[:5])


def test_spectrum_of_white_noise_is_flat_and_of_a_wave_a_peak() -> None:
    rng = np.random.default_rng(0)
    frequency, power = radial_power_spectrum(rng.standard_normal((256, 256)))
    assert frequency[-1] == 0.5
    # The Hann window keeps (3/8)^2 of the power of white noise.
    np.testing.assert_allclose(power[5:].mean(), (3 / 8) ** 2, rtol=0.03)
    assert power[5:].std() < 0.2 * power[5:].mean()
    wave = np.sin(2 * np.pi * 0.125 * np.arange(256))[:, None] * np.ones(200)
    frequency, power = radial_power_spectrum(wave)
    assert frequency[np.argmax(power)] == pytest.approx(0.125, abs=0.01)
