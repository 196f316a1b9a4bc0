"""Writing images: OME-TIFF and PNG, whole or not at all."""

from __future__ import annotations

import errno
import os
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pellucid.errors import ImageError, OutputError, PellucidWarning
from pellucid.io._ome import build_ome
from pellucid.io.image import Image

#: Types the OME data model has a name for.
OME_TYPES = ("uint8", "uint16", "uint32", "int8", "int16", "int32", "float32", "float64")


def write_image(
    image: Image,
    path: str | Path,
    *,
    overwrite: bool = False,
    annotation: Mapping[str, Any] | None = None,
) -> Path:
    """Write an image as OME-TIFF, with its axes, voxel size, channels and objective.

    The file is written under a temporary name in the same folder and renamed when it is
    complete.

    Parameters
    ----------
    image : Image
    path : str or Path
        Ends with ``.tif`` or ``.tiff``.
    overwrite : bool
        Replace a file that is already there.
    annotation : mapping, optional
        How the image was made; kept in the file as JSON.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    OutputError
        If the name is not a TIFF's, the file exists, or it cannot be written.
    """
    import tifffile

    path = Path(path)
    if path.suffix.lower() not in (".tif", ".tiff"):
        raise OutputError(
            f"{path} does not end with .tif or .tiff, but results are OME-TIFF; name it "
            f"{path.stem}.ome.tif."
        )
    if str(image.data.dtype) not in OME_TYPES:
        raise OutputError(
            f"OME-TIFF has no type {image.data.dtype}; use one of {', '.join(OME_TYPES)}."
        )
    xml = build_ome(image, annotation)

    def write(temporary: Path) -> None:
        tifffile.imwrite(
            temporary,
            image.data,
            photometric="minisblack",
            planarconfig=None,
            description=xml,
            metadata=None,
            bigtiff=image.data.nbytes > 2**32 - 2**25,
        )

    return write_whole(path, write, overwrite=overwrite)


def write_png(path: str | Path, pixels: NDArray[np.uint8], *, overwrite: bool = False) -> Path:
    """Write 8-bit grey values, shape (y, x), as PNG; see :func:`write_image` for the rest."""
    import imagecodecs

    encoded = imagecodecs.png_encode(np.ascontiguousarray(pixels))
    return write_whole(Path(path), lambda part: part.write_bytes(encoded), overwrite=overwrite)


def check_writable(path: Path, *, overwrite: bool) -> None:
    """Raise an OutputError if a file cannot come to stand at `path`, before any work is done."""
    if path.is_dir():
        raise OutputError(f"{path} is a folder; name a file in it.")
    if path.exists() and not overwrite:
        raise OutputError(f"{path} exists already; choose another name or pass --overwrite.")
    folder = path.parent
    if not folder.is_dir():
        raise OutputError(f"There is no folder {folder} to write {path.name} in; create it first.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"The folder {folder} is not writable; choose another with -o.")


def write_whole(path: Path, write: Callable[[Path], object], *, overwrite: bool) -> Path:
    """Let `write` fill a temporary file beside `path`, then rename it; leave no half file.

    Raises
    ------
    OutputError
        If the file exists and `overwrite` is false, or it cannot be written.
    """
    check_writable(path, overwrite=overwrite)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        write(temporary)
        if path.exists() and not overwrite:  # it appeared in the meantime
            raise OutputError(f"{path} exists already; choose another name or pass --overwrite.")
        temporary.replace(path)
    except OSError as error:
        # numpy reports a short write, which means a full disk, without an error number
        full = error.errno in (None, errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        raise OutputError(
            f"{path} cannot be written: {error.strerror or error}; "
            + ("free some space or choose another disk with -o." if full else "choose another -o.")
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
    return path


def cast(image: Image, dtype: DTypeLike) -> Image:
    """Return an image in another type; integers are rounded and clipped, with a warning.

    Warns
    -----
    PellucidWarning
        If pixels lie outside the range of an integer type; says how many were clipped.
    """
    target = np.dtype(dtype)
    if target.kind not in "uif":
        raise ImageError(f"An image cannot be of type {target}; use an integer or float type.")
    if target.kind == "f":
        return image.with_data(image.data.astype(target))
    limits = np.iinfo(target)
    rounded = np.rint(image.data.astype(np.float64, copy=False))
    clipped = int(np.count_nonzero((rounded < limits.min) | (rounded > limits.max)))
    if clipped:
        warnings.warn(
            f"{clipped} of {rounded.size} pixels lay outside {limits.min} to {limits.max} and were "
            f"clipped to {target}; the default, float32, keeps them.",
            PellucidWarning,
            stacklevel=2,
        )
    return image.with_data(np.clip(rounded, limits.min, limits.max).astype(target))
