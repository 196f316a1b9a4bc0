"""The Poisson model behind Richardson-Lucy iterations, and one step of expectation maximisation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, final

import array_api_compat
import numpy as np

from pellucid.errors import ImageError, SettingsError
from pellucid.imaging._arrays import place_of, put, to_numpy
from pellucid.solvers._rl_arrays import at_least, mean_change, product, quotient
from pellucid.solvers.noise_model import NoiseModel
from pellucid.solvers.problem import Problem

#: Parts of the scene that send less than this share of their light to the camera stay as they
#: start: the data say nothing about them.
_SEEN = 1e-2
#: Least expected light of a pixel, and of the scene, as shares of the mean (and least share seen):
#: they keep quotients finite and products out of the range of slow, denormal numbers.
_DARK = 1e-6
_DARKEST = 1e-12
#: Light of a uniform scene that differs by less is the same in float32.
_UNIFORM = 1e-4


def pedestal(noise: NoiseModel | None) -> float:
    """Return the light to add to data and model alike, so that their noise is Poisson noise.

    With a variance of ``photon * light + gaussian**2`` the data plus ``gaussian**2 / photon``
    have a variance of `photon` times their mean, as scaled Poisson counts have [1]_.

    Raises
    ------
    SettingsError
        If the noise does not depend on the light.

    References
    ----------
    .. [1] D. L. Snyder, C. W. Helstrom, A. D. Lanterman, M. Faisal and R. L. White, "Compensation
       for readout noise in CCD images", J. Opt. Soc. Am. A 12, 272-283 (1995).
    """
    if noise is None:
        return 0.0
    if not noise.photon > 0:
        raise SettingsError(
            "Richardson-Lucy iterations are for photon noise, but the noise given has photon = 0; "
            "state the image units a photon-electron gives, or leave the noise out."
        )
    return noise.gaussian**2 / noise.photon


@final
class PoissonFit:
    """Counts, what a scene would give, and the step towards a likelier scene.

    Parameters
    ----------
    task : Problem
    noise : NoiseModel, optional
        Decides the light that is added to counts and model; none if not given.
    counts : array, optional
        In place of the data of the problem with that light, such as half of their photons.

    Attributes
    ----------
    task : Problem
        That given, with the counts in place of its data: nothing else is kept.
    counts : array of float32
        Not negative, that light included.
    pedestal : float
        That light.
    level : float
        Uniform scene with the total light of the data: where iterations start.
    dark : float
        No pixel is expected to be darker.
    darkest : float
        No pixel of a scene falls below.
    seen : array of float32 or float
        Share of the light of every pixel of the scene that reaches the camera, never below a
        millionth of the largest; a number where it is the same everywhere.

    Raises
    ------
    SettingsError
        If the operator has negative entries or lets no light through.
    """

    def __init__(
        self, task: Problem, noise: NoiseModel | None = None, *, counts: Any = None
    ) -> None:
        xp = task.xp
        self.noise, self.pedestal = noise, pedestal(noise)
        light = xp.clip(task.data, 0.0, None)
        total = float(xp.sum(light))
        if counts is None:
            counts = light if noise is None else at_least(task.data + self.pedestal, 0.0)
        del light
        self.counts = counts
        task = self.task = replace(task, data=counts)
        seen = task.operator.adjoint(xp.ones_like(task.data))
        lowest, most = float(xp.min(seen)), float(xp.max(seen))
        if not most > 0 or lowest < -_SEEN * most:
            raise SettingsError(
                f"Richardson-Lucy iterations need an operator without negative entries that lets "
                f"light through; of a uniform scene this one passes {lowest:.3g} to {most:.3g}."
            )
        self.level = total / float(xp.sum(seen))
        # The mean of the image is what a uniform scene of this level gives.
        self.dark = max(_DARK * total / _size(task.data), float(np.finfo(np.float32).tiny))
        self.darkest = _DARKEST * self.level
        self.seen: Any = most
        self._unseen: Any = None
        if lowest < (1.0 - _UNIFORM) * most:
            if lowest < _SEEN * most:
                self._unseen = seen < _SEEN * most
            self.seen = at_least(seen, _DARK * most)

    def start(self, given: Any = None) -> Any:
        """Return the scene to start from: uniform, or an image that the user gives.

        Parameters
        ----------
        given : array, optional
            In image units, background included; of the image's or the scene's shape. What lies
            beyond the frame of an image starts from its mean.
        """
        task = self.task
        if given is None:
            return task.full(self.level)
        light = np.subtract(_start_values(given, task), task.background, dtype=np.float64)
        np.maximum(light, _DARK * self.level, out=light)
        first = put(light.astype(np.float32), task.data)
        if tuple(first.shape) == task.operator.input_shape:
            return first
        scene = task.full(float(task.xp.mean(first)))
        scene[task.camera] = first
        return scene

    def expected(self, scene: Any) -> Any:
        """Return what a scene would give, pedestal included; a new array.

        Where it is dark, rounding may leave it negative.
        """
        image = self.task.operator.apply(scene)
        if self.pedestal:
            image += self.pedestal
        return image

    def ratio(self, counts: Any, expected: Any) -> Any:
        """Return counts over what was expected of them. Overwrites `expected`."""
        return quotient(counts, expected, self.dark)

    def correction(self, counts: Any, expected: Any) -> Any:
        """Return the factors of a step; one where the camera sees nothing.

        Overwrites `expected`.
        """
        factors = self.task.operator.adjoint(self.ratio(counts, expected))
        factors /= self.seen
        if self._unseen is not None:
            factors[self._unseen] = 1.0
        return factors

    def light(self, scene: Any, expected: Any, seen: Any = 1.0) -> Any:
        """Return ``x K^T(z / (K x + c)) / seen``, not negative. Overwrites `expected`."""
        factors = self.task.operator.adjoint(self.ratio(self.counts, expected))
        return product(factors, scene, seen, self.darkest)

    def updated(self, scene: Any, expected: Any = None) -> Any:
        """Return a scene that is at least as likely, a new array.

        One step of expectation maximisation: ``x K^T(z / (K x + c)) / K^T 1``. Overwrites
        `expected`, which is ``K x + c`` if it is known.
        """
        if expected is None:
            expected = self.expected(scene)
        return self.kept_unseen(self.light(scene, expected, self.seen), scene)

    def kept_unseen(self, scene: Any, before: Any) -> Any:
        """Put back what the camera does not see, in place."""
        if self._unseen is not None:
            scene[self._unseen] = before[self._unseen]
        return scene

    def change(self, scene: Any, before: Any) -> float:
        """Return the mean absolute change within the camera's part, relative to the mean."""
        if not self.level > 0:
            return 0.0
        camera = self.task.camera
        return mean_change(scene[camera], before[camera]) / self.level

    def residual_ratio(self, expected: Any) -> float:
        """Return squared residuals over the variance of the noise; NaN if that is not known."""
        if self.noise is None:
            return float("nan")
        xp = self.task.xp
        light = expected - self.pedestal
        squares = float(xp.sum((self.counts - expected) ** 2))
        return squares / float(xp.sum(self.noise.variance(light)))


def _size(array: Any) -> int:
    return int(np.prod(tuple(array.shape)))


def _start_values(given: Any, task: Problem) -> np.ndarray[Any, Any]:
    """Check what a user wants to start from; in numpy."""
    shapes = (tuple(task.data.shape), task.operator.input_shape)
    if not array_api_compat.is_array_api_obj(given) or place_of(given) != place_of(task.data):
        raise ImageError(
            f"start must be an array of {place_of(task.data)[0]} like the image, not "
            f"{type(given).__name__}; convert it first."
        )
    if tuple(given.shape) not in shapes:
        raise ImageError(
            f"start has the shape {tuple(given.shape)}; give one of the image's shape {shapes[0]} "
            f"or of the scene's, {shapes[1]}."
        )
    values = to_numpy(given)
    if values.dtype.kind not in "buif" or not np.isfinite(values).all():
        raise ImageError(
            "start must hold finite real numbers in the image's units; replace the others."
        )
    return values
