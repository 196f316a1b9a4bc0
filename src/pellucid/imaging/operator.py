"""Linear operators with an exact adjoint: what every solver works with."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from numbers import Real
from typing import Any, ClassVar, final

import array_api_compat
import numpy as np

from pellucid.errors import ImageError, SettingsError
from pellucid.imaging._arrays import as_operand, as_shape, like_of, place_of, put
from pellucid.imaging._arrays import check_shape as check_shape  # noqa: PLC0414 (re-export)


class LinearOperator(ABC):
    """A linear map between real arrays of fixed shapes, in float32.

    Operands are arrays of numpy, torch or another library that follows the array API, and
    results are new arrays of the same library on the same device, never views of the operand.
    Operands of another real type are converted to float32. In torch both maps can be
    differentiated.

    Operators combine: ``a @ b`` applies `b` first, ``2.0 * a``, ``-a``, ``a + b`` and
    ``a - b`` are what they are for matrices, and ``a.T`` swaps `apply` and `adjoint`.

    Attributes
    ----------
    input_shape, output_shape : tuple of int
        Shapes of what `apply` takes and returns; `adjoint` goes the other way.
    like : array or None
        An array of the library and on the device that operands must have; None where any do.
    """

    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    like: Any = None

    #: Numbers of numpy leave ``number * operator`` to the operator.
    __array_ufunc__: ClassVar[None] = None

    @abstractmethod
    def apply(self, x: Any) -> Any:
        """Return ``A x``."""

    @abstractmethod
    def adjoint(self, y: Any) -> Any:
        """Return ``A^T y``: ``<A x, y> = <x, A^T y>`` for all x and y."""

    @property
    def T(self) -> LinearOperator:  # noqa: N802 (the name of numpy and torch)
        """The transpose, a view: nothing is computed or copied."""
        return self.operator if isinstance(self, Adjoint) else Adjoint(self)

    def norm(self, *, iterations: int = 100, tol: float = 1e-4, seed: int = 0) -> float:
        """Return the largest singular value, by power iteration on ``A^T A``.

        With ``v`` the present vector of unit length, the estimate is ``s = |A v|``. It never
        exceeds the true value beyond rounding. The iteration ends when
        ``|A^T A v - s^2 v| <= tol * s^2``, which puts a singular value within a relative
        distance of `tol` of ``s``, or after `iterations`. It starts from random values
        between zero and one, which favour the smooth, positive vectors that blurs keep best.

        Parameters
        ----------
        iterations : int
            The most to make; each applies the operator and its adjoint once.
        tol : float
            Relative residual to stop at, positive; rounding keeps it above some 1e-6.
        seed : int
            Of the start; the same seed gives the same number.

        Returns
        -------
        float
            Zero for an operator that maps everything to zero.

        Raises
        ------
        SettingsError
            If `iterations` or `tol` is not positive.

        References
        ----------
        .. [1] G. H. Golub and C. F. Van Loan, *Matrix Computations*, 4th ed., sections 7.3
           and 8.2.
        """
        if iterations < 1 or not tol > 0:
            raise SettingsError(
                f"The norm needs iterations of at least 1 and a positive tol, not {iterations} "
                f"and {tol}."
            )
        start = np.random.default_rng(seed).random(self.input_shape, dtype=np.float32)
        v = put(start, like_of(self.like))
        v = v / _length(v)
        value = 0.0
        for _ in range(iterations):
            u = self.apply(v)
            value = _length(u)
            if value == 0:
                return 0.0
            w = self.adjoint(u)
            if _length(w - value**2 * v) <= tol * value**2:
                break
            v = w / _length(w)
        return value

    def __matmul__(self, inner: LinearOperator) -> LinearOperator:
        return Composition(self, inner) if isinstance(inner, LinearOperator) else NotImplemented

    def __mul__(self, factor: Any) -> LinearOperator:
        return Scaled(float(factor), self) if isinstance(factor, Real) else NotImplemented

    def __rmul__(self, factor: Any) -> LinearOperator:
        return self.__mul__(factor)

    def __neg__(self) -> LinearOperator:
        return -1.0 * self

    def __add__(self, other: LinearOperator) -> LinearOperator:
        return Sum(self, other) if isinstance(other, LinearOperator) else NotImplemented

    def __sub__(self, other: LinearOperator) -> LinearOperator:
        return self + -1.0 * other if isinstance(other, LinearOperator) else NotImplemented


@final
class Adjoint(LinearOperator):
    """The transpose of an operator, as a view of it.

    Parameters
    ----------
    operator : LinearOperator
    """

    def __init__(self, operator: LinearOperator) -> None:
        self.operator = operator
        self.input_shape, self.output_shape = operator.output_shape, operator.input_shape
        self.like = operator.like

    def apply(self, x: Any) -> Any:
        """Return ``A^T x``."""
        return self.operator.adjoint(x)

    def adjoint(self, y: Any) -> Any:
        """Return ``A y``."""
        return self.operator.apply(y)


@final
class Composition(LinearOperator):
    """One operator after another: ``outer @ inner``.

    Parameters
    ----------
    outer, inner : LinearOperator
        `inner` is applied first.

    Raises
    ------
    ImageError
        If `outer` takes arrays of another shape, library or device than `inner` returns.
    """

    def __init__(self, outer: LinearOperator, inner: LinearOperator) -> None:
        if outer.input_shape != inner.output_shape:
            raise ImageError(
                f"The inner operator returns arrays of shape {inner.output_shape} and the outer "
                f"one takes {outer.input_shape}; build them for the same shape."
            )
        self.outer, self.inner = outer, inner
        self.input_shape, self.output_shape = inner.input_shape, outer.output_shape
        self.like = _common_like(outer, inner)

    def apply(self, x: Any) -> Any:
        """Return ``outer (inner x)``."""
        return self.outer.apply(self.inner.apply(x))

    def adjoint(self, y: Any) -> Any:
        """Return ``inner^T (outer^T y)``."""
        return self.inner.adjoint(self.outer.adjoint(y))


@final
class Scaled(LinearOperator):
    """An operator times a number.

    Parameters
    ----------
    factor : float
    operator : LinearOperator

    Raises
    ------
    SettingsError
        If the factor is not finite.
    """

    def __init__(self, factor: float, operator: LinearOperator) -> None:
        if not math.isfinite(factor):
            raise SettingsError(f"An operator can be scaled by finite numbers only, not {factor}.")
        self.factor, self.operator = factor, operator
        self.input_shape, self.output_shape = operator.input_shape, operator.output_shape
        self.like = operator.like

    def apply(self, x: Any) -> Any:
        """Return the factor times ``A x``."""
        return self.factor * self.operator.apply(x)

    def adjoint(self, y: Any) -> Any:
        """Return the factor times ``A^T y``."""
        return self.factor * self.operator.adjoint(y)


@final
class Sum(LinearOperator):
    """The sum of two operators of the same shapes.

    Parameters
    ----------
    first, second : LinearOperator

    Raises
    ------
    ImageError
        If their shapes, libraries or devices differ.
    """

    def __init__(self, first: LinearOperator, second: LinearOperator) -> None:
        shapes = [(one.input_shape, one.output_shape) for one in (first, second)]
        if shapes[0] != shapes[1]:
            raise ImageError(
                f"Operators from {shapes[0][0]} to {shapes[0][1]} and from {shapes[1][0]} to "
                f"{shapes[1][1]} cannot be added; build them for the same shapes."
            )
        self.first, self.second = first, second
        self.input_shape, self.output_shape = shapes[0]
        self.like = _common_like(first, second)

    def apply(self, x: Any) -> Any:
        """Return ``first x + second x``."""
        return self.first.apply(x) + self.second.apply(x)

    def adjoint(self, y: Any) -> Any:
        """Return ``first^T y + second^T y``."""
        return self.first.adjoint(y) + self.second.adjoint(y)


@final
class Identity(LinearOperator):
    """The operator that changes nothing.

    Parameters
    ----------
    shape : tuple of int
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.input_shape = self.output_shape = as_shape(shape, "an array")

    def apply(self, x: Any) -> Any:
        """Return a copy of an array."""
        x = as_operand(x, self.input_shape, "an array")
        return array_api_compat.array_namespace(x).astype(x, x.dtype, copy=True)

    def adjoint(self, y: Any) -> Any:
        """Return a copy of an array."""
        return self.apply(y)


@final
class Crop(LinearOperator):
    """Keep a box of an array, such as the camera's part of a scene; the adjoint pads with zeros.

    Parameters
    ----------
    region : tuple of slice
        One slice an axis, of step one, within the array: ``Crop(blur.camera, blur.input_shape)``.
    input_shape : tuple of int

    Raises
    ------
    ImageError
        If the region is empty or does not lie within the array.
    """

    def __init__(self, region: tuple[slice, ...], input_shape: tuple[int, ...]) -> None:
        self.input_shape = as_shape(input_shape, "an array")
        slices = region if isinstance(region, tuple) else (region,)
        bounds = [_bounds(one, n) for one, n in zip(slices, self.input_shape, strict=False)]
        if len(slices) != len(self.input_shape) or None in bounds:
            raise ImageError(
                f"The region {region} is not a box of samples within an array of shape "
                f"{self.input_shape}; give one slice an axis, such as slice(8, 72)."
            )
        self.region = tuple(slice(*one) for one in bounds if one)
        self.output_shape = tuple(one.stop - one.start for one in self.region)

    def apply(self, x: Any) -> Any:
        """Return the samples within the region."""
        x = as_operand(x, self.input_shape, "an array")[self.region]
        return array_api_compat.array_namespace(x).astype(x, x.dtype, copy=True)

    def adjoint(self, y: Any) -> Any:
        """Return zeros with an array laid in the region."""
        y = as_operand(y, self.output_shape, "a part of an array")
        xp = array_api_compat.array_namespace(y)
        whole = xp.zeros(self.input_shape, dtype=y.dtype, device=array_api_compat.device(y))
        whole[self.region] = y
        return whole


@final
class Mask(LinearOperator):
    """Multiply every sample by a weight: zero for pixels that are broken or saturated.

    Parameters
    ----------
    weights : array of real or bool
        Of the library and device of the operands.

    Raises
    ------
    ImageError
        If the weights are no array of real numbers.
    """

    def __init__(self, weights: Any) -> None:
        shape = as_shape(getattr(weights, "shape", None), "the weights of a mask")
        self._weights = as_operand(weights, shape, "weights")
        self.like = like_of(weights)
        self.input_shape = self.output_shape = shape

    def apply(self, x: Any) -> Any:
        """Return the weights times an array."""
        return self._weights * as_operand(x, self.input_shape, "an array", self.like)

    def adjoint(self, y: Any) -> Any:
        """Return the weights times an array."""
        return self.apply(y)


def _bounds(one: Any, n: int) -> tuple[int, int] | None:
    """Return the first sample of a slice and the one past its end; None if not within `n`."""
    if not isinstance(one, slice) or one.step not in (None, 1):
        return None
    low, high = one.start or 0, n if one.stop is None else one.stop
    return (low, high) if 0 <= low < high <= n else None


def _length(x: Any) -> float:
    return math.sqrt(float(array_api_compat.array_namespace(x).sum(x * x)))


def _common_like(*operators: LinearOperator) -> Any:
    """Return the library and device that operators agree on; None where none of them minds."""
    likes = [one.like for one in operators if one.like is not None]
    if len({place_of(like) for like in likes}) > 1:
        raise ImageError(
            "The operators were built for arrays of different libraries or devices, "
            f"{' and '.join(' on '.join(place_of(like)) for like in likes)}; build them with the "
            "same like=."
        )
    return likes[0] if likes else None
