"""Pairs of arrays in npz files, read one at a time."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any, final

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import ImageError
from pellucid.simulate._record import Entry, Record, as_plane
from pellucid.simulate._store import ByteStore

#: Names the parts of a pair go by, in the sets of the m-rBCR paper and in its later tool.
LOW_KEYS = ("w", "w_img", "low")
HIGH_KEYS = ("gt", "o")

_LOCAL_HEADER = 30


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """An array in an npz file whose header has been read.

    Attributes
    ----------
    path : Path
    key : str
    shape : tuple of int
    dtype : numpy.dtype
    contiguous : bool
        In the order of C.
    offset : int or None
        Byte of the file at which the values begin; None if they are compressed.
    """

    path: Path
    key: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    contiguous: bool
    offset: int | None


def npz_keys(path: Path) -> tuple[str, ...]:
    """Return the names of the arrays in an npz file."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except FileNotFoundError:
        raise ImageError(f"There is no file {path}; check the name and the folder.") from None
    except (OSError, zipfile.BadZipFile) as error:
        raise ImageError(
            f"{path} is not an npz file that can be read ({error}); copy it again."
        ) from error
    return tuple(name.removesuffix(".npy") for name in names if name.endswith(".npy"))


def npz_entries(
    path: Path, title: str, low_key: str | None, high_key: str | None, store: ByteStore[Any]
) -> list[Entry]:
    """Return the records of an npz file; see :func:`pellucid.simulate.records.read_npz`."""
    keys = npz_keys(path)
    low_name = _chosen(path, keys, low_key, LOW_KEYS, argument="low")
    high_name = _chosen(path, keys, high_key, HIGH_KEYS, argument="high")
    low, high = _member(path, low_name), _member(path, high_name)
    counts = _count(low), _count(high)
    if counts[0] != counts[1]:
        raise ImageError(
            f"{path} holds {counts[0]} inputs {low_name!r} of shape {low.shape} but {counts[1]} "
            f"targets {high_name!r} of shape {high.shape}; they must be pairs."
        )
    single = _stacked(low.shape) is None
    width = len(str(counts[0] - 1))
    return [
        Entry(
            name=title if single else f"{title}#{index:0{width}d}",
            load=partial(_load, low, high, index, store),
        )
        for index in range(counts[0])
    ]


def _chosen(
    path: Path, keys: Sequence[str], stated: str | None, known: Sequence[str], *, argument: str
) -> str:
    wanted = known if stated is None else [stated]
    found = [key for key in wanted if key in keys]
    if len(found) == 1:
        return found[0]
    names = " or ".join(repr(key) for key in wanted)
    raise ImageError(
        f"{path} holds the arrays {', '.join(map(repr, keys)) or '(none)'}, and "
        f"{'more than one' if found else 'none'} of them is {names}; state the right one with "
        f"read_npz(..., {argument}=...)."
    )


def _stacked(shape: tuple[int, ...]) -> int | None:
    """Return how many planes a shape holds along its first axis; None if it is one plane."""
    # A last axis of length one is the channel of TensorFlow.
    inner = shape[:-1] if len(shape) in (3, 4) and shape[-1] == 1 else shape
    return inner[0] if len(inner) == 3 else None


def _count(member: Member) -> int:
    count = _stacked(member.shape)
    if count is None and len(member.shape) not in (2, 3):
        raise ImageError(
            f"{member.path}: the array {member.key!r} has shape {member.shape}; pairs are (y, x) "
            "or (n, y, x), with or without a last axis of length one."
        )
    if 0 in member.shape:
        raise ImageError(
            f"{member.path}: the array {member.key!r} is empty (shape {member.shape}); make the "
            "file again."
        )
    return 1 if count is None else count


def _member(path: Path, key: str) -> Member:
    try:
        with zipfile.ZipFile(path) as archive:
            info = archive.getinfo(f"{key}.npy")
            with archive.open(info) as stream:
                shape, fortran, dtype = _array_header(stream)
                header = stream.tell()
            offset = None
            if info.compress_type == zipfile.ZIP_STORED:
                with path.open("rb") as file:
                    file.seek(info.header_offset)
                    local = file.read(_LOCAL_HEADER)
                lengths = local[26:28], local[28:30]
                skipped = sum(int.from_bytes(length, "little") for length in lengths)
                offset = info.header_offset + _LOCAL_HEADER + skipped + header
    # A damaged archive ends in errors of zipfile, of zlib or of numpy.
    except Exception as error:
        raise ImageError(
            f"{path}: the array {key!r} cannot be read ({error}); make the file again."
        ) from error
    if dtype.hasobject or dtype.kind not in "uif":
        raise ImageError(
            f"{path}: the array {key!r} is of type {dtype}, not numbers; make the file again with "
            "plain arrays."
        )
    return Member(
        path=path, key=key, shape=shape, dtype=dtype, contiguous=not fortran, offset=offset
    )


def _array_header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(stream)
    return np.lib.format.read_array_header_2_0(stream)


def _load(low: Member, high: Member, index: int, store: ByteStore[Any], name: str) -> Record:
    return Record(
        name=name,
        low=as_plane(_plane(low, index, store), f"{name} ({low.key})"),
        high=as_plane(_plane(high, index, store), f"{name} ({high.key})"),
        files=(low.path,),
    )


def _plane(member: Member, index: int, store: ByteStore[Any]) -> NDArray[Any]:
    count = _stacked(member.shape)
    if member.offset is not None and member.contiguous:
        shape = member.shape if count is None else member.shape[1:]
        length = int(np.prod(shape))
        start = member.offset + index * length * member.dtype.itemsize
        try:
            values = np.fromfile(member.path, dtype=member.dtype, count=length, offset=start)
        except OSError as error:
            raise ImageError(f"{member.path} cannot be read: {error}.") from error
        if values.size < length:
            raise ImageError(f"{member.path} ends before its array {member.key!r}; copy it again.")
        return values.reshape(shape)
    whole = store.get((member.path, member.key))
    if whole is None:
        whole = _whole(member)
        store.put((member.path, member.key), whole, whole.nbytes)
    return np.asarray(whole if count is None else whole[index])


def _whole(member: Member) -> NDArray[Any]:
    try:
        with np.load(member.path, allow_pickle=False) as archive:
            whole: NDArray[Any] = archive[member.key]
    except MemoryError as error:
        raise ImageError(
            f"{member.path} does not fit in memory; save it without compression (numpy.savez)."
        ) from error
    # A damaged stream ends in errors of zlib, of zipfile or of numpy.
    except Exception as error:
        raise ImageError(
            f"{member.path}: the array {member.key!r} cannot be read ({error}); copy it again."
        ) from error
    return whole
