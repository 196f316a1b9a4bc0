import numpy as np
import pytest

from pellucid import psnr
from pellucid.errors import SettingsError
from pellucid.optics import Microscope, widefield_psf
from pellucid.simulate.cell import CellImage
from pellucid.solvers import wiener


def test_sharpens_with_a_ratio_near_the_best(cell: CellImage) -> None:
    psf = widefield_psf(cell.microscope, (65, 65))
    chosen = wiener(cell.recorded, psf)
    quality = psnr(chosen.image, cell.truth, fit=True)
    best = max(
        psnr(wiener(cell.recorded, psf, noise_to_signal=eps).image, cell.truth, fit=True)
        for eps in np.logspace(-4, 0, 9)
    )
    assert quality > psnr(cell.recorded, cell.truth, fit=True) + 0.5
    assert quality > best - 1.0
    assert chosen.settings["chosen_by"] == "generalised cross-validation"


def test_solves_the_normal_equations_of_a_periodic_image() -> None:
    # Far from the frame of an image that fades to its mean, the formula is exact.
    rng = np.random.default_rng(0)
    psf = np.outer(np.hanning(7)[1:-1], np.hanning(7)[1:-1])
    image = np.zeros((64, 64))
    image[28:36, 28:36] = rng.standard_normal((8, 8))
    image -= image.mean()
    eps = 0.3
    result = wiener(image, psf, noise_to_signal=eps).image
    kernel = np.zeros((64, 64))
    kernel[:5, :5] = psf / psf.sum()
    transfer = np.fft.fft2(np.roll(kernel, (-2, -2), (0, 1)))
    expected = np.fft.ifft2(
        np.conj(transfer) * np.fft.fft2(image) / (np.abs(transfer) ** 2 + eps)
    ).real
    inner = slice(16, 48)
    np.testing.assert_allclose(result[inner, inner], expected[inner, inner], atol=1e-3)


def test_follows_gain_and_offset_and_keeps_the_mean(cell: CellImage) -> None:
    psf = widefield_psf(cell.microscope, (33, 33))
    image = cell.recorded.astype(float)
    first = wiener(image, psf).image
    second = wiener(3.0 * image + 500.0, psf).image
    assert first.mean(dtype=float) == pytest.approx(image.mean(), rel=1e-6)
    np.testing.assert_allclose(second, 3.0 * first + 500.0, rtol=1e-4)


def test_a_uniform_gradient_does_not_ring_at_the_frame(scope: Microscope) -> None:
    psf = widefield_psf(scope, (33, 33))
    image = np.linspace(100, 200, 60)[:, None] * np.ones(50)
    result = wiener(image, psf, noise_to_signal=1e-3).image
    assert np.abs(result - image).max() < 0.05 * np.ptp(image)


def test_handles_an_image_smaller_than_the_psf(scope: Microscope) -> None:
    image = np.random.default_rng(0).random((3, 5))
    assert wiener(image, widefield_psf(scope, (5, 9))).image.shape == (3, 5)


@pytest.mark.parametrize("ratio", [0.0, -1.0, float("nan"), float("inf")])
def test_the_ratio_must_be_positive(ratio: float) -> None:
    with pytest.raises(SettingsError, match="noise_to_signal"):
        wiener(np.ones((4, 4)), np.ones((3, 3)), noise_to_signal=ratio)
