"""The one adjoint test for every linear operator."""

from __future__ import annotations

import numpy as np

from pellucid.imaging import LinearOperator


def assert_adjoint(operator: LinearOperator, *, seed: int = 0, rtol: float = 1e-5) -> None:
    """Check ``<A x, y> = <x, A^T y>`` and linearity on random arrays."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(operator.input_shape).astype(np.float32)
    other = rng.standard_normal(operator.input_shape).astype(np.float32)
    y = rng.standard_normal(operator.output_shape).astype(np.float32)
    forward, backward = operator.apply(x), operator.adjoint(y)
    assert forward.shape == operator.output_shape
    assert backward.shape == operator.input_shape
    assert forward.dtype == backward.dtype == np.float32
    size = np.linalg.norm(forward) * np.linalg.norm(y)
    left, right = np.vdot(forward, y), np.vdot(x, backward)
    assert abs(float(left) - float(right)) <= rtol * float(size)
    np.testing.assert_allclose(
        operator.apply(2 * x - other),
        2 * forward - operator.apply(other),
        atol=rtol * 10 * np.abs(forward).max(),
    )
