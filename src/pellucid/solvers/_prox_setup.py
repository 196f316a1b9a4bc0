"""What all proximal solvers start from: the problem, its noise, and what strengths are made of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from scipy.ndimage import gaussian_filter

from pellucid.errors import SettingsError
from pellucid.imaging._arrays import to_numpy
from pellucid.imaging.gradient import Hessian
from pellucid.imaging.operator import LinearOperator
from pellucid.solvers._prox_noise import lateral_cutoff, stated_or_estimated
from pellucid.solvers.data_terms import DataName, DataTerm, data_term, mean_light, noise_level
from pellucid.solvers.noise_model import NoiseModel
from pellucid.solvers.problem import Background, Problem, problem
from pellucid.solvers.restoration import Setting

#: Sigma in samples of what takes most noise off an image before its curvature is measured.
_SMOOTHING = 1.5
#: Curvature over noise is at least this, which is what is left of noise alone in an image.
_LEAST_CURVATURE = 0.03
#: Cut-off that strengths are stated for, cycles per pixel.
_CUTOFF = 0.25


@final
@dataclass(frozen=True, slots=True)
class StrengthRule:
    """The default strength, from three numbers of an image that do not depend on the gain.

    ``factor * contrast**-contrast_power * (cutoff / 0.25)**cutoff_power * light**light_power``,
    within bounds: fitted to simulated images, see :func:`pellucid.solvers.hessian_schatten`.

    Attributes
    ----------
    factor, contrast_power, cutoff_power, light_power : float
    lowest, highest : float
        Bounds of the strength.
    """

    factor: float
    contrast_power: float
    cutoff_power: float
    light_power: float
    lowest: float
    highest: float

    def at(self, *, contrast: float, cutoff_per_pixel: float, light: float) -> float:
        """Return the strength for an image.

        Parameters
        ----------
        contrast : float
            Mean curvature of the smoothed image over the noise, positive.
        cutoff_per_pixel : float
            Highest frequency that the operator passes.
        light : float
            Mean of the image above background over the noise.
        """
        strength: float = (
            self.factor
            * contrast**-self.contrast_power
            * (cutoff_per_pixel / _CUTOFF) ** self.cutoff_power
            * light**self.light_power
        )
        return min(max(strength, self.lowest), self.highest)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """An image to restore, and the scales it is restored in.

    Attributes
    ----------
    problem : Problem
    noise : NoiseModel
    noise_from : str
        Who stated it.
    data_name : str
    data : DataTerm
    level : float
        Root of the mean variance of the noise, image units.
    brightest : float
        Largest value above background, at least `level`.
    """

    problem: Problem
    noise: NoiseModel
    noise_from: str
    data_name: DataName
    data: DataTerm
    level: float
    brightest: float

    def strength(self, given: float | None, rule: StrengthRule) -> float:
        """Return the strength given, or that of a rule.

        Raises
        ------
        SettingsError
            If the one given is not positive.
        """
        if given is None:
            return rule.at(
                contrast=self._contrast(),
                cutoff_per_pixel=lateral_cutoff(self.problem),
                light=mean_light(self.problem.data) / self.level,
            )
        if not (math.isfinite(given) and given > 0):
            raise SettingsError(f"strength must be a positive number, not {given}.")
        return float(given)

    def _contrast(self) -> float:
        """Return the mean curvature of the smoothed image, relative to the noise.

        The length of the vector of second differences, averaged over the pixels: what structure
        the noise leaves to be seen.
        """
        image = np.clip(to_numpy(self.problem.data), 0.0, None).astype(np.float32)
        smooth = gaussian_filter(image, _SMOOTHING, mode="nearest")
        curvature = np.sqrt(np.square(Hessian(image.shape).apply(smooth)).sum(axis=0))
        return max(float(curvature.mean(dtype=np.float64)) / self.level, _LEAST_CURVATURE)

    def settings(self) -> dict[str, Setting]:
        """Return what belongs to the data in the settings of a result."""
        return {
            "data": self.data_name,
            "background": self.problem.background,
            "photon": self.noise.photon,
            "gaussian": self.noise.gaussian,
            "noise_from": self.noise_from,
            "noise_level": self.level,
        }


def setup(
    image: Any,
    operator: LinearOperator,
    *,
    data: DataName,
    background: Background,
    noise: NoiseModel | None,
) -> Setup:
    """Check the image, take its background off and find its noise and its data term.

    Raises
    ------
    ImageError
        If the image is not one of the operator.
    SettingsError
        If a setting is wrong, or the noise is neither stated nor can be estimated.
    """
    given = problem(image, operator, background)
    known, noise_from = stated_or_estimated(given, noise)
    level = noise_level(given.data, known)
    return Setup(
        problem=given,
        noise=known,
        noise_from=noise_from,
        data_name=data,
        data=data_term(data, given.data, known),
        level=level,
        brightest=max(float(given.data.max()), level),
    )
