"""First and second differences of an image: what penalties on roughness measure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations
from typing import Any, TypeAlias, final

import array_api_compat

from pellucid.errors import SettingsError
from pellucid.imaging._arrays import as_operand, as_shape
from pellucid.imaging.operator import LinearOperator

_Index: TypeAlias = tuple[slice, ...]


@final
class Gradient(LinearOperator):
    """Differences between neighbours along every axis.

    ``(G x)_a = w_a (x[i + 1] - x[i])`` along axis ``a``, zero at its last sample, so that a
    uniform array has no gradient anywhere. Axes of one sample have none either: a volume of one
    plane has that of the plane.

    Parameters
    ----------
    shape : tuple of int
        Of the array.
    voxel_size : sequence of float, optional
        Distance of the samples along every axis, in any one unit. Differences are divided by it
        relative to the smallest: ``w_a = min(voxel_size) / voxel_size[a]``. All one if not given.

    Attributes
    ----------
    weights : tuple of float
        ``w``.
    norm_bound : float
        At least the largest singular value, ``2 |w|``, and close to it for arrays of many
        samples.

    Raises
    ------
    SettingsError
        If the sizes are not one positive number an axis.
    ImageError
        If the shape is none.
    """

    def __init__(self, shape: tuple[int, ...], voxel_size: Sequence[float] | None = None) -> None:
        self.input_shape = as_shape(shape, "an array")
        self.output_shape = (len(self.input_shape), *self.input_shape)
        self.weights = axis_weights(self.input_shape, voxel_size)
        self.norm_bound = 2.0 * math.sqrt(_powers(self.weights, self.input_shape, 2))

    def apply(self, x: Any) -> Any:
        """Return the gradient, float32 of shape ``(axes, *shape)``."""
        x = as_operand(x, self.input_shape, "an array")
        result = _zeros(self.output_shape, x)
        for axis, weight in enumerate(self.weights):
            low, high = _pair(axis)
            difference = result[axis][low]
            difference += x[high]
            difference -= x[low]
            difference *= weight
        return result

    def adjoint(self, y: Any) -> Any:
        """Return minus the divergence, float32 of the array's shape."""
        y = as_operand(y, self.output_shape, "a gradient")
        result = _zeros(self.input_shape, y)
        for axis, weight in enumerate(self.weights):
            low, high = _pair(axis)
            part = weight * y[axis][low]
            result[high] += part
            result[low] -= part
        return result


@final
class Hessian(LinearOperator):
    """Second differences, mixed ones included.

    The components are those of the symmetric matrix of every sample: first
    ``w_a^2 (x[i + 1] - 2 x[i] + x[i - 1])`` of every axis, then, for every pair ``a < b``, the
    mixed central difference ``w_a w_b (x[+,+] - x[+,-] - x[-,+] + x[-,-]) / 4`` times
    ``sqrt(2)``. The sum of squares over the components then is the squared Frobenius norm. A
    component is zero where a neighbour is missing, so that planes of constant slope have no
    second differences, not even at the frame.

    Parameters
    ----------
    shape : tuple of int
        Of the array.
    voxel_size : sequence of float, optional
        As for :class:`Gradient`.

    Attributes
    ----------
    weights : tuple of float
    norm_bound : float
        At least the largest singular value, ``4 |w^2|``, and close to it for arrays of many
        samples.

    Raises
    ------
    SettingsError
        If the sizes are not one positive number an axis.
    ImageError
        If the shape is none.
    """

    def __init__(self, shape: tuple[int, ...], voxel_size: Sequence[float] | None = None) -> None:
        self.input_shape = as_shape(shape, "an array")
        axes = len(self.input_shape)
        self.output_shape = (axes * (axes + 1) // 2, *self.input_shape)
        self.weights = axis_weights(self.input_shape, voxel_size)
        self.norm_bound = 4.0 * math.sqrt(_powers(self.weights, self.input_shape, 4))
        self._pairs = tuple(combinations(range(axes), 2))

    def apply(self, x: Any) -> Any:
        """Return the second differences, float32 of shape ``(components, *shape)``."""
        x = as_operand(x, self.input_shape, "an array")
        result = _zeros(self.output_shape, x)
        for component, (weight, centre, terms) in enumerate(self._stencils()):
            difference = result[component][centre]
            for sign, place in terms:
                difference += sign * x[place]
            difference *= weight
        return result

    def adjoint(self, y: Any) -> Any:
        """Return the adjoint of the second differences, float32 of the array's shape."""
        y = as_operand(y, self.output_shape, "second differences")
        result = _zeros(self.input_shape, y)
        for component, (weight, centre, terms) in enumerate(self._stencils()):
            part = weight * y[component][centre]
            for sign, place in terms:
                result[place] += sign * part
        return result

    def _stencils(self) -> list[tuple[float, _Index, list[tuple[float, _Index]]]]:
        """Return weight, samples with a difference, and the signed samples it is made of."""
        stencils = []
        for axis, weight in enumerate(self.weights):
            before, here, after = _triple(axis)
            terms = [(1.0, after), (-2.0, here), (1.0, before)]
            stencils.append((weight**2, here, terms))
        for a, b in self._pairs:
            weight = math.sqrt(2.0) / 4.0 * self.weights[a] * self.weights[b]
            first, second = _triple(a), _triple(b)
            terms = [
                (1.0 if i == j else -1.0, _joined(first[i], second[j]))
                for i in (0, 2)
                for j in (0, 2)
            ]
            stencils.append((weight, _joined(first[1], second[1]), terms))
        return stencils


def axis_weights(shape: tuple[int, ...], voxel_size: Sequence[float] | None) -> tuple[float, ...]:
    """Return the smallest distance of samples over that along every axis.

    Raises
    ------
    SettingsError
        If the sizes are not one positive number an axis.
    """
    if voxel_size is None:
        return (1.0,) * len(shape)
    try:
        sizes = tuple(float(size) for size in voxel_size)
    except (TypeError, ValueError):
        sizes = ()
    if len(sizes) != len(shape) or not all(math.isfinite(s) and s > 0 for s in sizes):
        raise SettingsError(
            f"voxel_size must be one positive number for each of the {len(shape)} axes, not "
            f"{voxel_size}."
        )
    return tuple(min(sizes) / size for size in sizes)


def _powers(weights: tuple[float, ...], shape: tuple[int, ...], power: int) -> float:
    """Sum powers of the weights of the axes that are long enough for a difference.

    Differences of the order ``power / 2`` need one sample more than that.
    """
    return sum(w**power for w, n in zip(weights, shape, strict=True) if n > power // 2)


def _pair(axis: int) -> tuple[_Index, _Index]:
    every = (slice(None),) * axis
    return (*every, slice(None, -1)), (*every, slice(1, None))


def _triple(axis: int) -> tuple[_Index, _Index, _Index]:
    """Return the samples before, at and after those that have both neighbours."""
    every = (slice(None),) * axis
    return (*every, slice(None, -2)), (*every, slice(1, -1)), (*every, slice(2, None))


def _joined(first: _Index, second: _Index) -> _Index:
    """Return samples by a slice along an axis and another along a later one."""
    return (*first, *second[len(first) :])


def _zeros(shape: tuple[int, ...], like: Any) -> Any:
    xp = array_api_compat.array_namespace(like)
    return xp.zeros(shape, dtype=xp.float32, device=array_api_compat.device(like))
