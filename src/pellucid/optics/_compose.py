"""How excitation and detection make the point spread function of each modality."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.fft import next_fast_len
from scipy.special import j1

from pellucid.errors import OpticsError
from pellucid.optics._library import Library
from pellucid.optics.field import intensity
from pellucid.optics.grid import Grid
from pellucid.optics.microscope import Microscope
from pellucid.optics.modality import (
    Confocal,
    LightSheet,
    SpinningDisk,
    Sted,
    TwoPhoton,
    Widefield,
)

#: Three-point Gauss-Legendre rule over a pixel: exact to 5e-4 up to the Nyquist limit.
_NODES = (-math.sqrt(0.6) / 2, 0.0, math.sqrt(0.6) / 2)
_WEIGHTS = (5 / 18, 8 / 18, 5 / 18)
#: Radius, in periods of the cut-off, beyond which the tails of a wave are cut for a convolution.
TAIL_PERIODS = 24.0

#: Arrays of the library asked for, shape (z, points), float64.
Values = Any


def compose(
    microscope: Microscope,
    grid: Grid,
    *,
    pixel_integration: bool,
    library: Library,
    tail_periods: float = TAIL_PERIODS,
) -> Values:
    """Return the light of every voxel, shape (z, points); sums to one over an infinite field.

    `tail_periods` is the radius, in periods of the cut-off, up to which the tails beyond the
    grid are taken into account for that sum and for convolutions.
    """
    modality = microscope.modality
    if isinstance(modality, Widefield):
        values = _wave(
            microscope, grid, microscope.emission_nm, averaged=pixel_integration, library=library
        )
        return values * (grid.pixel_size_um**2 / grid.z_um.size)
    margin = _margin(microscope, modality, tail_periods)
    wide = grid.padded(margin)
    values = _unnormalised(microscope, wide, averaged=pixel_integration, library=library)
    return grid.cropped(values / library.xp.sum(values), margin)


def _unnormalised(
    microscope: Microscope, wide: Grid, *, averaged: bool, library: Library
) -> Values:
    modality = microscope.modality

    def wave(wavelength_nm: float, grid: Grid = wide, **options: bool) -> Values:
        return _wave(microscope, grid, wavelength_nm, averaged=averaged, library=library, **options)

    if isinstance(modality, LightSheet):
        sheet = _sheet(microscope, modality, wide.z_um)[:, None]
        return wave(microscope.emission_nm) * library.array(sheet)
    excited = wave(_excitation(microscope))
    if isinstance(modality, TwoPhoton):
        return excited**2
    if isinstance(modality, Sted):
        crest = wave(modality.depletion_nm, doughnut=True)
        # One depletion power for the whole stack: the crest of the plane in focus.
        focal = wave(modality.depletion_nm, wide.in_focus(), doughnut=True)
        strongest = float(library.xp.max(focal))
        return excited * library.xp.exp(crest * (-math.log(2) * modality.saturation / strongest))
    detected = wave(microscope.emission_nm)
    if isinstance(modality, Confocal):
        diameter = modality.pinhole_diameter_um(
            microscope.numerical_aperture, microscope.emission_nm
        )
        return excited * _through_pinhole(detected, wide, diameter, library=library)
    if isinstance(modality, SpinningDisk):
        twice = _through_pinhole(excited, wide, modality.pinhole_um, times=2, library=library)
        return detected * _lattice_sum(twice, wide, modality.spacing_um, library)
    raise OpticsError(f"There is no rule for the modality {modality!r}.")


def _wave(
    microscope: Microscope,
    grid: Grid,
    wavelength_nm: float,
    *,
    averaged: bool,
    library: Library,
    doughnut: bool = False,
) -> Values:
    """Intensity at the pixel centres, or its average over the pixels."""

    def at(where: Grid) -> Values:
        return intensity(
            microscope,
            wavelength_nm=wavelength_nm,
            y_um=where.y_um,
            x_um=where.x_um,
            z_um=where.z_um,
            doughnut=doughnut,
            library=library,
        )

    if not averaged:
        return at(grid)
    step = grid.pixel_size_um
    total: Values = 0.0
    for dy, wy in zip(_NODES, _WEIGHTS, strict=True):
        for dx, wx in zip(_NODES, _WEIGHTS, strict=True):
            total = total + wy * wx * at(grid.shifted(dy * step, dx * step))
    return total


def _through_pinhole(
    values: Values, grid: Grid, diameter_um: float, *, library: Library, times: int = 1
) -> Values:
    """Convolve every plane with a uniform disc of unit area, by its exact transform."""
    xp = library.xp
    shape = (values.shape[0], grid.height, grid.width)
    fast = [next_fast_len(n, real=True) for n in shape[1:]]
    fy = np.fft.fftfreq(fast[0], grid.pixel_size_um)
    fx = np.fft.rfftfreq(fast[1], grid.pixel_size_um)
    argument = np.pi * diameter_um * np.hypot(fy[:, None], fx[None, :])
    safe = np.where(argument == 0, 1.0, argument)
    disc = np.where(argument == 0, 1.0, 2.0 * j1(safe) / safe) ** times
    planes = xp.reshape(values, shape)
    spectrum = xp.fft.rfftn(planes, s=fast, axes=(1, 2))
    blurred = xp.fft.irfftn(spectrum * library.array(disc), s=fast, axes=(1, 2))
    inner = blurred[:, : shape[1], : shape[2]]
    return xp.reshape(xp.clip(inner, 0.0, None), values.shape)


def _lattice_sum(values: Values, grid: Grid, spacing_um: float, library: Library) -> Values:
    """Add copies of every plane at the points of a square lattice.

    Exact for what lies on the grid: each pixel gathers the values a whole number of spacings
    away, linearly between pixels; beyond the grid the planes are too dim to matter. Both axes
    are one matrix each, since the copies along one do not depend on the other.
    """
    xp = library.xp
    planes = xp.reshape(values, (values.shape[0], grid.height, grid.width))
    period = spacing_um / grid.pixel_size_um
    rows, columns = (library.array(_comb(n, period)) for n in (grid.height, grid.width))
    return xp.reshape(rows @ planes @ columns.T, values.shape)


def _comb(length: int, period: float) -> NDArray[np.float64]:
    """Return the matrix that adds up samples a whole number of periods away."""
    matrix = np.zeros((length, length))
    place = np.arange(length)
    reach = int(length / period)
    for k in range(-reach, reach + 1):
        left = np.floor(place + k * period).astype(int)
        share = place + k * period - left
        for index, weight in ((left, 1.0 - share), (left + 1, share)):
            valid = (index >= 0) & (index < length)
            matrix[place[valid], index[valid]] += weight[valid]
    return matrix


def _sheet(
    microscope: Microscope, modality: LightSheet, z_um: NDArray[np.float64]
) -> NDArray[np.float64]:
    if modality.thickness_um is not None:
        return np.exp(-4.0 * math.log(2.0) * (z_um / modality.thickness_um) ** 2)
    aperture = modality.sheet_numerical_aperture or 0.0
    waist = 1e-3 * _excitation(microscope) / (math.pi * aperture)
    return np.exp(-2.0 * (z_um / waist) ** 2)


def _excitation(microscope: Microscope) -> float:
    if microscope.excitation_nm is None:  # Microscope refuses to be without
        raise OpticsError("Give excitation_nm, in nanometres.")
    return microscope.excitation_nm


def _margin(microscope: Microscope, modality: object, tail_periods: float) -> int:
    """Pixels to add on every side, so that sums and convolutions meet the tails they need."""
    tail = tail_periods / microscope.cutoff_per_pixel
    width = 0.0
    if isinstance(modality, Confocal):
        width = modality.pinhole_diameter_um(microscope.numerical_aperture, microscope.emission_nm)
    elif isinstance(modality, SpinningDisk):
        width = 2.0 * modality.spacing_um
    # A pinhole wider than the tails of the wave lets everything through: more does not matter.
    return math.ceil(tail + min(0.5 * width / microscope.pixel_size_um, 2.0 * tail))
