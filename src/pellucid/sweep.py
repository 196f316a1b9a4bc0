"""A setting of a method tried on a part of an image: what ``pellucid sweep`` does."""

from __future__ import annotations

import json
import shlex
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, median_filter

from pellucid.assess.contact_sheet import contact_sheet
from pellucid.assess.held_out import held_out_score, hold_out
from pellucid.errors import OutputError, PellucidWarning, SettingsError, require
from pellucid.io.image import Image
from pellucid.io.provenance import versions
from pellucid.io.read import read_image
from pellucid.io.write import check_writable, write_whole
from pellucid.restore.methods import METHODS
from pellucid.restore.trial import SWEEPABLE, Stated, Sweepable, Teller, Trial

#: Side of the part that is restored, and the most samples it has in a stack.
_SIDE, _MOST_SAMPLES, _LEAST_SIDE = 256, 1 << 20, 16
#: Side of the detail that is shown enlarged.
_DETAIL = 64
#: Smoothing, in pixels, before structure is looked for, and the steps it is looked for in.
_SMOOTHING, _STRIDE = 2.0, 8
#: Gradients above this percentile count as it: one bright spot does not outweigh a field.
_STEEPEST = 99.9
_MOST_VALUES = 16
_INCHES = 2.2

_OPTICS = {
    "numerical_aperture": "--na",
    "emission_nm": "--emission",
    "excitation_nm": "--excitation",
    "refractive_index": "--refractive-index",
    "pixel_size_um": "--pixel-size",
    "z_step_um": "--z-step",
}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What came of a sweep.

    Attributes
    ----------
    setting : str
        What was varied.
    values, scores : tuple of float
        Rising values, and what each predicts of the photons held out; lower is better, one is
        perfect.
    best : int
        Index of the best.
    where : str
        Which part of the image was restored, in words.
    command : str
        The command line that restores the whole image with the best value.
    files : tuple of Path
        The sheet and the numbers.
    """

    setting: str
    values: tuple[float, ...]
    scores: tuple[float, ...]
    best: int
    where: str
    command: str
    files: tuple[Path, ...]


def sweep(
    source: Path,
    target: Path,
    stated: Stated,
    *,
    method: str = "richardson-lucy",
    values: Sequence[float] | None = None,
    crop: tuple[int, int, int] | None = None,
    plane: int | None = None,
    channel: int = 0,
    axes: str | None = None,
    share: float = 0.8,
    splits: int = 1,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
    overwrite: bool = False,
) -> Swept:
    """Restore a part of an image with several values of a setting, and judge each without truth.

    For the judgement the light of the part is split in two by chance
    (:func:`pellucid.assess.held_out.hold_out`): a value is as good as the restoration of the one
    predicts the other. The sheet shows restorations from all of the light.

    Parameters
    ----------
    source : Path
        The image; of several points in time the first is taken.
    target : Path
        The sheet to write, a PNG; the numbers go beside it as JSON.
    stated : Stated
    method : str
        One of :data:`pellucid.restore.trial.SWEEPABLE`.
    values : sequence of float, optional
        To try; by default see :data:`pellucid.restore.trial.SWEEPABLE`.
    crop : tuple of int, optional
        First row, first column and side of the part; by default the 256 x 256 pixels with the
        most structure, fewer of a deep stack, or all of a smaller image.
    plane : int, optional
        Plane of a stack that is shown, from zero; the middle one if not given. All planes are
        restored, in three dimensions.
    channel : int
        From zero.
    axes : str, optional
        The image's axes, if the file does not name them.
    share : float
        Share of the light that is restored for the judgement.
    splits : int
        How often the light is split anew; the scores are averaged.
    seed : int
        Of the splits, not negative.
    progress : callable, optional
        Called with the steps done and the steps in all.
    overwrite : bool
        Replace files that are already there.

    Raises
    ------
    PellucidError
        If the image cannot be restored so or the files cannot be written; then none is.

    Warns
    -----
    PellucidWarning
        If the best value is the first or the last.
    """
    what = _sweepable(method)
    chosen = None if values is None else _checked_values(values, what)
    numbers = _checked_target(target, overwrite=overwrite)
    if splits < 1 or seed < 0 or not 0 < share < 1:
        raise SettingsError(
            f"A sweep needs at least one split, a seed of zero or more and a share between 0 and "
            f"1, not {splits}, {seed} and {share:g}."
        )
    whole = read_image(source, axes=axes)
    image = _one_channel(whole, channel)
    shown = _checked_plane(image, plane)
    part = _part(image, shown, crop)
    trial = Trial(image, part, method, stated)
    if chosen is None:
        chosen = trial.default_values()
    teller = Teller((splits + 1) * (len(chosen) if what.found_as else 1), progress)
    restored = trial.restorations(trial.data, trial.noise, chosen, teller)
    seeds = range(seed, seed + splits)
    scores = np.mean([_scores(trial, chosen, teller, share=share, seed=s) for s in seeds], axis=0)
    best = int(np.argmin(scores))
    _warn_at_the_end(chosen, best)
    swept = Swept(
        setting=what.setting,
        values=tuple(chosen),
        scores=tuple(float(score) for score in scores),
        best=best,
        where=_in_words(whole, part, shown),
        command=_command(source, stated, method=method, what=what, value=chosen[best], axes=axes),
        files=(target, numbers),
    )
    record = {
        "source": source.name,
        "method": method,
        "setting": what.setting,
        "values": list(swept.values),
        "held_out_scores": list(swept.scores),
        "best_value": chosen[best],
        "rows": [part[0].start, part[0].stop],
        "columns": [part[1].start, part[1].stop],
        "plane_shown": shown,
        "channel": channel,
        "share": share,
        "splits": splits,
        "seed": seed,
        **trial.described(),
        "versions": versions(),
    }
    sheet = _sheet(swept, [trial.data, *restored], shown)
    text = json.dumps(record, indent=2) + "\n"
    write_whole(target, lambda file: file.write_bytes(sheet), overwrite=overwrite)
    write_whole(numbers, lambda file: file.write_text(text, "utf-8"), overwrite=overwrite)
    return swept


def _scores(
    trial: Trial, values: Sequence[float], teller: Teller, *, share: float, seed: int
) -> list[float]:
    """Split the light, restore the one part with every value and judge by the other."""
    held = hold_out(trial.data, trial.noise, background=trial.background, share=share, seed=seed)
    return [
        held_out_score(
            one,
            trial.operator,
            held.held_out,
            held.noise_held_out,
            background=trial.background,
            fit=True,
        )
        for one in trial.restorations(held.shown, held.noise_shown, values, teller)
    ]


def _sweepable(method: str) -> Sweepable:
    if method not in SWEEPABLE:
        raise SettingsError(
            f"The method {method!r} has no setting to sweep; choose one of {', '.join(SWEEPABLE)}."
        )
    return SWEEPABLE[method]


def _checked_values(values: Sequence[float], what: Sweepable) -> list[float]:
    """Return values in rising order, each once."""
    chosen = sorted({float(value) for value in values})
    if not 2 <= len(chosen) <= _MOST_VALUES:
        raise SettingsError(
            f"A sweep compares 2 to {_MOST_VALUES} different values, not {len(chosen)}; give them "
            "as --values 5,10,20."
        )
    whole = what.found_as is None
    for value in chosen:
        if not 0 < value < np.inf or (whole and value % 1):
            must = "a whole number of at least 1" if whole else "positive"
            raise SettingsError(f"Every value of {what.setting} must be {must}, not {value:g}.")
    return [int(value) for value in chosen] if whole else chosen


def _checked_target(target: Path, *, overwrite: bool) -> Path:
    """Return the file for the numbers, after checking that both can be written."""
    if target.suffix.lower() != ".png":
        raise OutputError(
            f"{target} does not end with .png, but a sheet is one; name it {target.stem}.png."
        )
    numbers = target.with_suffix(".json")
    for path in (target, numbers):
        check_writable(path, overwrite=overwrite)
    if find_spec("matplotlib") is None:
        raise require("matplotlib", extra="report", purpose="draw pictures")
    return numbers


def _one_channel(image: Image, channel: int) -> Image:
    """Return one channel at the first point in time, with axes YX or ZYX."""
    if not 0 <= channel < image.size("C"):
        raise SettingsError(
            f"There is no channel {channel} in an image of {image.size('C')}; count from 0."
        )
    volume = image.size("Z") > 1
    index: list[int | slice] = [
        {"T": 0, "C": channel}.get(axis, slice(None) if axis in "YX" or volume else 0)
        for axis in image.axes
    ]
    described = (image.channel(channel),) if image.channels else ()
    return replace(
        image,
        data=image.data[tuple(index)],
        axes="ZYX" if volume else "YX",
        channels=described,
    )


def _checked_plane(image: Image, plane: int | None) -> int | None:
    """Return the plane that is shown; None where there is but one."""
    planes = image.size("Z")
    if plane is not None and not 0 <= plane < planes:
        raise SettingsError(f"There is no plane {plane} in an image of {planes}; count from 0.")
    if planes == 1:
        return None
    return planes // 2 if plane is None else plane


def _part(
    image: Image, shown: int | None, crop: tuple[int, int, int] | None
) -> tuple[slice, slice]:
    """Return rows and columns to restore."""
    height, width = image.size("Y"), image.size("X")
    if crop is not None:
        top, left, side = crop
        if side < _LEAST_SIDE or not (0 <= top <= height - side and 0 <= left <= width - side):
            raise SettingsError(
                f"There is no part of {side} x {side} pixels at row {top}, column {left} of an "
                f"image of {height} x {width}; give --crop Y,X,SIZE with a size of {_LEAST_SIDE} "
                "or more that lies within."
            )
        return slice(top, top + side), slice(left, left + side)
    side = min(_SIDE, max(_LEAST_SIDE, int((_MOST_SAMPLES / image.size("Z")) ** 0.5)))
    rows, columns = min(side, height), min(side, width)
    plane = image.data if shown is None else image.data[shown]
    top, left = _most_structure(plane, rows, columns)
    return slice(top, top + rows), slice(left, left + columns)


def _most_structure(plane: NDArray[Any], rows: int, columns: int) -> tuple[int, int]:
    """Return the corner of the part with the steepest gradients, noise smoothed away."""
    # The median takes hot pixels away, which are no structure.
    smoothed = gaussian_filter(median_filter(plane.astype(np.float64), 3), _SMOOTHING)
    steepness = np.hypot(*np.gradient(smoothed)) ** 2 if min(plane.shape) > 1 else 0 * smoothed
    np.minimum(steepness, np.percentile(steepness, _STEEPEST), out=steepness)
    total = np.pad(steepness, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    tops = np.unique([*range(0, plane.shape[0] - rows + 1, _STRIDE), plane.shape[0] - rows])
    lefts = np.unique([*range(0, plane.shape[1] - columns + 1, _STRIDE), plane.shape[1] - columns])
    inside = (
        total[np.ix_(tops + rows, lefts + columns)]
        - total[np.ix_(tops, lefts + columns)]
        - total[np.ix_(tops + rows, lefts)]
        + total[np.ix_(tops, lefts)]
    )
    row, column = np.unravel_index(int(np.argmax(inside)), inside.shape)
    return int(tops[row]), int(lefts[column])


def _warn_at_the_end(values: Sequence[float], best: int) -> None:
    if 0 < best < len(values) - 1:
        return
    name, beyond = ("smallest", "smaller") if best == 0 else ("largest", "larger")
    warnings.warn(
        f"The best value, {values[best]:g}, is the {name} that was tried, and {beyond} ones may be "
        "better; try them with --values.",
        PellucidWarning,
        stacklevel=3,
    )


def _in_words(image: Image, part: tuple[slice, slice], shown: int | None) -> str:
    rows, columns = part
    words = (
        f"rows {rows.start} to {rows.stop - 1} of {image.size('Y')}, columns {columns.start} to "
        f"{columns.stop - 1} of {image.size('X')}"
    )
    if shown is not None:
        words += f", {image.size('Z')} planes, number {shown} shown"
    if image.size("T") > 1:
        words += f", first of {image.size('T')} points in time"
    return words


def _command(
    source: Path, stated: Stated, *, method: str, what: Sweepable, value: float, axes: str | None
) -> str:
    """Return the command line for the whole image."""
    options: dict[str, object] = {
        "--method": method,
        "--" + what.setting.replace("_", "-"): value,
        **{option: getattr(stated.known, name) for name, option in _OPTICS.items()},
        "--psf": stated.psf,
        "--background": stated.background if "background" in METHODS[method].takes else None,
        "--axes": axes,
    }
    if stated.psf_voxel is not None:
        options["--psf-pixel-size"] = stated.psf_voxel.pixel_size_um
        options["--psf-z-step"] = stated.psf_voxel.z_step_um
    words = ["pellucid", "restore", str(source)]
    for option, given in options.items():
        if given is not None:
            words += [option, str(given)]
    return shlex.join(words)


def _sheet(swept: Swept, images: Sequence[NDArray[Any]], shown: int | None) -> bytes:
    """Draw the part and a detail of it, as recorded and with every value."""
    planes = [image if shown is None else image[shown] for image in images]
    rows, columns = (min(_DETAIL, n) for n in planes[0].shape)
    top, left = _most_structure(planes[0], rows, columns)
    detail = [plane[top : top + rows, left : left + columns] for plane in planes]
    titles = ["recorded\n"]
    for number, (value, score) in enumerate(zip(swept.values, swept.scores, strict=True)):
        best = " (best)" if number == swept.best else ""
        titles.append(f"{value:g}{best}\nscore {score:.4f}")
    height, width = planes[0].shape
    labels = [f"{height} x {width} pixels", f"{rows} x {columns} pixels"]
    return contact_sheet([planes, detail], rows=labels, columns=titles, inches=_INCHES)
