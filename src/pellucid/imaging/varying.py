"""Blur by a point spread function that changes over the field of view."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import array_api_compat
import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.errors import OpticsError
from pellucid.imaging._arrays import as_shape, put
from pellucid.imaging._boundary import Boundary
from pellucid.imaging._convolution import Convolution, as_kernel
from pellucid.imaging._fft import multiply_by_conjugate
from pellucid.imaging.operator import LinearOperator


@final
class SpatiallyVaryingBlur(LinearOperator):
    """Blend the blurs by a few point spread functions, each known at one position.

    The scene is multiplied by weights that sum to one everywhere, one set for each point
    spread function, and the parts are blurred apart and added: ``sum_i H_i (w_i x)``. The
    weights fall linearly from one at a position to zero at its neighbours and stay constant
    beyond the outermost. As they multiply the scene and not the image, each emitter has a
    point spread function of its own, interpolated between the known ones at the place of the
    emitter, and its light is kept [1]_ [2]_. Weights on the blurred images, as in [3]_, would
    interpolate at the place of the pixel instead.

    An operation costs one Fourier transform for every point spread function and one more.

    Parameters
    ----------
    psfs : sequence of arrays, all of one shape
        As `Blur` takes them.
    positions : array_like, shape (number of psfs, axes)
        Where each holds, in pixels of the image: ``(y, x)`` or ``(z, y, x)``, fractions and
        places outside the image included. Together they form a rectilinear grid, in any
        order; along an axis where all are equal nothing changes.
    image_shape : tuple of int
    boundary : {"extended", "periodic", "reflect"}
        As for `Blur`. The weights of an extended scene cover all of it; those of a periodic
        one do not wrap round.
    like : array, optional
        Scenes and images are arrays of its library and on its device; numpy if not given.

    Attributes
    ----------
    camera : tuple of slice
        The part of a scene that the camera sees.
    grid_shape : tuple of int
        Samples that are Fourier transformed.
    boundary : str

    Raises
    ------
    OpticsError
        If a point spread function is not one, their shapes differ, or the positions are not
        one for each on a rectilinear grid.
    ImageError
        If `image_shape` is no shape.
    SettingsError
        If there is no such boundary.

    References
    ----------
    .. [1] R. C. Flicker and F. J. Rigaut, "Anisoplanatic deconvolution of adaptive optics
       images", J. Opt. Soc. Am. A 22, 504-513 (2005).
    .. [2] L. Denis, E. Thiebaut, F. Soulez, J.-M. Becker and R. Mourya, "Fast approximations of
       shift-variant blur", Int. J. Comput. Vis. 115, 253-278 (2015).
    .. [3] J. G. Nagy and D. P. O'Leary, "Restoring images degraded by spatially variant blur",
       SIAM J. Sci. Comput. 19, 1063-1082 (1998).
    """

    def __init__(
        self,
        psfs: Sequence[Any],
        positions: ArrayLike,
        image_shape: tuple[int, ...],
        *,
        boundary: Boundary = "extended",
        like: Any = None,
    ) -> None:
        self.output_shape = as_shape(image_shape, "an image")
        ndim = len(self.output_shape)
        kernels = [
            as_kernel(psf, ndim, f"Point spread function {index}")
            for index, psf in enumerate(psfs, start=1)
        ]
        shapes = {kernel.shape for kernel in kernels}
        if len(shapes) != 1:
            raise OpticsError(
                "The point spread functions must all have one shape, not "
                f"{', '.join(map(str, sorted(shapes))) or 'be missing'}; crop them to the smallest."
            )
        places = _as_positions(positions, len(kernels), ndim)
        self._convolution = Convolution(shapes.pop(), self.output_shape, boundary, like)
        self._transfers = [self._convolution.transfer(kernel) for kernel in kernels]
        self.boundary = boundary
        self.input_shape = self._convolution.scene_shape
        self.camera = self._convolution.camera
        self.grid_shape = self._convolution.grid_shape
        self.like = self._convolution.like
        self._hats = [
            tuple(put(hat, self.like) for hat in hats)
            for hats in _hats(places, self.input_shape, self.camera)
        ]

    def apply(self, x: Any) -> Any:
        """Return the image of a scene, float32 of shape `output_shape`."""
        convolution = self._convolution
        x = convolution.scene(x)
        total: Any = None
        for hats, transfer in zip(self._hats, self._transfers, strict=True):
            spectrum = convolution.scene_spectrum(_weighted(x, hats))
            spectrum *= transfer
            if total is None:
                total = spectrum
            else:
                total += spectrum
        return convolution.image_of(total)

    def adjoint(self, y: Any) -> Any:
        """Spread an image back over the scene, float32 of shape `input_shape`."""
        convolution = self._convolution
        xp = array_api_compat.array_namespace(self.like)
        spectrum = convolution.image_spectrum(convolution.image(y))
        total: Any = None
        for hats, transfer in zip(self._hats, self._transfers, strict=True):
            own = xp.astype(spectrum, spectrum.dtype, copy=True)
            part = convolution.scene_of(multiply_by_conjugate(own, transfer))
            part = _weighted(part, hats)
            total = part if total is None else total + part
        return total

    def weight(self, index: int) -> Any:
        """Return the weights of one point spread function, float32 of shape `input_shape`."""
        xp = array_api_compat.array_namespace(self.like)
        ones = xp.ones(
            self.input_shape, dtype=xp.float32, device=array_api_compat.device(self.like)
        )
        return _weighted(ones, self._hats[index])


def _as_positions(positions: ArrayLike, count: int, ndim: int) -> NDArray[np.float64]:
    """Return positions that are finite, one for each point spread function, on a grid."""
    try:
        places = np.asarray(positions, dtype=np.float64)
    except (TypeError, ValueError):
        places = np.empty(0)
    if places.shape != (count, ndim) or not np.isfinite(places).all():
        raise OpticsError(
            f"{count} point spread functions in an image with {ndim} axes need finite positions "
            f"of shape ({count}, {ndim}), not {positions!r}."
        )
    sides = [len(np.unique(column)) for column in places.T]
    if np.prod(sides) != count or len(np.unique(places, axis=0)) != count:
        raise OpticsError(
            f"The {count} positions take {' x '.join(map(str, sides))} different coordinates "
            "and so do not form a rectilinear grid; give one point spread function for every "
            "combination of coordinates."
        )
    return places


def _hats(
    places: NDArray[np.float64], scene_shape: tuple[int, ...], camera: tuple[slice, ...]
) -> list[tuple[NDArray[np.float32], ...]]:
    """Return the hat functions of every position, one an axis that changes, ready to multiply."""
    result = []
    for place in places:
        hats = []
        for axis, coordinate in enumerate(place):
            nodes = np.unique(places[:, axis])
            if len(nodes) == 1:
                continue
            pixels = np.arange(scene_shape[axis]) - camera[axis].start
            hat = np.interp(pixels, nodes, nodes == coordinate).astype(np.float32)
            hats.append(hat.reshape([-1 if a == axis else 1 for a in range(len(place))]))
        result.append(tuple(hats))
    return result


def _weighted(x: Any, hats: tuple[Any, ...]) -> Any:
    for hat in hats:
        x = x * hat
    return x
