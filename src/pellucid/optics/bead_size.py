"""The size of the beads, taken out of a point spread function measured on them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from scipy.fft import irfftn, next_fast_len, rfftn

from pellucid.errors import OpticsError
from pellucid.optics._width import ball_transform, band_in_use
from pellucid.optics.measured import MeasuredPsf, steps_um, unit_sum

#: Samples beside the function that keep one end of a period away from the other.
_MARGIN = 6
#: First zero of the transform of a ball, in radians: tan q = q.
_FIRST_ZERO = 4.493409457909064
#: Beyond this angle, short of the zero, the divisor stays as it is there: 0.087.
_LAST_ANGLE = 4.0
#: Squared transfer of the bead below which it is no longer divided by.
_REGULARISATION = 0.002


def deconvolve_bead(psf: MeasuredPsf, diameter_um: float) -> MeasuredPsf:
    """Remove the size of the beads from a point spread function measured on them.

    The spectrum is divided by that of a ball, ``3 (sin q - q cos q) / q**3`` with
    ``q = pi diameter frequency``, regularised. The less a frequency stands above the noise, the
    less it is changed (a Wiener filter that tends to one). A single plane is taken for the
    image of a bead whose light from all depths counts alike.

    Parameters
    ----------
    psf : MeasuredPsf
    diameter_um : float
        Of the solid, evenly stained beads, micrometres.

    Returns
    -------
    MeasuredPsf
        On the same samples.

    Raises
    ------
    OpticsError
        If the diameter is not positive, or so large that the transform of the bead has a zero
        within the band in use.

    Notes
    -----
    Near that limit noise is amplified up to tenfold; a bead smaller than the width of the point
    spread function is a better one.
    """
    if not math.isfinite(diameter_um) or diameter_um <= 0:
        raise OpticsError(
            f"The bead's diameter must be a positive number of micrometres, not {diameter_um}."
        )
    steps = steps_um(psf)
    size = [next_fast_len(n + 2 * _MARGIN, real=True) for n in psf.data.shape]
    band, noise = band_in_use(psf.data, steps)
    if math.pi * diameter_um * band >= _FIRST_ZERO:
        raise OpticsError(
            f"A bead of diameter_um = {diameter_um:g} hides the frequency "
            f"{_FIRST_ZERO / (math.pi * diameter_um):.3g} 1/um, which the optics pass (up to "
            f"{band:.3g} 1/um); measure with beads below {_FIRST_ZERO / (math.pi * band):.2g} um."
        )
    axes = [np.fft.fftfreq(n, d) for n, d in zip(size, steps, strict=True)]
    axes[-1] = np.fft.rfftfreq(size[-1], steps[-1])
    squared = np.zeros(())
    for axis in axes:
        squared = squared[..., None] + axis**2
    ball = ball_transform(np.minimum(math.pi * diameter_um * np.sqrt(squared), _LAST_ANGLE))
    inverse = ball * (1.0 + _REGULARISATION) / (ball**2 + _REGULARISATION)
    spectrum = rfftn(psf.data.astype(np.float64), size)
    power = np.abs(spectrum) ** 2
    trust = power / (power + noise**2)
    sharp = irfftn(spectrum * (1.0 + trust * (inverse - 1.0)), size)
    light = np.maximum(sharp[tuple(slice(n) for n in psf.data.shape)], 0.0)
    said = f"The size of the beads, {diameter_um:g} um, was removed."
    return replace(psf, data=unit_sum(light), steps=(*psf.steps, said))
