import numpy as np
import pytest

from pellucid.bcr import (
    airy_blur_matrix,
    convolution_matrix,
    gaussian_blur_matrix,
    regularised_inverse,
    singular_integral_matrix,
)
from pellucid.errors import ImageError, OpticsError, SettingsError
from pellucid.optics import Microscope, widefield_psf


def test_a_convolution_matrix_convolves() -> None:
    rng = np.random.default_rng(1)
    kernel, x = rng.standard_normal(16), rng.standard_normal(16)
    product = convolution_matrix(np.fft.fft(kernel)) @ x
    expected = [sum(kernel[(i - j) % 16] * x[j] for j in range(16)) for i in range(16)]
    np.testing.assert_allclose(product, expected, atol=1e-12)


def test_gaussian_blur_has_its_variance_and_keeps_light() -> None:
    row = gaussian_blur_matrix(128, 3.0)[64]
    assert row.sum() == pytest.approx(1)
    assert row @ (np.arange(128) - 64.0) ** 2 == pytest.approx(9, rel=1e-6)


def test_airy_blur_is_the_image_of_a_line() -> None:
    scope = Microscope(numerical_aperture=0.8, emission_nm=500, pixel_size_um=0.1)
    line = widefield_psf(scope, (1025, 128)).sum(axis=0)
    np.testing.assert_allclose(airy_blur_matrix(128, 0.32)[64], line, atol=3e-4 * line.max())


def test_the_regularised_inverse_is_the_wiener_filter() -> None:
    symbol = np.fft.fft(airy_blur_matrix(64, 0.3)[:, 0])
    wiener = convolution_matrix(np.conj(symbol) / (np.abs(symbol) ** 2 + 0.01))
    found = regularised_inverse(airy_blur_matrix(64, 0.3), 0.01)
    np.testing.assert_allclose(found, wiener, atol=1e-10)


def test_the_singular_integral_is_a_hilbert_transform() -> None:
    """Far from the ends it turns a cosine into a sine, times pi less what the samples skip."""
    n, w = 1024, 2 * np.pi * 0.05
    j = np.arange(n)
    matrix = singular_integral_matrix(n)
    np.testing.assert_array_equal(matrix, -matrix.T)
    found = matrix[n // 2] @ np.sin(w * j)
    assert found == pytest.approx(-(np.pi - w) * np.cos(w * n / 2), rel=1e-2)


def test_bad_input_is_explained() -> None:
    with pytest.raises(SettingsError, match="complex operator"):
        convolution_matrix(np.array([0, 1, 0, 0]))
    with pytest.raises(SettingsError, match=r"shape \(2, 2\)"):
        convolution_matrix(np.ones((2, 2)))
    with pytest.raises(SettingsError, match="at least 1, not 0"):
        singular_integral_matrix(0)
    with pytest.raises(SettingsError, match="sigma_pixels"):
        gaussian_blur_matrix(8, 0.0)
    with pytest.raises(OpticsError, match="Nyquist"):
        airy_blur_matrix(8, 0.6)
    with pytest.raises(SettingsError, match="noise_to_signal"):
        regularised_inverse(np.eye(3), 0.0)
    with pytest.raises(ImageError, match="two axes"):
        regularised_inverse(np.zeros(3), 1.0)
