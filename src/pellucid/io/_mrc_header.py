"""The 1024 bytes that begin an MRC file, in the flavours of electron and of light microscopy."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, final

import numpy as np

from pellucid.errors import ImageError
from pellucid.io.image import finite_positive

HEADER_BYTES = 1024

#: Identifies the light-microscopy flavour (IVE, Priism, DeltaVision, SoftWoRx), bytes 96 and 97.
_DV_ID = -16224
#: Word of IMOD, which says by a bit of the next one whether bytes are signed.
_IMOD_STAMP = 1146047817
#: First bytes of the machine stamp of MRC2014.
_STAMPS = MappingProxyType({b"\x44\x44": "<", b"\x44\x41": "<", b"\x11\x11": ">"})

_MRC_MODES: Mapping[int, str] = MappingProxyType(
    {0: "i1", 1: "i2", 2: "f4", 4: "c8", 6: "u2", 12: "f2"}
)
_DV_MODES: Mapping[int, str] = MappingProxyType(
    {0: "u1", 1: "i2", 2: "f4", 4: "c8", 5: "i2", 6: "u2", 7: "i4"}
)
_OTHER_MODES = MappingProxyType({3: "complex 16-bit integers", 101: "4-bit integers"})

#: Order of the sections of the light-microscopy flavour, slowest first.
_SEQUENCES = MappingProxyType({0: "CTZ", 1: "TZC", 2: "TCZ"})
_LABEL_BYTES = 80


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class MrcHeader:
    """What an MRC header says.

    Attributes
    ----------
    flavour : str
        ``"mrc"`` (the word MAP is there: MRC2014, CCP4, IMOD), ``"dv"`` (the light-microscopy
        flavour) or ``"old"`` (neither, as before the year 2000).
    shape : tuple of int
        Of the data as stored: sections split into their axes, then rows and columns.
    axes : str
        One letter an axis of `shape`. ``Q`` stands for sections the header contradicts itself
        about.
    dtype : numpy.dtype
        Of the data as stored, byte order included.
    spacing : tuple of float or None
        Distance of samples along z, y, x in micrometres, to the seven digits of the file's
        float32; None where the file does not say. For a transfer function (complex data) in
        the light-microscopy flavour, cycles per micrometre.
    emission_nm : tuple of float or None
        Of every wavelength of the light-microscopy flavour; empty otherwise.
    offset : int
        Where the data begin if the extended header is there.
    labels : tuple of str
    """

    flavour: str
    shape: tuple[int, ...]
    axes: str
    dtype: np.dtype[Any]
    spacing: tuple[float | None, float | None, float | None]
    emission_nm: tuple[float | None, ...]
    offset: int
    labels: tuple[str, ...]

    @property
    def data_bytes(self) -> int:
        """Bytes the data take."""
        size = self.dtype.itemsize
        for length in self.shape:
            size *= length
        return size


def parse_header(raw: bytes) -> MrcHeader:
    """Understand the first 1024 bytes of a file.

    Raises
    ------
    ImageError
        If they are not a header this module reads; the message goes on from the file's name.
    """
    flavour = _flavour(raw)
    order = _byte_order(raw, flavour)
    size = struct.unpack_from(f"{order}3i", raw, 0)
    (mode,) = struct.unpack_from(f"{order}i", raw, 12)
    (extended,) = struct.unpack_from(f"{order}i", raw, 92)
    dtype = _dtype(raw, flavour, order, mode)
    if min(size) < 1 or extended < 0:
        raise ImageError(
            f"has a damaged header ({size[0]} x {size[1]} x {size[2]} samples, {extended} bytes of "
            "extended header); copy it again."
        )
    sections = _light_sections(raw, order, size[2]) if flavour == "dv" else ("Z", (size[2],))
    places = _file_axes(raw, order)
    axes = sections[0] + "YX"
    if places != "ZYX":
        if len(sections[0]) > 1:
            raise ImageError(
                f"stores its axes in the order {places} and several channels or times; export it "
                "as OME-TIFF."
            )
        axes = places
    return MrcHeader(
        flavour=flavour,
        shape=(*sections[1], size[1], size[0]),
        axes=axes,
        dtype=dtype,
        spacing=_spacing(raw, flavour, order),
        emission_nm=_emission(raw, order) if flavour == "dv" else (),
        offset=HEADER_BYTES + extended,
        labels=_labels(raw, order),
    )


def _flavour(raw: bytes) -> str:
    # IMOD kept the number of the other flavour for years, so the word MAP decides.
    if raw[208:211] == b"MAP":
        return "mrc"
    if _DV_ID in (struct.unpack_from("<h", raw, 96)[0], struct.unpack_from(">h", raw, 96)[0]):
        return "dv"
    return "old"


def _byte_order(raw: bytes, flavour: str) -> str:
    if flavour == "dv":
        return "<" if struct.unpack_from("<h", raw, 96)[0] == _DV_ID else ">"
    if flavour == "mrc" and raw[212:214] in _STAMPS:
        return _STAMPS[raw[212:214]]
    for order in "<>":
        nx, ny, nz, mode = struct.unpack_from(f"{order}4i", raw, 0)
        axes = sorted(struct.unpack_from(f"{order}3i", raw, 64))
        known = mode in _MRC_MODES or mode in _OTHER_MODES
        if known and min(nx, ny, nz) > 0 and max(nx, ny, nz) < 1 << 24:
            # Without the word MAP there is nothing else to tell an MRC file by.
            if flavour == "old" and axes not in ([0, 0, 0], [1, 2, 3]):
                continue
            return order
    if flavour == "mrc":
        return "<"
    raise ImageError("is not an MRC file, judging by its header; export it as OME-TIFF.")


def _dtype(raw: bytes, flavour: str, order: str, mode: int) -> np.dtype[Any]:
    modes = _DV_MODES if flavour == "dv" else _MRC_MODES
    if mode not in modes:
        meaning = f" ({_OTHER_MODES[mode]})" if mode in _OTHER_MODES else ""
        raise ImageError(
            f"has MRC mode {mode}{meaning}, and only "
            f"{', '.join(str(known) for known in modes)} can be read; convert it to 32-bit floats "
            "(mode 2)."
        )
    kind = modes[mode]
    if kind == "i1":
        stamp, flags = struct.unpack_from(f"{order}2i", raw, 152)
        if stamp == _IMOD_STAMP and not flags & 1:
            kind = "u1"
    return np.dtype(f"{order}{kind}")


def _light_sections(raw: bytes, order: str, sections: int) -> tuple[str, tuple[int, ...]]:
    """Split the sections into focal planes, channels and times."""
    times, sequence = struct.unpack_from(f"{order}2h", raw, 180)
    (waves,) = struct.unpack_from(f"{order}h", raw, 196)
    times, waves = max(times, 1), max(waves, 1)
    if times == waves == 1:
        return "Z", (sections,)
    if sections % (times * waves) or sequence not in _SEQUENCES:
        return "Q", (sections,)
    length = {"T": times, "C": waves, "Z": sections // (times * waves)}
    axes = "".join(a for a in _SEQUENCES[sequence] if length[a] > 1) or "Z"
    return axes, tuple(length[axis] for axis in axes)


def _file_axes(raw: bytes, order: str) -> str:
    """Letters of section, row and column; files that leave the words zero mean z, y, x."""
    column, row, section = struct.unpack_from(f"{order}3i", raw, 64)
    if column == row == section == 0:
        return "ZYX"
    if sorted((column, row, section)) != [1, 2, 3]:
        raise ImageError(
            f"has a damaged header (axes {column}, {row}, {section} instead of 1, 2, 3 in some "
            "order); copy it again."
        )
    return "".join("XYZ"[place - 1] for place in (section, row, column))


def _spacing(
    raw: bytes, flavour: str, order: str
) -> tuple[float | None, float | None, float | None]:
    # MRC states the cell in Angstrom, the light-microscopy flavour in micrometres; a file that
    # is neither for sure leaves the unit open.
    if flavour == "old":
        return None, None, None
    counts = struct.unpack_from(f"{order}3i", raw, 28)
    cell = struct.unpack_from(f"{order}3f", raw, 40)
    if flavour == "dv":
        counts = tuple(max(count, 1) for count in counts)
    unit = 1.0 if flavour == "dv" else 1e-4
    x, y, z = (
        finite_positive(length / count * unit) if count > 0 else None
        for length, count in zip(cell, counts, strict=True)
    )
    return _seven_digits(z), _seven_digits(y), _seven_digits(x)


def _seven_digits(value: float | None) -> float | None:
    # A float32 carries no more, and 0.0626 shall not read 0.06260000169.
    return None if value is None else float(f"{value:.7g}")


def _emission(raw: bytes, order: str) -> tuple[float | None, ...]:
    count, *waves = struct.unpack_from(f"{order}6h", raw, 196)
    return tuple(finite_positive(float(wave)) for wave in waves[: max(count, 1)])


def _labels(raw: bytes, order: str) -> tuple[str, ...]:
    (count,) = struct.unpack_from(f"{order}i", raw, 220)
    texts = [raw[224 + i * _LABEL_BYTES :][:_LABEL_BYTES] for i in range(min(max(count, 0), 10))]
    decoded = (text.split(b"\0")[0].decode("latin-1").strip() for text in texts)
    return tuple(text for text in decoded if text)
