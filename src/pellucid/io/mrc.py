"""Reading MRC files, as electron microscopes, DeltaVision and SIM microscopes write them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import ImageError
from pellucid.io._mrc_header import HEADER_BYTES, MrcHeader, parse_header
from pellucid.io.image import Channel, Image, Voxel


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class MrcFile:
    """An MRC file whose header has been read and whose data have not.

    Attributes
    ----------
    path : Path
    header : MrcHeader
        What the file says of itself; see there for units.
    offset : int
        Byte at which the data begin.
    """

    path: Path
    header: MrcHeader
    offset: int

    def memory_map(self) -> NDArray[Any]:
        """Return the data as stored, read from the disk when they are used.

        Returns
        -------
        ndarray, shape `header.shape`
            Read-only, of `header.dtype`, in the order of `header.axes`.
        """
        try:
            return np.memmap(
                self.path,
                dtype=self.header.dtype,
                mode="r",
                offset=self.offset,
                shape=self.header.shape,
            )
        except (OSError, ValueError) as error:
            raise ImageError(f"{self.path} cannot be read: {error}.") from error

    def read(self) -> tuple[NDArray[Any], str]:
        """Read the data, exactly as they are.

        Returns
        -------
        data : ndarray
            Of the file's type in native byte order; axes of length one other than Y and X are
            left out. Complex data, such as a transfer function, stay complex.
        axes : str
            One letter an axis, in the order of the OME data model: Y and X last.

        Raises
        ------
        ImageError
            If the file cannot be read or does not fit in memory.
        """
        axes = self.header.axes
        kept = "".join(
            a for a, n in zip(axes, self.header.shape, strict=True) if n > 1 or a in "YX"
        )
        order = "".join(a for a in kept if a not in "YX") + "YX"
        stored = self.memory_map().reshape(
            [n for a, n in zip(axes, self.header.shape, strict=True) if a in kept]
        )
        view = stored.transpose([kept.index(axis) for axis in order])
        try:
            return np.array(view, dtype=self.header.dtype.newbyteorder("="), order="C"), order
        except MemoryError as error:
            raise ImageError(
                f"{self.path} does not fit in memory; crop it, or read it plane by plane with "
                "open_mrc(path).memory_map()."
            ) from error


def open_mrc(path: str | Path) -> MrcFile:
    """Read an MRC file's header.

    Three flavours are told apart. MRC2014 [1]_ and its forerunners with the word MAP (CCP4,
    IMOD) state lengths in Angstrom and their byte order in a machine stamp. The
    light-microscopy flavour (IVE, Priism, DeltaVision, SoftWoRx; BioSR) has the number -16224
    at byte 96, states lengths in micrometres, and splits the sections into focal planes,
    channels and times. Older files have neither: their unit of length stays open. Extended
    headers are passed over.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    MrcFile

    Raises
    ------
    ImageError
        If the file is missing, not MRC, damaged, cut short, or of a mode that is not read
        (3 complex integers, 101 four-bit).

    Notes
    -----
    Some programs copy a header that announces an extended one and then write the data at once.
    Where the file has exactly the size of header and data, the data begin after the header.

    References
    ----------
    .. [1] A. Cheng et al., "MRC2014: extensions to the MRC format header for electron
       cryo-microscopy and tomography", J. Struct. Biol. 192, 146-150 (2015).
    """
    path = Path(path)
    if path.is_dir():
        raise ImageError(f"{path} is a folder, not an image; name a file in it.")
    try:
        with path.open("rb") as stream:
            raw = stream.read(HEADER_BYTES)
        size = path.stat().st_size
    except FileNotFoundError:
        raise ImageError(f"There is no file {path}; check the name and the folder.") from None
    except OSError as error:
        raise ImageError(f"{path} cannot be read: {error.strerror or error}.") from error
    if len(raw) < HEADER_BYTES:
        raise ImageError(
            f"{path} has {len(raw)} bytes, less than the {HEADER_BYTES} of an MRC header; copy it "
            "again."
        )
    try:
        header = parse_header(raw)
    except ImageError as error:
        raise ImageError(f"{path} {error}") from None
    offset = header.offset
    if size == HEADER_BYTES + header.data_bytes:
        offset = HEADER_BYTES
    if size < offset + header.data_bytes:
        raise ImageError(
            f"{path} is truncated: it has {size} bytes but its data reach to byte "
            f"{offset + header.data_bytes}; copy it again."
        )
    return MrcFile(path=path, header=header, offset=offset)


def read_mrc(path: str | Path, *, axes: str | None = None) -> Image:
    """Read an MRC file of intensities with its voxel size and channels.

    Parameters
    ----------
    path : str or Path
    axes : str, optional
        The axes, such as ``"TYX"``, where the file's own account (sections are focal planes)
        is not right. Axes of length one are left out before.

    Returns
    -------
    Image
        Axes ``"YX"``, ``"ZYX"``, or for the light-microscopy flavour up to ``"TCZYX"`` in the
        file's order. The data keep the file's type; half floats (mode 12) become float32, which
        holds them exactly.

    Raises
    ------
    ImageError
        As :func:`open_mrc`, and if the data are complex or leave their axes open.
    """
    file = open_mrc(path)
    header = file.header
    if header.dtype.kind == "c":
        raise ImageError(
            f"{file.path} holds complex numbers (a transfer function or a Fourier transform), not "
            "intensities; read them with pellucid.io.mrc.open_mrc(path).read()."
        )
    data, found = file.read()
    if "Q" in found and axes is None:
        raise ImageError(
            f"{file.path} does not say what its {data.shape[0]} sections are (channels and times "
            "do not divide them); name the axes, for example --axes ZYX (T time, C channel, Z "
            "depth)."
        )
    if data.dtype == np.float16:
        data = data.astype(np.float32)
    z, y, x = header.spacing
    voxel = Voxel(pixel_size_um=x, pixel_size_y_um=y, z_step_um=z)
    channels = tuple(Channel(emission_nm=value) for value in header.emission_nm)
    named = (axes or found).upper()
    count = data.shape[named.index("C")] if "C" in named and len(named) == data.ndim else 1
    try:
        return Image(data, named, voxel, channels if len(channels) == count else ())
    except ImageError as error:
        raise ImageError(f"{file.path}: {error}") from None
