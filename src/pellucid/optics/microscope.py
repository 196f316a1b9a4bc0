"""The microscope as far as image formation needs it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

from pellucid.errors import OpticsError

#: Largest index of a usual immersion medium (oil); a larger NA needs its medium stated.
_OIL = 1.515


def _check_length(name: str, value: float | None, low: float, high: float, unit: str) -> None:
    if value is None:
        return
    if not math.isfinite(value) or value <= 0:
        raise OpticsError(f"{name} must be a positive number of {unit}, not {value}.")
    if not low <= value <= high:
        raise OpticsError(
            f"{name} = {value:g} {unit} is outside {low:g} to {high:g} {unit}; "
            f"check that it is given in {unit}."
        )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Microscope:
    """A widefield fluorescence microscope, in the units microscopists use.

    Parameters
    ----------
    numerical_aperture : float
        Numerical aperture of the detection objective, below `refractive_index`.
    emission_nm : float
        Emission wavelength in vacuum, nanometres (300 to 1200).
    pixel_size_um : float
        Size of a camera pixel in the specimen plane, micrometres.
    refractive_index : float, optional
        Index of the immersion medium. The in-focus scalar point spread function does not
        depend on it; anything out of focus does and asks for it.
    excitation_nm : float, optional
        Excitation wavelength, nanometres. Does not enter a widefield image.
    z_step_um : float, optional
        Distance between the planes of a stack, micrometres.

    Raises
    ------
    OpticsError
        If a value cannot belong to a microscope; the message names it.
    """

    numerical_aperture: float
    emission_nm: float
    pixel_size_um: float
    refractive_index: float | None = None
    excitation_nm: float | None = None
    z_step_um: float | None = None

    def __post_init__(self) -> None:
        na, index = self.numerical_aperture, self.refractive_index
        if not math.isfinite(na) or na <= 0:
            raise OpticsError(f"numerical_aperture must be a positive number, not {na}.")
        if index is not None and not 1.0 <= index <= 2.5:
            raise OpticsError(
                f"refractive_index = {index} is not between 1.0 (air) and 2.5; "
                "oil is 1.515, water 1.333, air 1.0."
            )
        if index is not None and na >= index:
            raise OpticsError(
                f"numerical_aperture = {na:g} must be below refractive_index = {index:g}: "
                "light cannot be collected beyond 90 degrees; check both values."
            )
        if index is None and na >= _OIL:
            raise OpticsError(
                f"numerical_aperture = {na:g} is beyond oil (refractive index {_OIL}); "
                "state the refractive_index of the immersion medium."
            )
        _check_length("emission_nm", self.emission_nm, 300, 1200, "nm")
        _check_length("excitation_nm", self.excitation_nm, 200, 2000, "nm")
        _check_length("pixel_size_um", self.pixel_size_um, 0.001, 50, "um")
        _check_length("z_step_um", self.z_step_um, 0.001, 500, "um")

    @property
    def cutoff_per_um(self) -> float:
        """Lateral cut-off frequency 2 NA / wavelength, in cycles per micrometre."""
        return 2e3 * self.numerical_aperture / self.emission_nm

    @property
    def cutoff_per_pixel(self) -> float:
        """Lateral cut-off frequency in cycles per pixel; 0.5 is the Nyquist limit."""
        return self.cutoff_per_um * self.pixel_size_um
