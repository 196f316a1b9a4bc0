"""How far one linear operator is from another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

#: Power iteration ends when the norm grows by less than this, or after so many steps.
_GROWTH, _STEPS = 1e-4, 100


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorError:
    """Distance of an approximate operator from the exact one.

    Attributes
    ----------
    spectral : float
        Largest error of a result, over the largest gain of the exact operator (the 2-norms
        of the difference and of the operator).
    frobenius : float
        Root of the summed squared errors of all matrix entries, over the same of the
        operator; also the error expected for white noise.
    """

    spectral: float
    frobenius: float


def spectral_norm(
    apply: Callable[[NDArray[Any]], NDArray[Any]],
    adjoint: Callable[[NDArray[Any]], NDArray[Any]],
    shape: tuple[int, ...],
) -> float:
    """Return the largest singular value of an operator by power iteration on ``A^T A``.

    The result approaches the norm from below, to about 1 %.
    """
    x = np.random.default_rng(0).standard_normal(shape)
    norm = 0.0
    for _ in range(_STEPS):
        x /= np.linalg.norm(x)
        y = apply(x)
        before, norm = norm, float(np.linalg.norm(y))
        if norm <= before * (1.0 + _GROWTH):
            break
        x = adjoint(y)
    return norm
