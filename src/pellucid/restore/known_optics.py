"""Optics pieced together from what the user states and what the file says."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import final

from pellucid.errors import OpticsError
from pellucid.io.image import Image
from pellucid.optics.microscope import Microscope

#: How each value is asked for on the command line.
_OPTIONS = {
    "numerical_aperture": "--na",
    "emission_nm": "--emission (nm)",
    "pixel_size_um": "--pixel-size (um)",
    "refractive_index": "--refractive-index",
    "z_step_um": "--z-step (um)",
}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class KnownOptics:
    """What is known of a microscope; None where nothing is. See :class:`Microscope`."""

    numerical_aperture: float | None = None
    emission_nm: float | None = None
    excitation_nm: float | None = None
    refractive_index: float | None = None
    pixel_size_um: float | None = None
    z_step_um: float | None = None

    @classmethod
    def of(cls, microscope: Microscope) -> KnownOptics:
        """Return all that a microscope states."""
        return cls(**{field.name: getattr(microscope, field.name) for field in fields(cls)})

    def completed_by(self, image: Image, channel: int) -> KnownOptics:
        """Fill what is missing from an image's metadata; what is stated wins."""
        light = image.channel(channel)
        found = {
            "numerical_aperture": image.objective.numerical_aperture,
            "refractive_index": image.objective.refractive_index,
            "emission_nm": light.emission_nm,
            "excitation_nm": light.excitation_nm,
            "pixel_size_um": image.voxel.pixel_size_um,
            "z_step_um": image.voxel.z_step_um,
        }
        stated = {field.name: getattr(self, field.name) for field in fields(self)}
        return KnownOptics(
            **{name: found[name] if value is None else value for name, value in stated.items()}
        )

    def microscope(self, *, method: str, volume: bool) -> Microscope:
        """Return the microscope, or ask for what it lacks.

        Parameters
        ----------
        method : str
            What needs it, for the message.
        volume : bool
            Whether a three-dimensional point spread function is wanted.

        Raises
        ------
        OpticsError
            In one sentence, naming the options that state the missing values.
        """
        needed = ["numerical_aperture", "emission_nm", "pixel_size_um"]
        if volume:
            needed += ["refractive_index", "z_step_um"]
        missing = [name for name in needed if getattr(self, name) is None]
        if missing:
            asked = ", ".join(f"{_OPTIONS[name]}" for name in missing)
            raise OpticsError(
                f"The method {method} needs the optics, and the file does not state all of it: "
                f"give {asked}."
            )
        return Microscope(**{field.name: getattr(self, field.name) for field in fields(self)})

    @property
    def cutoff_per_pixel(self) -> float | None:
        """Lateral cut-off in cycles per pixel, as far as it is known."""
        if not (self.numerical_aperture and self.emission_nm and self.pixel_size_um):
            return None
        return 2e3 * self.numerical_aperture / self.emission_nm * self.pixel_size_um
