"""How a scene goes on beyond the frame, and where it lies on the grid of the Fourier transform."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, final, get_args

import array_api_compat
import numpy as np
from numpy.typing import NDArray

from pellucid.errors import SettingsError
from pellucid.imaging._arrays import contiguous
from pellucid.imaging._fft import fast_length

Boundary = Literal["extended", "periodic", "reflect"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class AxisLayout:
    """One axis: image, scene, the scene with its margins, and the grid.

    The padded scene and the image both begin at the first sample of the grid, so that all
    padding and cropping happens at the ends.

    Attributes
    ----------
    image, scene, grid : int
        Samples of each.
    before, after : int
        Samples by which a scene is reflected at either end; at most `scene`.
    first : int
        Sample of the scene that the first pixel of the image looks at.
    origin : int
        Sample of the grid on which the centre of the kernel lies; not positive.
    """

    image: int
    scene: int
    grid: int
    before: int = 0
    after: int = 0
    first: int = 0
    origin: int = 0


def layout(
    psf_shape: tuple[int, ...], image_shape: tuple[int, ...], boundary: str
) -> tuple[AxisLayout, ...]:
    """Return the layout of every axis.

    Raises
    ------
    SettingsError
        If there is no such boundary.
    """
    if boundary not in get_args(Boundary):
        raise SettingsError(
            f"There is no boundary {boundary!r}; it is one of "
            f"{', '.join(repr(b) for b in get_args(Boundary))}."
        )
    last = len(image_shape) - 1
    return tuple(
        _axis_layout(k, n, boundary, last=axis == last)
        for axis, (k, n) in enumerate(zip(psf_shape, image_shape, strict=True))
    )


def _axis_layout(k: int, n: int, boundary: str, *, last: bool) -> AxisLayout:
    if boundary == "periodic":
        return AxisLayout(image=n, scene=n, grid=n)
    # Light reaches the first pixel from so many samples before it, the last from the rest after.
    before = k - 1 - k // 2
    # What wraps round on a grid of this length falls beside the image.
    whole = n + k - 1
    grid = fast_length(whole, last=last)
    if boundary == "extended":
        return AxisLayout(image=n, scene=whole, grid=grid, first=before, origin=-before)
    if whole > 2 * n:
        # A mirrored scene repeats every 2 n samples: one reflection is all there is to know.
        return AxisLayout(image=n, scene=n, grid=2 * n, after=n)
    return AxisLayout(image=n, scene=n, grid=grid, before=before, after=k // 2, origin=-before)


def on_grid(kernel: NDArray[np.float32], axes: tuple[AxisLayout, ...]) -> NDArray[np.float32]:
    """Lay a kernel on the grid, its centre on the origin; what is longer is wrapped round."""
    places = []
    for axis, one in enumerate(axes):
        k = kernel.shape[axis]
        places.append((np.arange(min(k, one.grid)) - k // 2 + one.origin) % one.grid)
        if k > one.grid:
            kernel = _wrapped(kernel, axis, one.grid)
    grid = np.zeros(tuple(one.grid for one in axes), dtype=np.float32)
    grid[np.ix_(*places)] = kernel
    return grid


def _wrapped(kernel: NDArray[np.float32], axis: int, period: int) -> NDArray[np.float32]:
    """Sum the samples of an axis that lie whole periods apart."""
    turns = -(-kernel.shape[axis] // period)
    missing = [(0, 0)] * kernel.ndim
    missing[axis] = (0, turns * period - kernel.shape[axis])
    shape = (*kernel.shape[:axis], turns, period, *kernel.shape[axis + 1 :])
    wrapped: NDArray[np.float32] = np.pad(kernel, missing).reshape(shape).sum(axis=axis)
    return wrapped


def reflect(x: Any, axes: tuple[AxisLayout, ...]) -> Any:
    """Continue a scene by its mirror image; the samples at its ends come twice."""
    if not any(one.before or one.after for one in axes):
        return x
    xp = array_api_compat.array_namespace(x)
    shape = tuple(one.before + one.scene + one.after for one in axes)
    padded = xp.empty(shape, dtype=x.dtype, device=array_api_compat.device(x))
    inner = tuple(slice(one.before, one.before + one.scene) for one in axes)
    padded[inner] = x
    # Each axis copies what the axes before it have filled.
    for axis, one in enumerate(axes):
        sides = (slice(None),) * axis, inner[axis + 1 :]
        low, high = one.before, one.before + one.scene
        for to, source in (
            (slice(0, low), slice(low, 2 * low)),
            (slice(high, high + one.after), slice(high - one.after, high)),
        ):
            mirrored = xp.flip(padded[(*sides[0], source, *sides[1])], axis=axis)
            padded[(*sides[0], to, *sides[1])] = mirrored
    return padded


def fold(padded: Any, axes: tuple[AxisLayout, ...]) -> Any:
    """Add the margins back to where `reflect` took them from: its adjoint. Overwrites."""
    if not any(one.before or one.after for one in axes):
        return padded
    xp = array_api_compat.array_namespace(padded)
    for axis, one in enumerate(axes):
        every = (slice(None),) * axis
        low, high = one.before, one.before + one.scene
        inner = padded[(*every, slice(low, high))]
        if low:
            inner[(*every, slice(0, low))] += xp.flip(padded[(*every, slice(0, low))], axis=axis)
        if one.after:
            margin = padded[(*every, slice(high, high + one.after))]
            inner[(*every, slice(one.scene - one.after, one.scene))] += xp.flip(margin, axis=axis)
        padded = inner
    return contiguous(padded)
