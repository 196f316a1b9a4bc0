"""The published generator of point spread functions, restated, so that its blur can be used.

Li, Kudryashev and Yakimovich (2024) train and test their networks on images blurred with a
particular point spread function: the scalar excitation intensity alone, computed from
McCutchen's spherical cap *drawn on a grid of voxels*, averaged along the optical axis. The
grid makes it a function of its own, not a sampled version of the exact integral
(`pellucid.optics.widefield_psf`); whoever compares with the published results needs this one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from pellucid.errors import OpticsError

_FEWEST_VOXELS, _MOST_VOXELS = 16, 512


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasedPsf:
    """The point spread function of the published generator of Li et al.

    It is the scalar intensity of the focused excitation light, without emission and without
    a pinhole. In the published code the pinhole of the detection is given in thousandths of an
    Airy unit: 1000 is a pinhole of one Airy unit, and -1 means open. With an open pinhole every
    photon is detected wherever it comes from, so that the excitation alone forms the image;
    that is the function this class gives, and no pinhole enters it.

    Parameters
    ----------
    numerical_aperture : float
        Numerical aperture of the objective, below `refractive_index`.
    excitation_nm : float
        Excitation wavelength in vacuum, nanometres (200 to 2000).
    pixel_size_um : float
        Lateral size of a voxel, micrometres.
    z_step_um : float
        Axial size of a voxel, micrometres.
    refractive_index : float, optional
        Index of the immersion medium, 1.0 to 2.5.
    voxels : int, optional
        Voxels along each of the three sides of the cube, 16 to 512. It is part of the
        physics: the voxel of the frequency grid is the thickness of the shell.

    Raises
    ------
    OpticsError
        If a value cannot belong to a microscope, or the grid is too coarse for the waves or
        too small to hold a single voxel of the cap.

    Notes
    -----
    A monochromatic wave consists of plane waves whose wave vectors end on the sphere of radius
    ``n / wavelength``; those an objective lets through form a cap of it (McCutchen's generalised
    aperture). Here every voxel of the frequency grid belongs to the cap with weight one or not
    at all, whatever its angle: there is neither an apodisation nor a polarisation. With ``d_i``
    the pitch of the frequency grid along axis i, one over the length of the field, a voxel at
    ``k`` counts a length

        ``T(k) = sqrt(sum_i (k_i d_i)^2) / |k|``

    along the radius: the steps of ``|k|`` to the neighbour on each axis, added in quadrature.
    The voxel belongs to the cap if

    - it is nearer to the sphere than that, ``abs(|k| - n / wavelength) < T(k)``, so that the
      shell is about two voxels thick, and
    - it lies beyond the rim of the pupil by as much,
      ``k_z > sqrt(n^2 - NA^2) / wavelength + T(k)``, which keeps one objective's side and makes
      the aperture slightly smaller than it says.

    The thick shell acts as a window along the axis: light far from focus is weaker than it
    should be. The grid makes the wave periodic: what leaves the cube enters on the other side.

    References
    ----------
    .. [1] C. W. McCutchen, "Generalized aperture and the three-dimensional diffraction image",
       *J. Opt. Soc. Am.* 54, 240-244, 1964.
    .. [2] C. J. R. Sheppard, M. Gu, Y. Kawata and S. Kawata, "Three-dimensional transfer
       functions for high-aperture systems", *J. Opt. Soc. Am. A* 11, 593-598, 1994.
    .. [3] M. R. Arnison and C. J. R. Sheppard, "A 3D vectorial optical transfer function
       suitable for arbitrary pupil functions", *Opt. Commun.* 211, 53-63, 2002.
    .. [4] R. Li, M. Kudryashev and A. Yakimovich, "Solving the inverse problem of microscopy
       deconvolution with a residual Beylkin-Coifman-Rokhlin neural network", ECCV 2024.
    """

    numerical_aperture: float
    excitation_nm: float
    pixel_size_um: float
    z_step_um: float
    refractive_index: float = 1.33
    voxels: int = 128

    def __post_init__(self) -> None:
        self._check_optics()
        self._check_grid()

    def volume(self) -> NDArray[np.float32]:
        """Return the three-dimensional intensity.

        Returns
        -------
        ndarray of float32, shape (voxels, voxels, voxels)
            Axes ``(z, y, x)``, maximum one on the sample ``voxels // 2`` of every axis.
        """
        waves, rows = self._lateral_waves()
        spectrum = np.zeros((self.voxels, *waves.shape[1:]), dtype=np.complex64)
        spectrum[rows] = waves
        field = fft.fftshift(fft.ifft(spectrum, axis=0, overwrite_x=True), axes=0)
        intensity = field.real**2 + field.imag**2
        return np.asarray(intensity / intensity.max(), dtype=np.float32)

    def plane(self) -> NDArray[np.float32]:
        """Return the intensity averaged along the axis: the kernel the images are blurred with.

        Returns
        -------
        ndarray of float32, shape (voxels, voxels)
            Axes ``(y, x)``, maximum one on the sample ``voxels // 2`` of both axes.
        """
        # By Parseval along z the mean over planes needs no transform along z.
        waves, _ = self._lateral_waves()
        intensity = (waves.real**2 + waves.imag**2).sum(axis=0)
        return np.asarray(intensity / intensity.max(), dtype=np.float32)

    def _lateral_waves(self) -> tuple[NDArray[np.complex128], NDArray[np.intp]]:
        """Transform the cap along y and x, for each axial frequency where it is not empty.

        Returns
        -------
        waves : ndarray of complex128, shape (m, voxels, voxels)
        rows : ndarray of intp, shape (m,)
            Place of each axial frequency in the order of a discrete Fourier transform.
        """
        count = self.voxels
        wavelength_um = 1e-3 * self.excitation_nm
        sphere = self.refractive_index / wavelength_um
        rim = math.sqrt(self.refractive_index**2 - self.numerical_aperture**2) / wavelength_um
        lateral_pitch = 1.0 / (count * self.pixel_size_um)
        axial_pitch = 1.0 / (count * self.z_step_um)

        axial = fft.fftfreq(count, self.z_step_um)
        # No voxel below the rim belongs to the cap, and none beyond the sphere by two voxels.
        rows = np.flatnonzero((axial > rim) & (axial < sphere + 2.0 * axial_pitch))
        kz = axial[rows, None, None]
        lateral = fft.fftfreq(count, self.pixel_size_um) ** 2
        kr_squared = lateral[:, None] + lateral
        length = np.sqrt(kr_squared + kz**2)
        thickness = np.sqrt(kr_squared * lateral_pitch**2 + (kz * axial_pitch) ** 2) / length
        cap = (np.abs(length - sphere) < thickness) & (kz > rim + thickness)

        filled = cap.any(axis=(1, 2))
        waves = fft.ifft2(cap[filled].astype(np.complex128), axes=(1, 2), overwrite_x=True)
        return fft.fftshift(waves, axes=(1, 2)), rows[filled]

    def _check_optics(self) -> None:
        index, aperture = self.refractive_index, self.numerical_aperture
        if not 1.0 <= index <= 2.5:
            raise OpticsError(
                f"refractive_index = {index} is not between 1.0 (air) and 2.5; "
                "oil is 1.515, water 1.33, air 1.0."
            )
        if not 0.0 < aperture < index:
            raise OpticsError(
                f"numerical_aperture = {aperture} must be positive and below "
                f"refractive_index = {index:g}; check both values."
            )
        if not 200.0 <= self.excitation_nm <= 2000.0:
            raise OpticsError(
                f"excitation_nm = {self.excitation_nm} is not between 200 and 2000 nm; "
                "check that it is given in nanometres."
            )
        for name in ("pixel_size_um", "z_step_um"):
            value: float = getattr(self, name)
            if not (math.isfinite(value) and value > 0.0):
                raise OpticsError(f"{name} must be a positive number of micrometres, not {value}.")

    def _check_grid(self) -> None:
        count = self.voxels
        if not isinstance(count, (int, np.integer)) or not _FEWEST_VOXELS <= count <= _MOST_VOXELS:
            raise OpticsError(
                f"voxels = {count} must be a whole number from {_FEWEST_VOXELS} to {_MOST_VOXELS}."
            )
        wavelength_um = 1e-3 * self.excitation_nm
        # The wave, edge of its shell included, must lie below the Nyquist frequency.
        usable = 0.5 - 1.0 / count
        coarsest = usable * wavelength_um / self.numerical_aperture
        if self.pixel_size_um > coarsest:
            raise OpticsError(
                f"pixel_size_um = {self.pixel_size_um:g} is too coarse for the wave at NA "
                f"{self.numerical_aperture:g}; give at most {coarsest:.4g} um."
            )
        coarsest = usable * wavelength_um / self.refractive_index
        if self.z_step_um > coarsest:
            raise OpticsError(
                f"z_step_um = {self.z_step_um:g} is too coarse for the wave at refractive index "
                f"{self.refractive_index:g}; give at most {coarsest:.4g} um."
            )
        # The cap must be higher than a voxel, or no voxel fits between its rim and its pole.
        depth_um = count * self.z_step_um
        index, aperture = self.refractive_index, self.numerical_aperture
        shortest = wavelength_um / (index - math.sqrt(index**2 - aperture**2))
        if depth_um <= shortest:
            raise OpticsError(
                f"voxels = {count} makes the field {depth_um:.3g} um deep, too shallow to resolve "
                f"a cap of NA {aperture:g}; give at least "
                f"{math.floor(shortest / self.z_step_um) + 1} voxels or a larger z_step_um."
            )


def sample_released(rng: np.random.Generator) -> ReleasedPsf:
    """Draw a point spread function as the published generator does.

    Every value is uniform in its range: numerical aperture 0.4 to 1.0, excitation 450 to
    490 nm, pixel 0.08 to 0.12 um, axial step 0.11 to 0.136 um. The refractive index is 1.33
    and the cube has 128 voxels a side.

    Parameters
    ----------
    rng : numpy.random.Generator
        Its state alone determines the result.

    Returns
    -------
    ReleasedPsf

    References
    ----------
    .. [1] R. Li, M. Kudryashev and A. Yakimovich, "Solving the inverse problem of microscopy
       deconvolution with a residual Beylkin-Coifman-Rokhlin neural network", ECCV 2024.
    """
    return ReleasedPsf(
        numerical_aperture=float(rng.uniform(0.4, 1.0)),
        excitation_nm=float(rng.uniform(450.0, 490.0)),
        pixel_size_um=float(rng.uniform(0.08, 0.12)),
        z_step_um=float(rng.uniform(0.11, 0.136)),
    )
