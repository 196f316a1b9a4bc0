from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pellucid import psnr
from pellucid.imaging import Blur, Identity
from pellucid.optics import widefield_psf
from pellucid.simulate.cell import simulate_cell
from pellucid.solvers import NoiseModel, richardson_lucy
from pellucid.solvers._rl_poisson import PoissonFit
from pellucid.solvers._rl_total_variation import TotalVariation
from pellucid.solvers.problem import problem


def steps(fit: PoissonFit, penalty: TotalVariation, number: int) -> list[NDArray[np.float32]]:
    scenes = [fit.start()]
    for _ in range(number):
        scene = scenes[-1]
        light = fit.light(scene, fit.expected(scene))
        scenes.append(fit.kept_unseen(penalty.step(scene, light, fit.seen), scene))
    return scenes


def objective(fit: PoissonFit, penalty: TotalVariation, scene: NDArray[np.float32]) -> float:
    expected = np.maximum(fit.expected(scene).astype(np.float64), 1e-9)
    misfit = float(np.sum(expected - fit.counts * np.log(expected)))
    # In double precision: what is compared differs in the sixth digit.
    return misfit + penalty.value(scene.astype(np.float64))


@pytest.mark.parametrize("strength", [1e-3, 0.03, 1.0])
@pytest.mark.parametrize("boundary", ["periodic", "extended", "reflect"])
@pytest.mark.parametrize("shape", [(26, 23), (6, 11, 12)])
def test_likelihood_and_penalty_together_never_get_worse(
    strength: float, boundary: Any, shape: tuple[int, ...]
) -> None:
    rng = np.random.default_rng(0)
    operator = Blur(rng.random((5,) * len(shape)), shape, boundary=boundary)
    scene = 1.0 + 40.0 * (rng.random(operator.input_shape) > 0.95)
    image = rng.poisson(operator.apply(scene).clip(0)).astype(np.float32)
    fit = PoissonFit(problem(image, operator, 0.0), NoiseModel(photon=1.0, gaussian=1.0))
    penalty = TotalVariation(strength, fit.level)
    values = [objective(fit, penalty, scene) for scene in steps(fit, penalty, 40)]
    assert np.all(np.diff(values) < 2e-6 * abs(values[0]))
    assert values[-1] < values[0]


def test_ends_where_the_objective_is_flat() -> None:
    """The gradient by finite differences vanishes for pixels that are not dark."""
    rng = np.random.default_rng(1)
    image = rng.poisson(50.0 + 40.0 * (np.arange(12)[:, None] > 5) * np.ones(10)).astype(np.float32)
    fit = PoissonFit(problem(image, Identity(image.shape), 0.0))
    penalty = TotalVariation(0.3, fit.level)
    scene = steps(fit, penalty, 400)[-1].astype(np.float64)

    def value(at: NDArray[np.float64]) -> float:
        return float(np.sum(at - image * np.log(at))) + penalty.value(at)

    for index in [(0, 0), (3, 4), (5, 9), (6, 2), (11, 9)]:
        step = np.zeros_like(scene)
        step[index] = 1e-3
        slope = (value(scene + step) - value(scene - step)) / 2e-3
        before = (value(image + step) - value(image - step)) / 2e-3
        assert abs(slope) < max(0.02, 0.05 * abs(before))


def test_the_bound_of_the_penalty_lies_above_it_and_touches() -> None:
    """``A x^2 - B x`` up to a constant that makes both equal at the present scene."""
    rng = np.random.default_rng(2)
    penalty = TotalVariation(1.0, 2.0)
    present = 5.0 * rng.random((7, 8))
    squared, linear = penalty._bound(present)

    def bound(scene: NDArray[np.float64]) -> float:
        return float(np.sum(squared * scene**2 - linear * scene))

    constant = penalty.value(present) - bound(present)
    for size in (1e-3, 0.1, 3.0):
        other = np.abs(present + size * rng.standard_normal(present.shape))
        assert bound(other) + constant >= penalty.value(other) - 1e-9
    nearby = present + 1e-5 * rng.standard_normal(present.shape)
    assert bound(nearby) + constant == pytest.approx(penalty.value(nearby), abs=1e-7)


def test_the_value_is_the_length_of_the_gradient() -> None:
    scene = np.zeros((10, 12))
    scene[:, 6:] = 5.0
    rounded = 0.01 * 1.0
    expected = 10 * np.hypot(5.0, rounded) + (120 - 10) * rounded
    assert TotalVariation(2.0, 1.0).value(scene) == pytest.approx(2.0 * expected)


def test_a_vanishing_penalty_changes_nothing() -> None:
    rng = np.random.default_rng(3)
    image = rng.poisson(30.0, (20, 22)).astype(np.float32)
    operator = Blur(np.ones((3, 3)), image.shape)
    plain, nearly = (
        richardson_lucy(image, operator, iterations=10, background=0.0, total_variation=s).image
        for s in (0.0, 1e-9)
    )
    np.testing.assert_allclose(nearly, plain, rtol=1e-4)


def test_steps_survive_and_noise_does_not() -> None:
    """The rule of thumb, one over the photons at the peak, beats plain iterations in the end."""
    cell = simulate_cell(seed=7, pixels=96, peak_photons=300.0)
    operator = Blur(widefield_psf(cell.microscope, (33, 33)), cell.recorded.shape)
    noise = NoiseModel(photon=1.0, gaussian=np.sqrt(10.0 + 1.6**2))

    plain, smooth = (
        richardson_lucy(
            cell.recorded,
            operator,
            iterations=200,
            background=110.0,
            noise=noise,
            total_variation=strength,
        ).image
        for strength in (0.0, 3e-3)
    )
    assert psnr(smooth, cell.truth, fit=True) > psnr(plain, cell.truth, fit=True)
    assert np.abs(np.diff(smooth)).mean() < 0.95 * np.abs(np.diff(plain)).mean()
