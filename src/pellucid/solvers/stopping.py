"""When an iterative solver ends."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, final

from pellucid.errors import SettingsError


@final
@dataclass(frozen=True, slots=True)
class State:
    """What a stopping rule may look at after an iteration.

    Attributes
    ----------
    iteration : int
        Iterations done, from one.
    change : float
        Mean absolute change of the iteration within the camera's part of the scene, relative to
        the mean there.
    residual_ratio : float
        Mean squared difference between the data and what the present scene would give,
        relative to the variance of the noise: one where the scene explains the data to within
        noise. NaN if the solver does not know the noise.
    scene : array
        The present scene, not to be changed.
    """

    iteration: int
    change: float
    residual_ratio: float
    scene: Any


class StoppingRule(ABC):
    """Decides after every iteration whether to go on; keeps no memory between runs."""

    __slots__ = ()

    @abstractmethod
    def reason(self, state: State) -> str | None:
        """Return why to stop here, or None to go on."""

    @abstractmethod
    def describe(self) -> str:
        """Return the rule in a few words, for the settings of a result."""


@final
@dataclass(frozen=True, slots=True)
class RelativeChange(StoppingRule):
    """Stop when an iteration changes the image by less than a share of its mean.

    Parameters
    ----------
    tolerance : float
        Positive.

    Raises
    ------
    SettingsError
        If it is not.
    """

    tolerance: float = 1e-3

    def __post_init__(self) -> None:
        if not (math.isfinite(self.tolerance) and self.tolerance > 0):
            raise SettingsError(
                f"The tolerance of a relative change must be positive, not {self.tolerance}."
            )

    def reason(self, state: State) -> str | None:
        """Return why to stop here, or None to go on."""
        if state.change >= self.tolerance:
            return None
        return (
            f"iteration {state.iteration} changed the image by {state.change:.2g} of its mean, "
            f"less than {self.tolerance:g}"
        )

    def describe(self) -> str:
        """Return the rule in a few words."""
        return f"relative change below {self.tolerance:g}"


@final
@dataclass(frozen=True, slots=True)
class Discrepancy(StoppingRule):
    """Stop when the image explains the data to within their noise (Morozov's principle).

    Parameters
    ----------
    factor : float
        Of the noise's variance, positive; above one stops earlier.

    Raises
    ------
    SettingsError
        If it is not positive.

    References
    ----------
    .. [1] V. A. Morozov, "On the solution of functional equations by the method of
       regularization", Soviet Math. Dokl. 7, 414-417 (1966).
    """

    factor: float = 1.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.factor) and self.factor > 0):
            raise SettingsError(
                f"The factor of the discrepancy principle must be positive, not {self.factor}."
            )

    def reason(self, state: State) -> str | None:
        """Return why to stop here, or None to go on."""
        if math.isnan(state.residual_ratio):
            raise SettingsError(
                "The discrepancy principle needs the noise of the image, and the solver was not "
                "told; give noise=, or another stopping rule."
            )
        if state.residual_ratio > self.factor:
            return None
        return (
            f"after iteration {state.iteration} the residual is {state.residual_ratio:.3g} times "
            f"the variance of the noise, which is below {self.factor:g}"
        )

    def describe(self) -> str:
        """Return the rule in a few words."""
        return f"residual within {self.factor:g} times the noise's variance"
