"""An image with what its numbers mean: axes, voxel size, channels, objective."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import ImageError

#: Axes an image may have, as letters of the OME data model; Y and X always come last.
KNOWN_AXES = "TCZYX"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Voxel:
    """Distance of neighbouring samples; None where the file does not say.

    Attributes
    ----------
    pixel_size_um, pixel_size_y_um : float or None
        Along x and along y, micrometres.
    z_step_um : float or None
        Along z, micrometres.
    time_step_s : float or None
        Along t, seconds.
    """

    pixel_size_um: float | None = None
    pixel_size_y_um: float | None = None
    z_step_um: float | None = None
    time_step_s: float | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """What a channel is called and the light it stands for, as far as the file says."""

    name: str | None = None
    emission_nm: float | None = None
    excitation_nm: float | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """The objective as far as the file describes it."""

    numerical_aperture: float | None = None
    refractive_index: float | None = None


@final
@dataclass(frozen=True, slots=True)
class Image:
    """Intensities with axes and metadata.

    Parameters
    ----------
    data : ndarray of real numbers
        One intensity a sample; finite, not empty.
    axes : str
        One letter an axis out of ``T`` (time), ``C`` (channel), ``Z``, ``Y``, ``X``; ends
        with ``YX``.
    voxel : Voxel, optional
    channels : tuple of Channel, optional
        One for each index of the axis C, or one for an image without that axis; may be empty.
    objective : Objective, optional

    Raises
    ------
    ImageError
        If the data are not an image pellucid can work on; the message says why.
    """

    data: NDArray[Any]
    axes: str
    voxel: Voxel = field(default_factory=Voxel)
    channels: tuple[Channel, ...] = ()
    objective: Objective = field(default_factory=Objective)

    def __post_init__(self) -> None:
        check_intensities(self.data)
        check_axes(self.axes, self.data.ndim)
        count = self.size("C")
        if self.channels and len(self.channels) != count:
            raise ImageError(
                f"The image has {count} channel(s) but {len(self.channels)} are described; "
                "describe each channel once or none."
            )

    def size(self, axis: str) -> int:
        """Length along an axis; one where the image lacks it."""
        return self.data.shape[self.axes.index(axis)] if axis in self.axes else 1

    def channel(self, index: int) -> Channel:
        """Return what is known of a channel."""
        return self.channels[index] if self.channels else Channel()

    def with_data(self, data: NDArray[Any]) -> Image:
        """Return other intensities of the same shape with this image's metadata."""
        if data.shape != self.data.shape:
            raise ImageError(
                f"Data of shape {data.shape} cannot take the place of shape {self.data.shape}."
            )
        return replace(self, data=data)

    def blocks(self, inner: str) -> Iterator[tuple[int, tuple[int | slice, ...]]]:
        """Walk over all indices of the axes not in `inner`.

        Parameters
        ----------
        inner : str
            Axes each block keeps, such as ``"YX"`` or ``"ZYX"``; those the image lacks are
            passed over.

        Yields
        ------
        channel : int
            Index of the block's channel.
        index : tuple
            Index into `data` that selects the block.
        """
        lengths = zip(self.axes, self.data.shape, strict=True)
        outer = [1 if axis in inner else length for axis, length in lengths]
        where = self.axes.find("C")
        for position in np.ndindex(*outer):
            index = tuple(
                slice(None) if a in inner else i for a, i in zip(self.axes, position, strict=True)
            )
            yield (position[where] if where >= 0 else 0), index


def check_intensities(data: NDArray[Any]) -> None:
    """Raise an ImageError unless an array holds finite real intensities of an image."""
    if data.ndim < 2:
        what = "a single number" if data.ndim == 0 else "a list of numbers"
        raise ImageError(
            f"An image has at least two axes, but this array of shape {data.shape} is {what}; "
            "give a 2-D image or a stack."
        )
    if data.size == 0:
        raise ImageError(f"The image is empty: shape {data.shape}; give one with pixels.")
    if data.dtype.kind == "c":
        raise ImageError(
            f"The image is complex ({data.dtype}); give its intensity, for example the squared "
            "magnitude."
        )
    if data.dtype.kind not in "uif":
        raise ImageError(
            f"The image has type {data.dtype}, which is not an intensity; give integers or "
            "floating-point numbers."
        )
    if data.dtype.kind == "f":
        bad = data.size - int(np.count_nonzero(np.isfinite(data)))
        if bad:
            raise ImageError(
                f"{bad} of {data.size} pixels are not finite (NaN or infinite); replace them, "
                "for example by the median of their neighbours."
            )


def check_axes(axes: str, ndim: int) -> None:
    """Raise an ImageError unless `axes` names `ndim` known axes and ends with YX."""
    if len(axes) != ndim:
        raise ImageError(
            f"axes = {axes!r} names {len(axes)} axes but the image has {ndim}; "
            f"name each once, for example {KNOWN_AXES[-ndim:] if ndim <= 5 else KNOWN_AXES!r}."
        )
    unknown = sorted(set(axes) - set(KNOWN_AXES))
    if unknown or len(set(axes)) != len(axes) or not axes.endswith("YX"):
        raise ImageError(
            f"axes = {axes!r} is not understood; use each of T, C, Z at most once, "
            "followed by YX, for example TCZYX."
        )


def image_stem(path: Path) -> str:
    """Return a file's name without what marks it as an image: ``a.1.ome.tif`` gives ``a.1``."""
    for suffix in (".ome.tiff", ".ome.tif", ".tiff", ".tif", ".png", ".mrc", ".dv"):
        if path.name.lower().endswith(suffix):
            return path.name[: -len(suffix)]
    return path.name


def is_constant(data: NDArray[Any]) -> bool:
    """Tell whether more than one pixel all have the same value."""
    return data.size > 1 and bool((data == data.flat[0]).all())


def finite_positive(value: float | None) -> float | None:
    """Return a metadata value, or None where it is missing or cannot be a size."""
    return value if value is not None and math.isfinite(value) and value > 0 else None
