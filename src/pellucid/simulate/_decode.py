"""Picture files decoded into planes of brightness: PNG, JPEG, TIFF."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import ImageError
from pellucid.io.image import check_intensities
from pellucid.io.quiet import quiet

if TYPE_CHECKING:
    import tifffile

Plane: TypeAlias = tuple[str, NDArray[Any]]

_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_JPEG_MAGIC = b"\xff\xd8\xff"

#: Luminance of red, green and blue, ITU-R BT.709.
LUMINANCE = (0.2126, 0.7152, 0.0722)

#: Types kept as they are; all others become float32.
_KEPT = ("uint8", "int8", "uint16", "int16", "float32")


def read_bytes(path: Path) -> bytes:
    """Read a file whole, or raise an ImageError that names it."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ImageError(f"There is no file {path}; check the name and the folder.") from None
    except OSError as error:
        raise ImageError(f"{path} cannot be read: {error.strerror or error}.") from error


def decode(path: Path, raw: bytes) -> list[Plane]:
    """Decode a picture file into its planes.

    Parameters
    ----------
    path : Path
        For messages.
    raw : bytes
        Content of the file; its first bytes tell the format.

    Returns
    -------
    list of (str, ndarray of shape (y, x))
        What to append to the file's name (empty for a single plane, such as ``"#c1"`` for
        the second channel), and the values. Colour becomes one plane of luminance.

    Raises
    ------
    ImageError
        If the file is damaged, of another format, or holds no intensities.
    """
    try:
        if raw.startswith(_TIFF_MAGIC):
            planes = _decode_tiff(raw)
        elif raw.startswith(_PNG_MAGIC):
            planes = [("", _decode_png(raw))]
        elif raw.startswith(_JPEG_MAGIC):
            planes = [("", _decode_jpeg(raw))]
        else:
            raise ImageError("neither PNG, JPEG nor TIFF, judging by its first bytes")
        for _, plane in planes:
            check_intensities(plane)
    except MemoryError as error:
        raise ImageError(f"{path} does not fit in memory; crop it.") from error
    # The decoders let errors of many kinds through from a damaged file.
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
        raise ImageError(
            f"{path} is not a picture that can be read ({reason}); remove it, or leave such files "
            "out with skip_unreadable=True."
        ) from error
    return [(name, _kept(plane)) for name, plane in planes]


def tiff_planes(path: Path) -> list[str]:
    """Name the planes of a TIFF without decoding it, as `decode` will."""
    import tifffile

    try:
        with quiet("tifffile"), tifffile.TiffFile(path) as tiff:
            return [name for name, _ in _tiff_layout(tiff)[1]]
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
        raise ImageError(
            f"{path} is not a picture that can be read ({reason}); remove it, or leave such files "
            "out with skip_unreadable=True."
        ) from error


def luminance(colour: NDArray[Any]) -> NDArray[np.float32]:
    """Weigh red, green and blue, the last axis, as they are stored; more channels are dropped."""
    weights = np.array(LUMINANCE, dtype=np.float32)
    weighed: NDArray[np.float32] = colour[..., :3].astype(np.float32) @ weights
    return weighed


def _kept(plane: NDArray[Any]) -> NDArray[Any]:
    native = plane.dtype.newbyteorder("=")
    kind = native if native.name in _KEPT else np.dtype(np.float32)
    return np.ascontiguousarray(plane, dtype=kind)


def _decode_png(raw: bytes) -> NDArray[Any]:
    import imagecodecs

    data: NDArray[Any] = imagecodecs.png_decode(raw)
    if data.ndim == 2:
        return data
    # Grey with alpha has two samples, colour three, colour with alpha four.
    return data[..., 0] if data.shape[-1] == 2 else luminance(data)


def _decode_jpeg(raw: bytes) -> NDArray[Any]:
    import imagecodecs

    # The decoder fills what is missing with grey and says nothing.
    if raw.rfind(b"\xff\xd9") < raw.rfind(b"\xff\xda"):
        raise ImageError("the JPEG is cut short")
    data: NDArray[Any] = imagecodecs.jpeg_decode(raw)
    if data.ndim == 2:
        return data
    if data.shape[-1] == 4:
        # Cyan, magenta, yellow and black as Adobe stores them: 255 means no ink.
        return luminance(data[..., :3].astype(np.float32) * (data[..., 3:] / np.float32(255.0)))
    return luminance(data)


def _decode_tiff(raw: bytes) -> list[Plane]:
    import tifffile

    with quiet("tifffile"), tifffile.TiffFile(BytesIO(raw)) as tiff:
        samples, layout = _tiff_layout(tiff)
        data = tiff.series[0].asarray()
    axes = tiff.series[0].axes
    order = [i for i, axis in enumerate(axes) if axis not in "YX" and i != samples]
    order += [axes.index("Y"), axes.index("X")]
    if samples is not None:
        data = luminance(data.transpose([*order, samples]))
    else:
        data = data.transpose(order)
    return [(name, data[index]) for name, index in layout]


def _tiff_layout(
    tiff: tifffile.TiffFile,
) -> tuple[int | None, list[tuple[str, tuple[int, ...]]]]:
    """Return the axis of red, green and blue, if any, and the name and index of every plane."""
    import tifffile

    if not tiff.series:
        raise ImageError("a TIFF without an image")
    series = tiff.series[0]
    axes, shape = series.axes, series.shape
    if "Y" not in axes or "X" not in axes or 0 in shape:
        raise ImageError(f"a TIFF of axes {axes} and shape {shape}")
    photometric = series.keyframe.photometric
    rgb = photometric in (tifffile.PHOTOMETRIC.RGB, tifffile.PHOTOMETRIC.YCBCR)
    colour = "S" in axes and rgb
    samples = axes.index("S") if colour else None
    outer = [i for i, axis in enumerate(axes) if axis not in "YX" and i != samples]
    if samples is not None and shape[samples] < 3:
        raise ImageError(f"a colour TIFF of {shape[samples]} samples a pixel")
    layout = []
    for index in np.ndindex(*(shape[i] for i in outer)):
        places = zip(outer, index, strict=True)
        width = {i: len(str(shape[i] - 1)) for i in outer}
        parts = [f"{axes[i].lower()}{k:0{width[i]}d}" for i, k in places if shape[i] > 1]
        layout.append(("#" + "".join(parts) if parts else "", index))
    return samples, layout
