"""Aberrations of the pupil: Zernike polynomials, and layers the objective was not made for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import OpticsError


def zernike_orders(index: int) -> tuple[int, int]:
    """Return radial order n and azimuthal order m of an OSA/ANSI index.

    ``index = (n (n + 2) + m) / 2``; 4 is defocus, 12 primary spherical aberration.
    """
    if index < 0:
        raise OpticsError(f"A Zernike index (OSA/ANSI) is zero or more, not {index}.")
    n = math.ceil((-3 + math.sqrt(9 + 8 * index)) / 2)
    return n, 2 * index - n * (n + 2)


def zernike(
    index: int, radius: NDArray[np.float64], angle: NDArray[np.float64] | float = 0.0
) -> NDArray[np.float64]:
    """Return a Zernike polynomial of unit root mean square over the unit disc.

    Parameters
    ----------
    index : int
        OSA/ANSI index.
    radius : ndarray
        From 0 to 1.
    angle : ndarray or float
        Radians, from the x axis towards y; broadcasts with `radius`.

    References
    ----------
    .. [1] L. N. Thibos et al., "Standards for reporting the optical aberrations of eyes",
       J. Refract. Surg. 18, S652-S660 (2002).
    """
    n, m = zernike_orders(index)
    order = abs(m)
    radial = np.zeros_like(radius)
    for k in range((n - order) // 2 + 1):
        coefficient = (-1) ** k * math.factorial(n - k)
        coefficient //= (
            math.factorial(k)
            * math.factorial((n + order) // 2 - k)
            * math.factorial((n - order) // 2 - k)
        )
        radial = radial + coefficient * radius ** (n - 2 * k)
    if m == 0:
        return np.asarray(math.sqrt(n + 1) * radial * np.ones_like(np.asarray(angle)))
    turning = np.cos(order * np.asarray(angle)) if m > 0 else np.sin(order * np.asarray(angle))
    return np.asarray(math.sqrt(2 * (n + 1)) * radial * turning)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Layers:
    """The layers between specimen and objective, as they are and as it was designed for.

    The model of Gibson and Lanni: a point at `depth_um` below the coverslip, a coverslip, and
    immersion medium whose thickness focusing changes. Lengths in micrometres.

    Parameters
    ----------
    specimen_index : float
        Refractive index of the specimen's medium (water 1.333, Vectashield 1.45).
    depth_um : float
        Distance of the point from the coverslip.
    coverslip_um, coverslip_index : float
        The coverslip there is.
    coverslip_design_um, coverslip_design_index : float
        The coverslip the objective was made for.
    immersion_design_index : float, optional
        The immersion medium it was made for; by default the one there is.
    working_distance_um : float
        Thickness of the immersion medium in the design.

    References
    ----------
    .. [1] S. F. Gibson and F. Lanni, "Experimental test of an analytical model of aberration
       in an oil-immersion objective lens", J. Opt. Soc. Am. A 9, 154-166 (1992).
    """

    specimen_index: float
    depth_um: float = 0.0
    coverslip_um: float = 170.0
    coverslip_index: float = 1.515
    coverslip_design_um: float = 170.0
    coverslip_design_index: float = 1.515
    immersion_design_index: float | None = None
    working_distance_um: float = 150.0

    def __post_init__(self) -> None:
        for name in ("specimen_index", "coverslip_index", "coverslip_design_index"):
            value = getattr(self, name)
            if not 1.0 <= value <= 2.5:
                raise OpticsError(
                    f"{name} = {value} is not between 1.0 (air) and 2.5; water is 1.333, glass "
                    "1.515."
                )
        for name in ("depth_um", "coverslip_um", "coverslip_design_um", "working_distance_um"):
            value = getattr(self, name)
            if not math.isfinite(value) or value < 0:
                raise OpticsError(f"{name} must be zero or more micrometres, not {value}.")

    def path_um(self, sine: NDArray[np.float64], immersion_index: float) -> NDArray[np.complex128]:
        """Return the optical path beyond the design's, for rays of ``n sin(theta)``.

        Complex beyond the critical angle of a layer: such waves decay. Focused paraxially on
        the point; defocus comes on top.
        """
        design = self.immersion_design_index or immersion_index
        immersion_um = immersion_index * (
            self.coverslip_design_um / self.coverslip_design_index
            + self.working_distance_um / design
            - self.coverslip_um / self.coverslip_index
            - self.depth_um / self.specimen_index
        )

        def along(index: float) -> NDArray[np.complex128]:
            return np.sqrt((index**2 - sine**2).astype(np.complex128))

        path: NDArray[np.complex128] = (
            self.depth_um * along(self.specimen_index)
            + self.coverslip_um * along(self.coverslip_index)
            - self.coverslip_design_um * along(self.coverslip_design_index)
            + immersion_um * along(immersion_index)
            - self.working_distance_um * along(design)
        )
        return path
