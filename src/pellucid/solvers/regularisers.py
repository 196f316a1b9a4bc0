"""What solvers hold against a scene: sums of norms of its differences or wavelet coefficients."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, final

import array_api_compat

from pellucid.imaging._arrays import to_numpy
from pellucid.imaging.gradient import Gradient, Hessian
from pellucid.imaging.operator import LinearOperator
from pellucid.solvers._prox_wavelets import WaveletTransform
from pellucid.solvers.proximal import (
    SchattenOrder,
    check_order,
    dual_order,
    lengths,
    project_onto_balls,
    project_onto_schatten_balls,
    schatten_norms,
)


class Regulariser(ABC):
    """A sum of norms ``R(x) = sum over samples of |(A x)_i|``.

    Twice the scene is twice as rough, and adding a constant changes nothing.

    Attributes
    ----------
    operator : LinearOperator
        ``A``, from a scene to a field.
    norm_bound : float
        At least the largest singular value of the operator.
    """

    __slots__ = ()

    @property
    @abstractmethod
    def operator(self) -> LinearOperator:
        """The map from a scene to the field that is measured."""

    @property
    @abstractmethod
    def norm_bound(self) -> float:
        """A bound of the operator's norm."""

    @abstractmethod
    def value(self, field: Any) -> float:
        """Return the sum of the norms of a field ``A x``, summed in float64."""

    @abstractmethod
    def project(self, field: Any, radius: float) -> Any:
        """Return the nearest field whose dual norms are at most a radius everywhere.

        It is the proximal map of the convex conjugate of ``radius R``.
        """


@final
class TotalVariation(Regulariser):
    """Isotropic total variation: lengths of the gradient [1]_.

    Parameters
    ----------
    shape : tuple of int
        Of the scene.
    voxel_size : sequence of float, optional
        As for :class:`pellucid.imaging.Gradient`.

    References
    ----------
    .. [1] L. I. Rudin, S. Osher and E. Fatemi, "Nonlinear total variation based noise removal
       algorithms", Physica D 60, 259-268 (1992).
    """

    __slots__ = ("_gradient",)

    def __init__(self, shape: tuple[int, ...], voxel_size: Sequence[float] | None = None) -> None:
        self._gradient = Gradient(shape, voxel_size)

    @property
    def operator(self) -> LinearOperator:
        """The gradient."""
        return self._gradient

    @property
    def norm_bound(self) -> float:
        """The bound of the gradient."""
        return self._gradient.norm_bound

    def value(self, field: Any) -> float:
        """Return the sum of the lengths."""
        return _sum(lengths(field))

    def project(self, field: Any, radius: float) -> Any:
        """Shorten longer vectors to the radius."""
        return project_onto_balls(field, radius)


@final
class HessianSchatten(Regulariser):
    """Schatten norms of the matrices of second differences [1]_.

    Parameters
    ----------
    shape : tuple of int
        Of the scene, up to three axes.
    order : 1, 2 or "inf"
        1: sum of the sizes of the principal curvatures. 2: root of the sum of their squares;
        quick, as no eigenvalues are needed. "inf": the larger.
    voxel_size : sequence of float, optional
        As for :class:`pellucid.imaging.Hessian`.

    Raises
    ------
    SettingsError
        If there is no such order.

    References
    ----------
    .. [1] S. Lefkimmiatis, J. P. Ward and M. Unser, "Hessian Schatten-norm regularization for
       linear inverse problems", IEEE Trans. Image Process. 22, 1873-1888 (2013).
    """

    __slots__ = ("_hessian", "_order")

    def __init__(
        self,
        shape: tuple[int, ...],
        order: SchattenOrder = 1,
        voxel_size: Sequence[float] | None = None,
    ) -> None:
        check_order(order)
        self._hessian, self._order = Hessian(shape, voxel_size), order

    @property
    def operator(self) -> LinearOperator:
        """The second differences."""
        return self._hessian

    @property
    def norm_bound(self) -> float:
        """The bound of the second differences."""
        return self._hessian.norm_bound

    def value(self, field: Any) -> float:
        """Return the sum of the norms."""
        return _sum(schatten_norms(field, self._order))

    def project(self, field: Any, radius: float) -> Any:
        """Project on the balls of the dual norm."""
        return project_onto_schatten_balls(field, radius, dual_order(self._order))


@final
class WaveletSparsity(Regulariser):
    """Sizes of wavelet coefficients; those of the coarsest scaling functions are free.

    Parameters
    ----------
    shape : tuple of int
        Of the scene: a multiple of ``2**levels`` along axes of at least ``2**(levels + 1)``
        samples, see :func:`pellucid.solvers._prox_wavelets.padded_shape`.
    wavelet : str
        A name that :meth:`pellucid.bcr.Wavelet.named` knows.
    levels : int

    Raises
    ------
    SettingsError
        If there is no such wavelet, or `levels` is not positive.
    ImageError
        If the shape does not suit the levels.
    """

    __slots__ = ("_transform",)

    def __init__(self, shape: tuple[int, ...], wavelet: str = "sym4", levels: int = 4) -> None:
        self._transform = WaveletTransform(shape, wavelet, levels)

    @property
    def operator(self) -> LinearOperator:
        """The orthonormal transform."""
        return self._transform

    @property
    def norm_bound(self) -> float:
        """One: the transform is orthonormal."""
        return 1.0

    def value(self, field: Any) -> float:
        """Return the sum of the sizes."""
        sizes = array_api_compat.array_namespace(field).abs(field)
        return _sum(sizes) - _sum(sizes[self._transform.coarsest])

    def project(self, field: Any, radius: float) -> Any:
        """Clip the coefficients; those that are free have no dual."""
        clipped = array_api_compat.array_namespace(field).clip(field, -radius, radius)
        clipped[self._transform.coarsest] = 0.0
        return clipped


def _sum(x: Any) -> float:
    """Sum in float64."""
    return float(to_numpy(x).sum(dtype="float64"))
