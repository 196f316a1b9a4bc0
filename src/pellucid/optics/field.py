"""Intensity near the focus of a pupil: scalar and vectorial diffraction integrals.

The waves are evaluated by quadrature over the pupil at a fine set of radii and brought to the
points asked for by cubic splines, so that neither a pixelated pupil nor an FFT's period limits
their accuracy. A pupil without rotational symmetry is expanded in azimuthal harmonics.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.special import j0, j1, jv

from pellucid.optics.aberration import zernike
from pellucid.optics.microscope import Microscope
from pellucid.optics.pupil import Pupil, sample_pupil

#: Radii per period of the finest wave: splines between them are exact to 1e-6.
_RADII_PER_PERIOD = 40
#: Harmonics with less than this share of the energy are left out.
_NEGLIGIBLE = 1e-8
#: Samples around the pupil for the expansion in harmonics.
_AZIMUTHS = 128
#: Complex samples held at once for an asymmetric pupil: 256 MB.
_MOST_SAMPLES = 1 << 24

Points = NDArray[np.float64]


@final
@dataclass(frozen=True, slots=True)
class _Harmonic:
    """One azimuthal harmonic of the pupil's wave."""

    order: int
    wave: NDArray[np.complex128]


def intensity(
    microscope: Microscope,
    *,
    wavelength_nm: float,
    y_um: Points,
    x_um: Points,
    z_um: Points,
    doughnut: bool = False,
) -> NDArray[np.float64]:
    """Return the intensity of a focused wave, or by reciprocity of a detected point.

    Parameters
    ----------
    microscope : Microscope
        Its aperture, theory, apodisation and aberrations.
    wavelength_nm : float
    y_um, x_um : ndarray, shape (p,)
        Points in a plane, micrometres from the axis.
    z_um : ndarray, shape (z,)
        Planes, micrometres from focus.
    doughnut : bool
        With a vortex phase in the pupil, as depletion light has.

    Returns
    -------
    ndarray of float64, shape (z, p)
        Per square micrometre; integrates to one over every plane.

    References
    ----------
    .. [1] B. Richards and E. Wolf, "Electromagnetic diffraction in optical systems II",
       Proc. R. Soc. A 253, 358-379 (1959).
    """
    radius = np.hypot(y_um, x_um)
    # Rounded to a millionth of a wavelength, so that equal radii are met once.
    grain = 1e-9 * wavelength_nm
    distinct, inverse = np.unique(np.rint(radius / grain), return_inverse=True)
    distinct *= grain
    pupil = sample_pupil(
        microscope,
        wavelength_nm=wavelength_nm,
        radius_um=float(distinct[-1]),
        defocus_um=float(np.abs(z_um).max()),
    )
    vectorial = microscope.theory == "vectorial"
    if not pupil.turning:
        terms = _symmetric_terms(pupil, vectorial=vectorial, vortex=int(doughnut))
        total = np.zeros((distinct.size, z_um.size))
        for share, harmonic in terms:
            (values,) = _radial(pupil, harmonic.order, [harmonic.wave], distinct, z_um)
            total += share * (values.real**2 + values.imag**2)
        return total.T[:, inverse] / pupil.energy_per_um2
    angle = np.arctan2(y_um, x_um)
    components = list(_components(pupil, microscope, vectorial=vectorial, vortex=int(doughnut)))
    result = np.empty((z_um.size, radius.size))
    planes = max(1, _MOST_SAMPLES // (radius.size * len(components)))
    for first in range(0, z_um.size, planes):
        part = slice(first, first + planes)
        result[part] = _asymmetric(
            pupil,
            components=components,
            distinct=distinct,
            inverse=inverse,
            angle=angle,
            z_um=z_um[part],
        )
    # Unpolarised light is the mean of two polarisations; a doughnut has one, circular.
    polarisations = 2 if vectorial and not doughnut else 1
    return result / (pupil.energy_per_um2 * polarisations)


def _asymmetric(
    pupil: Pupil,
    *,
    components: list[dict[int, NDArray[np.complex128]]],
    distinct: Points,
    inverse: NDArray[np.intp],
    angle: Points,
    z_um: Points,
) -> NDArray[np.float64]:
    """Add up the intensities of components given by their harmonics, shape (z, p)."""
    waves = np.zeros((len(components), z_um.size, angle.size), dtype=np.complex128)
    for order in sorted({order for component in components for order in component}):
        turned = 1j**order * np.exp(1j * order * angle)
        having = [k for k, component in enumerate(components) if order in component]
        radial = _radial(pupil, order, [components[k][order] for k in having], distinct, z_um)
        for k, values in zip(having, radial, strict=True):
            waves[k] += values.T[:, inverse] * turned
    total: NDArray[np.float64] = np.sum(waves.real**2 + waves.imag**2, axis=0)
    return total


def _symmetric_terms(
    pupil: Pupil, *, vectorial: bool, vortex: int
) -> list[tuple[float, _Harmonic]]:
    """Return the terms whose weighted squares add up to the intensity."""
    if not vectorial:
        return [(1.0, _Harmonic(vortex, pupil.wave))]
    c = pupil.cosine
    s = np.sqrt(1.0 - c**2)
    if not vortex:  # |I0|^2 + 2 |I1|^2 + |I2|^2 of Richards and Wolf, unpolarised
        return [
            (1.0, _Harmonic(0, pupil.wave * (1 + c) / 2)),
            (2.0, _Harmonic(1, pupil.wave * s / 2)),
            (1.0, _Harmonic(2, pupil.wave * (1 - c) / 2)),
        ]
    # Circular polarisation of the vortex's own handedness, which keeps the centre dark.
    return [
        (1.0, _Harmonic(vortex, pupil.wave * (1 + c) / 2)),
        (1.0, _Harmonic(vortex + 2, pupil.wave * (1 - c) / 2)),
        (2.0, _Harmonic(vortex + 1, pupil.wave * s / 2)),
    ]


def _radial(
    pupil: Pupil,
    order: int,
    waves: Sequence[NDArray[np.complex128]],
    radius_um: Points,
    z_um: Points,
) -> list[NDArray[np.complex128]]:
    """Return ``2 pi int wave J_m(2 pi f r) exp(2 pi i z axial) f df`` of each wave, (r, z)."""
    largest = float(radius_um[-1])
    step = 1.0 / (_RADII_PER_PERIOD * pupil.edge_per_um)
    few = radius_um.size <= largest / step + 8
    nodes = radius_um if few else np.linspace(0.0, largest + 1e-12, int(largest / step) + 8)
    bessel = _bessel(order, 2.0 * np.pi * np.outer(nodes, pupil.frequency_per_um))
    in_focus = z_um.size == 1 and z_um[0] == 0.0
    results: list[NDArray[np.complex128]] = []
    for wave in waves:
        spread = (wave * pupil.weight)[:, None]
        if not in_focus:
            spread = spread * np.exp(2j * np.pi * np.outer(pupil.axial_per_um, z_um))
        # Real times complex as two real products: half the work.
        values: NDArray[np.complex128] = bessel @ spread.real + 1j * (bessel @ spread.imag)
        results.append(values if few else CubicSpline(nodes, values)(radius_um))
    return results


def _bessel(order: int, argument: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bessel function of the first kind; the lowest orders by their own faster routines."""
    if order < 0:
        return (-1.0) ** order * _bessel(-order, argument)
    if order == 0:
        return np.asarray(j0(argument))
    if order == 1:
        return np.asarray(j1(argument))
    if order == 2:
        safe = np.where(argument == 0, 1.0, argument)
        return np.where(argument < 1e-3, argument**2 / 8, 2.0 * j1(safe) / safe - j0(safe))
    return np.asarray(jv(order, argument))


def _components(
    pupil: Pupil, microscope: Microscope, *, vectorial: bool, vortex: int
) -> Iterator[dict[int, NDArray[np.complex128]]]:
    """Expand every component of an asymmetric pupil's wave in azimuthal harmonics."""
    angle = np.arange(_AZIMUTHS, dtype=np.float64) * (2.0 * np.pi / _AZIMUTHS)
    relative = pupil.frequency_per_um / (1e3 * microscope.numerical_aperture / pupil.wavelength_nm)
    phase = np.zeros((relative.size, _AZIMUTHS))
    for index, waves in pupil.turning:
        phase += waves * zernike(index, relative[:, None], angle[None, :])
    scale = microscope.emission_nm / pupil.wavelength_nm
    wave = pupil.wave[:, None] * np.exp(2j * np.pi * scale * phase + 1j * vortex * angle)
    if not vectorial:
        yield _harmonics(wave, pupil)
        return
    c = pupil.cosine[:, None]
    s = np.sqrt(1.0 - c**2)
    if vortex:  # circular polarisation, as in the symmetric case
        yield _harmonics(wave * (1 + c) / 2, pupil)
        yield _harmonics(wave * (c - 1) / 2 * np.exp(2j * angle), pupil)
        yield _harmonics(wave * -s / 2**0.5 * np.exp(1j * angle), pupil)
        return
    for turn in (0.0, 0.5 * np.pi):  # both polarisations of the light
        a = angle[None, :] - turn
        along, across = np.cos(turn), np.sin(turn)
        radial = 0.5 * ((c + 1) + (c - 1) * np.cos(2 * a))
        other = 0.5 * (c - 1) * np.sin(2 * a)
        yield _harmonics(wave * (radial * along - other * across), pupil)
        yield _harmonics(wave * (radial * across + other * along), pupil)
        yield _harmonics(wave * (-s * np.cos(a)), pupil)


def _harmonics(wave: NDArray[np.complex128], pupil: Pupil) -> dict[int, NDArray[np.complex128]]:
    """Fourier series around the pupil by order, without what is negligible."""
    series = np.fft.fft(wave, axis=1) / wave.shape[1]
    energy = pupil.weight @ np.abs(series) ** 2
    orders = np.fft.fftfreq(wave.shape[1], 1.0 / wave.shape[1]).astype(int)
    return {
        int(orders[k]): np.ascontiguousarray(series[:, k])
        for k in np.flatnonzero(energy > _NEGLIGIBLE * pupil.energy_per_um2)
    }
