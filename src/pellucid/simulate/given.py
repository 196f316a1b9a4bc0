"""One microscope, known: specimens as it would image them, for training made to measure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from pellucid.errors import SettingsError
from pellucid.optics.microscope import Microscope
from pellucid.optics.psf import point_spread_function
from pellucid.simulate.physical import (
    Imaged,
    Instrument,
    Preparation,
    in_focus,
    record,
    scaled_alike,
)
from pellucid.simulate.regime import Acquisition, Pair, Regime, SceneNeeds, Span
from pellucid.simulate.scene import DrawnScene

#: Half the widths of the depth of field over which planes are drawn.
_PLANES = 9
_INSTRUMENT, _PREPARATION = Instrument(), Preparation()


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class GivenRegime(Regime):
    """Thin volumes by a given microscope of any modality; camera and noise as drawn.

    Every plane is blurred by the point spread function of its distance from focus, of the
    microscope's modality, theory and aberrations. The truth is the light from within the depth
    of field, as in :class:`~pellucid.simulate.ThickRegime`.

    Parameters
    ----------
    microscope : Microscope
        Must state its refractive index.
    instrument : Instrument
        Photons, background, camera and mid-frequency loss are drawn from it; its optics are not
        used.
    preparation : Preparation
    depth_um : float, optional
        Depth of the volume; four depths of field if not given.
    focus : tuple of float
        Where the focus lies, as a fraction of the depth, uniform.

    Raises
    ------
    SettingsError
        If the microscope lacks its refractive index, or the camera cannot sample its cut-off.
    """

    microscope: Microscope
    instrument: Instrument = _INSTRUMENT
    preparation: Preparation = _PREPARATION
    depth_um: float | None = None
    focus: Span = (0.2, 0.8)

    def __post_init__(self) -> None:
        if self.microscope.refractive_index is None:
            raise SettingsError(
                "Training for a microscope needs the refractive index of its immersion medium; "
                "state it (oil 1.515, water 1.333, air 1)."
            )
        if self.microscope.cutoff_per_pixel > 0.5:
            raise SettingsError(
                f"Pixels of {self.microscope.pixel_size_um:g} um cannot record what this "
                f"microscope passes, {self.microscope.cutoff_per_pixel:.3g} cycles per pixel, and "
                "0.5 is the limit; give smaller pixels."
            )

    @property
    def depth_of_field_um(self) -> float:
        """Rayleigh depth of field, ``n wavelength / NA^2``."""
        one = self.microscope
        return 1e-3 * (one.refractive_index or 1.0) * one.emission_nm / one.numerical_aperture**2

    @property
    def needs(self) -> SceneNeeds:
        """Thin volumes with the camera's pixels."""
        depth_um = self.depth_um or 4.0 * self.depth_of_field_um
        pixel = self.microscope.pixel_size_um
        return SceneNeeds(
            pixel_size_um=(pixel, pixel), planes=_PLANES, depth_um=(depth_um, depth_um)
        )

    def acquire(self, rng: np.random.Generator, drawn: DrawnScene, size: int) -> Acquisition:
        """Draw a focus and a camera and record the volume; see :class:`Regime`."""
        if drawn.z_step_um is None:
            raise SettingsError(
                f"This regime images volumes, but the specimen {drawn.name!r} is a plane; draw it "
                "on a canvas with several planes."
            )
        planes, side = len(drawn.scene.truth), drawn.scene.side
        last = planes - 1
        # Whole planes, so that a point spread function a distance is worked out once.
        plane = round(float(rng.uniform(*self.focus)) * last)
        transfer = _transfer(self.microscope, side, planes, drawn.z_step_um)
        used = transfer[last - plane : last - plane + planes]
        attenuation = float(rng.uniform(*self.instrument.attenuation))
        spectrum = np.sum(drawn.scene.spectrum * used, axis=0)
        if attenuation > 0:
            frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None, :])
            relative = frequency / self.microscope.cutoff_per_pixel
            spectrum *= np.exp(-attenuation * relative**2).astype(np.float32)
        clean = np.clip(fft.irfft2(spectrum, s=(side, side)), 0.0, None).astype(np.float32)
        distance_um = (np.arange(planes) - plane) * drawn.z_step_um
        truth = in_focus(drawn.scene.truth, distance_um, self.depth_of_field_um)
        imaged = Imaged(self.microscope, clean, truth, {"attenuation": attenuation})
        return record(rng, (self.instrument, self.preparation), drawn, size, imaged)

    def scaled(self, rng: np.random.Generator, acquisition: Acquisition) -> Pair:
        """Scale image and truth alike, by the image's background and peak."""
        return scaled_alike(rng, self.preparation, acquisition)


@lru_cache(maxsize=8)
def _transfer(
    microscope: Microscope, side: int, planes: int, z_step_um: float
) -> NDArray[np.complex64]:
    """Return the transfer functions from ``planes - 1`` planes below focus to as many above.

    Shape ``(2 * planes - 1, side, side // 2 + 1)``; that of the plane in focus is one at zero
    frequency.
    """
    from dataclasses import replace

    stack = replace(microscope, z_step_um=z_step_um)
    psf = point_spread_function(stack, (2 * planes - 1, side, side)).data
    turned = np.fft.ifftshift(psf, axes=(1, 2))
    table = fft.rfft2(turned, axes=(1, 2))
    table /= table[planes - 1, 0, 0].real
    result: NDArray[np.complex64] = table.astype(np.complex64)
    return result
