from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import lsq_linear, minimize

from pellucid.errors import SettingsError
from pellucid.imaging import Blur, LinearOperator
from pellucid.solvers import fista
from pellucid.solvers._prox_wavelets import WaveletTransform
from pellucid.solvers.noise_model import NoiseModel

SIGMA = 2.0
SHAPE = (8, 8)
PLAIN: dict[str, Any] = {
    "wavelet": "sym4",
    "levels": 2,
    "shifts": 1,
    "background": 0.0,
    "noise": NoiseModel(gaussian=SIGMA),
    "stop": None,
}
BLUR = Blur(np.outer([1, 4, 1], [1, 3, 1]), SHAPE, boundary="periodic")
WAVELETS = WaveletTransform(SHAPE, "sym4", 2)


def matrix(operator: LinearOperator) -> NDArray[np.float64]:
    units = np.eye(int(np.prod(operator.input_shape)), dtype=np.float32)
    columns = [operator.apply(u.reshape(operator.input_shape)).ravel() for u in units]
    return np.array(columns, dtype=np.float64).T


def free() -> NDArray[np.bool_]:
    """Which coefficients are not penalised."""
    mask = np.zeros(SHAPE, dtype=bool)
    mask[WAVELETS.coarsest] = True
    return mask.ravel()


def data(seed: int = 0, floor: float = 0.0) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    scene = floor + 40.0 * (rng.random(SHAPE) > 0.85)
    return (BLUR.apply(scene) + rng.normal(0, SIGMA, SHAPE)).astype(np.float32)


def sparsest(y: NDArray[np.float32], radius: float) -> NDArray[np.float64]:
    """Minimise without positivity: coefficients split in two positive parts, by L-BFGS-B."""
    system = matrix(BLUR) @ matrix(WAVELETS).T / SIGMA
    target = y.ravel().astype(np.float64) / SIGMA
    weight = radius * ~free()

    def cost(split: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        rest = system @ (split[:64] - split[64:]) - target
        slope = system.T @ rest
        value = 0.5 * rest @ rest + weight @ (split[:64] + split[64:])
        return float(value), np.concatenate([slope + weight, weight - slope])

    found = minimize(
        cost,
        np.zeros(128),
        jac=True,
        method="L-BFGS-B",
        bounds=[(0, None)] * 128,
        options={"maxiter": 20_000, "maxfun": 40_000, "ftol": 1e-16, "gtol": 1e-10},
    )
    coefficients = found.x[:64] - found.x[64:]
    return (matrix(WAVELETS).T @ coefficients).reshape(SHAPE)


def test_a_small_problem_agrees_with_a_direct_solution() -> None:
    y = data()
    exact = sparsest(y, 1.5 / SIGMA)
    result = fista(y, BLUR, strength=1.5, nonnegative=False, iterations=300, **PLAIN)
    np.testing.assert_allclose(result.image, exact, atol=1e-4 * np.abs(exact).max())


def test_positive_scenes_agree_with_a_direct_solution() -> None:
    """The dual of the constrained problem has bounds alone, and positivity is in its data."""
    y, radius = data(1), 1.5 / SIGMA
    hessian = matrix(BLUR).T @ matrix(BLUR) / SIGMA**2
    pull = matrix(BLUR).T @ y.ravel() / SIGMA**2
    inverse = np.linalg.inv(hessian)
    wavelets = matrix(WAVELETS)

    # Minimise force^T inverse force / 2 over the duals that the force depends on.
    root = np.linalg.cholesky(inverse).T
    kept = ~free()
    system = root @ np.concatenate([-wavelets.T[:, kept], np.eye(64)], axis=1)
    low = np.concatenate([np.full(kept.sum(), -radius), np.zeros(64)])
    high = np.concatenate([np.full(kept.sum(), radius), np.full(64, np.inf)])
    found = lsq_linear(system, -root @ pull, (low, high), method="trf", tol=1e-14)
    exact = root.T @ (system @ found.x + root @ pull)
    assert exact.min() > -1e-4
    assert (exact < 1e-4).sum() > 5
    result = fista(y, BLUR, strength=1.5, iterations=150, **PLAIN)
    np.testing.assert_allclose(result.image.ravel(), exact, atol=1e-3 * exact.max())


@pytest.mark.parametrize("photon", [0.0, 1.0])
def test_the_end_is_optimal(photon: float) -> None:
    """The data pull on coefficients with the radius where there is one, with less elsewhere."""
    y = data(2, floor=30.0)
    noise = NoiseModel(photon=photon, gaussian=SIGMA)
    level = np.sqrt(photon * y.mean() + SIGMA**2)
    options = {**PLAIN, "noise": noise}
    result = fista(y, BLUR, strength=1.0, nonnegative=False, iterations=700, **options)
    x = result.image
    light = BLUR.apply(x).astype(np.float64)
    variance = SIGMA**2
    slope = (light - y) / (photon * light + variance) if photon else (light - y) / variance
    pull = -WAVELETS.apply(BLUR.adjoint(slope)).ravel().astype(np.float64)
    coefficients = WAVELETS.apply(x).ravel()
    radius = 1.0 / level
    assert np.abs(pull[free()]).max() < 0.05 * radius
    assert np.abs(pull).max() < 1.03 * radius
    kept = (np.abs(coefficients) > 0.01) & ~free()
    assert kept.sum() > 5
    np.testing.assert_allclose(pull[kept], radius * np.sign(coefficients[kept]), rtol=0.03)
    assert (~kept & ~free()).sum() > 5


def test_the_objective_falls_as_fast_as_proven() -> None:
    """``F(x_k) - F* <= 2 L |x_0 - x*|^2 / (k + 1)^2`` (Beck and Teboulle 2009, theorem 4.4)."""
    y = data(3)
    options = {**PLAIN, "nonnegative": False, "strength": 1.0}
    best = fista(y, BLUR, iterations=700, **options)
    start = fista(y, BLUR, iterations=1, **{**options, "strength": 1e-6})
    trace = np.array(fista(y, BLUR, iterations=60, **options).trace)
    # The first step is short of the start; twice the distance covers it.
    far = 2.0 * np.sum((start.image - best.image) ** 2) + np.sum(best.image**2)
    k = np.arange(1, 61)
    assert np.all(trace - best.trace[-1] <= 2.0 * 1.05 / SIGMA**2 * far / (k + 1) ** 2)


@pytest.mark.parametrize("nonnegative", [False, True])
@pytest.mark.parametrize("photon", [0.0, 1.0])
def test_the_monotone_variant_never_rises(photon: float, nonnegative: bool) -> None:
    y = data(4, floor=5.0)
    options = {**PLAIN, "noise": NoiseModel(photon=photon, gaussian=SIGMA)}
    result = fista(
        y, BLUR, strength=0.3, monotone=True, nonnegative=nonnegative, iterations=80, **options
    )
    trace = np.array(result.trace)
    assert np.all(np.diff(trace) <= 1e-9 * np.abs(trace[1:]))
    plain = fista(y, BLUR, strength=0.3, nonnegative=nonnegative, iterations=80, **options)
    assert trace[-1] == pytest.approx(plain.trace[-1], rel=2e-3)


def test_shifts_leave_no_place_preferred() -> None:
    """The result of a shifted image is the shifted result, the more shifts the better."""
    rng = np.random.default_rng(5)
    scene = 10.0 + 40.0 * (np.indices((32, 32)).sum(axis=0) % 13 < 4)
    operator = Blur(np.ones((3, 3)), (32, 32), boundary="periodic")
    y = (operator.apply(scene) + rng.normal(0, SIGMA, scene.shape)).astype(np.float32)
    errors = []
    for shifts in (1, 16):
        options = {**PLAIN, "levels": 3, "shifts": shifts, "strength": 1.0, "iterations": 50}
        once = fista(y, operator, **options).image
        moved = fista(np.roll(y, (3, 5), (0, 1)), operator, **options).image
        errors.append(float(np.std(np.roll(moved, (-3, -5), (0, 1)) - once)))
    assert errors[1] < 0.7 * errors[0]


def test_any_shape_will_do() -> None:
    rng = np.random.default_rng(6)
    for shape in ((21, 37), (5, 9, 10), (50,)):
        operator = Blur(np.ones((3,) * len(shape)), shape)
        y = rng.normal(50, SIGMA, shape).astype(np.float32)
        result = fista(y, operator, strength=1.0, background=0.0, noise=NoiseModel(gaussian=SIGMA))
        assert result.image.shape == shape
        # Of noise alone nothing is left but its mean, nearly.
        assert result.image.std() < 0.5 * y.std()
        assert result.image.mean() == pytest.approx(y.mean(), rel=0.01)


def test_bad_settings_are_explained() -> None:
    for options, message in (
        ({"wavelet": "db99"}, "no wavelet 'db99'"),
        ({"levels": 0}, "levels must be a whole number of at least 1, not 0"),
        ({"shifts": 0}, "shifts must be a whole number of at least 1, not 0"),
        ({"shifts": 4, "monotone": True}, "use shifts=1 or monotone=False"),
    ):
        with pytest.raises(SettingsError, match=message):
            fista(data(), BLUR, **{**PLAIN, **options})
