"""Files of real images: which belong together, which belong to which part, what is in them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import ImageError, SettingsError
from pellucid.io.image import image_stem
from pellucid.io.read import read_image
from pellucid.simulate.images import matching_names

Part: TypeAlias = Literal["all", "training", "validation"]
PARTS: tuple[str, ...] = get_args(Part)

#: Files that are images, by their names.
_PATTERNS = ("*.tif", "*.tiff", "*.png", "*.mrc", "*.dv")
#: Names an error lists before it says how many more there are.
_LISTED = 5


def image_files(folder: str | Path, ending: str = "") -> dict[str, Path]:
    """Return the images below a folder by name: their paths in it, without ending and suffix.

    Parameters
    ----------
    folder : str or Path
    ending : str
        Only files whose names end with it, before the suffix, are taken.

    Raises
    ------
    ImageError
        If there is no such folder, no such file, or two files have one name.
    """
    root = Path(folder)
    found: dict[str, Path] = {}
    for relative in matching_names(root, _PATTERNS):
        path = root / relative
        stem = image_stem(path)
        if not stem.endswith(ending):
            continue
        parent = Path(relative).parent.as_posix()
        name = ("" if parent == "." else f"{parent}/") + stem.removesuffix(ending)
        if name in found:
            raise ImageError(
                f"{found[name]} and {path} have the same name but for the type of file; remove "
                "one of them."
            )
        found[name] = path
    if not found:
        what = f"image whose name ends with {ending!r}" if ending else "TIFF, PNG or MRC image"
        raise ImageError(f"{root} holds no {what}; check the folder.")
    return found


def matched_files(
    first: str | Path, second: str | Path, endings: tuple[str, str] = ("", "")
) -> dict[str, tuple[Path, Path]]:
    """Match the images of two folders by name.

    Raises
    ------
    ImageError
        If an image has no partner; the message lists them.
    SettingsError
        If both are one folder and the endings do not tell the images apart.
    """
    if Path(first).resolve() == Path(second).resolve() and endings[0] == endings[1]:
        raise SettingsError(
            f"Both images of a pair are looked for in {first}; give two folders, or the endings "
            "that tell them apart, such as ('_wf', '_sim')."
        )
    ones, others = image_files(first, endings[0]), image_files(second, endings[1])
    lonely = [path for a, b in ((ones, others), (others, ones)) for n, path in a.items()
              if n not in b]  # fmt: skip
    if lonely:
        listed = ", ".join(str(path) for path in lonely[:_LISTED])
        more = f" and {len(lonely) - _LISTED} more" if len(lonely) > _LISTED else ""
        raise ImageError(
            f"{len(lonely)} of {len(ones) + len(others)} images have no partner of the same "
            f"name: {listed}{more}; rename or remove them."
        )
    return {name: (ones[name], others[name]) for name in sorted(ones)}


def part_of(names: Sequence[str], part: str, validation_share: float) -> list[str]:
    """Return the names that belong to a part of a data set, in their own order.

    Names are ordered by their SHA-256; the last of them, by the share, are for validation, the
    others for training. So the parts have no file in common, whatever else is drawn.

    Raises
    ------
    SettingsError
        If there is no such part, the share does not lie between 0 and 1, or there are too few
        files to divide.
    """
    if part not in PARTS:
        raise SettingsError(f"There is no part {part!r}; choose one of {', '.join(PARTS)}.")
    if not 0.0 < validation_share < 1.0:
        raise SettingsError(f"validation_share = {validation_share:g} must lie between 0 and 1.")
    if part == "all":
        return list(names)
    if len(names) < 2:
        raise SettingsError(
            f"{len(names)} file cannot be divided into training and validation; add files, or "
            "take all of it for training."
        )
    shuffled = sorted(names, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    held = min(max(1, round(validation_share * len(names))), len(names) - 1)
    validation = set(shuffled[-held:])
    return [name for name in names if (name in validation) == (part == "validation")]


def read_recording(
    path: Path, *, axes: str | None = None, channel: int | None = None
) -> NDArray[Any]:
    """Read a file as (channel, time, z, y, x), in its own type.

    Parameters
    ----------
    path : Path
    axes : str, optional
        As in :func:`pellucid.io.read_image`.
    channel : int, optional
        The one to take; all if not given.

    Raises
    ------
    ImageError
        If it cannot be read or lacks the channel.
    """
    image = read_image(path, axes=axes)
    order = [image.axes.index(axis) for axis in "CTZYX" if axis in image.axes]
    shape = [image.size(axis) for axis in "CTZYX"]
    data = image.data.transpose(order).reshape(shape)
    if channel is None:
        return data
    if not 0 <= channel < len(data):
        raise ImageError(
            f"{path} has {len(data)} channel(s), counted from 0, and no channel {channel}; choose "
            "another."
        )
    return data[channel : channel + 1]


def planes_of(channel: NDArray[Any]) -> NDArray[Any]:
    """Return the planes of a channel, shape (n, y, x)."""
    return channel.reshape(-1, *channel.shape[-2:])


def mean_plane(planes: NDArray[Any]) -> NDArray[np.float64]:
    """Average planes, shape (n, y, x), to one of shape (y, x)."""
    mean: NDArray[np.float64] = planes.mean(axis=0, dtype=np.float64)
    return mean
