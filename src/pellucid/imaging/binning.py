"""Binning: a camera that sums blocks of pixels."""

from __future__ import annotations

import math
from numbers import Integral
from typing import Any, final

import array_api_compat

from pellucid.errors import ImageError, SettingsError
from pellucid.imaging._arrays import as_operand, as_shape
from pellucid.imaging.operator import LinearOperator


@final
class Binning(LinearOperator):
    """Sum or average blocks of samples.

    Parameters
    ----------
    factor : int or tuple of int
        Side of a block in samples: one for all axes, or one an axis, such as ``(1, 2, 2)`` for
        a stack whose planes are binned.
    input_shape : tuple of int
        Divisible by the factor along every axis.
    mean : bool
        Average instead of summing.

    Raises
    ------
    SettingsError
        If a factor is below one, or there is not one an axis.
    ImageError
        If the shape is not divisible by the factor.
    """

    def __init__(
        self, factor: int | tuple[int, ...], input_shape: tuple[int, ...], *, mean: bool = False
    ) -> None:
        self.input_shape = as_shape(input_shape, "an array")
        ndim = len(self.input_shape)
        sides: tuple[Any, ...] = factor if isinstance(factor, tuple) else (factor,) * ndim
        if len(sides) != ndim or not all(isinstance(s, Integral) and int(s) >= 1 for s in sides):
            raise SettingsError(
                "The binning factor is a positive integer, or one an axis for an array of shape "
                f"{self.input_shape}, not {factor}."
            )
        self.factor = tuple(int(s) for s in sides)
        if any(n % s for n, s in zip(self.input_shape, self.factor, strict=True)):
            raise ImageError(
                f"An array of shape {self.input_shape} cannot be binned by {factor}; crop it to a "
                "multiple of the factor along every axis."
            )
        self.output_shape = tuple(
            n // s for n, s in zip(self.input_shape, self.factor, strict=True)
        )
        self.mean = mean

    def apply(self, x: Any) -> Any:
        """Return the sums, or means, of the blocks, float32 of shape `output_shape`."""
        x = as_operand(x, self.input_shape, "an array")
        # Whole slices, the slowest axis first, are far quicker than a sum over short axes.
        for axis, side in enumerate(self.factor):
            every = (slice(None),) * axis
            parts = [x[(*every, slice(first, None, side))] for first in range(side)]
            x = sum(parts[1:], start=parts[0])
        return self._weight() * x

    def adjoint(self, y: Any) -> Any:
        """Return every value, or its share in the mean, on all samples of its block."""
        y = as_operand(y, self.output_shape, "a binned array")
        xp = array_api_compat.array_namespace(y)
        blocks = xp.empty(
            self._split(self.factor), dtype=xp.float32, device=array_api_compat.device(y)
        )
        blocks[...] = xp.reshape(self._weight() * y, self._split((1,) * y.ndim))
        return xp.reshape(blocks, self.input_shape)

    def _split(self, sides: tuple[int, ...]) -> tuple[int, ...]:
        """Return a shape in which every axis is followed by one within its blocks."""
        return tuple(n for pair in zip(self.output_shape, sides, strict=True) for n in pair)

    def _weight(self) -> float:
        return 1.0 / math.prod(self.factor) if self.mean else 1.0
