"""Linear operators with an exact adjoint: what every solver works with."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import ImageError


class LinearOperator(ABC):
    """A linear map between real arrays of fixed shapes, in float32.

    Attributes
    ----------
    input_shape, output_shape : tuple of int
        Shapes of what `apply` takes and returns; `adjoint` goes the other way.
    """

    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]

    @abstractmethod
    def apply(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return ``A x``."""

    @abstractmethod
    def adjoint(self, y: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return ``A^T y``: ``<A x, y> = <x, A^T y>`` for all x and y."""


def check_shape(array: NDArray[np.float32], shape: tuple[int, ...], what: str) -> None:
    """Raise an ImageError unless an operand has the operator's shape."""
    if array.shape != shape:
        raise ImageError(
            f"The operator expects {what} of shape {shape}, not {array.shape}; build it for this "
            "image."
        )
