"""Optics pieced together from what the user states and what the file says."""

from __future__ import annotations

from dataclasses import dataclass, replace
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


_VALUES = (
    "numerical_aperture",
    "emission_nm",
    "excitation_nm",
    "refractive_index",
    "pixel_size_um",
    "z_step_um",
)


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
    #: A whole microscope these values belong to: its modality, theory and aberrations.
    base: Microscope | None = None

    @classmethod
    def of(cls, microscope: Microscope) -> KnownOptics:
        """Return all that a microscope states."""
        return cls(**{name: getattr(microscope, name) for name in _VALUES}, base=microscope)

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
        stated = {name: getattr(self, name) for name in _VALUES}
        return KnownOptics(
            **{name: found[name] if value is None else value for name, value in stated.items()},
            base=self.base,
        )

    def microscope(self, *, method: str, volume: bool) -> Microscope:
        """Return the microscope, or ask for what it lacks.

        Parameters
        ----------
        method : str
            What needs it, to begin the message with.
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
                f"{method} needs the optics, and the file does not state all of it: give {asked}."
            )
        values = {name: getattr(self, name) for name in _VALUES}
        return Microscope(**values) if self.base is None else replace(self.base, **values)

    @property
    def cutoff_per_pixel(self) -> float | None:
        """Lateral cut-off in cycles per pixel, as far as it is known."""
        if not (self.numerical_aperture and self.emission_nm and self.pixel_size_um):
            return None
        return 2e3 * self.numerical_aperture / self.emission_nm * self.pixel_size_um


def microscope_of(
    image: Image, channel: int = 0, *, known: KnownOptics | None = None
) -> Microscope:
    """Return the microscope an image's metadata describe.

    Parameters
    ----------
    image : Image
    channel : int
        Whose wavelengths to take.
    known : KnownOptics, optional
        What to take instead of the metadata, or beside them.

    Raises
    ------
    OpticsError
        If numerical aperture, emission or pixel size is neither stated nor in the metadata;
        for a stack also refractive index and z step.
    """
    found = (known or KnownOptics()).completed_by(image, channel)
    return found.microscope(method="A microscope", volume=image.size("Z") > 1)
