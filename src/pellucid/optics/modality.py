"""Kinds of microscope, as far as they shape the point spread function."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias, final

from pellucid.errors import OpticsError


def _positive(owner: str, name: str, value: float) -> None:
    if not math.isfinite(value) or value <= 0:
        raise OpticsError(f"{name} of {owner} must be a positive number, not {value}.")


def _exactly_one(owner: str, **values: float | None) -> None:
    given = {name: value for name, value in values.items() if value is not None}
    if len(given) != 1:
        raise OpticsError(
            f"{owner} needs exactly one of {' and '.join(values)}, not {given or 'none of them'}."
        )
    for name, value in given.items():
        _positive(owner, name, value)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Widefield:
    """Even illumination, camera detection: ``h = h_em``."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Confocal:
    """A scanned focus and a pinhole: ``h = h_ex (h_em * pinhole)`` (Eq. 2 of the paper).

    Parameters
    ----------
    pinhole_um : float, optional
        Diameter of the pinhole, projected into the specimen, micrometres.
    airy_units : float, optional
        The same in Airy units, ``1.22 wavelength_em / NA``. Exactly one of the two.
    """

    pinhole_um: float | None = None
    airy_units: float | None = None

    def __post_init__(self) -> None:
        _exactly_one("Confocal", pinhole_um=self.pinhole_um, airy_units=self.airy_units)

    def pinhole_diameter_um(self, numerical_aperture: float, emission_nm: float) -> float:
        """Return the pinhole's diameter in the specimen, micrometres."""
        if self.pinhole_um is not None:
            return self.pinhole_um
        return (self.airy_units or 0.0) * 1.22e-3 * emission_nm / numerical_aperture


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SpinningDisk:
    """Many pinholes at once, each for excitation and emission, before a camera.

    Parameters
    ----------
    pinhole_um : float
        Diameter of a pinhole, projected into the specimen, micrometres.
    spacing_um : float
        Distance of neighbouring pinholes (square lattice), projected likewise. Light that
        comes through a neighbour's pinhole is the haze of such instruments.
    """

    pinhole_um: float
    spacing_um: float

    def __post_init__(self) -> None:
        _positive("SpinningDisk", "pinhole_um", self.pinhole_um)
        _positive("SpinningDisk", "spacing_um", self.spacing_um)
        if self.spacing_um <= self.pinhole_um:
            raise OpticsError(
                f"spacing_um = {self.spacing_um:g} of SpinningDisk must exceed pinhole_um = "
                f"{self.pinhole_um:g}, or the pinholes overlap; check both (in the specimen)."
            )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class LightSheet:
    """A Gaussian sheet of light in the focal plane, camera detection.

    Parameters
    ----------
    sheet_numerical_aperture : float, optional
        Numerical aperture of the Gaussian beam that forms the sheet: waist (1/e^2 radius)
        ``wavelength_ex / (pi NA)``.
    thickness_um : float, optional
        Full width at half maximum of the sheet, micrometres. Exactly one of the two.
    """

    sheet_numerical_aperture: float | None = None
    thickness_um: float | None = None

    def __post_init__(self) -> None:
        _exactly_one(
            "LightSheet",
            sheet_numerical_aperture=self.sheet_numerical_aperture,
            thickness_um=self.thickness_um,
        )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class TwoPhoton:
    """Scanned two-photon excitation, all emission collected: ``h = h_ex^2``."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Sted:
    """A scanned focus whose rim is switched off by a doughnut of depletion light.

    ``h = h_ex exp(-ln 2 saturation h_doughnut / max h_doughnut)``: at the doughnut's crest
    the fluorescence falls to ``2**-saturation``.

    Parameters
    ----------
    saturation : float
        Peak depletion intensity over the saturation intensity; 0 is a confocal with an open
        pinhole.
    depletion_nm : float
        Wavelength of the depletion light, nanometres.
    """

    saturation: float
    depletion_nm: float = 775.0

    def __post_init__(self) -> None:
        if not math.isfinite(self.saturation) or self.saturation < 0:
            raise OpticsError(
                f"saturation of Sted must be zero or a positive number, not {self.saturation}."
            )
        if not 300 <= self.depletion_nm <= 2000:
            raise OpticsError(
                f"depletion_nm = {self.depletion_nm:g} of Sted is outside 300 to 2000 nm; check "
                "that it is given in nm."
            )


Modality: TypeAlias = Widefield | Confocal | SpinningDisk | LightSheet | TwoPhoton | Sted
#: Every modality by the name it has in JSON.
MODALITIES = (Widefield, Confocal, SpinningDisk, LightSheet, TwoPhoton, Sted)
#: Those whose image depends on the excitation wavelength, always or in one of their forms.
EXCITED = (Confocal, SpinningDisk, TwoPhoton, Sted)
