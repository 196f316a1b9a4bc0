import numpy as np
import pytest
from benchmarks._classical import (
    Problem,
    analytic_transfer,
    kernel_transfer,
    linear_mmse,
    richardson_lucy,
    total_variation,
)

from benchmarks import _classical

GRID = (20, 24)
SHAPE = (13, 16)


def problem(image: np.ndarray | None = None, **known: object) -> Problem:
    rng = np.random.default_rng(0)
    given = rng.random(SHAPE) if image is None else image
    return Problem(
        image=np.asarray(given, dtype=np.float32),
        transfer=analytic_transfer(GRID, 0.3),
        grid=GRID,
        **known,  # type: ignore[arg-type]
    )


def dense(one: Problem) -> np.ndarray:
    """The blur as a matrix, column by column."""
    units = np.eye(np.prod(GRID), dtype=np.float32).reshape(-1, *GRID)
    return one.forward(units).reshape(len(units), -1).T.astype(np.float64)


def test_backward_is_the_adjoint_of_forward() -> None:
    rng = np.random.default_rng(1)
    one = problem()
    x, y = rng.random(GRID).astype(np.float32), rng.random(SHAPE).astype(np.float32)
    assert np.vdot(one.forward(x), y) == pytest.approx(np.vdot(x, one.backward(y)), rel=1e-5)


def test_both_transfer_functions_are_those_of_one_blur() -> None:
    grid = (64, 64)
    exact = analytic_transfer(grid, 0.3)
    kernel = np.fft.fftshift(np.fft.irfft2(exact, grid))
    np.testing.assert_allclose(kernel_transfer(kernel, grid), exact, atol=2e-6)


def test_richardson_lucy_is_the_published_iteration() -> None:
    rng = np.random.default_rng(2)
    counts = rng.poisson(20.0, SHAPE).astype(np.float32)
    one = problem(counts, background=2.0)
    matrix, seen = dense(one), dense(one).sum(0)
    estimate = np.full(np.prod(GRID), counts.mean() - 2.0, dtype=np.float64)
    iterates = [x.copy() for x in richardson_lucy(one, 5)]
    for _ in iterates:
        expected = matrix @ estimate + 2.0
        estimate *= matrix.T @ (counts.ravel() / expected)
        estimate = np.where(seen > 1e-3, estimate / np.maximum(seen, 1e-3), 0.0)
    shown = estimate.reshape(GRID)[: SHAPE[0], : SHAPE[1]]
    np.testing.assert_allclose(iterates[-1], shown, rtol=2e-3, atol=2e-3)


def test_richardson_lucy_keeps_the_light_and_sharpens() -> None:
    specimen = np.zeros(GRID, dtype=np.float32)
    specimen[8, 9] = 1000.0
    whole = Problem(image=specimen, transfer=analytic_transfer(GRID, 0.3), grid=GRID)
    blurred = whole.forward(specimen)
    one = Problem(image=blurred, transfer=whole.transfer, grid=GRID)
    *_, last = (x.copy() for x in richardson_lucy(one, 200))
    assert last.sum() == pytest.approx(1000.0, rel=1e-3)
    assert last[8, 9] > 4 * blurred[8, 9]


@pytest.mark.parametrize("confined", [False, True])
def test_the_linear_estimate_solves_the_normal_equations(confined: bool) -> None:
    rng = np.random.default_rng(3)
    image = rng.normal(5.0, 1.0, SHAPE)
    one = problem(image, background=1.0, variance=0.3, confined=confined)
    frequency = np.hypot(np.fft.fftfreq(GRID[0])[:, None], np.fft.rfftfreq(GRID[1]))
    power = 2.0 / (0.05 + frequency) ** 2
    kernel = np.fft.irfft2(power, GRID)
    rows = [np.roll(kernel, (i, j), (0, 1)).ravel() for i in range(GRID[0]) for j in range(GRID[1])]
    covariance, mean = np.array(rows), np.full(GRID, 4.0)
    if confined:
        inside = np.zeros(GRID)
        inside[: SHAPE[0], : SHAPE[1]] = 1
        covariance *= np.outer(inside.ravel(), inside.ravel())
        mean *= inside
    matrix = dense(one)
    left = image.ravel() - 1.0 - matrix @ mean.ravel()
    normal = matrix @ covariance @ matrix.T + 0.3 * np.eye(left.size)
    exact = mean.ravel() + covariance @ matrix.T @ np.linalg.solve(normal, left)
    found = linear_mmse(one, power, 0.3, mean=4.0)
    shown = exact.reshape(GRID)[: SHAPE[0], : SHAPE[1]]
    np.testing.assert_allclose(found, shown, rtol=0, atol=0.01 * np.ptp(shown))


def test_total_variation_of_a_step_moves_its_plateaus_as_it_must(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_classical, "_STEP", 0.5)  # meets the end sooner, where that is asked for
    # Without blur each of two plateaus of n rows moves by 2 strength variance / (n peak).
    grid = (32, 8)
    step = np.zeros(grid, dtype=np.float32)
    step[:16] = 1.0
    one = Problem(
        image=step + 1,
        transfer=np.ones((32, 5), dtype=np.float32),
        grid=grid,
        variance=0.1,
    )
    strengths = (4.0, 8.0, 100.0)
    *_, last = total_variation(one, strengths, iterations=3000, every=3000)
    for strength, found in zip(strengths[:2], last[:2], strict=True):
        moved = 2 * strength * 0.1 / (16 * 2.0)
        np.testing.assert_allclose(found[2:14], 2 - moved, atol=2e-3)
        np.testing.assert_allclose(found[18:30], 1 + moved, atol=2e-3)
    # Beyond 80 the two are one.
    np.testing.assert_allclose(last[2], 1.5, atol=5e-3)


def test_total_variation_without_strength_fits_poisson_counts() -> None:
    counts = np.random.default_rng(4).poisson(50.0, GRID).astype(np.float32)
    one = Problem(image=counts, transfer=np.ones((20, 13), dtype=np.float32), grid=GRID)
    *_, last = total_variation(one, (1e-4, 100.0), iterations=3000, every=3000)
    np.testing.assert_allclose(last[0], counts, atol=0.05)
    # The mean is what a Poisson likelihood makes of counts that must be alike.
    np.testing.assert_allclose(last[1], counts.mean(), rtol=5e-3)


def test_a_confined_specimen_may_end_at_the_frame() -> None:
    flat = np.full(SHAPE, 10.0, dtype=np.float32)
    transfer = np.ones((20, 13), dtype=np.float32)
    one = Problem(image=flat, transfer=transfer, grid=GRID, variance=1.0, confined=True)
    *_, last = total_variation(one, (5.0,), iterations=300, every=300)
    np.testing.assert_allclose(last[0], 10.0, atol=1e-2)
