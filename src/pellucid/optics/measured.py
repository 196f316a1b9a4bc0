"""Point spread functions measured on beads: averaged, centred, resampled."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter

from pellucid.errors import OpticsError
from pellucid.optics._beads import as_volume, check_voxel, check_window, find_beads
from pellucid.optics._width import (
    Array,
    border_background,
    border_noise,
    half_maximum_widths,
    keep_spot,
    low_passed,
    sample,
    spot_centre,
    window_positions,
)
from pellucid.optics.bead import (
    Bead,
    FoundBeads,
    Reason,
    RejectedBead,
    count_reasons,
    leaves_field,
    neighbours,
)

__all__ = [
    "Bead",
    "FoundBeads",
    "MeasuredPsf",
    "Reason",
    "RejectedBead",
    "average_beads",
    "find_beads",
    "prepare_psf",
]

#: Samples around a window that keep the spline's ends away from it.
_MARGIN = 6
#: A peak below so many deviations of the noise is no point spread function.
_LEAST_PEAK_SIGMAS = 10.0
#: Rejected spots that are bright all the same and spoil a window.
_BRIGHT: tuple[Reason, ...] = ("clumped", "clipped")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredPsf:
    """A point spread function taken from recordings of beads.

    Parameters
    ----------
    data : ndarray of float32, shape (z, y, x) or (y, x)
        Not negative, sums to one, centred on the sample ``n // 2`` of every axis.
    pixel_size_um : float
        Distance of samples along y and x, micrometres.
    z_step_um : float, optional
        Distance of planes, micrometres; None for a single plane.
    beads_used : int
        How many beads were averaged.
    rejected : tuple of RejectedBead
        Those that were not.
    steps : tuple of str
        What was done to the recording, one sentence each.

    Raises
    ------
    OpticsError
        If the data cannot be a point spread function or a voxel size is not positive.
    """

    data: NDArray[np.float32]
    pixel_size_um: float
    z_step_um: float | None = None
    beads_used: int = 1
    rejected: tuple[RejectedBead, ...] = ()
    steps: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        volume = as_volume(self.data)
        check_voxel(volume.shape, pixel_size_um=self.pixel_size_um, z_step_um=self.z_step_um)
        total = float(volume.sum(dtype=np.float64))
        if volume.min() < 0 or not math.isclose(total, 1.0, abs_tol=1e-3):
            raise OpticsError(
                f"A point spread function is not negative and sums to one; this one has the "
                f"least value {float(volume.min()):g} and the sum {total:g}; "
                "give the recording to prepare_psf."
            )

    def resampled(
        self,
        *,
        pixel_size_um: float | None = None,
        z_step_um: float | None = None,
        shape: Sequence[int] | None = None,
    ) -> MeasuredPsf:
        """Return the same function on samples of another distance.

        Between samples the quintic spline is taken. Where the new samples are farther apart,
        frequencies that they cannot carry are removed first.

        Parameters
        ----------
        pixel_size_um, z_step_um : float, optional
            New distances, micrometres; by default as before.
        shape : sequence of int, optional
            New lengths of the axes of `data`; by default odd and within the old extent.

        Returns
        -------
        MeasuredPsf
            Centred on ``n // 2``, sums to one. What `shape` reaches beyond the old extent is
            zero.

        Raises
        ------
        OpticsError
            If a size is not positive, or a shape has the wrong number of axes.
        """
        if z_step_um is not None and self.data.ndim == 2:
            raise OpticsError(
                f"z_step_um = {z_step_um:g} was asked of a point spread function of one plane; "
                "leave it out."
            )
        step = self.z_step_um if z_step_um is None else z_step_um
        pixel = self.pixel_size_um if pixel_size_um is None else pixel_size_um
        check_voxel((1,), pixel_size_um=pixel, z_step_um=step)
        old = steps_um(self)
        new = np.array([step if step is not None else 1.0, pixel, pixel])[-self.data.ndim :]
        ratio = new / old
        lengths = (
            [
                2 * math.floor((n // 2) / r + 1e-9) + 1
                for n, r in zip(self.data.shape, ratio, strict=True)
            ]
            if shape is None
            else list(shape)
        )
        if len(lengths) != self.data.ndim or min(lengths) < 1:
            raise OpticsError(
                f"The new shape {tuple(lengths)} needs {self.data.ndim} lengths, all at least 1."
            )
        kept = low_passed(self.data, ratio)
        positions = [
            n // 2 + r * (np.arange(m, dtype=np.float64) - m // 2)
            for n, m, r in zip(self.data.shape, lengths, ratio, strict=True)
        ]
        light = np.maximum(sample(kept, positions), 0.0)
        said = f"Resampled from {_lengths(old)} to {_lengths(new)} um."
        return replace(
            self,
            data=unit_sum(light),
            pixel_size_um=pixel,
            z_step_um=step,
            steps=(*self.steps, said),
        )


def average_beads(
    stack: ArrayLike, beads: FoundBeads, *, shape: Sequence[int] | None = None
) -> MeasuredPsf:
    """Average beads of a stack into a point spread function.

    Each bead is sampled about its own centre through a quintic spline, freed of the median of
    its window's border and scaled to the height of the others in
    the least-squares sense. The mean is freed of what is left of
    the background, recentred, and cut to the region that stands out of the noise.

    Parameters
    ----------
    stack : array_like of real numbers, shape (z, y, x) or (y, x)
        The one that was searched.
    beads : FoundBeads
        From `find_beads`.
    shape : sequence of int, optional
        Shape of the result; by default the window of the search. Beads that a larger window
        makes unfit are rejected.

    Returns
    -------
    MeasuredPsf

    Raises
    ------
    OpticsError
        If no bead is left; the message counts the reasons.
    """
    volume = as_volume(stack)
    window = beads.shape if shape is None else check_window(shape, volume)
    used, unfit = _fit_for(window, beads, volume.shape)
    rejected = (*beads.rejected, *unfit)
    if not used:
        raise OpticsError(
            f"All {len(rejected)} spots are unfit for a window of {window} samples "
            f"({count_reasons(rejected)}); give a smaller window, lower limits, or a recording "
            "with sparser or brighter beads."
        )
    cuts = [_cut(volume, bead, window) for bead in used]
    total = np.sum(cuts, axis=0)
    heights = [float((cut * total).sum() / (total * total).sum()) for cut in cuts]
    mean = np.mean([cut / height for cut, height in zip(cuts, heights, strict=True)], axis=0)
    mean -= border_background(mean)
    light, _ = _centred(mean, [n // 2 for n in window], window)
    return MeasuredPsf(
        data=unit_sum(light if volume.shape[0] > 1 else light[0]),
        pixel_size_um=beads.pixel_size_um,
        z_step_um=beads.z_step_um,
        beads_used=len(used),
        rejected=rejected,
        steps=(
            f"Averaged {len(used)} of {len(used) + len(rejected)} spots"
            + (f" ({count_reasons(rejected)})." if rejected else "."),
            "Their backgrounds were removed, and what does not stand out of the noise.",
            "The sum was made one.",
        ),
    )


def prepare_psf(
    recording: ArrayLike,
    *,
    pixel_size_um: float,
    z_step_um: float | None = None,
    shape: Sequence[int] | None = None,
    background: float | None = None,
) -> MeasuredPsf:
    """Make a point spread function fit for use: no background, centred, of unit sum.

    For one that is stored in a file, averaged already or of a single bead.

    Parameters
    ----------
    recording : array_like of real numbers, shape (z, y, x) or (y, x)
        With one bright spot, anywhere; also with its origin in the corner, as for a Fourier
        transform.
    pixel_size_um, z_step_um : float
        Distance of samples and of planes, micrometres.
    shape : sequence of int, optional
        Shape of the result; by default the recording's.
    background : float, optional
        Level to subtract; by default the median of the recording's outermost samples.

    Returns
    -------
    MeasuredPsf
        Its `steps` say what was done.

    Raises
    ------
    OpticsError
        If the array is no recording of a spot, or a size is not positive.
    """
    volume = as_volume(recording).astype(np.float64)
    check_voxel(volume.shape, pixel_size_um=pixel_size_um, z_step_um=z_step_um)
    window = volume.shape if shape is None else check_window(shape, volume)
    steps = []
    smoothed = gaussian_filter(volume, [1.0 if n > 2 else 0.0 for n in volume.shape], mode="wrap")
    peak = np.array(np.unravel_index(int(np.argmax(smoothed)), volume.shape))
    last = np.array(volume.shape) - 1
    if bool(((peak == 0) | (peak == last)).all()):
        half = [n // 2 for n in volume.shape]
        volume, smoothed = (np.roll(a, half, axis=(0, 1, 2)) for a in (volume, smoothed))
        peak = (peak + half) % (last + 1)
        steps.append("The origin was moved from the corner to the middle.")
    level = border_background(volume) if background is None else background
    volume, smoothed = volume - level, smoothed - level
    at = (int(peak[0]), int(peak[1]), int(peak[2]))
    height, noise = float(volume[at]), border_noise(volume)
    steps.append(f"A background of {level:.6g} was removed; the peak is {height:.6g} above it.")
    if height <= _LEAST_PEAK_SIGMAS * noise:
        raise OpticsError(
            f"The array holds no bright spot: its peak is {height:.4g} above a background of "
            f"{level:.4g} with noise of {noise:.4g}; give a recording of a bead."
        )
    light, centre = _centred(volume, at, window, smoothed)
    shift = np.array([n // 2 for n in volume.shape]) - centre
    steps.append(
        f"The centre stood at {_lengths(centre)} samples (z, y, x) and was moved by "
        f"{_lengths(shift)}."
    )
    steps.append(
        f"Samples that do not stand out of the noise ({noise:.4g}) were set to zero: "
        f"{np.count_nonzero(light) / light.size:.1%} are kept."
    )
    steps.append("The sum was made one.")
    return MeasuredPsf(
        data=unit_sum(light if len(volume) > 1 else light[0]),
        pixel_size_um=pixel_size_um,
        z_step_um=z_step_um if len(volume) > 1 else None,
        steps=tuple(steps),
    )


def _fit_for(
    window: tuple[int, int, int], beads: FoundBeads, field: tuple[int, ...]
) -> tuple[list[Bead], list[RejectedBead]]:
    """Part the accepted beads into those fit for another window and those not."""
    bright = [*beads.beads, *(r.bead for r in beads.rejected if r.reason in _BRIGHT)]
    used, unfit = [], []
    for bead in beads.beads:
        reason: Reason | None = None
        if leaves_field(bead, field, window):
            reason = "clipped"
        elif neighbours(bead, bright, window):
            reason = "clumped"
        if reason is None:
            used.append(bead)
        else:
            detail = f"unfit for a window of {window} samples"
            unfit.append(RejectedBead(bead=bead, reason=reason, detail=detail))
    return used, unfit


def _cut(volume: NDArray[np.float32], bead: Bead, window: tuple[int, ...]) -> Array:
    """Sample a window about a bead's centre, without the median of its border."""
    low = np.maximum(np.rint(bead.centre).astype(int) - np.array(window) // 2 - _MARGIN, 0)
    box = tuple(slice(start, start + n + 2 * _MARGIN) for start, n in zip(low, window, strict=True))
    cut = sample(volume[box], window_positions(bead.centre - low, window))
    return cut - border_background(cut)


def _centred(
    data: Array, guess: Sequence[int], window: tuple[int, ...], smoothed: Array | None = None
) -> tuple[Array, Array]:
    """Return the light of a spot in a window about its centre, and the centre."""
    fwhm = half_maximum_widths(data if smoothed is None else smoothed, guess)
    centre = spot_centre(data, guess, fwhm)
    moved = sample(data, window_positions(centre, window))
    return keep_spot(moved, [n // 2 for n in window]), centre


def steps_um(psf: MeasuredPsf) -> Array:
    """Distance of samples along each axis, micrometres."""
    steps = [psf.z_step_um or 1.0, psf.pixel_size_um, psf.pixel_size_um]
    return np.array(steps[-psf.data.ndim :])


def unit_sum(light: Array) -> NDArray[np.float32]:
    data: NDArray[np.float32] = (light / light.sum()).astype(np.float32)
    return data


def _lengths(values: Array) -> str:
    return " x ".join(f"{v:.4g}" for v in values)
