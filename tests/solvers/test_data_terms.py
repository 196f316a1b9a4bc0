import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from pellucid.errors import SettingsError
from pellucid.solvers.data_terms import (
    DataTerm,
    Gaussian,
    Poisson,
    data_term,
    mean_light,
    noise_level,
)
from pellucid.solvers.noise_model import NoiseModel

RNG = np.random.default_rng(0)
DATA = np.array([0.0, 0.4, 3.0, 12.0, 80.0, -0.7], dtype=np.float32)
NOISE = NoiseModel(photon=0.5, gaussian=2.0)


def terms(data: NDArray[np.float32] = DATA) -> dict[str, DataTerm]:
    return {
        "gaussian": Gaussian(data, 3.0),
        "weighted": Gaussian(data, np.linspace(0.5, 4.0, data.size, dtype=np.float32)),
        "poisson": Poisson(data, 0.5),
        "over a background": Poisson(data, 0.5, background=2.0),
        "poisson-gaussian": data_term("poisson-gaussian", data, NOISE),
    }


def of_pixel(name: str, pixel: int) -> DataTerm:
    """The data term of one pixel alone: all are sums over pixels."""
    weights = np.linspace(0.5, 4.0, DATA.size, dtype=np.float32)
    one = DATA[pixel : pixel + 1]
    if name == "weighted":
        return Gaussian(one, weights[pixel : pixel + 1])
    return terms(one)[name]


@pytest.mark.parametrize("name", terms())
def test_the_gradient_is_that_of_the_value(name: str) -> None:
    term = terms()[name]
    z = np.array([1.0, 2.0, 2.5, 15.0, 70.0, 0.8], dtype=np.float32)
    for pixel in range(z.size):
        step = np.zeros_like(z)
        step[pixel] = 0.02 * z[pixel]
        slope = (term.value(z + step) - term.value(z - step)) / (2 * float(step[pixel]))
        assert slope == pytest.approx(float(term.gradient(z)[pixel]), rel=2e-3, abs=2e-3)


@settings(max_examples=25, deadline=None)
@given(v=st.floats(-20, 100), step=st.floats(0.02, 20), pixel=st.integers(0, DATA.size - 1))
@pytest.mark.parametrize("name", terms())
def test_the_proximal_map_minimises(name: str, v: float, step: float, pixel: int) -> None:
    term = of_pixel(name, pixel)

    def cost(z: float) -> float:
        at = np.array([z], dtype=np.float64)
        return step * term.value(at) + 0.5 * (z - v) ** 2

    found = float(term.prox(np.array([v], dtype=np.float64), step)[0])
    low = -2.0 if "background" in name else -8.0 if name == "poisson-gaussian" else 0.0
    low = -300.0 if name in ("gaussian", "weighted") else low
    best = minimize_scalar(cost, bounds=(low, 300.0), method="bounded", options={"xatol": 1e-9})
    assert cost(found) <= best.fun + 1e-6 * max(1.0, abs(best.fun))


@pytest.mark.parametrize("name", terms())
def test_the_conjugate_by_its_definition(name: str) -> None:
    """``p = prox of step f*`` exactly if ``(v - p) / step`` is where ``f`` has the slope p."""
    term = terms()[name]
    v = RNG.normal(0.0, 1.0, DATA.size).astype(np.float32)
    for step in (0.1, 2.0):
        p = term.prox_conjugate(v, step)
        z = (v - p) / step
        np.testing.assert_allclose(term.gradient(z)[1:5], p[1:5], rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize("name", ["gaussian", "weighted"])
def test_least_squares_have_their_lipschitz_constant(name: str) -> None:
    term = terms()[name]
    assert term.lipschitz == pytest.approx(1 / 3 if name == "gaussian" else 2.0)
    a, b = (RNG.normal(0, 9, DATA.size).astype(np.float32) for _ in range(2))
    difference = np.linalg.norm(term.gradient(a) - term.gradient(b))
    assert difference <= term.lipschitz * np.linalg.norm(a - b) * (1 + 1e-5)


def test_photon_noise_has_no_lipschitz_constant_and_no_negative_light() -> None:
    term = Poisson(DATA, 0.5, background=1.0)
    assert term.lipschitz is None
    assert math.isinf(term.value(np.full_like(DATA, -1.5)))
    assert math.isfinite(term.value(np.full_like(DATA, -0.9)))
    # Where no light is expected, no photons are certain.
    dark = np.zeros(3, dtype=np.float32)
    assert Poisson(dark, 1.0).value(dark) == pytest.approx(0.0, abs=1e-30)


@pytest.mark.parametrize("name", ["poisson", "over a background", "poisson-gaussian"])
def test_the_divergence_is_zero_at_the_data_and_positive_elsewhere(name: str) -> None:
    data = np.array([0.5, 3.0, 90.0], dtype=np.float32)
    term = terms(data)[name]
    assert term.value(data) == pytest.approx(0.0, abs=1e-6)
    assert term.value(data * 1.1) > 0
    np.testing.assert_allclose(term.gradient(data), 0.0, atol=1e-6)


def test_many_photons_are_gaussian_noise() -> None:
    light = np.full(50, 4e4, dtype=np.float32)
    near = (light + RNG.normal(0, 100, 50)).astype(np.float32)
    noise = NoiseModel(photon=0.5, gaussian=30.0)
    exact = data_term("poisson-gaussian", near, noise).value(light)
    normal = Gaussian(near, noise.variance(light)).value(light)
    assert exact == pytest.approx(normal, rel=0.01)


def test_shifted_data_have_mean_and_variance_of_photons() -> None:
    """``(y + sigma^2 / photon) / photon`` has its mean for its variance."""
    rng = np.random.default_rng(1)
    recorded = 0.5 * rng.poisson(14.0, 200_000) + rng.normal(0, 2.0, 200_000)
    photons = (recorded + 2.0**2 / 0.5) / 0.5
    assert photons.var() == pytest.approx(photons.mean(), rel=0.02)


@pytest.mark.parametrize("name", ["gaussian", "poisson", "poisson-gaussian"])
def test_values_do_not_depend_on_the_gain(name: str) -> None:
    z = np.linspace(1, 60, DATA.size, dtype=np.float32)
    scaled = NoiseModel(photon=8 * NOISE.photon, gaussian=8 * NOISE.gaussian)
    one, eight = data_term(name, DATA, NOISE), data_term(name, 8 * DATA, scaled)
    assert eight.value(8 * z) == pytest.approx(one.value(z), rel=1e-5)
    np.testing.assert_allclose(8 * eight.gradient(8 * z), one.gradient(z), rtol=1e-5)
    np.testing.assert_allclose(eight.prox(8 * z, 64 * 0.3), 8 * one.prox(z, 0.3), rtol=1e-5)


def test_names_choose_the_terms() -> None:
    plain = NoiseModel(gaussian=2.0)
    assert isinstance(data_term("poisson-gaussian", DATA, plain), Gaussian)
    assert isinstance(data_term("poisson-gaussian", DATA, NOISE), Poisson)
    assert isinstance(data_term("gaussian", DATA, NOISE), Gaussian)
    # Gaussian noise alone is the limit of few, large photons that the shift leads to.
    faint = data_term("poisson-gaussian", DATA, NoiseModel(photon=1e-3, gaussian=2.0))
    z = np.linspace(-1, 40, DATA.size, dtype=np.float32)
    limit = data_term("poisson-gaussian", DATA, plain)
    np.testing.assert_allclose(faint.gradient(z), limit.gradient(z), rtol=0.02, atol=1e-4)
    assert mean_light(DATA) == pytest.approx(95.4 / 6)
    assert noise_level(DATA, NOISE) == pytest.approx(math.sqrt(0.5 * 95.4 / 6 + 4.0))


def test_torch_agrees() -> None:
    torch = pytest.importorskip("torch", reason="torch not installed")
    z = np.linspace(1, 60, DATA.size, dtype=np.float32)
    for name in ("gaussian", "poisson", "poisson-gaussian"):
        ours, theirs = (data_term(name, d, NOISE) for d in (DATA, torch.from_numpy(DATA)))
        assert theirs.value(torch.from_numpy(z)) == pytest.approx(ours.value(z), rel=1e-5)
        for call in ("prox", "prox_conjugate"):
            found = getattr(theirs, call)(torch.from_numpy(z), 0.7)
            assert found.dtype == torch.float32
            np.testing.assert_allclose(found.numpy(), getattr(ours, call)(z, 0.7), rtol=1e-5)
        found = theirs.gradient(torch.from_numpy(z)).numpy()
        np.testing.assert_allclose(found, ours.gradient(z), rtol=1e-5, atol=1e-7)


def test_bad_input_is_explained() -> None:
    with pytest.raises(SettingsError, match="'gaussian', 'poisson', 'poisson-gaussian'"):
        data_term("gauss", DATA, NOISE)
    with pytest.raises(SettingsError, match="photon=0; state it or use data='gaussian'"):
        data_term("poisson", DATA, NoiseModel(gaussian=1.0))
    for variance in (0.0, -1.0, np.array([1.0, 0.0]), float("nan")):
        with pytest.raises(SettingsError, match="positive variance"):
            Gaussian(DATA, variance)
    for photon, background in ((0.0, 0.0), (-1.0, 0.0), (1.0, -1.0), (float("nan"), 0.0)):
        with pytest.raises(SettingsError, match="positive photon"):
            Poisson(DATA, photon, background)
