"""A point spread function as a file: what ``pellucid psf`` does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, final

from pellucid.errors import OpticsError
from pellucid.io.image import Channel, Image, Objective, Voxel, image_stem
from pellucid.io.write import check_writable, write_image, write_whole
from pellucid.optics.microscope import Microscope
from pellucid.optics.modality import (
    Confocal,
    LightSheet,
    Modality,
    SpinningDisk,
    Sted,
    TwoPhoton,
    Widefield,
)
from pellucid.optics.presets import objective as find_objective
from pellucid.optics.psf import point_spread_function
from pellucid.optics.transfer import check_sampling


@final
@dataclass(frozen=True, slots=True)
class Written:
    """What was written, and what a user should know about it."""

    files: tuple[Path, ...]
    sampling: str
    outside: float


def describe(
    *,
    objective: str | None = None,
    modality: str = "widefield",
    pinhole_um: float | None = None,
    airy_units: float | None = None,
    spacing_um: float | None = None,
    thickness_um: float | None = None,
    saturation: float | None = None,
    **optics: Any,
) -> Microscope:
    """Put a microscope together from options; ask for what is missing.

    Parameters
    ----------
    objective : str, optional
        A name from :data:`pellucid.optics.OBJECTIVES`, instead of aperture and index.
    modality : str
        By its name on the command line.
    pinhole_um, airy_units, spacing_um, thickness_um, saturation : float, optional
        Of the modalities that have them; an error with any other.
    **optics
        Fields of :class:`Microscope`; None where nothing was stated.

    Raises
    ------
    OpticsError
        In one sentence, naming the options.
    """
    if objective is not None:
        lens = find_objective(objective)
        for name in ("numerical_aperture", "refractive_index"):
            if optics.get(name) is None:
                optics[name] = getattr(lens, name)
    names = {
        "numerical_aperture": "--na (or --objective)",
        "emission_nm": "--emission (nm)",
        "pixel_size_um": "--pixel-size (um)",
    }
    missing = [option for name, option in names.items() if optics.get(name) is None]
    if missing:
        raise OpticsError(f"A point spread function needs {', '.join(missing)}.")
    details = {
        "pinhole_um": pinhole_um,
        "airy_units": airy_units,
        "spacing_um": spacing_um,
        "thickness_um": thickness_um,
        "saturation": saturation,
    }
    return Microscope(modality=_modality(modality, details), **optics)


def write_psf(
    microscope: Microscope,
    path: Path,
    *,
    size: int,
    planes: int,
    show: bool = False,
    overwrite: bool = False,
) -> Written:
    """Write a point spread function as OME-TIFF with its voxel size, and a picture of it.

    Raises
    ------
    PellucidError
        If the numbers are impossible or the files cannot be written; then none is.
    """
    if size < 1 or planes < 1:
        raise OpticsError(f"size and planes must be at least 1, not {size} and {planes}.")
    if planes % 2 == 0:
        raise OpticsError(
            f"planes = {planes} is even, so that no plane lies in the middle; use {planes + 1}."
        )
    picture = path.with_name(image_stem(path) + ".png")
    check_writable(path, overwrite=overwrite)
    if show:
        check_writable(picture, overwrite=overwrite)
    volume = planes > 1
    psf = point_spread_function(microscope, (planes, size, size) if volume else (size, size))
    image = Image(
        psf.data,
        "ZYX" if volume else "YX",
        Voxel(
            pixel_size_um=microscope.pixel_size_um,
            pixel_size_y_um=microscope.pixel_size_um,
            z_step_um=microscope.z_step_um if volume else None,
        ),
        (Channel(emission_nm=microscope.emission_nm, excitation_nm=microscope.excitation_nm),),
        Objective(
            numerical_aperture=microscope.numerical_aperture,
            refractive_index=microscope.refractive_index,
        ),
    )
    files = []
    if show:
        from pellucid.assess.psf_picture import psf_picture

        kind = type(microscope.modality).__name__
        drawn = psf_picture(
            psf.data,
            microscope,
            f"{kind}, NA {microscope.numerical_aperture:g}, {microscope.emission_nm:g} nm",
        )
        files.append(
            write_whole(picture, lambda part: part.write_bytes(drawn), overwrite=overwrite)
        )
    files.insert(
        0,
        write_image(
            image, path, overwrite=overwrite, annotation={"microscope": microscope.to_json()}
        ),
    )
    return Written(tuple(files), check_sampling(microscope).sentence, psf.outside)


def _confocal(details: dict[str, float | None]) -> Modality:
    pinhole, airy = details["pinhole_um"], details["airy_units"]
    if pinhole is None and airy is None:
        airy = 1.0
    return Confocal(pinhole_um=pinhole, airy_units=airy)


def _spinning_disk(details: dict[str, float | None]) -> Modality:
    pinhole, spacing = details["pinhole_um"], details["spacing_um"]
    if pinhole is None or spacing is None:
        raise OpticsError("A spinning-disk needs --pinhole and --spacing (um, in the specimen).")
    return SpinningDisk(pinhole_um=pinhole, spacing_um=spacing)


def _light_sheet(details: dict[str, float | None]) -> Modality:
    if details["thickness_um"] is None:
        raise OpticsError("A light-sheet needs --thickness (full width at half maximum, um).")
    return LightSheet(thickness_um=details["thickness_um"])


def _sted(details: dict[str, float | None]) -> Modality:
    if details["saturation"] is None:
        raise OpticsError("STED needs --saturation (depletion over saturation intensity).")
    return Sted(saturation=details["saturation"])


#: Builder of every modality and the details it takes.
_BUILDERS: MappingProxyType[
    str, tuple[Callable[[dict[str, float | None]], Modality], frozenset[str]]
] = MappingProxyType(
    {
        "widefield": (lambda _: Widefield(), frozenset()),
        "confocal": (_confocal, frozenset({"pinhole_um", "airy_units"})),
        "spinning-disk": (_spinning_disk, frozenset({"pinhole_um", "spacing_um"})),
        "light-sheet": (_light_sheet, frozenset({"thickness_um"})),
        "two-photon": (lambda _: TwoPhoton(), frozenset()),
        "sted": (_sted, frozenset({"saturation"})),
    }
)


def _modality(name: str, details: dict[str, float | None]) -> Modality:
    if name not in _BUILDERS:
        raise OpticsError(f"There is no modality {name!r}; choose one of {', '.join(_BUILDERS)}.")
    build, taken = _BUILDERS[name]
    strange = [key for key, value in details.items() if value is not None and key not in taken]
    if strange:
        option = "--" + strange[0].removesuffix("_um").replace("_", "-")
        raise OpticsError(f"{option} does not belong to {name}; leave it out.")
    return build(details)
