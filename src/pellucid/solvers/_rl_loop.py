"""The loop of all Richardson-Lucy solvers: steps, trace, stopping rules, callback."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from numbers import Integral
from typing import Any, final

from pellucid.errors import SettingsError
from pellucid.solvers._rl_poisson import PoissonFit
from pellucid.solvers.noise_model import NoiseModel
from pellucid.solvers.progress import CANCELLED, Callback, Progress
from pellucid.solvers.restoration import Restoration, Setting
from pellucid.solvers.stopping import State, StoppingRule


class Step(ABC):
    """One iteration; keeps what it must remember for a single run."""

    @abstractmethod
    def advance(self, scene: Any, expected: Any) -> Any:
        """Return the next scene, a new array.

        `expected` is what the scene would give if that is known, else None; may be overwritten.
        """

    @abstractmethod
    def ended(self) -> str | None:
        """Return why there is nothing left to do, or None."""


@final
@dataclass(frozen=True, slots=True)
class Outcome:
    """The last scene and how it came about."""

    scene: Any
    trace: tuple[float, ...]
    stopped_because: str

    def restoration(self, fit: PoissonFit, settings: dict[str, Setting]) -> Restoration:
        """Return the camera's part, with the settings all solvers share."""
        shared: dict[str, Setting] = {"background": fit.task.background}
        if fit.noise is not None:
            shared |= {"noise_photon": fit.noise.photon, "noise_gaussian": fit.noise.gaussian}
        return Restoration(
            image=fit.task.finished(self.scene),
            trace=self.trace,
            stopped_because=self.stopped_because,
            settings=settings | shared,
        )


def iterate(
    fit: PoissonFit,
    step: Step,
    scene: Any,
    *,
    iterations: int,
    stop: StoppingRule | None = None,
    callback: Callback | None = None,
) -> Outcome:
    """Take steps until all are done, a rule says stop, nothing is left to do, or the caller ends.

    The trace holds the relative change of every iteration.
    """
    trace: list[float] = []
    reason = None
    expected = None
    for iteration in range(1, iterations + 1):
        before, scene = scene, step.advance(scene, expected)
        trace.append(fit.change(scene, before))
        del before
        reason, expected = step.ended(), None
        if stop is not None:
            residual = math.nan
            if fit.noise is not None:
                expected = fit.expected(scene)
                residual = fit.residual_ratio(expected)
            reason = reason or stop.reason(State(iteration, trace[-1], residual, scene))
        if callback is not None:
            image = fit.task.finished(scene)
            if callback(Progress(iteration, iterations, trace[-1], image)):
                reason = reason or CANCELLED
        if reason:
            break
    return Outcome(
        scene, tuple(trace), reason or f"the requested {iterations} iterations were done"
    )


def check_iterations(iterations: Any) -> None:
    """Raise an error unless a number of iterations is a whole one, at least one."""
    if not isinstance(iterations, Integral) or int(iterations) < 1:
        raise SettingsError(f"iterations must be a whole number of at least 1, not {iterations}.")


def check_rules(noise: Any, stop: Any) -> None:
    """Raise an error unless noise and stopping rule are what they are said to be."""
    if noise is not None and not isinstance(noise, NoiseModel):
        raise SettingsError(f"noise must be a NoiseModel, not {type(noise).__name__}.")
    if stop is not None and not isinstance(stop, StoppingRule):
        raise SettingsError(
            f"stop must be a StoppingRule such as RelativeChange(1e-3), not {type(stop).__name__}."
        )
