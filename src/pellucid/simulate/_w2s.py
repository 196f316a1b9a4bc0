"""The layouts of W2S: widefield images of several noise levels, and SIM."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import ImageError
from pellucid.simulate._decode import decode, read_bytes
from pellucid.simulate._record import Entry, Record, as_plane, folders_at, natural_order

#: Frames averaged for the noisy images, and for the reference without noise.
AVERAGES = (1, 2, 4, 8, 16)
REFERENCE = 400
#: The frame the authors took for a single one.
_SINGLE = 249

_AVERAGE_FOLDER = re.compile(r"avg(\d+)")
_FRAMES = re.compile(r"wf_channel(\d+)\.npy")
_SUFFIXES = (".npy", ".png")


def w2s_folders(root: Path) -> tuple[list[Path], list[Path]]:
    """Return the folders of averages (parents of ``avg1``, ...) and of raw frames."""
    averaged, raw = set(), set()
    for folder in folders_at(root):
        if _AVERAGE_FOLDER.fullmatch(folder.name) and folder != root and _images(folder):
            averaged.add(folder.parent)
        elif any(_FRAMES.fullmatch(path.name) for path in folder.glob("wf_channel*.npy")):
            raw.add(folder)
    return sorted(averaged, key=natural_order), sorted(raw, key=natural_order)


def w2s_entries(root: Path, averages: Sequence[int] | None, target: str) -> list[Entry]:
    """Return the records of W2S; see :func:`pellucid.simulate.records.read_w2s`."""
    averaged, raw = w2s_folders(root)
    entries: list[Entry] = []
    for folder in averaged:
        entries += _averaged_entries(root, folder, averages, target)
    for folder in raw:
        entries += _raw_entries(root, folder, averages or AVERAGES, target)
    return entries


def _images(folder: Path) -> dict[str, Path]:
    """Images of a folder by their name without suffix; an array counts before a picture."""
    found: dict[str, Path] = {}
    for suffix in _SUFFIXES:
        for path in folder.glob(f"*{suffix}"):
            if not path.name.startswith("."):
                found.setdefault(path.stem, path)
    return found


def _averaged_entries(
    root: Path, folder: Path, averages: Sequence[int] | None, target: str
) -> list[Entry]:
    place = folder / target
    if not place.is_dir():
        there = ", ".join(sorted(path.name for path in folder.iterdir() if path.is_dir()))
        raise ImageError(
            f"{folder} has no folder {target!r} of targets, only {there}; copy it too, or state "
            f"target='avg{REFERENCE}' for the average of all frames."
        )
    targets = _images(place)
    present = sorted(int(m[1]) for m in map(_AVERAGE_FOLDER.fullmatch, _names(folder)) if m)
    wanted = averages or [n for n in AVERAGES if n in present]
    entries = []
    for number in wanted:
        source = folder / f"avg{number}"
        if number not in present:
            raise ImageError(
                f"{folder} has no folder avg{number}; there are "
                f"{', '.join(f'avg{n}' for n in present)}."
            )
        images = _images(source)
        for stem in sorted(images, key=natural_order):
            if stem not in targets:
                raise ImageError(f"{images[stem]} has no target {place / stem}; copy it too.")
            name = images[stem].relative_to(root).with_suffix("").as_posix()
            entries.append(Entry(name=name, load=partial(_load_pair, images[stem], targets[stem])))
    return entries


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.is_dir()]


def _raw_entries(root: Path, folder: Path, averages: Sequence[int], target: str) -> list[Entry]:
    entries = []
    for frames in sorted(folder.glob("wf_channel*.npy"), key=natural_order):
        match = _FRAMES.fullmatch(frames.name)
        if match is None:
            continue
        sim = folder / f"sim_channel{match[1]}.npy"
        if target == "sim" and not sim.is_file():
            raise ImageError(
                f"{frames} has no {sim.name} beside it; copy it too, or state "
                f"target='avg{REFERENCE}' for the average of all frames."
            )
        title = frames.relative_to(root).with_suffix("").as_posix()
        entries += [
            Entry(
                name=f"{title}/avg{number}",
                load=partial(_load_frames, frames, sim if target == "sim" else None, number),
            )
            for number in averages
        ]
    return entries


def _load_pair(low: Path, high: Path, name: str) -> Record:
    return Record(
        name=name,
        low=as_plane(_image(low), str(low)),
        high=as_plane(_image(high), str(high)),
        files=(low, high),
    )


def _load_frames(frames: Path, sim: Path | None, number: int, name: str) -> Record:
    stack = _array(frames)
    if stack.ndim != 3:
        raise ImageError(f"{frames} has shape {stack.shape}, not (frames, y, x); copy it again.")
    high = _average(frames, stack, len(stack)) if sim is None else _array(sim)
    return Record(
        name=name,
        low=as_plane(_average(frames, stack, number), str(frames)),
        high=as_plane(high, str(sim or frames)),
        files=(frames,) if sim is None else (frames, sim),
    )


def _average(path: Path, stack: NDArray[Any], number: int) -> NDArray[np.float64]:
    single = number == 1 and len(stack) > _SINGLE
    chosen = stack[_SINGLE : _SINGLE + 1] if single else stack[:number]
    if not 1 <= number <= len(stack):
        raise ImageError(f"{path} has {len(stack)} frames; an average of {number} is not there.")
    return np.asarray(chosen.mean(axis=0, dtype=np.float64))


def _image(path: Path) -> NDArray[Any]:
    if path.suffix == ".npy":
        return _array(path)
    return decode(path, read_bytes(path))[0][1]


def _array(path: Path) -> NDArray[Any]:
    """Map an npy file into memory."""
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise ImageError(f"There is no file {path}; check the name and the folder.") from None
    except (OSError, ValueError) as error:
        with path.open("rb") as stream:
            pointer = stream.read(24).startswith(b"version https://git-lfs")
        advice = "fetch it with: git lfs pull" if pointer else "copy it again"
        raise ImageError(f"{path} is not an array that can be read ({error}); {advice}.") from error
    return array
