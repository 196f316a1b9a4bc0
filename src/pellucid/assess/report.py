"""One self-contained page that shows what a restoration did to an image."""

from __future__ import annotations

import json
from base64 import b64encode
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.assess import pictures
from pellucid.errors import require
from pellucid.io.image import Image
from pellucid.io.provenance import versions
from pellucid.io.write import write_whole
from pellucid.restore.restorer import Restored

_MOST_CHANNELS = 4


def check_available() -> None:
    """Raise a MissingDependencyError if reports cannot be written, before any work is done."""
    for package in ("jinja2", "matplotlib"):
        if find_spec(package) is None:
            raise require(package, extra="report", purpose="write reports")


def write_report(
    path: Path,
    *,
    before: Image,
    restored: Restored,
    source: str,
    seconds: dict[str, float],
    notes: tuple[str, ...] = (),
    cutoff_per_pixel: float | None = None,
    overwrite: bool = False,
) -> Path:
    """Write the report as one HTML file without links to anything else.

    Parameters
    ----------
    path : Path
        The file to write.
    before : Image
        What was restored.
    restored : Restored
        The result with its settings.
    source : str
        Name of the file or specimen.
    seconds : dict of str to float
        Wall time by step.
    notes : tuple of str
        Warnings that came up.
    cutoff_per_pixel : float, optional
        Cut-off of the optics where known, drawn into the spectra.
    overwrite : bool
        Replace a file that is already there.

    Raises
    ------
    MissingDependencyError
        If matplotlib or jinja2 is not installed.
    OutputError
        If the file exists or cannot be written.
    """
    check_available()
    import jinja2

    template = resources.files("pellucid.assess").joinpath("report.html.j2").read_text("utf-8")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    page = environment.from_string(template).render(
        source=source,
        shape=" x ".join(str(n) for n in before.data.shape),
        axes=before.axes,
        dtype=str(before.data.dtype),
        pixel_size_um=before.voxel.pixel_size_um,
        planes=[
            _plane(before, restored.image, channel, cutoff_per_pixel)
            for channel in range(min(before.size("C"), _MOST_CHANNELS))
        ],
        left_out=max(0, before.size("C") - _MOST_CHANNELS),
        settings={key: json.dumps(value) for key, value in restored.settings.items()},
        seconds={key: f"{value:.2f} s" for key, value in seconds.items()},
        notes=notes,
        versions=versions(),
    )
    return write_whole(path, lambda part: part.write_text(page, "utf-8"), overwrite=overwrite)


def _plane(
    before: Image, after: Image, channel: int, cutoff_per_pixel: float | None
) -> dict[str, Any]:
    """Draw the middle plane of a channel."""
    index, where = middle_plane(before, channel)
    old, new = before.data[index], after.data[index]
    limits = pictures.contrast(old, new)
    drawn, row = pictures.profile(old, new, before.voxel.pixel_size_um)
    return {
        "name": before.channel(channel).name or f"channel {channel}",
        "where": where,
        "limits": limits,
        "images": _embedded(pictures.difference(old, new, limits)),
        "profile": _embedded(drawn),
        "row": row,
        "spectra": _embedded(pictures.power_spectra(old, new, cutoff_per_pixel)),
        "mean_before": float(old.mean(dtype=np.float64)),
        "mean_after": float(new.mean(dtype=np.float64)),
    }


def middle_plane(image: Image, channel: int) -> tuple[tuple[int | slice, ...], str]:
    """Return the index of a channel's middle plane, and its place in words."""
    index: list[int | slice] = []
    words = []
    for axis, length in zip(image.axes, image.data.shape, strict=True):
        if axis in "YX":
            index.append(slice(None))
        elif axis == "C":
            index.append(channel)
        else:
            index.append(length // 2)
            words.append(f"{axis} = {length // 2} of {length}")
    return tuple(index), ", ".join(words)


def _embedded(png: bytes) -> str:
    return "data:image/png;base64," + b64encode(png).decode("ascii")


def plane_of(image: Image, channel: int = 0) -> NDArray[Any]:
    """Return the middle plane of a channel."""
    plane: NDArray[Any] = image.data[middle_plane(image, channel)[0]]
    return plane
