"""Optical transfer functions, their support, and whether a camera samples them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, final

import array_api_compat
import numpy as np
from numpy.typing import NDArray

from pellucid.errors import OpticsError
from pellucid.optics.microscope import Microscope
from pellucid.optics.modality import (
    Confocal,
    LightSheet,
    SpinningDisk,
    Sted,
    TwoPhoton,
    Widefield,
)


def widefield_otf(relative_frequency: Any) -> Any:
    """Return the in-focus scalar optical transfer function of a clear circular pupil.

    Parameters
    ----------
    relative_frequency : array or float
        Radial frequency divided by the cut-off 2 NA / wavelength; an array of any library
        that follows the array API (numpy, torch), or a number.

    Returns
    -------
    array
        Of the same library and floating type (numpy float64 for numbers). One at zero
        frequency, zero from the cut-off on: the autocorrelation of a disc.

    References
    ----------
    .. [1] J. W. Goodman, *Introduction to Fourier Optics*, 3rd ed., eq. 6-33.
    """
    if not array_api_compat.is_array_api_obj(relative_frequency):
        relative_frequency = np.asarray(relative_frequency, dtype=np.float64)
    xp = array_api_compat.array_namespace(relative_frequency)
    rho = xp.clip(xp.abs(relative_frequency), 0.0, 1.0)
    return (2.0 / math.pi) * (xp.acos(rho) - rho * xp.sqrt(1.0 - rho * rho))


def otf(psf: Any) -> Any:
    """Return the transfer function of a point spread function on its own grid.

    Parameters
    ----------
    psf : array, shape (y, x) or (z, y, x)
        Centred on the sample ``n // 2`` of every axis; of any library that follows the array
        API (numpy, torch).

    Returns
    -------
    array of complex64, same shape and library
        One at zero frequency, which lies at the sample ``n // 2`` of every axis.
    """
    if psf.ndim not in (2, 3):
        raise OpticsError(
            f"A point spread function has 2 or 3 axes, not {psf.ndim}; take one channel and time."
        )
    xp = array_api_compat.array_namespace(psf)
    axes = tuple(range(psf.ndim))
    precise = xp.astype(psf, xp.float64)
    origin = xp.roll(precise, tuple(-(n // 2) for n in psf.shape), axis=axes)
    transfer = xp.fft.fftshift(xp.fft.fftn(origin), axes=axes) / xp.sum(precise)
    return xp.astype(transfer, xp.complex64)


def lateral_cutoff_per_um(microscope: Microscope) -> float:
    """Return the highest lateral frequency an image of this modality can hold, cycles/um.

    Excitation adds its own band where it is focused: ``2 NA / wavelength_em`` for detection,
    ``2 NA / wavelength_ex`` for a focused excitation, twice that for two photons. For STED,
    the width of the focus shrinks by ``sqrt(1 + saturation)`` and the usable band widens
    likewise; there is no sharp end.
    """
    detection = microscope.cutoff_per_um
    excitation = 0.0
    if microscope.excitation_nm is not None:
        excitation = 2e3 * microscope.numerical_aperture / microscope.excitation_nm
    modality = microscope.modality
    if isinstance(modality, (Widefield, LightSheet)):
        return detection
    if isinstance(modality, (Confocal, SpinningDisk)):
        return detection + excitation
    if isinstance(modality, TwoPhoton):
        return 2.0 * excitation
    if isinstance(modality, Sted):
        return excitation * math.sqrt(1.0 + modality.saturation)
    raise OpticsError(f"There is no rule for the modality {modality!r}.")


def axial_cutoff_per_um(microscope: Microscope) -> float:
    """Return the highest axial frequency of detection, ``(n - sqrt(n^2 - NA^2)) / wavelength``.

    For focused excitation its own axial band is added.

    Raises
    ------
    OpticsError
        If the refractive index is not stated.
    """
    index = microscope.refractive_index
    if index is None:
        raise OpticsError(
            "The axial cut-off depends on the refractive index of the immersion medium; give "
            "refractive_index (oil 1.515, water 1.333, air 1.0)."
        )
    sag = 1e3 * (index - math.sqrt(index**2 - microscope.numerical_aperture**2))
    detection = sag / microscope.emission_nm
    if isinstance(microscope.modality, (Widefield, LightSheet)) or microscope.excitation_nm is None:
        return detection
    excitation = sag / microscope.excitation_nm
    if isinstance(microscope.modality, (TwoPhoton, Sted)):
        return 2.0 * excitation if isinstance(microscope.modality, TwoPhoton) else excitation
    return detection + excitation


def otf_support(microscope: Microscope, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return where the widefield transfer function can differ from zero.

    Parameters
    ----------
    microscope : Microscope
    shape : tuple of int
        ``(y, x)`` or ``(z, y, x)``; zero frequency at the sample ``n // 2`` of every axis.

    Returns
    -------
    ndarray of bool
        In three dimensions the torus with its missing cone: at lateral frequency ``f`` the
        axial one reaches ``sqrt(k^2 - (f - e)^2) - sqrt(k^2 - e^2)``, with ``k = n / wavelength``
        and ``e = NA / wavelength``.
    """
    step = microscope.pixel_size_um
    fy, fx = (np.fft.fftshift(np.fft.fftfreq(n, step)) for n in shape[-2:])
    lateral = np.hypot(fy[:, None], fx[None, :])
    inside: NDArray[np.bool_] = lateral <= microscope.cutoff_per_um
    if len(shape) == 2:
        return inside
    if microscope.z_step_um is None or microscope.refractive_index is None:
        raise OpticsError(
            "The support in three dimensions needs z_step_um and refractive_index; give both."
        )
    wave = 1e3 * microscope.refractive_index / microscope.emission_nm
    edge = 0.5 * microscope.cutoff_per_um
    axial = np.fft.fftshift(np.fft.fftfreq(shape[0], microscope.z_step_um))
    # Two points of the cap a lateral distance f apart differ most in height when one of
    # them lies on the edge and the other towards the axis, on the line through it.
    other = np.abs(np.minimum(lateral, 2 * edge) - edge)
    height = np.sqrt(wave**2 - other**2) - math.sqrt(wave**2 - edge**2)
    return inside[None] & (np.abs(axial)[:, None, None] <= height[None] + 1e-12)


@final
@dataclass(frozen=True, slots=True)
class SamplingCheck:
    """Whether the voxels are small enough, and the sizes that would do.

    Attributes
    ----------
    pixel_size_um, z_step_um : float or None
        Largest sizes that record all detail; None where the axial one cannot be told.
    sufficient : bool
    sentence : str
        The same in words.
    """

    pixel_size_um: float
    z_step_um: float | None
    sufficient: bool
    sentence: str


def check_sampling(microscope: Microscope) -> SamplingCheck:
    """Compare a microscope's voxels with the Nyquist limit of its optics."""
    pixel = 0.5 / lateral_cutoff_per_um(microscope)
    fine = microscope.pixel_size_um <= pixel * (1 + 1e-9)
    step = None
    if microscope.refractive_index is not None:
        step = 0.5 / axial_cutoff_per_um(microscope)
    deep = step is None or microscope.z_step_um is None or microscope.z_step_um <= step * (1 + 1e-9)
    should = [] if fine else [f"pixels should be at most {pixel:.3g} um"]
    if not deep and step is not None:
        should.append(f"planes at most {step:.3g} um apart")
    if should:
        have = f"pixel {microscope.pixel_size_um:.3g} um" + (
            f", z step {microscope.z_step_um:.3g} um" if microscope.z_step_um else ""
        )
        sentence = f"To record all detail of these optics {' and '.join(should)} (now {have})."
    else:
        sentence = f"Sampling is sufficient: pixels may be up to {pixel:.3g} um" + (
            f", planes up to {step:.3g} um apart." if step else "."
        )
    return SamplingCheck(pixel, step, fine and deep, sentence)
