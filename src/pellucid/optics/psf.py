"""Point spread functions of the widefield microscope, scalar theory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import j0

from pellucid.errors import OpticsError
from pellucid.optics.microscope import Microscope
from pellucid.optics.pupil import axial_frequency_per_um, clear_pupil


def widefield_psf(microscope: Microscope, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return the intensity point spread function of a widefield microscope.

    The wave is the Fourier transform of a clear circular pupil, evaluated by quadrature at
    the very distances of the pixel centres, so that no pixelated pupil limits its accuracy.
    In focus the result is the Airy pattern ``(2 J1(v) / v)**2``, ``v = 2 pi NA r / wavelength``.

    Parameters
    ----------
    microscope : Microscope
        For a three-dimensional `shape` it must state `z_step_um` and `refractive_index`.
    shape : tuple of int
        ``(y, x)`` for the in-focus plane, ``(z, y, x)`` for a stack. The centre lies on the
        sample ``(n // 2)`` of every axis.

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
    if len(shape) not in (2, 3) or min(shape) < 1:
        raise OpticsError(
            f"A point spread function has shape (y, x) or (z, y, x), all at least 1, not {shape}."
        )
    step = microscope.pixel_size_um
    squared, inverse = _distinct_radii(shape[-2:])
    radius_um = np.sqrt(squared) * step
    offsets_um = _plane_offsets(microscope, shape)
    pupil = clear_pupil(
        microscope, radius_um=float(radius_um[-1]), defocus_um=float(np.abs(offsets_um).max())
    )
    bessel = j0(2.0 * np.pi * np.outer(radius_um, pupil.frequency_per_um)) * pupil.weight
    if len(shape) == 2:
        wave = bessel.sum(axis=1, keepdims=True)
    else:
        axial = axial_frequency_per_um(microscope, pupil.frequency_per_um)
        wave = bessel @ np.exp(2j * np.pi * np.outer(axial, offsets_um))
    intensity = np.abs(wave) ** 2 * (step**2 / pupil.area_per_um2 / len(offsets_um))
    planes = intensity.T[:, inverse].reshape(len(offsets_um), *shape[-2:])
    return np.ascontiguousarray(planes.reshape(shape), dtype=np.float32)


def _distinct_radii(
    shape: tuple[int, ...],
) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
    """Squared distances (in pixels) that occur on a grid, and where each pixel's stands."""
    y, x = (np.arange(n, dtype=np.int64) - n // 2 for n in shape)
    squared, inverse = np.unique(y[:, None] ** 2 + x[None, :] ** 2, return_inverse=True)
    return squared, inverse.ravel()


def _plane_offsets(microscope: Microscope, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Distance of every plane from focus, in micrometres."""
    if len(shape) == 2:
        return np.zeros(1)
    step = microscope.z_step_um
    if step is None:
        raise OpticsError(
            "A stack's point spread function needs the distance between its planes; "
            "give z_step_um, in micrometres."
        )
    return np.arange(-(shape[0] // 2), (shape[0] + 1) // 2, dtype=np.float64) * step
