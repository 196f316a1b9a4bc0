from __future__ import annotations

import functools
import math

import numpy as np
import pytest
from numpy.typing import NDArray

from pellucid.errors import SettingsError
from pellucid.imaging import Blur
from pellucid.optics import Microscope, widefield_psf
from pellucid.solvers._linear_fit import Fit, fit
from pellucid.solvers._linear_penalty import Curvature, Deviation, Penalty, Unlikely
from pellucid.solvers._linear_periodogram import Periodogram, periodogram
from pellucid.solvers._linear_transfer import Response
from pellucid.solvers._regularisation import choose
from pellucid.solvers.signal_spectrum import SignalSpectrum

SPECTRUM = SignalSpectrum(exponent=2.0, knee_per_pixel=0.05)
SHAPE = (64, 64)
SIGMA = 0.02


@pytest.fixture(scope="module")
def case() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """A scene with a power-law spectrum, what the blur passes on the whole torus, the image."""
    rng = np.random.default_rng(0)
    f = np.fft.fftfreq(64)
    square = f[:, None] ** 2 + f**2
    spectrum = np.fft.fft2(rng.standard_normal(SHAPE)) * np.sqrt(SPECTRUM.power(square))
    scene = np.fft.ifft2(spectrum).real
    scene = (scene - scene.mean()) / scene.std()
    radius = np.sqrt(square) / 0.3
    passed = np.exp(-4.0 * radius**2)  # of a Gaussian blur, squared
    image = np.fft.ifft2(np.fft.fft2(scene) * np.sqrt(passed)).real
    return scene, passed, image + SIGMA * rng.standard_normal(SHAPE)


def bins_of(image: NDArray[np.float64]) -> Periodogram:
    """The periodogram of the case, its blur given by its kernel."""
    f = np.fft.fftfreq(64)
    transfer = np.exp(-2.0 * (f[:, None] ** 2 + f**2) / 0.09)
    kernel = np.fft.fftshift(np.fft.ifft2(transfer).real).clip(0)
    blur = Blur(kernel, SHAPE, boundary="periodic")
    response = Response(blur, blur.camera)
    return periodogram(image.astype(np.float32), response, (1.0, 1.0), periodic=True)


def penalties() -> dict[str, tuple[Penalty, NDArray[np.float64]]]:
    """Every penalty, and its eigenvalues on the torus written out."""
    f = np.fft.fftfreq(64)
    square = f[:, None] ** 2 + f**2
    small = np.add.outer((np.arange(64) / 128) ** 2, (np.arange(64) / 128) ** 2).ravel()[1:]
    wave = 4.0 - 2.0 * np.cos(2 * np.pi * f)[:, None] - 2.0 * np.cos(2 * np.pi * f)
    return {
        "deviation": (Deviation(), np.ones(SHAPE)),
        "curvature": (Curvature(), wave**2),
        "unlikely": (
            Unlikely(SPECTRUM, SHAPE, (1.0, 1.0)),
            np.mean(SPECTRUM.power(small)) / SPECTRUM.power(square),
        ),
    }


GRID = np.geomspace(1e-8, 1e4, 400)


@pytest.mark.parametrize("name", sorted(penalties()))
def test_the_expected_error_is_least_where_the_error_is(
    case: tuple[NDArray[np.float64], ...], name: str
) -> None:
    scene, passed, image = case
    penalty, weight = penalties()[name]
    spectrum, transfer = np.fft.fft2(image), np.sqrt(passed)

    def error(eps: float) -> float:
        held = eps * weight
        held[0, 0] = 0.0
        found = np.fft.ifft2(spectrum * transfer / (passed + held)).real
        return float(np.mean((found - scene) ** 2))

    bins = bins_of(image)
    eps, name = choose("expected-error", bins, penalty, lambda: fit(bins.band()), None)
    assert name == "least expected error"
    assert error(eps) < 1.03 * min(error(one) for one in GRID)


def test_for_the_right_spectrum_the_ratio_is_noise_over_signal(
    case: tuple[NDArray[np.float64], ...],
) -> None:
    bins = bins_of(case[2])
    penalty = Unlikely(SPECTRUM, SHAPE, (1.0, 1.0))
    known = Fit(SPECTRUM, 3.0, 0.01)
    eps, _ = choose("expected-error", bins, penalty, lambda: known, None)
    small = np.add.outer((np.arange(64) / 128) ** 2, (np.arange(64) / 128) ** 2).ravel()[1:]
    assert eps == pytest.approx(0.01 / (3.0 * np.mean(SPECTRUM.power(small))), rel=1e-3)


@pytest.mark.parametrize("name", sorted(penalties()))
def test_cross_validation_is_least_over_all_that_passes(
    case: tuple[NDArray[np.float64], ...], name: str
) -> None:
    _, passed, image = case
    penalty, weight = penalties()[name]
    power = np.abs(np.fft.fft2(image)) ** 2
    band = passed > 1e-4
    band[0, 0] = False

    def score(eps: float) -> float:
        left = (eps * weight / (passed + eps * weight))[band]
        return float(np.mean(left**2 * power[band]) / np.mean(left) ** 2)

    eps, said = choose("gcv", bins_of(image), penalty, _never, None)
    best = GRID[int(np.argmin([score(one) for one in GRID]))]
    assert said == "generalised cross-validation"
    assert abs(math.log10(eps / best)) < 0.15


@pytest.mark.parametrize("name", sorted(penalties()))
def test_the_discrepancy_is_the_noise(case: tuple[NDArray[np.float64], ...], name: str) -> None:
    _, passed, image = case
    penalty, weight = penalties()[name]
    power = np.abs(np.fft.fft2(image)) ** 2 / image.size
    band = passed > 1e-4
    band[0, 0] = False
    eps, said = choose("discrepancy", bins_of(image), penalty, _never, SIGMA**2)
    left = (eps * weight / (passed + eps * weight))[band]
    assert said == "discrepancy principle"
    assert np.mean(left**2 * power[band]) == pytest.approx(SIGMA**2, rel=0.05)
    # Without it, the noise is the one fitted.
    found = choose(
        "discrepancy", bins_of(image), penalty, lambda: Fit(SPECTRUM, 1.0, SIGMA**2), None
    )
    assert found[0] == pytest.approx(eps)


def test_the_l_curve_turns_where_noise_begins_to_dominate(
    case: tuple[NDArray[np.float64], ...],
) -> None:
    eps, said = choose("l-curve", bins_of(case[2]), Deviation(), _never, None)
    assert said == "corner of the L-curve"
    # Between all noise let through and all structure lost.
    assert 0.1 * SIGMA**2 < eps < 100 * SIGMA**2


def test_an_l_curve_without_corner_is_said() -> None:
    image = np.random.default_rng(1).standard_normal(SHAPE)
    with pytest.raises(SettingsError, match="L-curve of this image has no corner"):
        choose("l-curve", bins_of(image), Unlikely(SPECTRUM, SHAPE, (1.0, 1.0)), _never, None)


def test_pure_noise_is_flattened_and_the_end_of_the_search_is_said(scope: Microscope) -> None:
    noise = np.random.default_rng(2).standard_normal(SHAPE).astype(np.float32)
    blur = Blur(widefield_psf(scope, (15, 15)), SHAPE)
    bins = periodogram(noise, Response(blur, blur.camera), (1.0, 1.0), periodic=False)
    found = functools.cache(lambda: fit(bins.band()))
    eps, _ = choose("expected-error", bins, Deviation(), found, None)
    assert eps > 1.0
    eps, said = choose("discrepancy", bins, Deviation(), found, 4.0)
    assert eps == pytest.approx(1e4)
    assert said == "discrepancy principle, at the high end of what was looked at"
    eps, said = choose("discrepancy", bins, Deviation(), found, 1e-30)
    assert "low end" in said


def test_choices_are_named() -> None:
    with pytest.raises(SettingsError, match=r"'gut' .* 'expected-error', 'gcv', 'discrep"):
        choose("gut", bins_of(np.eye(64)), Deviation(), _never, None)


def _never() -> Fit:
    raise AssertionError("nothing is to be fitted")
