import itertools
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import lsq_linear

from pellucid.errors import SettingsError
from pellucid.imaging import Blur, Gradient, Hessian, Identity, LinearOperator
from pellucid.solvers import hessian_schatten, total_variation
from pellucid.solvers.noise_model import NoiseModel

SIGMA = 2.0
PLAIN: dict[str, Any] = {
    "of": "intensity",
    "background": 0.0,
    "noise": NoiseModel(gaussian=SIGMA),
    "nonnegative": False,
    "stop": None,
}


def matrix(operator: LinearOperator) -> NDArray[np.float64]:
    units = np.eye(int(np.prod(operator.input_shape)), dtype=np.float32)
    columns = [operator.apply(u.reshape(operator.input_shape)).ravel() for u in units]
    return np.array(columns, dtype=np.float64).T


def smoothest(
    blur: NDArray[np.float64], rough: NDArray[np.float64], data: NDArray[Any], radius: float
) -> NDArray[np.float64]:
    """Minimise ``|K x - y|^2 / (2 sigma^2) + radius |A x|_1`` exactly, by the dual problem."""
    root = np.linalg.inv(blur) * SIGMA
    bounded = lsq_linear(
        root.T @ rough.T, data / SIGMA, (-radius, radius), method="bvls", tol=1e-14
    )
    return root @ (data / SIGMA - root.T @ rough.T @ bounded.x)


@pytest.mark.parametrize("strength", [0.5, 2.0, 5.0])
def test_a_step_loses_what_it_must(strength: float) -> None:
    """Each plateau of n samples moves by ``strength sigma / n`` until they meet."""
    step = np.concatenate([np.full(8, 10.0), np.full(16, 14.0)]).astype(np.float32)
    result = total_variation(step, Identity((24,)), strength=strength, iterations=1500, **PLAIN)
    low, high = 10.0 + strength * SIGMA / 8, 14.0 - strength * SIGMA / 16
    np.testing.assert_allclose(result.image[:8], low, atol=2e-3)
    np.testing.assert_allclose(result.image[8:], high, atol=2e-3)
    gone = total_variation(step, Identity((24,)), strength=40.0, iterations=2000, **PLAIN)
    np.testing.assert_allclose(gone.image, step.mean(), atol=2e-2)


def test_strong_penalties_leave_what_they_do_not_see() -> None:
    """A constant for total variation, whose most likely value is the mean of the photons too."""
    counts = np.random.default_rng(0).poisson(6.0, (9, 11)).astype(np.float32)
    noise = NoiseModel(photon=1.0, gaussian=1.0)
    for of in ("intensity", "square root"):
        result = total_variation(
            counts,
            Identity((9, 11)),
            strength=50.0,
            of=of,
            background=0.0,
            noise=noise,
            iterations=1500,
            stop=None,
        )
        np.testing.assert_allclose(result.image, counts.mean(), rtol=2e-3)
    # A constant slope for second differences.
    y, x = np.indices((9, 11))
    ramp = 20.0 + 0.5 * y - 0.3 * x
    noisy = (ramp + np.random.default_rng(1).normal(0, SIGMA, ramp.shape)).astype(np.float32)
    result = hessian_schatten(noisy, Identity((9, 11)), strength=300.0, iterations=3000, **PLAIN)
    basis = np.stack([np.ones(ramp.size), y.ravel(), x.ravel()], axis=1)
    plane = basis @ np.linalg.lstsq(basis, noisy.ravel(), rcond=None)[0]
    np.testing.assert_allclose(result.image.ravel(), plane, atol=0.05)


@pytest.mark.parametrize("solver", [total_variation, hessian_schatten])
def test_one_axis_agrees_with_the_exact_minimum(solver: Any) -> None:
    rng = np.random.default_rng(2)
    scene = np.concatenate([np.full(12, 5.0), np.linspace(5, 40, 10), np.full(8, 12.0)])
    operator = Blur(np.array([0.15, 0.7, 0.15]), (30,), boundary="periodic")
    data = operator.apply(scene) + rng.normal(0, SIGMA, 30).astype(np.float32)
    rough = Gradient((30,)) if solver is total_variation else Hessian((30,))
    exact = smoothest(matrix(operator), matrix(rough), data, 0.8 / SIGMA)
    result = solver(data, operator, strength=0.8, iterations=4000, **PLAIN)
    np.testing.assert_allclose(result.image, exact, atol=0.02)


def test_the_end_is_optimal() -> None:
    """The dual of one axis is a running sum: at most the radius, and just that at every edge."""
    rng = np.random.default_rng(3)
    scene = np.repeat([3.0, 30.0, 12.0, 25.0], 12)
    operator = Blur(np.array([0.2, 0.6, 0.2]), (48,), boundary="periodic")
    data = operator.apply(scene) + rng.normal(0, SIGMA, 48).astype(np.float32)
    strength = 3.0
    result = total_variation(data, operator, strength=strength, iterations=4000, **PLAIN)
    slope = operator.adjoint(operator.apply(result.image) - data).astype(np.float64) / SIGMA**2
    dual = np.cumsum(slope)[:-1]
    edges = np.diff(result.image.astype(np.float64))
    radius = strength / SIGMA
    assert np.abs(dual).max() <= radius * 1.01
    found = np.abs(edges) > 0.1
    assert 3 <= found.sum() < 12
    np.testing.assert_allclose(dual[found], radius * np.sign(edges[found]), rtol=0.02)


@pytest.mark.parametrize("of", ["intensity", "square root"])
@pytest.mark.parametrize("order", [1, 2, "inf"])
def test_the_objective_falls(of: str, order: Any) -> None:
    rng = np.random.default_rng(4)
    operator = Blur(np.ones((3, 3)), (20, 22))
    data = (2.0 * rng.poisson(10 + 30 * (rng.random((20, 22)) > 0.9))).astype(np.float32)
    result = hessian_schatten(
        data,
        operator,
        order=order,
        of=of,
        strength=0.2,
        background=0.0,
        noise=NoiseModel(photon=2.0, gaussian=1.0),
        iterations=150,
        stop=None,
    )
    trace = np.array(result.trace)
    assert trace[-1] < 0.98 * trace[0]
    assert trace[-1] <= trace.min() * 1.01
    assert result.image.min() >= 0


def test_no_change_lowers_the_objective_of_two_axes() -> None:
    """Random directions and sizes, with photon noise and positivity."""
    rng = np.random.default_rng(5)
    operator = Blur(np.ones((3, 3)), (10, 12), boundary="reflect")
    photons = rng.poisson(4 + 20 * (np.indices((10, 12)).sum(axis=0) > 12))
    data = photons.astype(np.float32)
    noise, strength = NoiseModel(photon=1.0, gaussian=1.0), 0.4
    hessian = Hessian((10, 12))
    level = np.sqrt(data.mean() + 1.0)

    def objective(x: NDArray[np.float64]) -> float:
        light = operator.apply(x).astype(np.float64) + 1.0
        fit = np.sum(light - (data + 1.0) * np.log(light))
        matrices = hessian.apply(x).astype(np.float64)
        size = np.sqrt(np.sum(matrices**2, axis=0)).sum()
        return float(fit + strength / level * size)

    result = hessian_schatten(
        data,
        operator,
        order=2,
        of="intensity",
        strength=strength,
        background=0.0,
        noise=noise,
        iterations=1200,
        stop=None,
    )
    best = objective(result.image)
    for size, _ in itertools.product((0.01, 0.1, 1.0), range(20)):
        other = result.image + size * rng.standard_normal(data.shape)
        smooth = result.image * (1 + size * rng.standard_normal() / 10)
        for tried in (other, smooth):
            assert objective(np.maximum(tried, 0)) > best - 1e-4 * abs(best)


def test_the_orders_agree_where_matrices_have_one_row() -> None:
    data = np.random.default_rng(6).normal(10, 3, 40).astype(np.float32)
    images = [
        hessian_schatten(
            data, Identity((40,)), order=order, strength=0.5, iterations=50, **PLAIN
        ).image
        for order in (1, 2, "inf")
    ]
    np.testing.assert_allclose(images[1], images[0], atol=1e-4)
    np.testing.assert_allclose(images[2], images[0], atol=1e-4)


def test_second_differences_make_no_stairs() -> None:
    rng = np.random.default_rng(7)
    ramp = np.concatenate([np.linspace(0, 60, 32), np.linspace(60, 0, 32)])
    data = (ramp + rng.normal(0, SIGMA, 64)).astype(np.float32)
    errors = [
        min(
            float(
                np.mean(
                    (
                        solver(data, Identity((64,)), strength=s, iterations=800, **PLAIN).image
                        - ramp
                    )
                    ** 2
                )
            )
            for s in (0.5, 2.0, 8.0)
        )
        for solver in (total_variation, hessian_schatten)
    ]
    assert errors[1] < 0.6 * errors[0]


def test_distances_of_samples_weigh_differences() -> None:
    rng = np.random.default_rng(8)
    data = rng.normal(50, 5, (6, 16, 16)).astype(np.float32)
    operator = Identity(data.shape)

    def smoothed(voxel_size: Any) -> NDArray[np.float32]:
        result = total_variation(
            data, operator, strength=0.5, iterations=60, voxel_size=voxel_size, **PLAIN
        )
        return np.asarray(result.image)

    np.testing.assert_allclose(smoothed((0.3, 0.1, 0.1)), smoothed([3, 1, 1]), rtol=1e-5)
    even, coarse = smoothed(None), smoothed((0.5, 0.1, 0.1))
    # Planes far apart are smoothed less against one another.
    assert np.abs(np.diff(coarse, axis=0)).mean() > 1.2 * np.abs(np.diff(even, axis=0)).mean()


def test_bad_settings_are_explained() -> None:
    image = np.full((9, 9), 7.0, dtype=np.float32)
    operator = Identity((9, 9))
    noise = NoiseModel(gaussian=1.0)
    for solver in (total_variation, hessian_schatten):
        for options, message in (
            ({"of": "log"}, "'intensity' or of the 'square root', not 'log'"),
            ({"of": "square root", "nonnegative": False}, "of='intensity' with nonneg"),
            ({"voxel_size": (0.1,)}, "one positive number for each of the 2 axes"),
        ):
            with pytest.raises(SettingsError, match=message):
                solver(image, operator, background=0.0, noise=noise, **options)
    with pytest.raises(SettingsError, match="use 1, 2 or 'inf'"):
        hessian_schatten(image, operator, order=3, background=0.0, noise=noise)
