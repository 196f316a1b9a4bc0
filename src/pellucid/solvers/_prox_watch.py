"""What every iteration of a proximal solver ends with: trace, callback, stopping rule."""

from __future__ import annotations

from typing import Any, final

import array_api_compat

from pellucid.errors import SettingsError
from pellucid.imaging._arrays import to_numpy
from pellucid.solvers.noise_model import NoiseModel
from pellucid.solvers.problem import Problem
from pellucid.solvers.progress import CANCELLED, Callback, Progress
from pellucid.solvers.stopping import State, StoppingRule


@final
class Watch:
    """Decides after every iteration whether to go on.

    Parameters
    ----------
    problem : Problem
    noise : NoiseModel
    iterations : int
        The most to make.
    stop : StoppingRule or None
    callback : callable or None

    Raises
    ------
    SettingsError
        If `iterations` is not positive or `stop` is no rule.
    """

    def __init__(
        self,
        problem: Problem,
        noise: NoiseModel,
        *,
        iterations: int,
        stop: StoppingRule | None,
        callback: Callback | None,
    ) -> None:
        if isinstance(iterations, bool) or not isinstance(iterations, int) or iterations < 1:
            raise SettingsError(
                f"iterations must be a whole number of at least 1, not {iterations!r}."
            )
        if stop is not None and not isinstance(stop, StoppingRule):
            raise SettingsError(
                f"stop must be a StoppingRule such as RelativeChange(1e-4), not {stop!r}."
            )
        self._problem, self._noise = problem, noise
        self._iterations, self._stop, self._callback = iterations, stop, callback
        self.trace: list[float] = []

    @property
    def rule(self) -> str:
        """When the solver ends, in a few words."""
        most = f"{self._iterations} iterations"
        return most if self._stop is None else f"{self._stop.describe()}, or {most}"

    def reason(self, value: float, scene: Any, before: Any, expected: Any) -> str | None:
        """Note an iteration and return why to stop after it, or None.

        Parameters
        ----------
        value : float
            For the trace.
        scene, before : array
            The scene after the iteration and before it.
        expected : array
            The image of `scene`.
        """
        self.trace.append(value)
        iteration = len(self.trace)
        if self._callback is not None:
            image = self._problem.finished(scene)
            if self._callback(Progress(iteration, self._iterations, value, image)):
                return CANCELLED
        if self._stop is not None:
            why = self._stop.reason(self._state(iteration, scene, before, expected))
            if why is not None:
                return why
        if iteration < self._iterations:
            return None
        return f"the requested {self._iterations} iterations were done"

    def _state(self, iteration: int, scene: Any, before: Any, expected: Any) -> State:
        xp = array_api_compat.array_namespace(scene)
        camera = self._problem.camera
        change = _mean(xp.abs(scene[camera] - before[camera]))
        level = abs(_mean(scene[camera]))
        error = expected - self._problem.data
        variance = _mean(self._noise.variance(expected))
        return State(
            iteration=iteration,
            change=change / level if level > 0 else change,
            residual_ratio=_mean(error * error) / variance if variance > 0 else float("nan"),
            scene=scene,
        )


def _mean(x: Any) -> float:
    return float(to_numpy(x).mean(dtype="float64"))
