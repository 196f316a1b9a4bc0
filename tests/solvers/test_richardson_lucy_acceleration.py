from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pellucid import psnr
from pellucid.imaging import Blur
from pellucid.optics import Microscope, widefield_psf
from pellucid.simulate.cell import CellImage, simulate_cell
from pellucid.solvers import NoiseModel, StoppingRule, richardson_lucy
from pellucid.solvers._rl_acceleration import BiggsAndrews, HeavyBall
from pellucid.solvers.stopping import State

#: A cell with 10 background photons, read noise of 1.6 electrons, an offset of 100 counts.
NOISE = NoiseModel(photon=1.0, gaussian=np.sqrt(10.0 + 1.6**2))
BACKGROUND = 110.0


class Watch(StoppingRule):
    """Measures every scene and never stops."""

    def __init__(self, operator: Blur, cell: CellImage) -> None:
        self.operator, self.cell = operator, cell
        self.likelihood: list[float] = []
        self.quality: list[float] = []
        self.smallest = np.inf

    def reason(self, state: State) -> None:
        light = NOISE.gaussian**2
        counts = (self.cell.recorded - BACKGROUND + light).clip(0)
        expected = self.operator.apply(state.scene).astype(np.float64) + light
        self.likelihood.append(float(np.sum(counts * np.log(expected) - expected)))
        image = state.scene[self.operator.camera]
        self.quality.append(psnr(image, self.cell.truth, fit=True))
        self.smallest = min(self.smallest, float(state.scene.min()))

    def describe(self) -> str:
        return "never"


def watched(cell: CellImage, iterations: int, acceleration: Any, psf: int = 33) -> Watch:
    operator = Blur(widefield_psf(cell.microscope, (psf, psf)), cell.recorded.shape)
    watch = Watch(operator, cell)
    richardson_lucy(
        cell.recorded,
        operator,
        iterations=iterations,
        background=BACKGROUND,
        noise=NOISE,
        acceleration=acceleration,
        stop=watch,
    )
    return watch


@pytest.fixture(scope="module")
def dim() -> CellImage:
    return simulate_cell(seed=7, pixels=96, peak_photons=300.0)


@pytest.fixture(scope="module")
def plain(dim: CellImage) -> Watch:
    return watched(dim, 200, "none")


@pytest.mark.parametrize(
    ("acceleration", "likely_by", "good_by"), [("biggs-andrews", 30, 25), ("heavy-ball", 48, 25)]
)
def test_reaches_what_200_plain_iterations_reach(
    dim: CellImage, plain: Watch, acceleration: Any, likely_by: int, good_by: int
) -> None:
    fast = watched(dim, likely_by, acceleration)
    assert fast.likelihood[-1] >= plain.likelihood[-1]
    assert max(fast.quality[:good_by]) >= plain.quality[-1]
    # The best on the way is as good as that of plain iterations.
    assert max(fast.quality) > max(plain.quality) - 0.2


@pytest.mark.parametrize("acceleration", ["biggs-andrews", "heavy-ball"])
@pytest.mark.parametrize("peak_photons", [50.0, 1e5])
def test_goes_on_getting_likelier_and_stays_positive(
    acceleration: Any, peak_photons: float
) -> None:
    cell = simulate_cell(seed=3, pixels=64, peak_photons=peak_photons)
    watch = watched(cell, 150, acceleration)
    span = watch.likelihood[-1] - watch.likelihood[0]
    assert np.all(np.diff(watch.likelihood) > -1e-3 * span)
    assert max(watch.likelihood) - watch.likelihood[-1] < 1e-3 * span
    assert watch.smallest >= 0.0


def test_helps_in_three_dimensions() -> None:
    scope = Microscope(
        numerical_aperture=1.2,
        emission_nm=525,
        pixel_size_um=0.1,
        refractive_index=1.33,
        z_step_um=0.3,
    )
    rng = np.random.default_rng(0)
    operator = Blur(widefield_psf(scope, (9, 21, 21)), (10, 24, 24))
    scene = (rng.random(operator.input_shape) > 0.99).astype(np.float32)
    clean = operator.apply(scene).clip(0)
    image = rng.poisson(500.0 * clean / clean.max()).astype(np.float32)

    def misfit(result: NDArray[np.float32]) -> float:
        return float(np.abs(result - scene[operator.camera] * 500.0 / clean.max()).mean())

    plain, fast = (
        richardson_lucy(image, operator, iterations=12, background=0.0, acceleration=kind).image
        for kind in ("none", "biggs-andrews")
    )
    assert misfit(fast) < 0.9 * misfit(plain)


def test_extrapolates_a_geometric_approach() -> None:
    """Logarithms that close in by 0.8 a step are carried on towards their limit."""
    limit = np.log(np.array([1.0, 4.0, 0.2]))
    ahead = BiggsAndrews(np, 1e-12)
    scene = np.ones(3)
    plain = np.zeros(3)
    for _ in range(25):
        point = ahead.ahead(scene)
        updated = np.exp(np.log(point) + 0.2 * (limit - np.log(point)))
        ahead.learn(scene, point, updated)
        scene = updated
        plain = plain + 0.2 * (limit - plain)
    assert np.abs(np.log(scene) - limit).max() < 0.05 * np.abs(plain - limit).max()


def test_forgets_a_way_that_turned_out_wrong() -> None:
    ahead = BiggsAndrews(np, 1e-12)
    scene = np.ones(4)
    for _ in range(3):
        point = ahead.ahead(scene)
        updated = 1.5 * point
        ahead.learn(scene, point, updated)
        scene = updated
    assert ahead.ahead(scene)[0] > 1.4 * scene[0]
    point = ahead.ahead(scene)
    ahead.learn(scene, point, 0.1 * point)
    assert ahead.ahead(scene) is scene


def test_the_heavy_ball_repeats_moves_but_never_below_zero() -> None:
    ball = HeavyBall(np, 1e-3)
    first, second = np.array([1.0, 1.0]), np.array([2.0, 0.1])
    assert ball.ahead(first) is first
    ball.learn(first, first, second)
    np.testing.assert_allclose(ball.ahead(second), [2.25, 1e-3])
