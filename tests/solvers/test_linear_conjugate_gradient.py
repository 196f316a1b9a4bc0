from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.errors import SettingsError
from pellucid.solvers.conjugate_gradient import conjugate_gradient


def problem(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A symmetric positive definite matrix, a right side and its solution."""
    rng = np.random.default_rng(seed)
    factor = rng.standard_normal((n, n))
    matrix = (factor @ factor.T / n + np.eye(n)).astype(np.float32)
    b = rng.standard_normal(n).astype(np.float32)
    return matrix, b, np.linalg.solve(matrix.astype(float), b)


@settings(max_examples=30, deadline=None)
@given(n=st.integers(1, 40), seed=st.integers(0, 1000))
def test_agrees_with_elimination(n: int, seed: int) -> None:
    matrix, b, x = problem(n, seed)
    diagonal = np.diag(matrix)
    found = conjugate_gradient(
        lambda v: matrix @ v, b, preconditioner=lambda r: r / diagonal, tolerance=1e-6
    )
    np.testing.assert_allclose(found.x, x, atol=2e-5)
    # The residual is what it is said to be.
    residual = b - matrix @ found.x
    norm = np.sqrt(np.sum(residual**2 / diagonal) / np.sum(b**2 / diagonal))
    assert norm == pytest.approx(found.trace[-1], abs=2e-6)


def test_the_inverse_as_preconditioner_needs_one_iteration() -> None:
    matrix, b, x = problem(20)
    inverse = np.linalg.inv(matrix.astype(float)).astype(np.float32)
    found = conjugate_gradient(lambda v: matrix @ v, b, preconditioner=lambda r: inverse @ r)
    assert len(found.trace) == 1
    np.testing.assert_allclose(found.x, x, atol=1e-5)


def test_a_good_start_is_used_and_a_bad_one_is_not() -> None:
    matrix, b, x = problem(20)

    def first(start: np.ndarray | None) -> float:
        found = conjugate_gradient(
            lambda v: matrix @ v, b, preconditioner=lambda r: 1.0 * r, start=start, iterations=1
        )
        return found.trace[0]

    assert first((x * 1.001).astype(np.float32)) < 0.1 * first(None)
    assert first((x * 1e3).astype(np.float32)) == first(None)


def test_the_right_side_is_kept_and_zero_is_solved_by_zero() -> None:
    matrix, b, _ = problem(5)
    before = b.copy()
    conjugate_gradient(lambda v: matrix @ v, b, preconditioner=lambda r: 1.0 * r)
    np.testing.assert_array_equal(b, before)
    found = conjugate_gradient(lambda v: matrix @ v, 0 * b, preconditioner=lambda r: 1.0 * r)
    assert not found.x.any()
    assert found.trace == ()
    assert "zero" in found.stopped_because


def test_whoever_watches_can_end_it() -> None:
    matrix, b, _ = problem(20)
    seen = []

    def watch(iteration: int, residual: float, _: np.ndarray) -> bool:
        seen.append((iteration, residual))
        return iteration == 3

    found = conjugate_gradient(
        lambda v: matrix @ v, b, preconditioner=lambda r: 1.0 * r, tolerance=1e-9, watch=watch
    )
    assert seen == list(enumerate(found.trace, start=1))
    assert len(seen) == 3
    assert found.stopped_because == "the callback asked for it"


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ({"iterations": 0}, "iterations must be at least 1, not 0"),
        ({"tolerance": -1.0}, "tolerance must be a positive number, not -1"),
        ({"tolerance": float("nan")}, "not nan"),
    ],
)
def test_limits_are_checked(limits: dict[str, float], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        conjugate_gradient(lambda v: v, np.ones(3), preconditioner=lambda r: r, **limits)
