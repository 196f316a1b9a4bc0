"""Microscopes with names: common objectives, and the paper's simulated instruments."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import final

from pellucid.errors import OpticsError
from pellucid.optics.microscope import Microscope
from pellucid.optics.modality import Confocal, Modality, Widefield


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveLens:
    """An objective: magnification, numerical aperture and immersion."""

    magnification: float
    numerical_aperture: float
    refractive_index: float

    def microscope(
        self,
        *,
        emission_nm: float,
        camera_pixel_um: float = 6.5,
        excitation_nm: float | None = None,
        z_step_um: float | None = None,
        modality: Modality | None = None,
    ) -> Microscope:
        """Return a microscope with this objective before a camera of given pixels."""
        return Microscope(
            numerical_aperture=self.numerical_aperture,
            emission_nm=emission_nm,
            excitation_nm=excitation_nm,
            refractive_index=self.refractive_index,
            pixel_size_um=camera_pixel_um / self.magnification,
            z_step_um=z_step_um,
            modality=modality or Widefield(),
        )


def _lens(magnification: float, numerical_aperture: float, index: float) -> ObjectiveLens:
    return ObjectiveLens(
        magnification=magnification,
        numerical_aperture=numerical_aperture,
        refractive_index=index,
    )


#: Common objectives by the name on their barrel.
OBJECTIVES = MappingProxyType(
    {
        "10x/0.3 air": _lens(10, 0.3, 1.0),
        "20x/0.5 air": _lens(20, 0.5, 1.0),
        "20x/0.8 air": _lens(20, 0.8, 1.0),
        "40x/0.95 air": _lens(40, 0.95, 1.0),
        "40x/1.15 water": _lens(40, 1.15, 1.333),
        "60x/1.2 water": _lens(60, 1.2, 1.333),
        "63x/1.3 glycerol": _lens(63, 1.3, 1.46),
        "40x/1.3 oil": _lens(40, 1.3, 1.515),
        "63x/1.4 oil": _lens(63, 1.4, 1.515),
        "100x/1.4 oil": _lens(100, 1.4, 1.515),
        "100x/1.45 oil": _lens(100, 1.45, 1.515),
        "100x/1.49 oil TIRF": _lens(100, 1.49, 1.515),
    }
)

#: Ranges of the paper's simulation (Section 3.2), in nanometres where they are lengths.
PAPER_NUMERICAL_APERTURE = (0.4, 1.0)
PAPER_EXCITATION_NM = (450.0, 490.0)
PAPER_EMISSION_NM = (450.0, 600.0)
PAPER_REFRACTIVE_INDEX = 1.33


def objective(name: str) -> ObjectiveLens:
    """Return an objective by its name, or say which there are."""
    if name not in OBJECTIVES:
        raise OpticsError(f"There is no objective {name!r}; choose one of {', '.join(OBJECTIVES)}.")
    return OBJECTIVES[name]


def paper_microscope(
    kind: str,
    *,
    numerical_aperture: float,
    excitation_nm: float,
    emission_nm: float,
    pixel_size_um: float = 0.1,
    z_step_um: float | None = None,
) -> Microscope:
    """Return a microscope of the paper's simulation (Section 3.2, Eq. 2).

    Both kinds use Eq. 2, ``h = h_ex (h_em * pinhole)``: "confocal" with a pinhole of 0.1 um,
    "widefield" with one of 1000 um. So wide a pinhole lets all emission through, and the
    paper's "widefield" tends to the focused excitation ``h_ex`` alone, not to the ``h_em`` of
    a camera image under even illumination.

    Parameters
    ----------
    kind : {"widefield", "confocal"}
    numerical_aperture, excitation_nm, emission_nm : float
        Within the paper's ranges: 0.4 to 1.0, 450 to 490 nm, 450 to 600 nm.
    pixel_size_um : float
    z_step_um : float, optional

    Raises
    ------
    OpticsError
        If the kind is unknown or a value lies outside the paper's ranges.
    """
    pinholes = {"widefield": 1000.0, "confocal": 0.1}
    if kind not in pinholes:
        raise OpticsError(f"The paper simulates {' and '.join(pinholes)}, not {kind!r}.")
    for name, value, (low, high) in (
        ("numerical_aperture", numerical_aperture, PAPER_NUMERICAL_APERTURE),
        ("excitation_nm", excitation_nm, PAPER_EXCITATION_NM),
        ("emission_nm", emission_nm, PAPER_EMISSION_NM),
    ):
        if not low <= value <= high:
            raise OpticsError(
                f"{name} = {value:g} is outside the paper's range, {low:g} to {high:g}; use "
                "Microscope for other values."
            )
    return Microscope(
        numerical_aperture=numerical_aperture,
        emission_nm=emission_nm,
        excitation_nm=excitation_nm,
        refractive_index=PAPER_REFRACTIVE_INDEX,
        pixel_size_um=pixel_size_um,
        z_step_um=z_step_um,
        modality=Confocal(pinhole_um=pinholes[kind]),
    )
