"""Search for sub-resolution beads in a stack."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter, map_coordinates, maximum_filter

from pellucid.errors import OpticsError
from pellucid.optics._width import (
    FWHM_PER_SIGMA,
    SIGMA_PER_MAD,
    Array,
    border_background,
    half_maximum_widths,
    spot_centre,
)
from pellucid.optics.bead import (
    Bead,
    FoundBeads,
    Reason,
    RejectedBead,
    leaves_field,
    neighbours,
)

#: Default half window, in widths at half maximum: beyond the first dark ring, and the second.
_HALF_WINDOW_WIDTHS = 2.5
#: Spots fainter than so many deviations of the smoothed noise are not even reported.
_DETECTION_SIGMAS = 6.0
#: Two maxima are one bead unless the smoothed intensity dips below this share between them.
_SADDLE = 0.85
#: The brightest neighbour of a sample in a spot that optics formed is at least so bright.
_HOT_NEIGHBOUR = 0.2
#: A lone spot so many times wider than the median holds several beads.
_AGGREGATE_WIDTHS = 1.5
#: So many samples at the top of the camera's range make a plateau.
_PLATEAU = 3
_CEILINGS = tuple(2.0**bits - 1.0 for bits in (8, 10, 12, 14, 16))
_MOST_FOR_MEDIAN, _MOST_FOR_FIT = 4_000_000, 50_000


def find_beads(
    stack: ArrayLike,
    *,
    pixel_size_um: float,
    z_step_um: float | None = None,
    shape: Sequence[int] | None = None,
    min_snr: float = 8.0,
    min_relative_peak: float = 0.2,
    saturation: float | None = None,
) -> FoundBeads:
    """Find the beads in a stack, and those of them that can serve to measure the optics.

    Spots are local maxima of the stack smoothed by half a bead's width that stand out of its
    slowly varying background by six deviations of the noise (from the median absolute
    deviation). Each is centred to a fraction of a pixel by a Gaussian-weighted centroid.

    Parameters
    ----------
    stack : array_like of real numbers, shape (z, y, x) or (y, x)
    pixel_size_um, z_step_um : float
        Distance of samples and of planes, micrometres; an image of one plane needs no z_step_um.
    shape : sequence of int, optional
        Window around each bead, in samples, one length for every axis of the stack. By default
        five times the width at half maximum of the brightest spots.
    min_snr : float, optional
        Least height of a bead in deviations of the smoothed noise.
    min_relative_peak : float, optional
        Least height relative to the brightest bead that is otherwise fit. A neighbour below
        this share of a bead's height counts as its side lobe and does not make a clump.
    saturation : float, optional
        Value at which the camera saturates. By default the top of a range of 8, 10, 12, 14 or
        16 bits if it is the largest value in the stack. Three samples there are a plateau.

    Returns
    -------
    FoundBeads
        The accepted, possibly none, and the rejected with the reason of each.

    Raises
    ------
    OpticsError
        If the stack is not one, a size is not positive, or nothing stands out of the noise.
    """
    volume = as_volume(stack)
    check_voxel(volume.shape, pixel_size_um=pixel_size_um, z_step_um=z_step_um)
    for name, value in (("min_snr", min_snr), ("min_relative_peak", min_relative_peak)):
        if not math.isfinite(value) or value <= 0:
            raise OpticsError(f"{name} must be a positive number, not {value}.")
    fwhm = _typical_widths(volume, 0.25 * min_relative_peak)
    window = _default_window(fwhm, volume.shape) if shape is None else check_window(shape, volume)
    deep = np.array(volume.shape) > 2
    smoothed = _Smoothed(volume, np.maximum(0.5 * fwhm / FWHM_PER_SIGMA, 0.7) * deep)
    spots = smoothed.without_doubles(smoothed.maxima(0.25 * min_relative_peak), window)
    if not spots:
        raise _nothing(volume, smoothed)
    spots, beads = _measured_once(volume, spots, fwhm, window)
    judge = _Judge(volume, window, min_relative_peak, _ceiling(volume, saturation))
    verdicts = [judge.verdict(s, bead, beads) for s, bead in zip(spots, beads, strict=True)]
    fit = [b.height for b, verdict in zip(beads, verdicts, strict=True) if verdict is None]
    least = min_relative_peak * max(fit, default=0.0)
    for k, (spot, bead) in enumerate(zip(spots, beads, strict=True)):
        snr = (float(smoothed.data[spot]) - smoothed.background) / max(smoothed.noise, 1e-30)
        if verdicts[k] is None and (snr < min_snr or bead.height < least):
            detail = f"{bead.height / max(fit):.2g} of the brightest, signal to noise {snr:.3g}"
            verdicts[k] = ("too dim", detail)
    _reject_wide(smoothed, spots, verdicts)
    order = sorted(range(len(beads)), key=lambda k: -beads[k].height)
    return FoundBeads(
        beads=tuple(beads[k] for k in order if verdicts[k] is None),
        rejected=tuple(
            RejectedBead(bead=beads[k], reason=verdict[0], detail=verdict[1])
            for k in order
            if (verdict := verdicts[k]) is not None
        ),
        shape=window,
        pixel_size_um=pixel_size_um,
        z_step_um=z_step_um if len(volume) > 1 else None,
    )


_Spot: TypeAlias = tuple[int, int, int]
_Verdict: TypeAlias = tuple[Reason, str] | None


def as_volume(stack: ArrayLike) -> NDArray[np.float32]:
    """Return an image or a stack as three axes of float32; raise an OpticsError for others."""
    data = np.asarray(stack)
    if data.ndim not in (2, 3) or data.size == 0:
        raise OpticsError(
            f"Beads are looked for in a stack (z, y, x) or an image (y, x), not in an array of "
            f"shape {data.shape}; select one channel and one time point."
        )
    if data.dtype.kind not in "uif":
        raise OpticsError(
            f"The stack has type {data.dtype}, which is not an intensity; give integers or "
            "floating-point numbers."
        )
    volume = (data if data.ndim == 3 else data[None]).astype(np.float32)
    bad = volume.size - int(np.count_nonzero(np.isfinite(volume)))
    if bad:
        raise OpticsError(
            f"{bad} of {volume.size} samples are not finite (NaN or infinite); replace them, for "
            "example by the median of their neighbours."
        )
    return volume


def check_voxel(shape: tuple[int, ...], *, pixel_size_um: float, z_step_um: float | None) -> None:
    """Raise an OpticsError unless the voxel of a stack ``(z, y, x)`` has a size."""
    if shape[0] > 1 and z_step_um is None:
        raise OpticsError(
            f"A stack of {shape[0]} planes needs the distance between them; give z_step_um, "
            "in micrometres."
        )
    for name, value in (("pixel_size_um", pixel_size_um), ("z_step_um", z_step_um)):
        if value is not None and not (math.isfinite(value) and value > 0):
            raise OpticsError(f"{name} must be a positive number of micrometres, not {value}.")


def check_window(shape: Sequence[int], volume: NDArray[Any]) -> tuple[int, int, int]:
    """Return a window with three axes; raise an OpticsError unless it fits the stack."""
    window = tuple(shape)
    if len(window) == 2 and len(volume) == 1:
        window = (1, *window)
    if len(window) != 3 or any(
        not 1 <= n <= have for n, have in zip(window, volume.shape, strict=True)
    ):
        raise OpticsError(
            f"A window of shape {tuple(shape)} does not fit the stack of shape {volume.shape}; "
            "give one length for every axis, none beyond the stack's."
        )
    return int(window[0]), int(window[1]), int(window[2])


@final
class _Smoothed:
    """A smoothed stack with the level and deviation of what is not bead."""

    def __init__(self, volume: NDArray[np.float32], sigmas: Array) -> None:
        self.sigmas = sigmas
        self.data: NDArray[np.float32] = gaussian_filter(volume, sigmas, mode="mirror")
        self.data -= _slow_background(self.data)
        few = self.data.ravel()[:: max(1, volume.size // _MOST_FOR_MEDIAN)]
        self.background = float(np.median(few))
        self.noise = SIGMA_PER_MAD * float(np.median(np.abs(few - self.background)))

    def maxima(self, floor: float) -> list[_Spot]:
        """Local maxima above the noise and a share of the range, brightest first."""
        size = [2 * max(1, round(s)) + 1 if s > 0 else 1 for s in self.sigmas]
        height = float(self.data.max()) - self.background
        least = self.background + max(_DETECTION_SIGMAS * self.noise, floor * height)
        peaks = (self.data == maximum_filter(self.data, size=size)) & (self.data > least)
        found = np.argwhere(peaks)
        order = np.argsort(-self.data[peaks], kind="stable")
        return [(int(z), int(y), int(x)) for z, y, x in found[order]]

    def without_doubles(self, spots: list[_Spot], window: tuple[int, ...]) -> list[_Spot]:
        """Leave out maxima that noise alone parts from a brighter one."""
        kept: list[_Spot] = []
        half = np.array(window) // 2
        for spot in spots:
            near = [k for k in kept if bool((abs(np.subtract(k, spot)) <= half).all())]
            if not any(self._saddle(spot, k) > _SADDLE for k in near):
                kept.append(spot)
        return kept

    def _saddle(self, spot: _Spot, brighter: _Spot) -> float:
        """Lowest intensity on the way to a brighter spot, relative to the fainter."""
        steps = 2 * int(np.abs(np.subtract(spot, brighter)).max()) + 1
        way = np.linspace(spot, brighter, steps).T
        lowest = float(map_coordinates(self.data, way, order=1).min())
        return (lowest - self.background) / (float(self.data[spot]) - self.background)


def _slow_background(data: NDArray[np.float32]) -> NDArray[np.float32]:
    """Surface through what is not bead: linear along z, quadratic along y and x."""
    z, y, x = (
        np.linspace(-1.0, 1.0, n, dtype=np.float32).reshape(
            [-1 if k == axis else 1 for k in range(3)]
        )
        for axis, n in enumerate(data.shape)
    )
    terms = [np.ones((1, 1, 1), np.float32), z, y, x, y * y, x * x, y * x]
    every = max(1, data.size // _MOST_FOR_FIT)
    design = np.stack([np.broadcast_to(t, data.shape).ravel()[::every] for t in terms], axis=1)
    values = data.ravel()[::every]
    kept = np.ones(len(values), dtype=bool)
    factors: Array = np.zeros(len(terms), dtype=np.float64)
    for _ in range(6):
        solved = np.linalg.lstsq(design[kept].astype(np.float64), values[kept], rcond=1e-6)[0]
        factors = solved.astype(np.float64)
        off = values - design @ factors
        off -= np.median(off)
        kept = np.abs(off) <= 3.0 * SIGMA_PER_MAD * np.median(np.abs(off))
    surface = np.zeros((1, 1, 1), dtype=np.float32)
    for factor, term in zip(factors, terms, strict=True):
        surface = surface + np.float32(factor) * term
    return surface


@final
@dataclass(frozen=True, slots=True)
class _Judge:
    """What makes a spot unfit whatever its brightness."""

    volume: NDArray[np.float32]
    window: tuple[int, int, int]
    side_lobe: float
    ceiling: float | None

    def verdict(self, spot: _Spot, bead: Bead, beads: list[Bead]) -> _Verdict:
        if _hot(self.volume, spot, bead.background):
            return "hot pixel", "a single sample is bright and its neighbours are not"
        if self.ceiling is not None:
            core = self.volume[around(spot, tuple(n // 4 for n in self.window))]
            full = int(np.count_nonzero(core >= self.ceiling))
            if full >= _PLATEAU:
                return "clipped", f"{full} samples are saturated at {self.ceiling:g}"
        if leaves_field(bead, self.volume.shape, self.window):
            return "clipped", f"its window of {self.window} samples leaves the field"
        near = neighbours(bead, beads, self.window)
        highest = max((o.height for o in near), default=0.0)
        if bead.height < self.side_lobe * highest:
            return "too dim", f"{bead.height / highest:.2g} of a neighbour's height"
        if highest >= self.side_lobe * bead.height:
            return "clumped", f"another of {highest / bead.height:.2g} its height in its window"
        return None


def _typical_widths(volume: NDArray[np.float32], floor: float) -> Array:
    """Width at half maximum of the brightest spots along each axis, in samples."""
    sigmas = np.array([1.0 if n > 2 else 0.0 for n in volume.shape])
    first = _Smoothed(volume, sigmas)
    spots = [
        s
        for s in first.maxima(floor)
        if not _hot(volume, s, float(np.median(volume[around(s, (3, 3, 3))])))
    ]
    if not spots:
        raise _nothing(volume, first)
    blurred = [half_maximum_widths(first.data - first.background, s) for s in spots[:15]]
    squared = np.median(blurred, axis=0) ** 2 - (FWHM_PER_SIGMA * sigmas) ** 2
    widths: Array = np.sqrt(np.maximum(squared, 1.0))
    return widths


def _nothing(volume: NDArray[np.float32], smoothed: _Smoothed) -> OpticsError:
    return OpticsError(
        f"No bead was found: of {volume.size} samples between {float(volume.min()):g} and "
        f"{float(volume.max()):g} no spot of more than one stands out of the noise "
        f"({smoothed.noise:.3g} after smoothing); check that this is a recording of beads."
    )


def _default_window(fwhm: Array, field: tuple[int, ...]) -> tuple[int, int, int]:
    """Odd lengths that hold a bead, and leave it room to stand off the middle of the field."""
    half = [
        min(math.ceil(_HALF_WINDOW_WIDTHS * w), 3 * n // 8)
        for w, n in zip(fwhm, field, strict=True)
    ]
    return 2 * half[0] + 1, 2 * half[1] + 1, 2 * half[2] + 1


def around(spot: Sequence[int], half: Sequence[int]) -> tuple[slice, ...]:
    """Return the box about a spot, cut off at the start of the field."""
    return tuple(slice(max(s - h, 0), s + h + 1) for s, h in zip(spot, half, strict=True))


def _measure(
    volume: NDArray[np.float32], spot: _Spot, fwhm: Array, window: tuple[int, ...]
) -> Bead:
    box = around(spot, [n // 2 for n in window])
    cut = volume[box].astype(np.float64)
    background = border_background(cut)
    origin = np.array([s.start for s in box])
    centre = origin + spot_centre(cut - background, np.array(spot) - origin, fwhm)
    nearest = [round(float(c)) for c in centre]
    return Bead(
        z=float(centre[0]),
        y=float(centre[1]),
        x=float(centre[2]),
        peak=float(volume[around(nearest, (1, 1, 1))].max()),
        background=background,
    )


def _measured_once(
    volume: NDArray[np.float32], spots: list[_Spot], fwhm: Array, window: tuple[int, ...]
) -> tuple[list[_Spot], list[Bead]]:
    """Measure spots, brightest first; those whose centre is a brighter one's are left out."""
    kept: list[_Spot] = []
    beads: list[Bead] = []
    for spot in spots:
        bead = _measure(volume, spot, fwhm, window)
        if all(bool((abs(b.centre - bead.centre) > 0.5 * fwhm).any()) for b in beads):
            kept.append(spot)
            beads.append(bead)
    return kept, beads


def _hot(volume: NDArray[np.float32], spot: _Spot, background: float) -> bool:
    box = around(spot, (1, 1, 1))
    inner = np.unravel_index(int(np.argmax(volume[box])), volume[box].shape)
    brightest = [int(s.start) + int(k) for s, k in zip(box, inner, strict=True)]
    beside = volume[around(brightest, (1, 1, 1))].astype(np.float64) - background
    if beside.size < 2:
        return True
    second, first = np.sort(beside, axis=None)[-2:]
    return bool(second < _HOT_NEIGHBOUR * first)


def _ceiling(volume: NDArray[np.float32], saturation: float | None) -> float | None:
    if saturation is not None:
        return saturation
    highest = float(volume.max())
    return highest if highest in _CEILINGS else None


def _reject_wide(smoothed: _Smoothed, spots: list[_Spot], verdicts: list[_Verdict]) -> None:
    """Reject spots much wider than most: beads too near each other to be told apart."""
    fit = [k for k, verdict in enumerate(verdicts) if verdict is None]
    if len(fit) < 3:
        return
    light = smoothed.data - smoothed.background
    widths = np.array([half_maximum_widths(light, spots[k]) for k in fit])
    relative = (widths / np.median(widths, axis=0)).max(axis=1)
    for k, ratio in zip(fit, relative, strict=True):
        if ratio > _AGGREGATE_WIDTHS:
            verdicts[k] = ("clumped", f"{ratio:.2g} times as wide as most")
