"""Pairs of files that show the same thing: registered, judged and brought to one brightness."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from pellucid.assess.registration import Shift, bin_to, register, shifted, valid_part
from pellucid.errors import ImageError
from pellucid.imaging.intensity import estimate_scale
from pellucid.train._files import mean_plane, planes_of, read_recording
from pellucid.train._flux import Brightness, blurred_brightness, equal_brightness
from pellucid.train._patches import Field, FieldSource

#: Pixels along the frame where an interpolated truth ripples, for its mirror image has an edge.
_FRAME = 4


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a pair must be to be used.

    Attributes
    ----------
    correlation, snr_db : float
        Least values; see :class:`pellucid.assess.registration.Agreement`.
    shift_pixels : float
        Largest shift along an axis.
    size : int
        Side of the patches to be cut.
    """

    correlation: float
    snr_db: float
    shift_pixels: float
    size: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PairReport:
    """What was found out about a channel of a pair of files.

    Attributes
    ----------
    name : str
        Of both files: the path in their folders, without ending and suffix.
    channel : int
    registration : Shift or None
        Of the image on the truth, ``(y, x)`` in pixels of the image; the truth was moved by its
        negative. None if there was nothing to register.
    brightness : Brightness or None
        Gain and offset that brought the truth to the units of the image; None if the pair is
        not used.
    refused : str or None
        Why the pair is not used.
    """

    name: str
    channel: int
    registration: Shift | None = None
    brightness: Brightness | None = None
    refused: str | None = None


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PairSource(FieldSource):
    """A channel of a pair of files, with what is needed to align it."""

    title: str
    number: int
    count: int
    files: tuple[Path, Path]
    axes: str | None
    shift: tuple[float, ...]
    brightness: Brightness

    @property
    def name(self) -> str:
        """Name of both files."""
        return self.title

    @property
    def channel(self) -> int:
        """Channel of both files."""
        return self.number

    @property
    def planes(self) -> int:
        """Number of planes."""
        return self.count

    def load(self) -> Field:
        """Read the pair and bring the truth to the place and the units of the image."""
        image, truth = (
            planes_of(read_recording(file, axes=self.axes, channel=self.number)[0])
            for file in self.files
        )
        return aligned_field(image, truth, self.shift, self.brightness)


def examined(
    name: str,
    files: tuple[Path, Path],
    axes: str | None,
    channel: int | None,
    limits: Limits,
) -> list[tuple[PairReport, PairSource | None]]:
    """Register the channels of a pair of files and judge them.

    Raises
    ------
    ImageError
        If the files cannot be read or their sizes do not fit.
    """
    image, truth = (read_recording(file, axes=axes, channel=channel) for file in files)
    _check_fit(files, image.shape, truth.shape)
    found: list[tuple[PairReport, PairSource | None]] = []
    for index in range(len(image)):
        number = index if channel is None else channel
        low, high = planes_of(image[index]), planes_of(truth[index])
        report = judged(name, number, low, high, limits, blurred=True)
        source = None
        if report.registration is not None and report.brightness is not None:
            source = PairSource(
                title=name,
                number=number,
                count=len(low),
                files=files,
                axes=axes,
                shift=report.registration.shift_pixels,
                brightness=report.brightness,
            )
        found.append((report, source))
    return found


def judged(
    name: str,
    channel: int,
    image: NDArray[Any],
    truth: NDArray[Any],
    limits: Limits,
    *,
    blurred: bool,
) -> PairReport:
    """Register planes, shape (n, y, x), by their mean, and judge and fit them.

    With `blurred` the image is taken as a blurred truth, otherwise as an equal recording.
    """
    shape = (image.shape[1], image.shape[2])
    try:
        found = register(mean_plane(image), bin_to(mean_plane(truth), shape))
    except ImageError as error:
        return PairReport(name=name, channel=channel, refused=f"{name}: {error}")
    refused = _reason(found, shape, limits)
    brightness = None
    if refused is None:
        part, moved = aligned(image, truth, found.shift_pixels)
        everywhere = np.broadcast_to(moved, part.shape)
        fit = blurred_brightness if blurred else equal_brightness
        brightness = fit(everywhere, part)
        if not brightness.gain > 0:
            refused, brightness = "it is bright where the other is dark.", None
    return PairReport(
        name=name,
        channel=channel,
        registration=found,
        brightness=brightness,
        refused=None if refused is None else f"{name} (channel {channel}): {refused}",
    )


def common_part(shape: tuple[int, int], shift: tuple[float, ...]) -> tuple[slice, ...]:
    """Return what both show of an image that lies by `shift` on its truth.

    Where the truth has to be interpolated, the pixels next to the frame are left out too.
    """
    back = [-d for d in shift]
    part = valid_part(shape, back)
    frame = [0 if d == round(d) else _FRAME for d in back]
    return tuple(
        slice(s.start + f, max(s.start + f, s.stop - f)) for s, f in zip(part, frame, strict=True)
    )


def aligned(
    image: NDArray[Any], truth: NDArray[Any], shift: tuple[float, ...]
) -> tuple[NDArray[Any], NDArray[np.float32]]:
    """Move truths onto images and average them over their pixels; keep what both show.

    Parameters
    ----------
    image : ndarray, shape (n, y, x)
    truth : ndarray, shape (n or 1, factor * y, factor * x)
    shift : tuple of float
        ``(y, x)`` of the image on the truth, pixels of the image.

    Returns
    -------
    image, truth : ndarray
        The image is as it was, but for its frame.
    """
    shape = (image.shape[1], image.shape[2])
    factor = truth.shape[1] // shape[0]
    fine = tuple(-factor * d for d in shift)
    part = common_part(shape, shift)
    moved = np.stack([bin_to(shifted(plane, fine), shape)[part] for plane in truth])
    return np.ascontiguousarray(image[(slice(None), *part)]), moved


def aligned_field(
    image: NDArray[Any],
    truth: NDArray[Any],
    shift: tuple[float, ...],
    brightness: Brightness,
) -> Field:
    """Bring truths to the place and the units of their images; one for all is not copied."""
    part, moved = aligned(image, truth, shift)
    scaled = moved * np.float32(brightness.gain) + np.float32(brightness.offset)
    y, x = common_part((image.shape[1], image.shape[2]), shift)
    return Field(
        part,
        np.broadcast_to(scaled, part.shape),
        estimate_scale(image),
        corner=(y.start, x.start),
    )


def _reason(found: Shift, shape: tuple[int, int], limits: Limits) -> str | None:
    """Return why a pair cannot be used, or None."""
    agreement = found.agreement
    if agreement.correlation < limits.correlation:
        return (
            f"image and truth do not show the same (correlation {agreement.correlation:.2f}, at "
            f"least {limits.correlation:g} is needed)."
        )
    if agreement.snr_db < limits.snr_db:
        return (
            f"too little of the image is signal ({agreement.snr_db:.1f} dB, at least "
            f"{limits.snr_db:g} dB is needed)."
        )
    if max(abs(d) for d in found.shift_pixels) > limits.shift_pixels:
        listed = ", ".join(f"{d:.1f}" for d in found.shift_pixels)
        return (
            f"image and truth lie ({listed}) pixels apart, and at most {limits.shift_pixels:g} "
            "are allowed."
        )
    left = [s.stop - s.start for s in common_part(shape, found.shift_pixels)]
    if min(left) < limits.size:
        return f"the {left[0]} x {left[1]} pixels in common hold no patch of {limits.size} pixels."
    return None


def _check_fit(files: tuple[Path, Path], image: tuple[int, ...], truth: tuple[int, ...]) -> None:
    """Raise an ImageError unless a truth has the channels, planes and pixels of its image."""
    if image[0] != truth[0]:
        raise ImageError(
            f"{files[0]} has {image[0]} channel(s) but {files[1]} has {truth[0]}; name one that "
            "both have, or store channels in files of their own."
        )
    if truth[1:3] not in (image[1:3], (1, 1)):
        raise ImageError(
            f"{files[0]} has {image[1]} times of {image[2]} planes but {files[1]} has {truth[1]} "
            f"of {truth[2]}; both must have the same, or the truth one plane for all."
        )
    factors = {t / i for t, i in zip(truth[3:], image[3:], strict=True)}
    if len(factors) > 1 or not min(factors).is_integer():
        raise ImageError(
            f"{files[1]} has {truth[3]} x {truth[4]} pixels, which is no whole multiple of the "
            f"{image[3]} x {image[4]} of {files[0]}; crop or resample the truth."
        )
