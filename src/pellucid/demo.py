"""The demonstration: a simulated cell, or an image of the user's, restored and shown."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
from numpy.typing import NDArray

from pellucid.assess import pictures
from pellucid.assess.metrics import psnr, ssim
from pellucid.assess.report import check_available, plane_of, write_report
from pellucid.errors import OutputError
from pellucid.io.image import Channel, Image, Objective, Voxel, image_stem
from pellucid.io.read import read_image
from pellucid.io.write import write_image, write_png, write_whole
from pellucid.restore.restorer import Restored, Restorer
from pellucid.simulate.cell import CellImage, simulate_cell


@final
@dataclass(frozen=True, slots=True)
class Shown:
    """What the demonstration made.

    Attributes
    ----------
    files : tuple of Path
        In the order of interest.
    scores : dict of str to tuple of float
        PSNR in dB and SSIM by what was compared with the truth, after gain-and-offset fit;
        empty without a truth.
    seconds : float
        Time the restoration took.
    """

    files: tuple[Path, ...]
    scores: dict[str, tuple[float, float]]
    seconds: float


def show(folder: Path, *, image: Path | None = None, axes: str | None = None) -> Shown:
    """Restore an image, by default a simulated cell, and write pictures and a report.

    Parameters
    ----------
    folder : Path
        Receives the files; created if missing, files of the same names are replaced.
    image : Path, optional
        The image to restore.
    axes : str, optional
        Its axes, if the file does not name them.

    Raises
    ------
    PellucidError
        If the image cannot be restored or the files cannot be written.
    """
    check_available()
    source = read_image(image, axes=axes) if image is not None else None
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"The folder {folder} cannot be created: {error.strerror or error}; choose another."
        ) from error
    restorer = Restorer()
    if source is not None and image is not None:
        with warnings.catch_warnings(record=True) as caught:
            restored = restorer.restore(source)
        notes = tuple(str(warning.message) for warning in caught)
        for warning in caught:
            warnings.warn(warning.message, stacklevel=2)
        files = _write(folder, image_stem(image), source, restored, notes=notes)
        return Shown(files, {}, restored.seconds)
    cell = simulate_cell()
    before = _as_image(cell.recorded, cell)
    restored = restorer.restore(before)
    files = _write(folder, "cell", before, restored, truth=cell.truth)
    classical = Restorer("richardson-lucy", microscope=cell.microscope).restore(before)
    compared = {
        "before": before.data,
        "after (bcrnet-physical, blind)": restored.image.data,
        "Richardson-Lucy, 20 iterations, true PSF": classical.image.data,
    }
    scores = {
        name: (psnr(data, cell.truth, fit=True), ssim(data, cell.truth, fit=True))
        for name, data in compared.items()
    }
    return Shown(files, scores, restored.seconds)


def _as_image(data: NDArray[np.float32], cell: CellImage) -> Image:
    scope = cell.microscope
    return Image(
        data,
        "YX",
        Voxel(pixel_size_um=scope.pixel_size_um, pixel_size_y_um=scope.pixel_size_um),
        (Channel(name="tubulin", emission_nm=scope.emission_nm),),
        Objective(
            numerical_aperture=scope.numerical_aperture, refractive_index=scope.refractive_index
        ),
    )


def _write(
    folder: Path,
    name: str,
    before: Image,
    restored: Restored,
    *,
    truth: NDArray[np.float32] | None = None,
    notes: tuple[str, ...] = (),
) -> tuple[Path, ...]:
    """Write pictures, images and the report; return the files, pictures first."""
    panels = {"before": plane_of(before), "after": plane_of(restored.image)}
    if truth is not None:
        panels["truth"] = truth
    limits = pictures.contrast(panels["before"], panels["after"])
    drawn = pictures.side_by_side(panels, limits)
    files = [
        write_whole(
            folder / f"{name}-comparison.png", lambda part: part.write_bytes(drawn), overwrite=True
        )
    ]
    files += [
        write_png(folder / f"{name}-{key}.png", pictures.to_grey(panel, limits), overwrite=True)
        for key, panel in panels.items()
    ]
    files.append(
        write_image(
            restored.image,
            folder / f"{name}-restored.ome.tif",
            overwrite=True,
            annotation=restored.settings,
        )
    )
    if truth is not None:
        for key, data in (("recorded", before.data), ("truth", truth)):
            target = folder / f"{name}-{key}.ome.tif"
            files.append(write_image(before.with_data(data), target, overwrite=True))
    files.append(
        write_report(
            folder / f"{name}-report.html",
            before=before,
            restored=restored,
            source=name,
            seconds={"restoring": restored.seconds},
            notes=notes,
            overwrite=True,
        )
    )
    return tuple(files)
