"""How excitation and detection make the point spread function of each modality."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.special import j1

from pellucid.errors import OpticsError
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

Values = NDArray[np.float64]


def compose(
    microscope: Microscope,
    grid: Grid,
    *,
    pixel_integration: bool,
    tail_periods: float = TAIL_PERIODS,
) -> Values:
    """Return the light of every voxel, shape (z, points); sums to one over an infinite field.

    `tail_periods` is the radius, in periods of the cut-off, up to which the tails beyond the
    grid are taken into account for that sum and for convolutions.
    """
    modality = microscope.modality
    if isinstance(modality, Widefield):
        values = _wave(microscope, grid, microscope.emission_nm, averaged=pixel_integration)
        return values * (grid.pixel_size_um**2 / grid.z_um.size)
    margin = _margin(microscope, modality, tail_periods)
    wide = grid.padded(margin)
    values = _unnormalised(microscope, wide, pixel_integration)
    return grid.cropped(values / values.sum(), margin)


def _unnormalised(microscope: Microscope, wide: Grid, averaged: bool) -> Values:
    modality = microscope.modality
    if isinstance(modality, LightSheet):
        detected = _wave(microscope, wide, microscope.emission_nm, averaged=averaged)
        return detected * _sheet(microscope, modality, wide.z_um)[:, None]
    excitation_nm = _excitation(microscope)
    excited = _wave(microscope, wide, excitation_nm, averaged=averaged)
    if isinstance(modality, TwoPhoton):
        return excited**2
    if isinstance(modality, Sted):
        crest = _wave(microscope, wide, modality.depletion_nm, averaged=averaged, doughnut=True)
        # One depletion power for the whole stack: the crest of the plane in focus.
        focal = _wave(
            microscope, _in_focus(wide), modality.depletion_nm, averaged=False, doughnut=True
        )
        depletion = crest * (math.log(2.0) * modality.saturation / float(focal.max()))
        return excited * np.exp(-depletion)
    detected = _wave(microscope, wide, microscope.emission_nm, averaged=averaged)
    if isinstance(modality, Confocal):
        diameter = modality.pinhole_diameter_um(
            microscope.numerical_aperture, microscope.emission_nm
        )
        return excited * _through_pinhole(detected, wide, diameter)
    if isinstance(modality, SpinningDisk):
        twice = _through_pinhole(excited, wide, modality.pinhole_um, times=2)
        return detected * _lattice_sum(twice, wide, modality.spacing_um)
    raise OpticsError(f"There is no rule for the modality {modality!r}.")


def _wave(
    microscope: Microscope,
    grid: Grid,
    wavelength_nm: float,
    *,
    averaged: bool,
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
        )

    if not averaged:
        return at(grid)
    step = grid.pixel_size_um
    total = np.zeros((grid.z_um.size, grid.y_um.size))
    for dy, wy in zip(_NODES, _WEIGHTS, strict=True):
        for dx, wx in zip(_NODES, _WEIGHTS, strict=True):
            total += wy * wx * at(grid.shifted(dy * step, dx * step))
    return total


def _through_pinhole(values: Values, grid: Grid, diameter_um: float, *, times: int = 1) -> Values:
    """Convolve every plane with a uniform disc of unit area, by its exact transform."""
    shape = (values.shape[0], grid.height, grid.width)
    fast = [fft.next_fast_len(n, real=True) for n in shape[1:]]
    fy = fft.fftfreq(fast[0], grid.pixel_size_um)
    fx = fft.rfftfreq(fast[1], grid.pixel_size_um)
    argument = np.pi * diameter_um * np.hypot(fy[:, None], fx[None, :])
    safe = np.where(argument == 0, 1.0, argument)
    disc = np.where(argument == 0, 1.0, 2.0 * j1(safe) / safe) ** times
    spectrum = fft.rfft2(values.reshape(shape), fast, workers=-1)
    blurred = fft.irfft2(spectrum * disc, fast, workers=-1)[:, : shape[1], : shape[2]]
    return np.clip(blurred, 0.0, None).reshape(values.shape)


def _lattice_sum(values: Values, grid: Grid, spacing_um: float) -> Values:
    """Add copies of every plane at the points of a square lattice.

    Exact for what lies on the grid: each pixel gathers the values a whole number of spacings
    away, linearly between pixels; beyond the grid the planes are too dim to matter.
    """
    shape = (values.shape[0], grid.height, grid.width)
    planes = values.reshape(shape)
    for axis in (1, 2):
        planes = _comb(planes, axis, spacing_um / grid.pixel_size_um)
    return planes.reshape(values.shape)


def _comb(planes: Values, axis: int, period: float) -> Values:
    length = planes.shape[axis]
    total = np.zeros_like(planes)
    reach = int(length / period)
    place = np.arange(length)
    for k in range(-reach, reach + 1):
        where = place + k * period
        left = np.floor(where).astype(int)
        share = where - left
        for index, weight in ((left, 1.0 - share), (left + 1, share)):
            valid = (index >= 0) & (index < length)
            taken = np.take(planes, np.clip(index, 0, length - 1), axis=axis)
            form = [1, 1, 1]
            form[axis] = length
            total += taken * (weight * valid).reshape(form)
    return total


def _sheet(microscope: Microscope, modality: LightSheet, z_um: Values) -> Values:
    if modality.thickness_um is not None:
        return np.exp(-4.0 * math.log(2.0) * (z_um / modality.thickness_um) ** 2)
    aperture = modality.sheet_numerical_aperture or 0.0
    waist = 1e-3 * _excitation(microscope) / (math.pi * aperture)
    return np.exp(-2.0 * (z_um / waist) ** 2)


def _excitation(microscope: Microscope) -> float:
    if microscope.excitation_nm is None:  # Microscope refuses to be without
        raise OpticsError("Give excitation_nm, in nanometres.")
    return microscope.excitation_nm


def _in_focus(grid: Grid) -> Grid:
    return Grid(
        height=grid.height,
        width=grid.width,
        y_um=grid.y_um,
        x_um=grid.x_um,
        z_um=np.zeros(1),
        pixel_size_um=grid.pixel_size_um,
        centre=grid.centre[-2:],
    )


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
