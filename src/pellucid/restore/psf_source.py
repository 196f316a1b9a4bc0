"""A point spread function from a file, made fit to restore a certain image with."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from pellucid.errors import ImageError, OpticsError, PellucidWarning
from pellucid.io.image import Image, Voxel, is_constant
from pellucid.io.read import read_image
from pellucid.optics._width import (
    Array,
    border_noise,
    half_maximum_widths,
    keep_spot,
    low_passed,
    sample,
    spot_centre,
)
from pellucid.optics.measured import unit_sum

#: Sizes of samples that differ by less are the same.
_SAME = 5e-3
#: Sizes that differ by more are a mistake of units.
_MOST_RATIO = 50.0
#: Share of the light that may be left out at the far ends of an axis.
_LEFT_OUT = 1e-3
#: A peak below so many deviations of the noise is no point spread function; what lies so many
#: below zero, and deeper than this share of the peak, is not noise.
_LEAST_PEAK_SIGMAS, _MOST_NEGATIVE_SIGMAS, _MOST_NEGATIVE = 10.0, 8.0, 0.01
#: Planes whose borders are so few standard errors brighter than the darkest show background alone.
_ALIKE = 5.0
#: What lies farther from a spot than so many widths at half maximum, and is so bright beside it,
#: is a spot of its own.
_OWN, _SECOND_SPOT = 1.5, 0.4
#: Shifts, in samples, and shares of light or peak that are not worth a word.
_STILL, _UNSEEN = 0.01, 1e-5


@final
@dataclass(frozen=True, slots=True)
class PreparedPsf:
    """A point spread function as :class:`pellucid.imaging.Blur` takes it.

    Attributes
    ----------
    data : ndarray of float32, shape (z, y, x) or (y, x)
        Not negative, sums to one, odd along every axis, centred on the sample ``n // 2``, on
        samples as far apart as the image's.
    steps : tuple of str
        What was done to the file's samples, in words, each to follow "it was"; empty if they
        could be taken as they are but for their scale.
    """

    data: NDArray[np.float32]
    steps: tuple[str, ...]


def read_psf(
    path: str | Path,
    *,
    voxel: Voxel,
    volume: bool,
    image_shape: Sequence[int],
    psf_voxel: Voxel | None = None,
) -> PreparedPsf:
    """Read a point spread function and fit it to an image.

    Its background is removed: the median of the border of the darkest planes, as planes out of
    focus have light at their borders that is no background. Samples that do not stand out of the
    noise around the spot become zero. The centre is the fixed point of the Gaussian-weighted
    centroid of the peak. Shift and new sampling are one evaluation of the quintic spline, after
    the frequencies are removed that the new samples cannot carry. The ends of an axis are left
    out as far as they hold, over all axes, less than 0.1 per cent of the light, and where they lie
    too far away to link two pixels of the image.

    Parameters
    ----------
    path : str or Path
        TIFF, OME-TIFF, PNG or MRC with one bright spot, anywhere; also with its origin in the
        corner, as for a Fourier transform. A stack that does not name its axes is taken as (z,
        y, x).
    voxel : Voxel
        Of the image; None where it is not known.
    volume : bool
        Whether the image is deconvolved in three dimensions.
    image_shape : sequence of int
        Of what is deconvolved: (z, y, x) for a volume, otherwise (y, x).
    psf_voxel : Voxel, optional
        Of the point spread function: what is stated here wins over the file.

    Returns
    -------
    PreparedPsf

    Raises
    ------
    ImageError
        If the file cannot be read, or holds numbers that are not finite.
    OpticsError
        If it holds no point spread function or several, is flat for a volume, or a size is
        missing where the image's is known or the other way round.

    Warns
    -----
    PellucidWarning
        In one sentence, what was done, if anything.
    """
    path = Path(path)
    image, steps = _read(path)
    data = _single(path, image)
    if len(image_shape) != 2 + volume:
        raise OpticsError(
            f"The image shape {tuple(image_shape)} needs {2 + volume} lengths; give the shape of "
            "what is deconvolved."
        )
    if volume and len(data) == 1:
        raise OpticsError(
            f"{path.name} is a point spread function of one plane, but the image is a z stack of "
            f"{image_shape[0]}; give one of as many dimensions, or restore plane by plane."
        )
    ratio, said_of_size = _ratios(path, voxel, _stated(psf_voxel, image.voxel), volume=volume)
    light, centre, said_of_spot = _spot(path, data)
    steps += said_of_spot
    if len(data) > 1 and not volume:
        steps.append(f"reduced to its plane in focus, z = {centre[0]:.4g} of {len(data)}")
        lateral = [np.arange(n, dtype=np.float64) for n in light.shape[1:]]
        light = np.maximum(sample(light, [centre[:1], *lateral]), 0.0)
        centre = np.array([0.0, *centre[1:]])
    lengths, said_of_ends = _window(light, centre, ratio, (1, *image_shape)[-3:])
    positions = [
        c + r * (np.arange(m, dtype=np.float64) - m // 2)
        for c, r, m in zip(centre, ratio, lengths, strict=True)
    ]
    values = np.maximum(sample(low_passed(light.astype(np.float32), ratio), positions), 0.0)
    steps += said_of_size + said_of_ends
    if steps:
        *first, last = steps
        listed = f"{', '.join(first)} and {last}" if first else last
        warnings.warn(
            f"The point spread function {path.name} was {listed}.", PellucidWarning, stacklevel=2
        )
    return PreparedPsf(unit_sum(values if volume else values[0]), tuple(steps))


def _read(path: Path) -> tuple[Image, list[str]]:
    """Read the file, as (z, y, x) where it does not say what its planes are."""
    try:
        return read_image(path), []
    except ImageError as error:
        # Names of axes cure nothing but a stack without: other errors come again.
        try:
            image = read_image(path, axes="ZYX")
        except ImageError:
            raise error from None
        return image, ["read as (z, y, x), as it does not name its axes"]


def _single(path: Path, image: Image) -> NDArray[np.float64]:
    """Return the samples of one point spread function, shape (z, y, x), checked."""
    for axis, what in (("C", "channels"), ("T", "points in time")):
        if image.size(axis) > 1:
            raise OpticsError(
                f"{path.name} holds {image.size(axis)} {what}, but one point spread function is "
                "needed; save the one you want as a file of its own."
            )
    data = image.data.astype(np.float64).reshape((image.size("Z"), *image.data.shape[-2:]))
    if not float(data.max()) > 0:
        raise OpticsError(
            f"{path.name} holds no light: its largest value is {float(data.max()):g}; give the "
            "recording of a bead, or a computed point spread function."
        )
    if is_constant(data):
        raise OpticsError(
            f"Every sample of {path.name} is {data.flat[0]:g}, which is no point spread function; "
            "check that the right file was exported."
        )
    return data


def _stated(given: Voxel | None, found: Voxel) -> Voxel:
    """Return the sizes of samples: those given, and those of the file where none are."""
    if given is None:
        return found
    pixel, pixel_y = given.pixel_size_um, given.pixel_size_y_um
    if pixel is None:
        pixel, pixel_y = found.pixel_size_um, pixel_y or found.pixel_size_y_um
    step = found.z_step_um if given.z_step_um is None else given.z_step_um
    return Voxel(pixel_size_um=pixel, pixel_size_y_um=pixel_y, z_step_um=step)


def _ratios(path: Path, image: Voxel, psf: Voxel, *, volume: bool) -> tuple[Array, list[str]]:
    """Return the image's step along z, y and x over the file's, one where they are alike."""
    sizes = {
        "z": (image.z_step_um, psf.z_step_um),
        "y": (
            image.pixel_size_y_um or image.pixel_size_um,
            psf.pixel_size_y_um or psf.pixel_size_um,
        ),
        "x": (image.pixel_size_um, psf.pixel_size_um),
    }
    ratio, unknown = np.ones(3), []
    resampled: dict[str, list[str]] = {}
    for axis, (mine, other) in enumerate(sizes.values()):
        if axis == 0 and not volume:
            continue
        name = "z step" if axis == 0 else "pixel size"
        if mine is None and other is None:
            unknown.append(name)
            continue
        new, old = _both(path, name, mine, other)
        if abs(new / old - 1.0) > _SAME:
            ratio[axis] = new / old
            resampled.setdefault(f"from {old:.4g} to {new:.4g} um", []).append("zyx"[axis])
    said = []
    if unknown:
        names = " and ".join(dict.fromkeys(unknown))
        said.append(f"taken to have the image's {names}, as neither file states it")
    if resampled:
        words = [f"{change} along {' and '.join(axes)}" for change, axes in resampled.items()]
        said.append(f"resampled {', '.join(words)}")
    return ratio, said


def _both(path: Path, name: str, mine: float | None, other: float | None) -> tuple[float, float]:
    """Return the image's and the file's size of samples, or ask for the one that is missing."""
    option = "--z-step" if name == "z step" else "--pixel-size"
    psf_option = option.replace("--", "--psf-")
    for value, asked in ((mine, option), (other, psf_option)):
        if value is not None and not (math.isfinite(value) and value > 0):
            raise OpticsError(f"{asked} must be a positive number of um, not {value}.")
    if other is None:
        raise OpticsError(
            f"{path.name} does not state its {name}, and the image's is {mine:g} um; state it with "
            f"{psf_option} (um)."
        )
    if mine is None:
        raise OpticsError(
            f"The {name} of {path.name} is {other:g} um, but the image's is not known; state it "
            f"with {option} (um)."
        )
    if not 1.0 / _MOST_RATIO <= mine / other <= _MOST_RATIO:
        raise OpticsError(
            f"The {name} of {path.name} is {other:g} um and the image's {mine:g} um, which is "
            f"hardly meant; state it in micrometres with {psf_option}."
        )
    return mine, other


def _spot(path: Path, data: Array) -> tuple[Array, Array, list[str]]:
    """Return the light of the spot, its centre in samples, and what was done."""
    steps = []
    deepest, top, noise = float(data.min()), float(data.max()), border_noise(data)
    if deepest < -max(_MOST_NEGATIVE * top, _MOST_NEGATIVE_SIGMAS * noise):
        raise OpticsError(
            f"{path.name} holds negative values down to {deepest:.4g} beside a peak of {top:.4g}, "
            "which are no light; give intensities, not an amplitude or a transfer function."
        )
    smoothed = gaussian_filter(data, [1.0 if n > 2 else 0.0 for n in data.shape], mode="wrap")
    peak = np.array(np.unravel_index(int(np.argmax(smoothed)), data.shape))
    last = np.array(data.shape) - 1
    if max(data.shape) > 1 and bool(((peak == 0) | (peak == last)).all()):
        half = [n // 2 for n in data.shape]
        data, smoothed = (np.roll(a, half, axis=(0, 1, 2)) for a in (data, smoothed))
        peak = (peak + half) % (last + 1)
        steps.append("moved from the corner to the middle")
    level = _background(data, noise)
    data, smoothed = data - level, smoothed - level
    at = tuple(int(i) for i in peak)
    height = float(data[at])
    if height <= _LEAST_PEAK_SIGMAS * noise:
        raise OpticsError(
            f"{path.name} holds no bright spot: its peak is {height:.4g} above a background of "
            f"{level:.4g} with noise of {noise:.4g}; give the recording of a bead, or an average "
            "of several."
        )
    if abs(level) > _UNSEEN * height:
        steps.append(f"freed of its background of {level:.4g}")
    fwhm = half_maximum_widths(smoothed, at)
    centre = spot_centre(data, at, fwhm)
    light = keep_spot(data, at)
    positive = np.maximum(data, 0.0).sum()
    removed = 1.0 - float(light.sum() / positive)
    if removed > _LEFT_OUT:
        steps.append(f"freed of the noise around the spot (sigma {noise:.4g})")
    brightest = float(smoothed[at])
    smoothed[tuple(_around(centre, fwhm, data.shape))] = 0.0
    second = float(smoothed[light > 0].max(initial=0.0)) / brightest
    if second > _SECOND_SPOT:
        steps.append(f"left with a second spot of {100 * second:.0f} % of its height")
    shift = np.array([n // 2 for n in data.shape]) - centre
    if np.abs(shift).max() > _STILL:
        values = ", ".join(f"{s:+.2f}" for s in (shift if len(data) > 1 else shift[1:]))
        axes = "z, y, x" if len(data) > 1 else "y, x"
        steps.append(f"recentred by ({values}) samples ({axes})")
    return light, centre, steps


def _around(centre: Array, fwhm: Array, shape: Sequence[int]) -> list[slice]:
    """Return the box about a spot that is its own."""
    low = np.maximum(np.floor(centre - _OWN * fwhm), 0).astype(int)
    high = np.minimum(np.ceil(centre + _OWN * fwhm) + 1, shape).astype(int)
    return [slice(a, b) for a, b in zip(low, high, strict=True)]


def _background(data: Array, noise: float) -> float:
    """Return the median of the borders of the planes whose borders are darkest."""
    border = np.ones(data.shape[1:], dtype=bool)
    border[1:-1, 1:-1] = False
    rings = data[:, border]
    medians = np.median(rings, axis=1)
    error = 1.2533 * noise / math.sqrt(rings.shape[1])
    return float(np.median(rings[medians <= medians.min() + _ALIKE * error]))


def _window(
    light: Array, centre: Array, ratio: Array, image_shape: Sequence[int]
) -> tuple[list[int], list[str]]:
    """Return how many new samples along each axis to keep."""
    total = float(light.sum())
    axes = [axis for axis in range(3) if light.shape[axis] > 1]
    lengths, left_out = [1, 1, 1], 0.0
    for axis in axes:
        n, c, r = light.shape[axis], centre[axis], ratio[axis]
        profile = light.sum(axis=tuple(k for k in range(3) if k != axis)) / total
        distance = np.abs(np.arange(n) - c) / r
        most = math.ceil(max(c, n - 1 - c) / r - 1e-6)
        # Light beyond so many new samples from the centre, for every number of them.
        edges = np.concatenate([[-1.0], np.arange(most + 1) + 0.5])
        beyond = 1.0 - np.cumsum(np.histogram(distance, bins=edges, weights=profile)[0])
        radius = int(np.flatnonzero(beyond < _LEFT_OUT / len(axes))[0])
        radius = min(radius, image_shape[axis] - 1)
        left_out += max(float(beyond[radius]), 0.0)
        lengths[axis] = 2 * radius + 1
    if left_out <= _UNSEEN:
        return lengths, []
    shown = " x ".join(str(lengths[axis]) for axis in axes)
    return lengths, [
        f"cropped to {shown} samples of the image, without {100 * left_out:.2g} % of its light"
    ]
