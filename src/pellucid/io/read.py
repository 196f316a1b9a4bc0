"""Reading images: TIFF, OME-TIFF, ImageJ TIFF, PNG."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import ImageError, PellucidWarning
from pellucid.io._ome import OmeMetadata, parse_ome
from pellucid.io.image import Channel, Image, Voxel, finite_positive
from pellucid.io.quiet import quiet

if TYPE_CHECKING:
    import tifffile

#: Names of MRC files, which have no first bytes of their own.
MRC_SUFFIXES = (".mrc", ".dv")
_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"

#: Micrometres of the units ImageJ writes.
_IMAGEJ_UNITS = {
    "micron": 1.0, "microns": 1.0, "micrometer": 1.0, "um": 1.0, "µm": 1.0, "\u03bcm": 1.0,
    "\\u00b5m": 1.0, "nm": 1e-3, "mm": 1e3, "cm": 1e4,
}  # fmt: skip


def read_image(path: str | Path, *, axes: str | None = None) -> Image:
    """Read an image with its axes, voxel size, channels and objective.

    Parameters
    ----------
    path : str or Path
        A TIFF (plain, OME, ImageJ) or PNG with one intensity a pixel.
    axes : str, optional
        The file's axes, such as ``"ZYX"``, for a stack that does not name them itself.

    Returns
    -------
    Image
        With Y and X last; the data keep the file's type.

    Raises
    ------
    ImageError
        If the file is missing, damaged, not such an image, or leaves its axes open.
    """
    path = Path(path)
    if path.is_dir():
        raise ImageError(f"{path} is a folder, not an image; name a file in it.")
    try:
        with path.open("rb") as stream:
            magic = stream.read(8)
    except FileNotFoundError:
        raise ImageError(f"There is no file {path}; check the name and the folder.") from None
    except OSError as error:
        raise ImageError(f"{path} cannot be read: {error.strerror or error}.") from error
    if not magic:
        raise ImageError(f"{path} is empty (0 bytes); the file was probably not copied whole.")
    if magic.startswith(_TIFF_MAGIC):
        return _read_tiff(path, axes)
    if magic == _PNG_MAGIC:
        return _read_png(path, axes)
    if path.suffix.lower() in MRC_SUFFIXES:
        from pellucid.io.mrc import read_mrc

        return read_mrc(path, axes=axes)
    raise ImageError(
        f"{path} is neither a TIFF, a PNG nor an MRC file, judging by its first bytes and name; "
        "export it as (OME-)TIFF from the program that made it."
    )


def _read_png(path: Path, axes: str | None) -> Image:
    import imagecodecs

    try:
        data = imagecodecs.png_decode(path.read_bytes())
    except (imagecodecs.PngError, ValueError) as error:
        raise ImageError(f"{path} is a damaged PNG ({error}); copy or export it again.") from error
    if data.ndim != 2:
        raise _colour_error(path, data.shape)
    return _image(path, data, axes or "YX", OmeMetadata())


def _read_tiff(path: Path, axes: str | None) -> Image:
    import tifffile

    try:
        with quiet("tifffile"), tifffile.TiffFile(path) as tiff:
            if not tiff.series:
                raise ImageError(f"{path} is a TIFF without an image; export it again.")
            series = tiff.series[0]
            if 0 in series.shape:
                raise ImageError(f"{path} holds no pixels (shape {series.shape}); export it again.")
            _check_whole(path, tiff)
            data = series.asarray()
            found, metadata = series.axes, _metadata(tiff)
            others = len(tiff.series) - 1
    except ImageError:
        raise
    except MemoryError as error:
        raise ImageError(
            f"{path} does not fit in memory; crop it, or split it into smaller files."
        ) from error
    # tifffile lets errors of many kinds through from a damaged file.
    except Exception as error:
        raise ImageError(
            f"{path} is a damaged or unsupported TIFF ({_first_line(error)}); copy or export it "
            "again."
        ) from error
    if others:
        warnings.warn(
            f"{path.name} holds {others + 1} images; only the first is read.",
            PellucidWarning,
            stacklevel=4,
        )
    if "S" in found:
        raise _colour_error(path, data.shape)
    return _image(path, data, axes or found, metadata)


def _check_whole(path: Path, tiff: tifffile.TiffFile) -> None:
    """Raise an ImageError if the file ends before its pixels do."""
    size = tiff.filehandle.size
    for page in tiff.series[0].pages:
        if page is None:
            raise ImageError(f"{path} lacks planes its header promises; copy it again.")
        counts = zip(page.dataoffsets, page.databytecounts, strict=False)
        end = max((offset + count for offset, count in counts), default=0)
        if end > size:
            raise ImageError(
                f"{path} is truncated: it has {size} bytes but its pixels reach to byte {end}; "
                "copy it again."
            )


def _image(path: Path, data: NDArray[Any], axes: str, metadata: OmeMetadata) -> Image:
    axes = axes.upper()
    unknown = [(a, n) for a, n in zip(axes, data.shape, strict=False) if a not in "TCZYX"]
    if unknown and len(axes) == data.ndim:
        example = "T" * (data.ndim > 4) + "C" * (data.ndim > 3) + "ZYX"
        lengths = " and ".join(str(n) for _, n in unknown)
        raise ImageError(
            f"{path} does not say what its axis of length {lengths} is (it reads {axes!r}); name "
            f"the axes, for example --axes {example} (T time, C channel, Z depth)."
        )
    try:
        if len(axes) == data.ndim and {"Y", "X"} <= set(axes) and not axes.endswith("YX"):
            order = [*(i for i, a in enumerate(axes) if a not in "YX"), axes.index("Y")]
            order.append(axes.index("X"))
            data, axes = data.transpose(order), "".join(axes[i] for i in order)
        native = np.ascontiguousarray(data, dtype=data.dtype.newbyteorder("="))
        count = native.shape[axes.index("C")] if "C" in axes and len(axes) == data.ndim else 1
        channels = metadata.channels if len(metadata.channels) == count else ()
        return Image(native, axes, metadata.voxel, channels, metadata.objective)
    except ImageError as error:
        raise ImageError(f"{path}: {error}") from None


def _metadata(tiff: tifffile.TiffFile) -> OmeMetadata:
    if tiff.is_ome and tiff.ome_metadata:
        try:
            return parse_ome(tiff.ome_metadata)
        except ET.ParseError:
            return OmeMetadata()
    if tiff.is_imagej and tiff.imagej_metadata:
        return _imagej_metadata(tiff, tiff.imagej_metadata)
    return OmeMetadata()


def _imagej_metadata(tiff: tifffile.TiffFile, found: dict[str, Any]) -> OmeMetadata:
    unit = _IMAGEJ_UNITS.get(str(found.get("unit", "")).strip().lower())
    tags = tiff.pages.first.tags

    def size(name: str) -> float | None:
        tag = tags.get(name)
        if tag is None or unit is None or not tag.value[0]:
            return None
        return finite_positive(unit * tag.value[1] / tag.value[0])

    spacing = found.get("spacing")
    interval = found.get("finterval")
    voxel = Voxel(
        pixel_size_um=size("XResolution"),
        pixel_size_y_um=size("YResolution"),
        z_step_um=finite_positive(unit * abs(float(spacing))) if unit and spacing else None,
        time_step_s=finite_positive(float(interval)) if interval else None,
    )
    labels = found.get("Labels") or []
    count = int(found.get("channels", 1))
    named = len(labels) == tiff.series[0].size // _plane_size(tiff) and count <= len(labels)
    channels = tuple(Channel(name=str(label)) for label in labels[:count]) if named else ()
    return OmeMetadata(voxel=voxel, channels=channels)


def _plane_size(tiff: tifffile.TiffFile) -> int:
    return int(np.prod(tiff.series[0].shape[-2:]))


def _colour_error(path: Path, shape: tuple[int, ...]) -> ImageError:
    return ImageError(
        f"{path} is a colour picture (shape {shape}), not intensities; split it into channels and "
        "save the one you need as greyscale."
    )


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
