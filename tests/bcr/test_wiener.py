import numpy as np
import pytest

from pellucid.bcr import NonstandardWiener, nonstandard_wiener
from pellucid.errors import ImageError, OpticsError, SettingsError
from pellucid.optics import Microscope, widefield_psf
from pellucid.optics.released import ReleasedPsf


def airy(numerical_aperture: float, side: int = 64) -> np.ndarray:
    scope = Microscope(numerical_aperture=numerical_aperture, emission_nm=525, pixel_size_um=0.1)
    return widefield_psf(scope, (side, side))


def spots_and_lines(side: int = 64) -> np.ndarray:
    rng = np.random.default_rng(0)
    scene = np.zeros((side, side))
    scene[rng.integers(0, side, 40), rng.integers(0, side, 40)] = rng.random(40) + 0.5
    scene[side // 3] += 0.5
    np.fill_diagonal(scene, 0.4)
    return scene


def blurred(psf: np.ndarray, scene: np.ndarray) -> np.ndarray:
    transfer = np.fft.fft2(np.fft.ifftshift(psf / psf.sum(dtype=float)))
    return np.fft.ifft2(transfer * np.fft.fft2(scene)).real


def test_exact_is_eq_5() -> None:
    """Against the normal equations, solved without any Fourier transform."""
    psf = airy(0.7, 16).astype(float)
    n = psf.size
    shifts = [np.roll(np.fft.ifftshift(psf), at, (0, 1)) for at in np.ndindex(psf.shape)]
    k = np.stack([s.ravel() for s in shifts], axis=1) / psf.sum()
    image = np.random.default_rng(2).random((16, 16))
    expected = np.linalg.solve(k.T @ k + 0.02 * np.eye(n), k.T @ image.ravel())
    inverse = nonstandard_wiener(psf, 0.02, levels=2, band=9)
    np.testing.assert_allclose(inverse.exact(image).ravel(), expected, atol=1e-10)
    np.testing.assert_allclose(inverse.apply(image).ravel(), expected, atol=1e-10)
    assert inverse.error().spectral < 1e-10


def test_kernels_by_level() -> None:
    inverse = nonstandard_wiener(airy(0.7), 0.01, levels=3, band=5)
    assert len(inverse.kernels) == 3
    for level in inverse.kernels:
        assert len(level) == 15
        assert all(kernel.shape == (5, 5) for kernel in level.values())
    middle = inverse.kernels[0]["HH", "HH"]
    assert np.abs(middle).max() == np.abs(middle[2, 2])
    one = nonstandard_wiener(airy(0.7)[32], 0.01, levels=2)
    assert set(one.kernels[0]) == {("H", "H"), ("H", "L"), ("L", "H")}
    volume = nonstandard_wiener(np.ones((1, 3, 3)), 0.01, shape=(4, 8, 8), levels=1, band=3)
    assert len(volume.kernels[0]) == 63
    image = np.random.default_rng(3).random((4, 8, 8)).astype(np.float32)
    assert volume.apply(image).shape == image.shape


@pytest.mark.parametrize("wavelet", ["haar", "db2", "db4", "sym4"])
def test_wider_bands_come_nearer(wavelet: str) -> None:
    psf, truth = airy(1.0), spots_and_lines()
    image = blurred(psf, truth)
    build = [nonstandard_wiener(psf, 1e-3, band=b, levels=4, wavelet=wavelet) for b in (3, 7, 15)]
    losses = [inverse.loss_db(image, truth) for inverse in build]
    errors = [inverse.error().frobenius for inverse in build]
    assert errors == sorted(errors, reverse=True)
    assert losses[0] > losses[1] > losses[2]
    assert abs(losses[2]) < 0.1
    exact = np.mean((build[0].exact(image) - truth) ** 2)
    banded = np.mean((build[0].apply(image) - truth) ** 2)
    assert losses[0] == pytest.approx(10 * np.log10(banded / exact))


@pytest.mark.parametrize("wavelet", ["db2", "sym4"])
def test_a_background_is_restored_if_constants_are_kept(wavelet: str) -> None:
    psf, truth = airy(0.7), spots_and_lines() + 3.0
    image = blurred(psf, truth)
    cut, kept = (
        nonstandard_wiener(psf, 0.01, band=3, levels=4, wavelet=wavelet, keep_constants=keep)
        for keep in (False, True)
    )
    assert kept.loss_db(image, truth) < 0.5 * cut.loss_db(image, truth)
    assert kept.apply(image).mean() == pytest.approx(cut.exact(image).mean(), rel=1e-6)


def published(numerical_aperture: float, eps: float, wavelet: str = "haar") -> NonstandardWiener:
    psf = ReleasedPsf(
        numerical_aperture=numerical_aperture, excitation_nm=470, pixel_size_um=0.1, z_step_um=0.12
    ).plane()
    return nonstandard_wiener(psf, eps, wavelet=wavelet)


def test_the_published_blur_has_an_inverse_with_narrow_bands() -> None:
    """Its transfer function falls as 1 / f; that in focus does not, and needs wider bands."""
    ramp = published(1.0, 0.01)
    in_focus = nonstandard_wiener(airy(1.0, 128), 0.01)
    assert ramp.error().frobenius < 0.07
    assert in_focus.error().frobenius > 2 * ramp.error().frobenius
    # With a low aperture the cut-off is low, its ringing long, and vanishing moments help.
    low, smooth = published(0.4, 1e-4), published(0.4, 1e-4, "sym4")
    assert low.error().frobenius > smooth.error().frobenius > 3 * ramp.error().frobenius


def test_coarse_level_is_dense_unless_asked() -> None:
    psf = airy(0.4)
    dense = nonstandard_wiener(psf, 0.01, levels=1)
    cut = nonstandard_wiener(psf, 0.01, levels=1, coarse_band=5)
    assert cut.error().frobenius > 1.5 * dense.error().frobenius
    image = np.ones((64, 64))
    np.testing.assert_allclose(dense.exact(image), 1 / 1.01, rtol=1e-6)


def test_bad_input_is_explained() -> None:
    psf = airy(0.7)
    with pytest.raises(SettingsError, match="noise_to_signal must be a positive number, not 0"):
        nonstandard_wiener(psf, 0)
    with pytest.raises(OpticsError, match="sums to 0"):
        nonstandard_wiener(np.zeros((8, 8)), 0.1)
    with pytest.raises(OpticsError, match="2 axes cannot act on a grid with 3"):
        nonstandard_wiener(psf, 0.1, shape=(8, 64, 64))
    with pytest.raises(ImageError, match="real numbers"):
        nonstandard_wiener(psf + 1j, 0.1)
    with pytest.raises(ImageError, match="multiples of 128"):
        nonstandard_wiener(psf, 0.1, levels=7)
    with pytest.raises(SettingsError, match="odd number"):
        nonstandard_wiener(psf, 0.1, band=4)
    with pytest.raises(SettingsError, match="wavelet 'coif1'"):
        nonstandard_wiener(psf, 0.1, wavelet="coif1")
    inverse = nonstandard_wiener(psf, 0.1, levels=2)
    image = np.ones((64, 64))
    with pytest.raises(ImageError, match=r"\(64, 64\), not \(32, 32\)"):
        inverse.loss_db(image, image[:32, :32])
    with pytest.raises(ImageError, match="equals the truth"):
        inverse.loss_db(image, inverse.exact(image))
