"""MRC files written byte by byte, for tests of what reads them."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

MODES = {"i1": 0, "i2": 1, "f4": 2, "c8": 4, "u2": 6, "f2": 12}


def mrc_header(
    size_xyz: tuple[int, int, int],
    mode: int,
    *,
    order: str = "<",
    cell: tuple[float, float, float] = (0.0, 0.0, 0.0),
    intervals: tuple[int, int, int] | None = None,
    axes: tuple[int, int, int] = (1, 2, 3),
    extended: int = 0,
    labels: tuple[str, ...] = (),
    flavour: str = "mrc",
    times: int = 1,
    sequence: int = 0,
    waves: tuple[int, ...] = (),
    stamp: bytes | None = None,
) -> bytes:
    """Return the 1024 bytes of a header; the fields stand where the specifications put them."""
    raw = bytearray(1024)
    struct.pack_into(f"{order}4i", raw, 0, *size_xyz, mode)
    struct.pack_into(f"{order}3i", raw, 28, *(size_xyz if intervals is None else intervals))
    struct.pack_into(f"{order}3f", raw, 40, *cell)
    struct.pack_into(f"{order}3f", raw, 52, 90.0, 90.0, 90.0)
    struct.pack_into(f"{order}3i", raw, 64, *axes)
    struct.pack_into(f"{order}i", raw, 92, extended)
    struct.pack_into(f"{order}i", raw, 220, len(labels))
    for place, label in enumerate(labels):
        raw[224 + 80 * place : 304 + 80 * place] = label.encode().ljust(80, b"\0")
    if flavour == "mrc":
        raw[208:212] = b"MAP "
        raw[212:216] = stamp or (b"\x44\x44\0\0" if order == "<" else b"\x11\x11\0\0")
    elif flavour == "dv":
        struct.pack_into(f"{order}h", raw, 96, -16224)
        struct.pack_into(f"{order}2h", raw, 180, times, sequence)
        struct.pack_into(f"{order}{1 + len(waves)}h", raw, 196, max(len(waves), 1), *waves)
    return bytes(raw)


def mrc_bytes(data: NDArray[Any], *, order: str = "<", **fields: Any) -> bytes:
    """Return a whole file of data (section, row, column), in the type the data have."""
    kind = data.dtype.str[1:]
    extended = fields.pop("extended", b"")
    header = mrc_header(
        data.shape[::-1],
        fields.pop("mode", MODES.get(kind, 0)),
        order=order,
        extended=len(extended),
        **fields,
    )
    return header + extended + np.asarray(data, dtype=f"{order}{kind}").tobytes()
