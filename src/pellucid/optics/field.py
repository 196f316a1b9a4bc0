"""Intensity near the focus of a pupil: scalar and vectorial diffraction integrals.

The waves are evaluated by quadrature over the pupil at a fine set of radii and brought to the
points asked for by interpolation, so that neither a pixelated pupil nor an FFT's period limits
their accuracy. A pupil without rotational symmetry is expanded in azimuthal harmonics.

Where points lie and what the pupil looks like is worked out in numpy; the arithmetic with the
waves runs in the array library asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from scipy.special import j0, j1, jv

from pellucid.optics._library import Library, library_of
from pellucid.optics.aberration import zernike
from pellucid.optics.microscope import Microscope
from pellucid.optics.pupil import Pupil, sample_pupil

#: Radii per period of the finest wave, and neighbours on both sides that a value between them
#: is interpolated from: exact to 1e-7.
_RADII_PER_PERIOD = 32
_NEIGHBOURS = 3
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
    library: Library | None = None,
) -> Any:
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
    library : Library, optional
        Array library and device to compute with; numpy if not given.

    Returns
    -------
    array of float64, shape (z, p)
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
    library = library or library_of()
    xp = library.xp
    rings = _Rings(pupil, distinct, library)
    where = library.array(inverse.ravel().astype(np.int64))
    if not pupil.turning:
        total = xp.zeros((z_um.size, distinct.size), dtype=xp.float64, device=library.device)
        for share, harmonic in _symmetric_terms(pupil, vectorial=vectorial, vortex=int(doughnut)):
            total = total + share * _power(rings.waves(harmonic.order, [harmonic.wave], z_um)[0])
        return xp.take(total, where, axis=1) / pupil.energy_per_um2
    angle = library.array(np.arctan2(y_um, x_um))
    components = list(_components(pupil, microscope, vectorial=vectorial, vortex=int(doughnut)))
    planes = max(1, _MOST_SAMPLES // (radius.size * len(components)))
    parts = [
        _asymmetric(rings, components, where=where, angle=angle, z_um=z_um[first : first + planes])
        for first in range(0, z_um.size, planes)
    ]
    # Unpolarised light is the mean of two polarisations; a doughnut has one, circular.
    polarisations = 2 if vectorial and not doughnut else 1
    return xp.concat(parts, axis=0) / (pupil.energy_per_um2 * polarisations)


def _asymmetric(
    rings: _Rings,
    components: list[dict[int, NDArray[np.complex128]]],
    *,
    where: Any,
    angle: Any,
    z_um: Points,
) -> Any:
    """Add up the intensities of components given by their harmonics, shape (z, p)."""
    xp = rings.library.xp
    waves: list[Any] = [0.0 for _ in components]
    for order in sorted({order for component in components for order in component}):
        phase = angle * float(order) + 0.5 * np.pi * order  # i^m exp(i m angle)
        turned = xp.cos(phase) + 1j * xp.sin(phase)
        having = [k for k, component in enumerate(components) if order in component]
        radial = rings.waves(order, [components[k][order] for k in having], z_um)
        for k, values in zip(having, radial, strict=True):
            waves[k] = waves[k] + xp.take(values, where, axis=1) * turned
    return sum((_power(wave) for wave in waves[1:]), start=_power(waves[0]))


def _power(wave: Any) -> Any:
    """Squared magnitude of a complex array."""
    return wave.real**2 + wave.imag**2


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


@final
class _Rings:
    """Brings the waves of a pupil to given radii.

    Parameters
    ----------
    pupil : Pupil
    radius_um : ndarray of float64, shape (r,)
        Rising.
    library : Library
    """

    def __init__(self, pupil: Pupil, radius_um: Points, library: Library) -> None:
        self.library = library
        self._pupil = pupil
        largest = float(radius_um[-1])
        step = 1.0 / (_RADII_PER_PERIOD * pupil.edge_per_um)
        self._between: tuple[Any, Any] | None = None
        self._nodes = radius_um
        if radius_um.size > largest / step + 4 * _NEIGHBOURS:
            # Radii below zero repeat those above, with the sign of the Bessel function.
            count = int(largest / step) + 2 * _NEIGHBOURS + 2
            self._nodes = step * np.arange(1 - _NEIGHBOURS, count + 1 - _NEIGHBOURS, dtype=float)
            left = np.floor(radius_um / step).astype(np.int64)
            taken = left[:, None] + np.arange(2 * _NEIGHBOURS)
            shares = _lagrange(radius_um / step - left)
            self._between = library.array(taken.ravel()), library.array(shares)

    def waves(self, order: int, waves: Sequence[NDArray[np.complex128]], z_um: Points) -> list[Any]:
        """Return ``2 pi int wave J_m(2 pi f r) exp(2 pi i z axial) f df`` of each, (z, r)."""
        argument = 2.0 * np.pi * np.outer(self._pupil.frequency_per_um, self._nodes)
        bessel = self.library.array(_bessel(order, argument))
        results = []
        for wave in waves:
            spread = (wave * self._pupil.weight)[None, :]
            if not (z_um.size == 1 and z_um[0] == 0.0):
                phase = 2j * np.pi * np.outer(z_um, self._pupil.axial_per_um)
                spread = spread * np.exp(phase)
            real, imaginary = (
                self.library.array(np.ascontiguousarray(part))
                for part in (spread.real, spread.imag)
            )
            # Real times complex as two real products: half the work.
            results.append(self._at_radii(real @ bessel + 1j * (imaginary @ bessel)))
        return results

    def _at_radii(self, values: Any) -> Any:
        """Interpolate from the nodes, shape (z, n), to the radii, shape (z, r)."""
        if self._between is None:
            return values
        taken, shares = self._between
        xp = self.library.xp
        near = xp.reshape(xp.take(values, taken, axis=1), (values.shape[0], *shares.shape))
        return xp.sum(near * shares[None, :, :], axis=2)


def _lagrange(fraction: Points) -> NDArray[np.float64]:
    """Weights of the neighbours of each point for Lagrange interpolation, shape (p, 6)."""
    place = np.arange(2 * _NEIGHBOURS, dtype=np.float64) - (_NEIGHBOURS - 1)
    weights = np.ones((fraction.size, place.size))
    for k, own in enumerate(place):
        for other in place:
            if other != own:
                weights[:, k] *= (fraction - other) / (own - other)
    return weights


def _bessel(order: int, argument: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bessel function of the first kind; the lowest orders by their own faster routines."""
    if order < 0:  # J_-m = (-1)^m J_m
        return (-1.0) ** order * _bessel(-order, argument)
    if order == 0:
        return np.asarray(j0(argument))
    if order == 1:
        return np.asarray(j1(argument))
    if order == 2:
        safe = np.where(argument == 0, 1.0, argument)
        return np.where(np.abs(argument) < 1e-3, argument**2 / 8, 2.0 * j1(safe) / safe - j0(safe))
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
