"""The pupil of an aplanatic objective, scalar theory, and the waves that leave it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import OpticsError
from pellucid.optics.microscope import Microscope

#: Nodes per oscillation of the integrand that make Gauss-Legendre quadrature exact to 1e-6.
_NODES_PER_CYCLE = 6
_MIN_NODES = 48


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Pupil:
    """A clear circular pupil, sampled along its radius for quadrature.

    Attributes
    ----------
    frequency_per_um : ndarray of float64, shape (n,)
        Radial frequency of each node, in cycles per micrometre, below NA / wavelength.
    weight : ndarray of float64, shape (n,)
        Quadrature weight of each node for the measure ``2 pi f df``; the weights sum to the
        pupil's area, ``pi (NA / wavelength)**2``.
    """

    frequency_per_um: NDArray[np.float64]
    weight: NDArray[np.float64]

    @property
    def area_per_um2(self) -> float:
        """Area of the pupil, in 1/um^2; by Parseval the integral of the intensity PSF."""
        return float(self.weight.sum())


def clear_pupil(microscope: Microscope, *, radius_um: float, defocus_um: float = 0.0) -> Pupil:
    """Sample the pupil finely enough for points up to a radius and a defocus.

    Parameters
    ----------
    microscope : Microscope
        Its numerical aperture and emission wavelength bound the pupil.
    radius_um, defocus_um : float
        Largest distance from the optical axis and from focus at which the wave is wanted.

    Returns
    -------
    Pupil
    """
    edge = 0.5 * microscope.cutoff_per_um
    cycles = edge * radius_um
    if defocus_um:
        per_um = axial_frequency_per_um(microscope, np.array([0.0, edge]))
        cycles += float(per_um[0] - per_um[1]) * defocus_um
    nodes = max(_MIN_NODES, int(np.ceil(_NODES_PER_CYCLE * cycles)))
    position, weight = np.polynomial.legendre.leggauss(nodes)
    frequency = 0.5 * edge * (position + 1.0)
    return Pupil(frequency_per_um=frequency, weight=0.5 * edge * weight * 2.0 * np.pi * frequency)


def axial_frequency_per_um(
    microscope: Microscope, frequency_per_um: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Axial frequency ``sqrt((n / wavelength)^2 - f^2)`` of plane waves, in cycles per um.

    The exact angular spectrum, not its paraxial quadratic.

    Raises
    ------
    OpticsError
        If the microscope does not state its refractive index.
    """
    index = microscope.refractive_index
    if index is None:
        raise OpticsError(
            "Out-of-focus light depends on the refractive index of the immersion medium, which "
            "is not stated; give refractive_index (oil 1.515, water 1.333, air 1.0)."
        )
    wave = 1e3 * index / microscope.emission_nm
    axial: NDArray[np.float64] = np.sqrt(wave**2 - frequency_per_um**2)
    return axial
