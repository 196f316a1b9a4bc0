"""Noisy recordings: two of the same field, frames of a time series, or single ones."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, final

from numpy.typing import NDArray

from pellucid.assess.registration import Shift
from pellucid.errors import ImageError, PellucidWarning
from pellucid.imaging.intensity import estimate_scale
from pellucid.imaging.noise import NoiseEstimate, estimate_noise
from pellucid.train._files import planes_of, read_recording
from pellucid.train._flux import Brightness
from pellucid.train._patches import Field, FieldSource
from pellucid.train._registered import Limits, PairReport, aligned_field, judged

#: Shifts below this, or below twice their error, are taken as none, pixels.
_NO_SHIFT = 0.05
#: How far from one the whiteness of noise may lie before the two parts are called dependent.
_WHITE = 0.15


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TwiceSource(FieldSource):
    """A channel of two recordings; of a time series, its even and odd frames."""

    title: str
    number: int
    count: int
    files: tuple[Path, ...]
    axes: str | None
    shift: tuple[float, ...]
    brightness: Brightness
    reverse: bool = False

    @property
    def name(self) -> str:
        """Name of the file, or of both."""
        return self.title

    @property
    def channel(self) -> int:
        """Channel."""
        return self.number

    @property
    def planes(self) -> int:
        """Number of planes."""
        return self.count

    def swapped(self) -> TwiceSource:
        """Return the source with image and target in each other's place."""
        gain, offset = self.brightness.gain, self.brightness.offset
        return replace(
            self,
            shift=tuple(-d for d in self.shift),
            brightness=Brightness(1.0 / gain, -offset / gain),
            reverse=not self.reverse,
        )

    def load(self) -> Field:
        """Read both recordings and bring the target to the place and the units of the image."""
        whole = [read_recording(file, axes=self.axes, channel=self.number) for file in self.files]
        image, target = _recordings(self.files, [data[0] for data in whole])
        if self.reverse:
            image, target = target, image
        return aligned_field(image, target, self.shift, self.brightness)


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OnceSource(FieldSource):
    """A channel of a file as it is."""

    title: str
    number: int
    count: int
    file: Path
    axes: str | None

    @property
    def name(self) -> str:
        """Name of the file."""
        return self.title

    @property
    def channel(self) -> int:
        """Channel."""
        return self.number

    @property
    def planes(self) -> int:
        """Number of planes."""
        return self.count

    def load(self) -> Field:
        """Read the channel."""
        planes = planes_of(read_recording(self.file, axes=self.axes, channel=self.number)[0])
        return Field(planes, planes, estimate_scale(planes))


def examined_twice(
    name: str,
    files: tuple[Path, ...],
    axes: str | None,
    channel: int | None,
    limits: Limits,
) -> list[tuple[PairReport, TwiceSource | None]]:
    """Register the channels of two recordings, or of a time series, and judge them.

    Raises
    ------
    ImageError
        If the files cannot be read, differ in shape or lack a time axis.
    """
    whole = [read_recording(file, axes=axes, channel=channel) for file in files]
    if whole[0].shape != whole[-1].shape:
        raise ImageError(
            f"{files[0]} and {files[-1]} differ in shape, (channel, time, z, y, x) being "
            f"{whole[0].shape} and {whole[-1].shape}; two recordings of a field must not."
        )
    found: list[tuple[PairReport, TwiceSource | None]] = []
    for index in range(len(whole[0])):
        number = index if channel is None else channel
        image, target = _recordings(files, [data[index] for data in whole])
        report = judged(name, number, image, target, limits, blurred=False)
        source = None
        if report.registration is not None and report.brightness is not None:
            source = TwiceSource(
                title=name,
                number=number,
                count=len(image),
                files=files,
                axes=axes,
                shift=_evident(report.registration),
                brightness=report.brightness,
            )
        found.append((report, source))
    return found


def estimated_noise(file: Path, planes: NDArray[Any], cutoff_per_pixel: float) -> NoiseEstimate:
    """Estimate the noise of a channel, and warn if it is not white.

    Raises
    ------
    ImageError
        If it cannot be estimated.
    """
    try:
        found = estimate_noise(planes, cutoff_per_pixel=cutoff_per_pixel)
    except ImageError as error:
        raise ImageError(f"{file}: {error}") from None
    if found.whiteness is not None and abs(found.whiteness - 1.0) > _WHITE:
        warnings.warn(
            f"The noise of {file} is not white (whiteness {found.whiteness:.2f}): the two parts "
            "it is split into share some of it, and a network trained on them keeps that; use "
            "raw recordings.",
            PellucidWarning,
            stacklevel=3,
        )
    return found


def _recordings(
    files: tuple[Path, ...], channels: list[NDArray[Any]]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return planes of both recordings, given channels of shape (time, z, y, x)."""
    if len(channels) == 2:
        return planes_of(channels[0]), planes_of(channels[1])
    pairs = len(channels[0]) // 2
    if pairs == 0:
        raise ImageError(
            f"{files[0]} has one time, and a pair of frames needs two; name the axes of the file, "
            "such as TYX, or give a second folder."
        )
    return planes_of(channels[0][0 : 2 * pairs : 2]), planes_of(channels[0][1 : 2 * pairs : 2])


def _evident(found: Shift) -> tuple[float, ...]:
    """Return the shift where it is more than its error: moving an image costs a little."""
    return tuple(
        d if abs(d) > max(_NO_SHIFT, 2.0 * error) else 0.0
        for d, error in zip(found.shift_pixels, found.error_pixels, strict=True)
    )
