"""Point spread functions on voxel grids, for every modality."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from pellucid.optics._compose import compose
from pellucid.optics._library import library_of
from pellucid.optics.field import intensity
from pellucid.optics.grid import Grid
from pellucid.optics.microscope import Microscope


@final
@dataclass(frozen=True, slots=True)
class Psf:
    """A point spread function with where it is and how much of it is missing.

    Attributes
    ----------
    data : array of float32, shape (y, x) or (z, y, x)
        Of numpy, or of the library asked for. Light a voxel receives from a point of unit light.
    centre : tuple of float
        Position of the point in samples, such as ``(32.0, 32.0)`` for a grid of 64 or 65.
    outside : float
        Share of the light that falls beside the grid. Over an infinite lateral field the
        planes of a stack would sum to one together.
    """

    data: Any
    centre: tuple[float, ...]
    outside: float


def point_spread_function(
    microscope: Microscope,
    shape: tuple[int, ...],
    *,
    offset: tuple[float, ...] | None = None,
    pixel_integration: bool = False,
    like: Any = None,
) -> Psf:
    """Return the point spread function of a microscope of any modality.

    Parameters
    ----------
    microscope : Microscope
        For a three-dimensional `shape` it must state `z_step_um` and `refractive_index`.
    shape : tuple of int
        ``(y, x)`` for the in-focus plane, ``(z, y, x)`` for a stack; odd or even.
    offset : tuple of float, optional
        Sub-voxel position of the point against the sample ``n // 2`` of every axis, in
        samples; zero if not given.
    pixel_integration : bool
        Average over the area of each pixel instead of taking the value at its centre.
    like : array, optional
        An array of the library that follows the array API (numpy, torch) and on the device
        that shall compute and hold the result; numpy if not given.

    Returns
    -------
    Psf

    Raises
    ------
    OpticsError
        If the shape is not 2-D or 3-D, or the microscope lacks a value.
    """
    grid = Grid.of(microscope, shape, offset=offset)
    library = library_of(like)
    xp = library.xp
    values = compose(microscope, grid, pixel_integration=pixel_integration, library=library)
    return Psf(
        xp.astype(xp.reshape(values, shape), xp.float32),
        grid.centre,
        max(0.0, 1.0 - float(xp.sum(values))),
    )


def widefield_psf(microscope: Microscope, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return the intensity point spread function of detection alone, ``h_em``.

    In focus, by the scalar theory without apodisation or aberrations, this is the Airy
    pattern ``(2 J1(v) / v)**2``, ``v = 2 pi NA r / wavelength``.

    Parameters
    ----------
    microscope : Microscope
        Its modality is passed over. For a three-dimensional `shape` it must state
        `z_step_um` and `refractive_index`.
    shape : tuple of int
        ``(y, x)`` for the in-focus plane, ``(z, y, x)`` for a stack. The centre lies on the
        sample ``n // 2`` of every axis.

    Returns
    -------
    ndarray of float32, shape `shape`
        Values of the continuous function at the pixel centres times the pixel's area,
        normalised so that each plane would sum to one over an infinite field (to
        ``1 / planes`` in a stack, so that a stack sums to one).

    Raises
    ------
    OpticsError
        If the shape is not 2-D or 3-D, or the microscope lacks a value a stack needs.

    References
    ----------
    .. [1] M. Born and E. Wolf, *Principles of Optics*, 7th ed., section 8.5.2.
    .. [2] J. W. Goodman, *Introduction to Fourier Optics*, 3rd ed., section 3.10 (angular
       spectrum).
    """
    grid = Grid.of(microscope, shape)
    values = intensity(
        microscope,
        wavelength_nm=microscope.emission_nm,
        y_um=grid.y_um,
        x_um=grid.x_um,
        z_um=grid.z_um,
    )
    values *= grid.pixel_size_um**2 / grid.z_um.size
    return np.ascontiguousarray(values.reshape(shape), dtype=np.float32)
