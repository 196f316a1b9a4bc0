"""Bases, transfer functions, spectra and fits that the linear solvers are made of."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from pellucid.errors import SettingsError
from pellucid.imaging import Blur
from pellucid.optics import Microscope, widefield_psf
from pellucid.solvers._linear_basis import Cosines, Hartley
from pellucid.solvers._linear_fit import fit
from pellucid.solvers._linear_periodogram import periodogram
from pellucid.solvers._linear_transfer import Response, frequency_squared
from pellucid.solvers.signal_spectrum import SignalSpectrum

shapes = st.lists(st.integers(1, 9), min_size=1, max_size=3).map(tuple)


@settings(max_examples=30, deadline=None)
@given(shape=shapes, kind=st.sampled_from([Cosines, Hartley]))
def test_bases_are_orthonormal_in_numpy_and_torch(
    shape: tuple[int, ...], kind: type[Cosines | Hartley]
) -> None:
    torch = pytest.importorskip("torch", reason="torch not installed")
    basis = kind(shape)
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    c = basis.forward(x)
    assert c.dtype == np.float32
    assert np.sum(c**2) == pytest.approx(np.sum(x**2), rel=1e-5)
    np.testing.assert_allclose(basis.inverse(c), x, atol=5e-6)
    tensor = basis.forward(torch.from_numpy(x))
    assert tensor.dtype == torch.float32
    np.testing.assert_allclose(tensor.numpy(), c, atol=5e-6)
    np.testing.assert_allclose(basis.inverse(tensor).numpy(), x, atol=5e-6)


@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_coefficients_belong_to_the_stated_frequencies(n: int) -> None:
    places = np.arange(n)
    unit = np.eye(n, dtype=np.float32)
    for k in range(n):
        wave = Cosines((n,)).inverse(unit[k])
        (frequency,) = Cosines((n,)).frequencies()
        expected = np.cos(2 * np.pi * frequency[k] * (places + 0.5))
        np.testing.assert_allclose(wave, expected / np.linalg.norm(expected), atol=1e-6)
        wave = Hartley((n,)).inverse(unit[k])
        (frequency,) = Hartley((n,)).frequencies()
        power = np.abs(np.fft.fft(wave)) ** 2
        held = np.abs(np.abs(np.fft.fftfreq(n)) - frequency[k]) < 1e-9
        assert power[held].sum() == pytest.approx(power.sum(), rel=1e-5)


def transform(psf: NDArray[np.float64], frequency: tuple[float, ...]) -> float:
    """Squared Fourier transform of a normalised point spread function at any frequency."""
    phase = np.zeros(psf.shape)
    for axis, f in enumerate(frequency):
        phase = phase + np.moveaxis(
            (f * np.arange(psf.shape[axis])).reshape(-1, *([1] * (psf.ndim - 1))), 0, axis
        )
    return float(np.abs(np.sum(psf / psf.sum() * np.exp(-2j * np.pi * phase))) ** 2)


@pytest.mark.parametrize(
    ("boundary", "image_shape"),
    [("extended", (12, 11)), ("extended", (2, 9)), ("reflect", (12, 11))],
)
def test_cosines_pass_the_mean_over_their_diagonals(
    boundary: str, image_shape: tuple[int, int]
) -> None:
    psf = np.random.default_rng(0).random((3, 4))
    blur = Blur(psf, image_shape, boundary=boundary)
    shape = blur.input_shape
    found = Response(blur, blur.camera).on_cosines(shape)
    for j, k in itertools.product(range(shape[0]), range(shape[1])):
        expected = np.mean(
            [transform(psf, (s * j / (2 * shape[0]), k / (2 * shape[1]))) for s in (1, -1)]
        )
        assert found[j, k] == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize("boundary", ["extended", "periodic", "reflect"])
def test_waves_of_a_torus_pass_what_the_blur_passes(boundary: str) -> None:
    psf = np.random.default_rng(1).random((4, 3))
    blur = Blur(psf, (10, 9), boundary=boundary)
    response = Response(blur, blur.camera)
    expected = np.array([[transform(psf, (j / 10, k / 9)) for k in range(9)] for j in range(10)])
    np.testing.assert_allclose(response.on_whole_torus((10, 9)), expected, atol=2e-6)
    np.testing.assert_allclose(response.on_torus((10, 9)), expected[:, :5], atol=2e-6)


@pytest.mark.parametrize("periodic", [True, False])
def test_the_power_of_white_noise_is_its_variance(periodic: bool) -> None:
    noise = 3.0 * np.random.default_rng(2).standard_normal((96, 100)).astype(np.float32)
    blur = Blur(np.ones((1, 1)), noise.shape, boundary="periodic" if periodic else "extended")
    bins = periodogram(noise + 40.0, Response(blur, blur.camera), (1.0, 1.0), periodic=periodic)
    assert np.average(bins.power, weights=bins.count) == pytest.approx(9.0, rel=0.06)
    # All frequencies but the mean, or but those beside it, are there.
    assert bins.count.sum() == 96 * 100 - (1 if periodic else 9)
    np.testing.assert_allclose(bins.passed, 1.0, rtol=1e-5)


def test_a_gradient_does_not_pass_for_fine_structure() -> None:
    ramp = (np.linspace(0, 100, 64)[:, None] * np.ones(64)).astype(np.float32)
    blur = Blur(np.ones((1, 1)), ramp.shape)
    response = Response(blur, blur.camera)
    fine = {}
    for periodic in (True, False):
        bins = periodogram(ramp, response, (1.0, 1.0), periodic=periodic)
        kept = bins.frequency_squared > 0.2**2
        fine[periodic] = np.average(bins.power[kept], weights=bins.count[kept])
    assert fine[False] < 1e-3 * fine[True]


def field(spectrum: SignalSpectrum, shape: tuple[int, ...], seed: int) -> NDArray[np.float64]:
    """A periodic Gaussian field with a power spectrum."""
    rng = np.random.default_rng(seed)
    square = frequency_squared(
        tuple(
            np.fft.fftfreq(n).reshape([-1 if a == i else 1 for a in range(len(shape))])
            for i, n in enumerate(shape)
        ),
        (1.0,) * len(shape),
    )
    white = np.fft.fftn(rng.standard_normal(shape))
    return np.asarray(np.fft.ifftn(white * np.sqrt(spectrum.power(square))).real)


@pytest.mark.parametrize(("exponent", "knee"), [(1.0, 0.02), (2.5, 0.05), (4.0, 0.03)])
@pytest.mark.parametrize("boundary", ["periodic", "extended"])
def test_signal_and_noise_are_found_again(
    scope: Microscope, exponent: float, knee: float, boundary: str
) -> None:
    spectrum = SignalSpectrum(exponent=exponent, knee_per_pixel=knee)
    scene = field(spectrum, (160, 160), seed=3)
    psf = widefield_psf(scope, (31, 31))
    clear = 40.0 * Blur(psf, scene.shape, boundary="periodic").apply(scene)
    sigma = 0.05 * float(clear.std())
    image = clear + np.random.default_rng(4).normal(0.0, sigma, clear.shape)
    if boundary == "extended":
        image = image[10:150, 8:150]
    blur = Blur(psf, image.shape, boundary=boundary)
    bins = periodogram(
        image.astype(np.float32),
        Response(blur, blur.camera),
        (1.0, 1.0),
        periodic=boundary == "periodic",
    )
    for known in (None, sigma**2):
        found = fit(bins.band(), known)
        assert found.noise == pytest.approx(sigma**2, rel=0.25)
        assert found.spectrum.exponent == pytest.approx(exponent, abs=0.35)
        # What counts is the power: within a quarter where it lies above the noise.
        square = np.geomspace(0.02, 0.15, 8) ** 2
        ratio = found.signal * found.spectrum.power(square) / (1600.0 * spectrum.power(square))
        np.testing.assert_allclose(ratio, 1.0, atol=0.25)


def test_the_noise_is_found_where_smoothing_has_taken_it_from_beyond(scope: Microscope) -> None:
    scene = field(SignalSpectrum(exponent=3.0, knee_per_pixel=0.03), (128, 128), seed=5)
    coarse = Microscope(
        numerical_aperture=scope.numerical_aperture, emission_nm=525.0, pixel_size_um=0.04
    )
    psf = widefield_psf(coarse, (41, 41))
    blur = Blur(psf, scene.shape, boundary="periodic")
    clear = blur.apply(scene)
    sigma = 0.05 * float(clear.std())
    image = clear + np.random.default_rng(6).normal(0.0, sigma, clear.shape)
    smooth = gaussian_filter(image, 0.6, mode="wrap").astype(np.float32)
    bins = periodogram(smooth, Response(blur, blur.camera), (1.0, 1.0), periodic=True)
    beyond = bins.passed < 1e-5
    assert np.average(bins.power[beyond], weights=bins.count[beyond]) < 0.3 * sigma**2
    assert 0.4 * sigma**2 < fit(bins.band()).noise < 1.1 * sigma**2


def test_an_image_without_light_cannot_be_fitted() -> None:
    blur = Blur(np.ones((3, 3)), (16, 16))
    dark = np.zeros((16, 16), dtype=np.float32)
    bins = periodogram(dark, Response(blur, blur.camera), (1.0, 1.0), periodic=False)
    with pytest.raises(SettingsError, match="too small or too uniform to tell its signal"):
        fit(bins.band())
