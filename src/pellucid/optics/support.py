"""How large a grid a point spread function needs."""

from __future__ import annotations

import math

from pellucid.optics.microscope import Microscope

#: Lateral radius in periods of the cut-off: holds 98.7 % of an Airy pattern's light.
_LATERAL_PERIODS = 16.0
#: In a stack memory counts: the tails beyond are left out, but never the cone of light.
_LATERAL_PERIODS_IN_STACK = 8.0
#: Axial radius in periods of the axial cut-off.
_AXIAL_PERIODS = 4.0
_MOST_PIXELS, _MOST_PIXELS_IN_STACK = 192, 64


def psf_shape(microscope: Microscope, image_shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return an odd shape that holds nearly all light that matters for an image.

    Parameters
    ----------
    microscope : Microscope
        For a stack it must state `refractive_index` and `z_step_um`.
    image_shape : tuple of int
        ``(y, x)`` or ``(z, y, x)``. No side of the result exceeds twice the image's, less one.
    """
    *planes, height, width = image_shape
    period = 1.0 / microscope.cutoff_per_pixel
    if not planes:
        radius = min(_LATERAL_PERIODS * period, _MOST_PIXELS)
        return _odd(radius, height), _odd(radius, width)
    index, step = microscope.refractive_index, microscope.z_step_um
    if index is None or step is None:
        raise ValueError("the caller checks that a stack's microscope is complete")
    angle = math.asin(microscope.numerical_aperture / index)
    axial_cutoff_per_um = 1e3 * index * (1.0 - math.cos(angle)) / microscope.emission_nm
    depth = min(_AXIAL_PERIODS / axial_cutoff_per_um / step, planes[0] - 1)
    cone = depth * step * math.tan(angle) / microscope.pixel_size_um
    radius = min(max(_LATERAL_PERIODS_IN_STACK * period, cone), _MOST_PIXELS_IN_STACK)
    return _odd(depth, planes[0]), _odd(radius, height), _odd(radius, width)


def _odd(radius: float, length: int) -> int:
    return 2 * min(math.ceil(radius), max(length - 1, 0)) + 1
