"""The layout of BioSR: cells with raw SIM frames and a SIM reconstruction, in MRC files."""

from __future__ import annotations

import re
import warnings
from collections.abc import Collection
from functools import partial
from pathlib import Path

import numpy as np

from pellucid.errors import ImageError, PellucidWarning
from pellucid.io.mrc import MrcFile, open_mrc
from pellucid.simulate._record import Entry, Record, as_plane, folders_at, natural_order

_CELL = re.compile(r"Cell_?\d+", re.IGNORECASE)
_FLAT = re.compile(r"RawSIMData_(?:level_(\d+)|(gt))\.mrc", re.IGNORECASE)
_NESTED = re.compile(r"RawSIMData_level_(\d+)\.mrc", re.IGNORECASE)
#: The reconstruction; F-actin_Nonlinear has two, of which b is meant for the eye (gamma 0.6).
_TARGETS = ("SIM_gt.mrc", "SIM_gt_a.mrc")


def biosr_cells(root: Path) -> list[Path]:
    """Return the folders of cells at or below a folder, in the order of their numbers."""
    cells = [folder for folder in folders_at(root) if _is_cell(folder, named=folder != root)]
    return sorted(cells, key=natural_order)


def _is_cell(folder: Path, *, named: bool) -> bool:
    if named and not _CELL.fullmatch(folder.name):
        return False
    return any(folder.glob("RawSIMData*.mrc")) or any(folder.glob("RawSIMData/*.mrc"))


def biosr_entries(
    root: Path, levels: Collection[str] | None, *, skip_unpaired: bool
) -> list[Entry]:
    """Return the records of BioSR; see :func:`pellucid.simulate.records.read_biosr`."""
    entries: list[Entry] = []
    for cell in biosr_cells(root):
        title = cell.relative_to(root).as_posix() if cell != root else cell.name
        try:
            pairs = _pairs(cell)
        except ImageError as error:
            if not skip_unpaired:
                raise
            warnings.warn(f"Left out: {error}", PellucidWarning, stacklevel=3)
            continue
        entries += [
            Entry(name=f"{title}/{level}", load=partial(_load, raw, target))
            for level, raw, target in pairs
            if levels is None or level in levels
        ]
    return entries


def _pairs(cell: Path) -> list[tuple[str, Path, Path]]:
    """Signal level, raw frames and target of every pair of a cell."""
    nested = cell / "RawSIMData"
    if nested.is_dir():
        pairs = []
        for raw, level in _levels(nested, _NESTED):
            target = cell / "GTSIM" / f"GTSIM_level_{level}.mrc"
            if not target.is_file():
                raise ImageError(f"{raw} has no {target}; copy it too, or state skip_unpaired.")
            pairs.append((f"level_{level}", raw, target))
        return pairs
    found = [cell / name for name in _TARGETS if (cell / name).is_file()]
    if not found:
        raise ImageError(
            f"{cell} has raw SIM frames but no {' or '.join(_TARGETS)}; copy it too, or state "
            "skip_unpaired."
        )
    return [
        (f"level_{level}" if level != "gt" else "gt", raw, found[0])
        for raw, level in _levels(cell, _FLAT)
    ]


def _levels(folder: Path, pattern: re.Pattern[str]) -> list[tuple[Path, str]]:
    matches = ((path, pattern.fullmatch(path.name)) for path in folder.glob("RawSIMData*.mrc"))
    named = [(path, next(g for g in match.groups() if g)) for path, match in matches if match]
    # The level called gt, of the highest signal, comes last.
    return sorted(named, key=lambda item: (not item[1].isdecimal(), natural_order(item[0])))


def _load(raw: Path, target: Path, name: str) -> Record:
    low, high = open_mrc(raw), open_mrc(target)
    return Record(
        name=name,
        low=as_plane(_mean_frame(low), str(raw)),
        high=as_plane(high.read()[0], str(target)),
        files=(raw, target),
        low_pixel_um=low.header.spacing[2],
        high_pixel_um=high.header.spacing[2],
    )


def _mean_frame(file: MrcFile) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Return the mean of all frames: their patterns add up to even light."""
    stack = file.memory_map()
    if not file.header.axes.endswith("YX") or file.header.dtype.kind == "c":
        raise ImageError(
            f"{file.path} is not a stack of frames (axes {file.header.axes}, "
            f"{file.header.dtype}); read it with pellucid.io.mrc.open_mrc."
        )
    mean = stack.mean(axis=tuple(range(stack.ndim - 2)), dtype=np.float64)
    return np.asarray(mean)
