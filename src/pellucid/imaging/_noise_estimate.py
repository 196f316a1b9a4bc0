"""What the line of noise tells of a camera."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.imaging._noise_line import Array, Line

Rule: TypeAlias = Literal["above the cut-off", "repeated frames"]

#: A gain is given if its error is at most a quarter of it, ...
_GAIN_SIGNIFICANCE = 4.0
#: ... and read noise if its variance is ten errors large: sigma is known to 5 per cent, ...
_READ_SIGNIFICANCE = 10.0
#: ... and sigma at least this share of the distance of counts, below which rounding hides it.
_LEAST_READ_STEPS = 0.4
#: Structure may pass for noise by this share: so well is the shot noise of a background known
#: that has to be subtracted to find the read noise.
_STRUCTURE = 0.02
#: Levels of the figure r2, and the fewest samples at one.
_LEVELS = 24
_LEAST_AT_A_LEVEL = 16


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseEstimate:
    """Noise of a recording: ``variance = slope_counts * counts + intercept_counts2``.

    Poisson-Gaussian noise: the slope is one over the gain, and the line meets the variance of
    the read noise at the offset. What the recording cannot tell is None, and a remark says why.

    Attributes
    ----------
    rule : {"above the cut-off", "repeated frames"}
        Where the noise was measured.
    slope_counts, intercept_counts2 : float
        The line; the slope is never negative.
    slope_error_counts, intercept_error_counts2 : float
        Their standard errors.
    slope_intercept_covariance : float
        Their covariance; nearly all of the product of the errors.
    gain_electrons_per_count, gain_error_electrons_per_count : float or None
        Electrons a count stands for, and its standard error. Of an electron-multiplying camera
        at high gain, half of the true ratio of input electrons and counts.
    offset_counts : float or None
        As it was given: the line alone cannot tell offset from read noise.
    read_noise_counts, read_noise_error_counts : float or None
        Standard deviation of the noise without light, without that of rounding.
    sigma_counts : float
        Noise averaged over the image (root of the mean variance): the one sigma for methods
        that know Gaussian noise only.
    rounding_step_counts : float
        Distance of possible counts; zero if they are not whole numbers.
    samples : int
        Patches, or pixels, in the fit.
    r2 : float
        Share of the differences in variance between levels of brightness that the line
        explains; low where the levels differ little.
    whiteness : float or None
        Noise at the highest frequencies over that just above the cut-off: one for a camera,
        less for resampled images and for structure finer than the cut-off.
    remarks : tuple of str
        What could not be told and why, a sentence each.
    """

    rule: Rule
    slope_counts: float
    intercept_counts2: float
    slope_error_counts: float
    intercept_error_counts2: float
    slope_intercept_covariance: float
    gain_electrons_per_count: float | None
    gain_error_electrons_per_count: float | None
    offset_counts: float | None
    read_noise_counts: float | None
    read_noise_error_counts: float | None
    sigma_counts: float
    rounding_step_counts: float
    samples: int
    r2: float
    whiteness: float | None = None
    remarks: tuple[str, ...] = ()

    @property
    def read_noise_electrons(self) -> float | None:
        """Read noise in electrons; None unless gain and read noise are known."""
        if self.gain_electrons_per_count is None or self.read_noise_counts is None:
            return None
        return self.gain_electrons_per_count * self.read_noise_counts

    def variance_at(self, counts: ArrayLike) -> NDArray[np.float32]:
        """Return the noise variance of pixels of given mean counts, float32, never below zero.

        Parameters
        ----------
        counts : array_like, any shape
            Mean counts, offset included.
        """
        values = np.asarray(counts, dtype=np.float64)
        variance = self.slope_counts * values + self.intercept_counts2
        return np.asarray(np.maximum(variance, 0.0), dtype=np.float32)

    def variance_error_at(self, counts: ArrayLike) -> NDArray[np.float32]:
        """Return the standard error of `variance_at`, float32."""
        values = np.asarray(counts, dtype=np.float64)
        square = (
            (self.slope_error_counts * values) ** 2
            + 2.0 * self.slope_intercept_covariance * values
            + self.intercept_error_counts2**2
        )
        return np.sqrt(np.maximum(square, 0.0)).astype(np.float32)


def line_estimate(
    line: Line,
    *,
    rule: Rule,
    level: Array,
    variance: Array,
    offset: float | None,
    step: float,
    whiteness: float | None,
    remarks: tuple[str, ...],
) -> NoiseEstimate:
    """Say what a line tells of the camera, and what it does not."""
    coloured = bool(remarks)
    slope_error = math.sqrt(line.slope_variance)
    gain = gain_error = read = read_error = None
    if not coloured and line.slope > _GAIN_SIGNIFICANCE * slope_error:
        gain, gain_error = 1.0 / line.slope, slope_error / line.slope**2
    elif not coloured:
        remarks += (
            f"The gain cannot be told: the variance rises by {line.slope:.3g} +- "
            f"{slope_error:.2g} a count, too little or over too few bright pixels.",
        )
    if offset is None:
        remarks += ("The read noise cannot be told without offset_counts.",)
    elif not coloured:
        read, read_error, said = _read_noise(line, level, offset, step)
        remarks += said
    return NoiseEstimate(
        rule=rule,
        slope_counts=line.slope,
        intercept_counts2=line.intercept,
        slope_error_counts=slope_error,
        intercept_error_counts2=math.sqrt(line.intercept_variance),
        slope_intercept_covariance=line.covariance,
        gain_electrons_per_count=gain,
        gain_error_electrons_per_count=gain_error,
        offset_counts=None if offset is None else float(offset),
        read_noise_counts=read,
        read_noise_error_counts=read_error,
        sigma_counts=math.sqrt(max(line.at(float(level.mean())), 0.0)),
        rounding_step_counts=step,
        samples=int(level.size),
        r2=_explained(line, level, variance),
        whiteness=whiteness,
        remarks=remarks,
    )


def _read_noise(
    line: Line, level: Array, offset: float, step: float
) -> tuple[float | None, float | None, tuple[str, ...]]:
    """Return read noise and its error, or the sentence why not."""
    square = line.at(offset) - step**2 / 12.0
    unlit = line.slope * max(float(np.percentile(level, 5.0)) - offset, 0.0)
    error = math.hypot(line.error_at(offset), _STRUCTURE * unlit)
    sigma = math.sqrt(max(square, 0.0))
    if square > _READ_SIGNIFICANCE * error and sigma >= _LEAST_READ_STEPS * step:
        return sigma, error / (2.0 * sigma), ()
    most = max(math.sqrt(max(square, 0.0) + 2.0 * error), _LEAST_READ_STEPS * step)
    remark = (
        "The read noise cannot be told: shot noise or rounding swamps it; it is at most about "
        f"{most:.2g} counts."
    )
    return None, None, (remark,)


def _explained(line: Line, level: Array, variance: Array) -> float:
    order = np.argsort(level)
    bins = np.array_split(order, min(_LEVELS, max(2, level.size // _LEAST_AT_A_LEVEL)))
    x = np.array([level[b].mean() for b in bins])
    y = np.array([variance[b].mean() for b in bins])
    left = y - (line.slope * x + line.intercept)
    spread = float(((y - y.mean()) ** 2).sum())
    return max(0.0, 1.0 - float((left**2).sum()) / spread) if spread > 0 else 0.0
