"""What can be wrong with a recording whose noise is to be measured."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.errors import ImageError, SettingsError

#: Least side of an image that an estimate is made from.
_LEAST_SIDE = 32


def check_offset(offset_counts: float | None) -> None:
    if offset_counts is not None and not math.isfinite(offset_counts):
        raise SettingsError(f"offset_counts must be a finite number, not {offset_counts}.")


def check_side(counts: NDArray[Any]) -> None:
    if min(counts.shape[-2:]) < _LEAST_SIDE:
        raise ImageError(
            f"Noise can be estimated from {_LEAST_SIDE} x {_LEAST_SIDE} pixels or more, not from "
            f"{counts.shape[-2]} x {counts.shape[-1]}; give a larger image."
        )


def checked(image: ArrayLike, what: str, axes: tuple[int, ...]) -> NDArray[Any]:
    counts = np.asarray(image)
    if counts.dtype.kind not in "biuf":
        raise ImageError(f"{what} must hold real numbers, not {counts.dtype}.")
    if counts.ndim not in axes or counts.size == 0:
        raise ImageError(
            f"{what} must have {' or '.join(map(str, axes))} axes and pixels, not the shape "
            f"{counts.shape}."
        )
    low, high = float(counts.min()), float(counts.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ImageError(
            f"{what} must be finite, but this one ranges from {low:g} to {high:g}; replace NaN "
            "and infinite pixels first."
        )
    if low == high:
        raise ImageError(
            f"{what} that is constant at {low:g} holds no noise to measure; give a recording."
        )
    return counts.astype(np.uint8) if counts.dtype.kind == "b" else counts


def hidden_by_rounding(step: float) -> ImageError:
    """Return the error for a recording whose noise rounding hides."""
    return ImageError(
        f"Rounding to steps of {step:g} counts hides the noise of this image, as after "
        "resampling or conversion; give the recording as the camera made it."
    )
