"""The pupil of an aplanatic objective, sampled for quadrature."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.special import roots_legendre

from pellucid.errors import OpticsError
from pellucid.optics.aberration import zernike, zernike_orders
from pellucid.optics.microscope import Microscope

#: Nodes per oscillation of the integrand that make Gauss-Legendre quadrature exact to 1e-6.
_NODES_PER_CYCLE = 6
_MIN_NODES = 48


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Pupil:
    """A circular pupil on Gauss-Legendre nodes along its radius.

    Attributes
    ----------
    frequency_per_um : ndarray of float64, shape (n,)
        Transverse frequency of each node, cycles per micrometre, below NA / wavelength.
    weight : ndarray of float64, shape (n,)
        Quadrature weight of each node for the measure ``2 pi f df``.
    axial_per_um : ndarray of float64, shape (n,)
        Axial frequency in the immersion medium; zero where the index is not stated.
    cosine : ndarray of float64, shape (n,)
        Of the angle to the axis; one where the index is not stated.
    wave : ndarray of complex128, shape (n,)
        Amplitude and phase of the rotationally symmetric part of the pupil.
    turning : tuple of (int, float)
        Zernike terms without that symmetry: OSA/ANSI index and waves.
    wavelength_nm : float
    """

    frequency_per_um: NDArray[np.float64]
    weight: NDArray[np.float64]
    axial_per_um: NDArray[np.float64]
    cosine: NDArray[np.float64]
    wave: NDArray[np.complex128]
    turning: tuple[tuple[int, float], ...]
    wavelength_nm: float

    @property
    def energy_per_um2(self) -> float:
        """Energy of the pupil; by Parseval the integral of the intensity in any plane."""
        return float(np.sum(self.weight * np.abs(self.wave) ** 2))

    @property
    def edge_per_um(self) -> float:
        """A transverse frequency no node exceeds."""
        return float(self.frequency_per_um[-1])


def sample_pupil(
    microscope: Microscope, *, wavelength_nm: float, radius_um: float, defocus_um: float = 0.0
) -> Pupil:
    """Sample a microscope's pupil finely enough for points up to a radius and a defocus.

    Parameters
    ----------
    microscope : Microscope
    wavelength_nm : float
        Of the light in question: emission, excitation or depletion.
    radius_um, defocus_um : float
        Largest distance from the axis and from focus at which the wave is wanted.

    Raises
    ------
    OpticsError
        If light out of focus is wanted and the refractive index is not stated.
    """
    edge = 1e3 * microscope.numerical_aperture / wavelength_nm
    cycles = edge * radius_um
    index = microscope.refractive_index
    if index is not None:
        wave_per_um = 1e3 * index / wavelength_nm
        cycles += (wave_per_um - np.sqrt(wave_per_um**2 - edge**2)) * defocus_um
        if microscope.layers is not None:
            limits = microscope.layers.path_um(
                np.array([0.0, microscope.numerical_aperture]), index
            )
            cycles += float(abs(limits[0] - limits[1])) * 1e3 / wavelength_nm
    elif defocus_um:
        raise OpticsError(
            "Out-of-focus light depends on the refractive index of the immersion medium, which "
            "is not stated; give refractive_index (oil 1.515, water 1.333, air 1.0)."
        )
    cycles += sum(10.0 * abs(waves) for _, waves in microscope.zernike_waves)
    nodes = max(_MIN_NODES, int(np.ceil(_NODES_PER_CYCLE * cycles)))
    position, weight = _gauss_legendre(nodes)
    frequency = 0.5 * edge * (position + 1.0)
    axial, cosine = np.zeros(nodes), np.ones(nodes)
    if index is not None:
        axial = np.sqrt((1e3 * index / wavelength_nm) ** 2 - frequency**2)
        cosine = axial * wavelength_nm / (1e3 * index)
    return Pupil(
        frequency_per_um=frequency,
        weight=0.5 * edge * weight * 2.0 * np.pi * frequency,
        axial_per_um=axial,
        cosine=cosine,
        wave=_symmetric_wave(microscope, wavelength_nm, frequency / edge, cosine),
        turning=tuple((j, w) for j, w in microscope.zernike_waves if zernike_orders(j)[1] != 0),
        wavelength_nm=wavelength_nm,
    )


@cache
def _gauss_legendre(nodes: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return nodes and weights on (-1, 1); the eigenvalue problem behind them is slow."""
    position, weight = roots_legendre(nodes)
    position.setflags(write=False)
    weight.setflags(write=False)
    return position, weight


def _symmetric_wave(
    microscope: Microscope,
    wavelength_nm: float,
    relative: NDArray[np.float64],
    cosine: NDArray[np.float64],
) -> NDArray[np.complex128]:
    wave: NDArray[np.complex128] = np.ones(relative.shape, dtype=np.complex128)
    if microscope.theory == "vectorial" or microscope.apodisation == "aplanatic":
        # sqrt(cos) over the sphere is 1 / sqrt(cos) over the plane of frequencies.
        wave = wave / np.sqrt(cosine)
    # Zernike terms are stated in waves of the emission: the same path at any wavelength.
    waves = sum(
        (w * zernike(j, relative) for j, w in microscope.zernike_waves if not zernike_orders(j)[1]),
        start=np.zeros_like(relative),
    )
    wave = wave * np.exp(2j * np.pi * waves * microscope.emission_nm / wavelength_nm)
    if microscope.layers is not None and microscope.refractive_index is not None:
        sine = relative * microscope.numerical_aperture
        path = microscope.layers.path_um(sine, microscope.refractive_index)
        # The imaginary part, beyond a critical angle, lets the wave decay.
        wave = wave * np.exp(2j * np.pi * 1e3 / wavelength_nm * (path - path[0].real))
    return wave
