"""Readers for published sets of image pairs: npz files, BioSR, W2S, and folders of pictures."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal

from pellucid.errors import ImageError, SettingsError
from pellucid.simulate._biosr import biosr_cells, biosr_entries
from pellucid.simulate._decode import decode, read_bytes
from pellucid.simulate._npz_records import HIGH_KEYS, LOW_KEYS, npz_entries
from pellucid.simulate._record import Entry, Record, Records, as_plane, natural_order
from pellucid.simulate._store import ByteStore
from pellucid.simulate._w2s import w2s_entries, w2s_folders
from pellucid.simulate.images import matching_names

__all__ = [
    "Record",
    "Records",
    "open_records",
    "read_biosr",
    "read_class_folders",
    "read_npz",
    "read_w2s",
]

#: Memory the arrays of compressed npz files may take unless told otherwise: 1 GiB.
MEMORY_BYTES = 1 << 30
_PICTURES = ("*.jpeg", "*.jpg", "*.png")


def read_npz(
    path: str | Path,
    *,
    low: str | None = None,
    high: str | None = None,
    memory_bytes: int = MEMORY_BYTES,
) -> Records:
    """Open an npz file of pairs, or a folder of such files.

    This is how the authors of m-rBCR [1]_ keep their widefield/confocal, widefield/dSTORM and
    simulated pairs: the arrays ``w`` and ``o`` or ``gt``, each one plane (y, x) or many
    (n, y, x), with or without a last axis of length one.

    Parameters
    ----------
    path : str or Path
        A folder is searched with all that is below it.
    low, high : str, optional
        Names of the arrays of input and target. If not given, the input is the one of ``w``,
        ``w_img`` and ``low`` that is there, the target the one of ``gt`` and ``o``.
    memory_bytes : int
        Bound of the arrays held of compressed files, which can only be read whole; 1 GiB if
        not given. A larger array is read anew for every record. Of files without compression
        each record is read alone and nothing is held.

    Returns
    -------
    Records

    Raises
    ------
    ImageError
        If a file is not an npz of pairs.

    References
    ----------
    .. [1] R. Li et al., "Solving the inverse problem of microscopy deconvolution with a residual
       Beylkin-Coifman-Rokhlin neural network", ECCV 2024.
    """
    path = Path(path)
    store: ByteStore[Any] = ByteStore(memory_bytes)
    if not path.is_dir():
        return Records("npz", npz_entries(path, path.name, low, high, store))
    entries: list[Entry] = []
    for name in sorted(matching_names(path, ("*.npz",)), key=natural_order):
        entries += npz_entries(path / name, name, low, high, store)
    return _checked("npz", entries, f"{path} holds no npz files; check the folder.")


def read_biosr(
    folder: str | Path,
    *,
    levels: Collection[str] | None = None,
    skip_unpaired: bool = False,
) -> Records:
    """Open BioSR [1]_: widefield images, the mean of the raw SIM frames, and SIM ground truth.

    Two arrangements are known. Most structures have ``Cell_001/RawSIMData_level_01.mrc`` and so
    on, ``RawSIMData_gt.mrc`` of the highest signal, and one ``SIM_gt.mrc`` for all levels;
    F-actin_Nonlinear has ``SIM_gt_a.mrc`` instead (``SIM_gt_b.mrc`` has a gamma and is not
    used). ER has ``Cell_001/RawSIMData/RawSIMData_level_01.mrc`` and a target for each level,
    ``Cell_001/GTSIM/GTSIM_level_01.mrc``.

    Parameters
    ----------
    folder : str or Path
        The whole set, a structure or a cell.
    levels : collection of str, optional
        Signal levels to take, such as ``("level_01", "gt")``; all if not given.
    skip_unpaired : bool
        Leave out cells without a target, with a warning; an error otherwise. Myosin-IIA has
        none.

    Returns
    -------
    Records
        Named such as ``"F-actin/Cell_001/level_01"``, with pixel sizes. The target is sampled
        two or three times as finely as the input.

    Raises
    ------
    ImageError
        If there are no such cells, a target is missing, or a file cannot be read.

    References
    ----------
    .. [1] C. Qiao et al., "Evaluation and development of deep neural networks for image
       super-resolution in optical microscopy", Nat. Methods 18, 194-202 (2021).
    """
    folder = _folder(folder)
    entries = biosr_entries(folder, levels, skip_unpaired=skip_unpaired)
    chosen = "" if levels is None else f" of the levels {', '.join(sorted(levels))}"
    return _checked(
        "BioSR",
        entries,
        f"{folder} holds no cells of BioSR{chosen} (Cell_001/RawSIMData_level_01.mrc and so on); "
        "check the folder.",
    )


def read_w2s(
    folder: str | Path,
    *,
    averages: Sequence[int] | None = None,
    target: Literal["sim", "avg400"] = "sim",
) -> Records:
    """Open W2S [1]_: widefield images of several noise levels, and SIM or noise-free targets.

    Known are both forms in which the authors publish it. Their repository has the folders
    ``avg1``, ``avg2``, ``avg4``, ``avg8``, ``avg16``, ``avg400`` and ``sim`` side by side (in
    ``data/normalized``, or ``data/train`` and ``data/test`` of earlier versions), each with
    ``001_0.npy`` or ``001_0.png``: field of view and channel. The archive of raw data has
    ``Image001/wf_channel0.npy`` of shape (400, y, x) and ``sim_channel0.npy``; a single frame is
    number 249 there, an average that of the first frames, as the authors state. The folders are
    looked for at any depth. The npy files of the repository are standardised: their values times
    66.02846351802853 plus 154.535390853 are camera counts.

    Parameters
    ----------
    folder : str or Path
    averages : sequence of int, optional
        Frames averaged for the input; 1, 2, 4, 8 and 16, as far as they are there, if not
        given.
    target : {"sim", "avg400"}
        The SIM image, sampled twice as finely, or the widefield average of all frames.

    Returns
    -------
    Records
        Named such as ``"train/avg4/001_0"`` or ``"Image001/wf_channel0/avg4"``.

    Raises
    ------
    ImageError
        If there are no such folders, a target is missing, or a file cannot be read.
    SettingsError
        If the target is another.

    References
    ----------
    .. [1] R. Zhou et al., "W2S: microscopy data with joint denoising and super-resolution for
       widefield to SIM mapping", ECCV Workshops 2020.
    """
    if target not in ("sim", "avg400"):
        raise SettingsError(f"target is {target!r}; it must be 'sim' or 'avg400'.")
    folder = _folder(folder)
    return _checked(
        "W2S",
        w2s_entries(folder, averages, target),
        f"{folder} holds no images of W2S (avg1/001_0.npy or Image001/wf_channel0.npy and so on); "
        "check the folder.",
    )


def read_class_folders(folder: str | Path) -> Records:
    """Open a folder of pictures in sub-folders, one a class, as ImageNet is arranged.

    Parameters
    ----------
    folder : str or Path
        With JPEG and PNG files in its sub-folders, at any depth.

    Returns
    -------
    Records
        Targets alone: `low` is None, for there is nothing recorded; simulate it. Colour becomes
        luminance, as in :class:`pellucid.simulate.images.ImageFolder`.

    Raises
    ------
    ImageError
        If there are no such files, or one cannot be read.
    """
    folder = _folder(folder)
    entries = [
        Entry(name=name, load=partial(_load_picture, folder / name))
        for name in matching_names(folder, _PICTURES)
        if "/" in name
    ]
    return _checked(
        "class folders",
        entries,
        f"{folder} holds no sub-folders of JPEG or PNG pictures; check the folder.",
    )


def open_records(path: str | Path) -> Records:
    """Open a published set, whichever layout it has.

    Parameters
    ----------
    path : str or Path
        What :func:`read_npz`, :func:`read_biosr`, :func:`read_w2s` or
        :func:`read_class_folders` opens; their defaults are taken.

    Returns
    -------
    Records
        Its `layout` says which was found.

    Raises
    ------
    ImageError
        If no layout fits, or more than one.
    """
    path = Path(path)
    if path.is_file() and path.suffix.lower() == ".npz":
        return read_npz(path)
    if path.is_file():
        raise ImageError(f"{path} is not a set of pairs: name an npz file or a folder.")
    folder = _folder(path)
    found = {
        "read_npz": bool(matching_names(folder, ("*.npz",))),
        "read_biosr": bool(biosr_cells(folder)),
        "read_w2s": any(w2s_folders(folder)),
    }
    readers: dict[str, Callable[[Path], Records]]
    readers = {"read_npz": read_npz, "read_biosr": read_biosr, "read_w2s": read_w2s}
    fitting = [name for name, there in found.items() if there]
    if len(fitting) > 1:
        raise ImageError(
            f"{folder} fits more than one layout; open it with {' or '.join(fitting)} of "
            "pellucid.simulate.records, or name a folder in it."
        )
    if fitting:
        return readers[fitting[0]](folder)
    if any("/" in name for name in matching_names(folder, _PICTURES)):
        return read_class_folders(folder)
    raise ImageError(
        f"{folder} is no set of pairs that is known; looked for npz files with "
        f"{' or '.join(LOW_KEYS)} and {' or '.join(HIGH_KEYS)}, BioSR "
        "(Cell_001/RawSIMData_level_01.mrc), W2S (avg1/001_0.npy, Image001/wf_channel0.npy) and "
        "sub-folders of JPEG or PNG pictures."
    )


def _folder(path: str | Path) -> Path:
    path = Path(path)
    if not path.is_dir():
        raise ImageError(f"There is no folder {path}; check the name.")
    return path


def _checked(layout: str, entries: list[Entry], nothing: str) -> Records:
    if not entries:
        raise ImageError(nothing)
    return Records(layout, entries)


def _load_picture(file: Path, name: str) -> Record:
    planes = decode(file, read_bytes(file))
    return Record(name=name, low=None, high=as_plane(planes[0][1], str(file)), files=(file,))
