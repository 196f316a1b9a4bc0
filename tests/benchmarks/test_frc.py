import numpy as np
import pytest
from benchmarks.evaluation._frc import RingCorrelation, ring_correlation
from scipy.ndimage import gaussian_filter

from pellucid.errors import ImageError


def test_an_image_agrees_with_itself_and_noise_with_nothing() -> None:
    rng = np.random.default_rng(0)
    image, other = rng.standard_normal((2, 128, 128))
    same = ring_correlation(image, 3 * image + 7)
    np.testing.assert_allclose(same.correlation, 1.0, atol=1e-9)
    assert same.resolved_per_pixel == 0.5
    assert same.resolution_pixels == 2.0
    apart = ring_correlation(image, other)
    assert abs(apart.correlation[10:]).max() < 0.3
    assert apart.resolved_per_pixel < 0.1


@pytest.mark.parametrize("shape", [(256, 256), (80, 480)])
def test_agreement_ends_where_the_common_structure_does(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    truth = rng.standard_normal(shape)
    frequency = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.fftfreq(shape[1]))
    seen = np.fft.ifft2(np.fft.fft2(truth) * (frequency < 0.2)).real
    image = seen + 0.05 * rng.standard_normal(shape)
    found = ring_correlation(image, truth)
    assert found.resolved_per_pixel == pytest.approx(0.2, abs=0.025)


def test_the_correlation_is_that_of_signal_and_noise() -> None:
    rng = np.random.default_rng(2)
    truth = rng.standard_normal((256, 256))
    found = ring_correlation(truth + 2 * rng.standard_normal((256, 256)), truth)
    np.testing.assert_allclose(found.correlation[20:].mean(), 1 / np.sqrt(5), atol=0.01)


def test_what_is_coarse_may_be_spoilt() -> None:
    rng = np.random.default_rng(3)
    truth = rng.standard_normal((128, 128))
    haze_turned = truth - 2 * gaussian_filter(truth, 8, mode="wrap")
    found = ring_correlation(haze_turned, truth)
    assert found.correlation[0] < 0
    assert found.resolved_per_pixel == 0.5


def test_the_threshold_is_met_between_rings() -> None:
    frequency = np.arange(1, 65) / 128
    line = RingCorrelation(frequency, 1.0 - 2.0 * frequency)
    assert line.resolved_per_pixel == pytest.approx((1 - 1 / 7) / 2, abs=1e-9)
    nothing = RingCorrelation(frequency, np.full(64, -0.2))
    assert nothing.resolved_per_pixel == 0
    assert nothing.resolution_pixels == np.inf


def test_what_cannot_be_correlated_is_explained() -> None:
    with pytest.raises(ImageError, match=r"not \(16, 16\) and \(16, 17\)"):
        ring_correlation(np.zeros((16, 16)), np.zeros((16, 17)))
    with pytest.raises(ImageError, match="16 pixels a side"):
        ring_correlation(np.zeros((8, 8)), np.zeros((8, 8)))
