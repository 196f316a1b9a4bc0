"""The one adjoint test for every linear operator."""

from __future__ import annotations

from typing import Any

import array_api_compat
import numpy as np
from numpy.typing import NDArray

from pellucid.imaging import LinearOperator


def host(array: Any) -> NDArray[np.float64]:
    """Return a copy of an array of any library in numpy's float64."""
    return np.asarray(array_api_compat.to_device(array, "cpu")).astype(np.float64)


def dot(a: Any, b: Any) -> float:
    """Inner product of arrays of any library, summed in float64."""
    return float(np.vdot(host(a), host(b)))


def assert_adjoint(
    operator: LinearOperator, *, seed: int = 0, rtol: float = 1e-6, like: Any = None
) -> None:
    """Check that ``<A x, y> = <x, A^T y>``, and that both maps are linear and keep their place.

    The two products may differ by `rtol` of the larger of ``|A x| |y|`` and ``|x| |A^T y|``,
    both of which bound them: one alone is tiny where the terms of ``A x`` happen to cancel.
    Operands are float32 arrays like `like`, or like the operator's own, or of numpy.
    """
    rng = np.random.default_rng(seed)
    like = next((a for a in (like, operator.like) if a is not None), np.empty(0))
    xp = array_api_compat.array_namespace(like)
    device = array_api_compat.device(like)

    def draw(shape: tuple[int, ...]) -> Any:
        return xp.asarray(rng.standard_normal(shape).astype(np.float32), device=device)

    x, other = draw(operator.input_shape), draw(operator.input_shape)
    y, another = draw(operator.output_shape), draw(operator.output_shape)
    kept = [host(v) for v in (x, y)]
    forward, backward = operator.apply(x), operator.adjoint(y)
    for result, shape in ((forward, operator.output_shape), (backward, operator.input_shape)):
        assert type(result) is type(x)
        assert tuple(result.shape) == shape
        assert result.dtype == xp.float32
        assert array_api_compat.device(result) == device
    size = max(
        np.sqrt(dot(forward, forward) * dot(y, y)), np.sqrt(dot(x, x) * dot(backward, backward))
    )
    assert abs(dot(forward, y) - dot(x, backward)) <= rtol * size
    _assert_linear(operator.apply, x, other, forward, rtol)
    _assert_linear(operator.adjoint, y, another, backward, rtol)
    # Results are arrays of their own, and operands are left as they were.
    forward *= 2.0
    backward *= 2.0
    for operand, before in zip((x, y), kept, strict=True):
        np.testing.assert_array_equal(host(operand), before)


def _assert_linear(act: Any, x: Any, other: Any, acted: Any, rtol: float) -> None:
    """Check that ``A (2 x - x') = 2 A x - A x'`` to float32 rounding of the terms."""
    terms = [host(v) for v in (acted, act(other))]
    largest = max(float(np.abs(v).max()) for v in (*terms, host(x), host(other)))
    np.testing.assert_allclose(
        host(act(2.0 * x - other)),
        2.0 * terms[0] - terms[1],
        rtol=0,
        atol=10 * rtol * largest,
    )
