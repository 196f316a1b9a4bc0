"""The microscope as far as image formation needs it."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, TypeAlias, final, get_args

from pellucid.errors import OpticsError
from pellucid.optics.aberration import Layers, zernike_orders
from pellucid.optics.modality import EXCITED, MODALITIES, LightSheet, Modality, Widefield

Theory: TypeAlias = Literal["scalar", "vectorial"]
Apodisation: TypeAlias = Literal["none", "aplanatic"]

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
    """A fluorescence microscope, in the units microscopists use.

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
    modality : Modality
        Kind of microscope; :class:`Widefield` by default.
    theory : {"scalar", "vectorial"}
        Vectorial: Richards and Wolf, averaged over the orientations of the dipoles; matters
        from an NA of about 0.9 up, and needs the refractive index.
    apodisation : {"none", "aplanatic"}
        Of the scalar theory. "none": uniform over the pupil, which gives the Airy pattern;
        "aplanatic": the sine condition, ``sqrt(cos theta)`` over the aperture's sphere, as the
        vectorial theory always has.
    zernike_waves : tuple of (int, float)
        Aberrations: OSA/ANSI index and root-mean-square phase in waves of the emission.
    layers : Layers, optional
        Specimen, coverslip and immersion that the objective was not made for.

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
    modality: Modality = field(default_factory=Widefield)
    theory: Theory = "scalar"
    apodisation: Apodisation = "none"
    zernike_waves: tuple[tuple[int, float], ...] = ()
    layers: Layers | None = None

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

        for name, legal in (("theory", get_args(Theory)), ("apodisation", get_args(Apodisation))):
            if getattr(self, name) not in legal:
                raise OpticsError(
                    f"{name} = {getattr(self, name)!r} is not known; use one of {', '.join(legal)}."
                )
        self._check_what_depends_on_the_index()
        self._check_modality()
        for number, waves in self.zernike_waves:
            zernike_orders(number)
            if not math.isfinite(waves):
                raise OpticsError(f"Zernike {number} must have a finite size, not {waves} waves.")

    def _check_what_depends_on_the_index(self) -> None:
        needing = [
            name
            for name, needed in (
                ("theory='vectorial'", self.theory == "vectorial"),
                ("apodisation='aplanatic'", self.apodisation == "aplanatic"),
                ("layers", self.layers is not None),
            )
            if needed
        ]
        if needing and self.refractive_index is None:
            raise OpticsError(
                f"{needing[0]} depends on the refractive_index of the immersion medium, which is "
                "not stated; oil is 1.515, water 1.333, air 1.0."
            )

    def _check_modality(self) -> None:
        kind: object = self.modality  # whatever was passed
        if not isinstance(kind, MODALITIES):
            names = ", ".join(kind.__name__ for kind in MODALITIES)
            raise OpticsError(f"modality must be one of {names}, not {self.modality!r}.")
        sheet = isinstance(self.modality, LightSheet) and (
            self.modality.sheet_numerical_aperture is not None
        )
        if (isinstance(self.modality, EXCITED) or sheet) and self.excitation_nm is None:
            raise OpticsError(
                f"A {type(self.modality).__name__} image depends on the excitation; give "
                "excitation_nm (--excitation)."
            )

    @property
    def cutoff_per_um(self) -> float:
        """Lateral cut-off frequency 2 NA / wavelength, in cycles per micrometre."""
        return 2e3 * self.numerical_aperture / self.emission_nm

    @property
    def cutoff_per_pixel(self) -> float:
        """Lateral cut-off frequency in cycles per pixel; 0.5 is the Nyquist limit."""
        return self.cutoff_per_um * self.pixel_size_um

    def to_json(self) -> str:
        """Describe the microscope as JSON; :meth:`from_json` reads it back."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        values["modality"] = {"kind": type(self.modality).__name__, **asdict(self.modality)}
        values["layers"] = None if self.layers is None else asdict(self.layers)
        return json.dumps(values)

    @classmethod
    def from_json(cls, text: str) -> Microscope:
        """Read a description that :meth:`to_json` wrote.

        Raises
        ------
        OpticsError
            If it is not such a description or its values are impossible.
        """
        try:
            values: dict[str, Any] = json.loads(text)
            modality = dict(values.pop("modality", {"kind": "Widefield"}))
            kind = {c.__name__: c for c in MODALITIES}[modality.pop("kind")]
            layers = values.pop("layers", None)
            zernike = values.pop("zernike_waves", ())
            return cls(
                modality=kind(**modality),
                layers=None if layers is None else Layers(**layers),
                zernike_waves=tuple((int(j), float(w)) for j, w in zernike),
                **values,
            )
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise OpticsError(
                f"This is not a microscope in JSON ({error}); write one with Microscope.to_json."
            ) from error
