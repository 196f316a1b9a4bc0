"""Widths of measured point spread functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from pellucid.errors import OpticsError
from pellucid.optics._width import fit_gaussian, spline_half_maximum
from pellucid.optics.measured import MeasuredPsf, steps_um


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Width:
    """Width of a profile through the centre of a point spread function.

    Attributes
    ----------
    gaussian_um : float
        Full width at half maximum of the fitted Gaussian, micrometres.
    half_maximum_um : float
        Distance of the two points at half of the peak, micrometres.
    rms_residual : float
        Of the Gaussian fit, as a fraction of the profile's peak.
    """

    gaussian_um: float
    half_maximum_um: float
    rms_residual: float


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Widths:
    """Widths of a point spread function along its axes; z is None for a single plane."""

    x: Width
    y: Width
    z: Width | None


def widths(psf: MeasuredPsf) -> Widths:
    """Measure the width of a point spread function along its axes.

    Parameters
    ----------
    psf : MeasuredPsf

    Returns
    -------
    Widths
        Full widths at half maximum of the profiles through the centre: of the Gaussian with
        background that fits best in the least-squares sense, and of the profile itself,
        interpolated.

    Raises
    ------
    OpticsError
        If a profile has fewer than five samples or does not sink to half within the window.
    """
    found: list[Width | None] = [] if psf.data.ndim == 3 else [None]
    names = ("z", "y", "x")[-psf.data.ndim :]
    middle = [n // 2 for n in psf.data.shape]
    for axis, (name, step) in enumerate(zip(names, steps_um(psf), strict=True)):
        at = tuple(slice(None) if k == axis else m for k, m in enumerate(middle))
        profile = psf.data[at].astype(np.float64)
        direct = spline_half_maximum(profile) if len(profile) >= 5 else None
        if direct is None:
            raise OpticsError(
                f"The {len(profile)} samples along {name} do not hold the point spread function "
                "down to half of its peak on both sides; give a larger window."
            )
        gaussian, residual = fit_gaussian(profile, fwhm=direct)
        found.append(
            Width(
                gaussian_um=gaussian * float(step),
                half_maximum_um=direct * float(step),
                rms_residual=residual,
            )
        )
    z, y, x = found
    if x is None or y is None:
        raise AssertionError("only z may be missing")
    return Widths(x=x, y=y, z=z)
