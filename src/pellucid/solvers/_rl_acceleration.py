"""Where the next step starts from: extrapolation along the way that scenes have come."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any, Literal, TypeAlias, final, get_args

from pellucid.errors import SettingsError
from pellucid.solvers._rl_arrays import at_least

Acceleration: TypeAlias = Literal["none", "biggs-andrews", "heavy-ball"]

#: Most by which the logarithm of a pixel is extrapolated.
_FARTHEST = 3.0


class Extrapolation(ABC):
    """Predicts scenes; remembers those before."""

    @abstractmethod
    def ahead(self, scene: Any) -> Any:
        """Return the point to take the next step from; a new array, or the scene itself."""

    @abstractmethod
    def learn(self, scene: Any, point: Any, updated: Any) -> None:
        """Look at a step: from `scene` to `point` by prediction, on to `updated` by the data."""


@final
class HeavyBall(Extrapolation):
    """Scaled heavy ball: the last move again, times ``(k - 1) / (k + 2)`` in iteration k.

    Parameters
    ----------
    xp : module
        Array library.
    lowest : float
        No pixel is taken below.

    References
    ----------
    .. [1] H. Wang and P. C. Miller, "Scaled heavy-ball acceleration of the Richardson-Lucy
       algorithm for 3D microscopy image restoration", IEEE Trans. Image Process. 23, 848-854
       (2014).
    """

    def __init__(self, xp: Any, lowest: float) -> None:
        self._xp, self._lowest = xp, lowest
        self._before: Any = None
        self._steps = 0

    def ahead(self, scene: Any) -> Any:
        """Return the point to take the next step from."""
        if self._before is None:
            return scene
        k = self._steps + 1
        point = scene - self._before
        point *= (k - 1) / (k + 2)
        point += scene
        return at_least(point, self._lowest)

    def learn(self, scene: Any, point: Any, updated: Any) -> None:  # noqa: ARG002 (the interface)
        """Remember where the step came from."""
        self._before = scene
        self._steps += 1


@final
class BiggsAndrews(Extrapolation):
    """Vector extrapolation of second order, of the logarithms of the pixels.

    With ``g`` the logarithms of the factors of a step, successive steps tell how slowly they
    shrink, ``a = <g_k, g_{k-1}> / <g_{k-1}, g_{k-1}>``, kept between zero and one [1]_ and
    weighted by the scene. A Taylor series in ``sqrt(a)`` along the last two moves predicts the
    next scene: products instead of sums keep it positive [2]_, and the root is bolder than `a`
    itself, which those products stand. Where a step goes against the way the scene came, the
    memory is cleared [3]_.

    Parameters
    ----------
    xp : module
        Array library.
    lowest : float
        Darker pixels have no part in the logarithms; positive, or zero for a dark image.

    References
    ----------
    .. [1] D. S. C. Biggs and M. Andrews, "Acceleration of iterative image restoration
       algorithms", Appl. Opt. 36, 1766-1775 (1997).
    .. [2] D. S. C. Biggs, *Accelerated iterative blind deconvolution*, thesis, University of
       Auckland (1998).
    .. [3] B. O'Donoghue and E. Candes, "Adaptive restart for accelerated gradient schemes",
       Found. Comput. Math. 15, 715-732 (2015).
    """

    def __init__(self, xp: Any, lowest: float) -> None:
        self._xp, self._lowest = xp, lowest
        self._move: Any = None
        self._move_before: Any = None
        self._step: Any = None
        self._guess: Any = None
        self._slowness = 0.0

    def ahead(self, scene: Any) -> Any:
        """Return the point to take the next step from."""
        if self._move is None or self._slowness == 0:
            self._guess = None
            return scene
        a = math.sqrt(self._slowness)
        guess = self._move * a
        if self._move_before is not None:
            guess += (0.5 * a * a) * (self._move - self._move_before)
        self._guess = self._xp.clip(guess, -_FARTHEST, _FARTHEST)
        return scene * self._xp.exp(self._guess)

    def learn(self, scene: Any, point: Any, updated: Any) -> None:  # noqa: ARG002 (the interface)
        """Measure how slowly steps shrink, and whether the way is still right."""
        xp = self._xp
        if not self._lowest > 0:
            return
        step = updated + self._lowest
        step /= point + self._lowest
        step = xp.log(step)
        move = step if self._guess is None else step + self._guess
        self._guess = None
        weighted = step * updated
        if self._move is not None and float(xp.sum(weighted * move)) < 0:
            self._move, self._move_before, self._step, self._slowness = move, None, None, 0.0
            return
        if self._step is not None:
            squares = float(xp.sum(self._step * self._step * updated))
            ratio = float(xp.sum(weighted * self._step)) / squares if squares > 0 else 0.0
            self._slowness = min(max(ratio, 0.0), 1.0)
        self._step = step
        self._move_before, self._move = self._move, move


def extrapolation(name: str, xp: Any, lowest: float) -> Extrapolation | None:
    """Return the extrapolation of a name; None for "none".

    Raises
    ------
    SettingsError
        If there is none of that name.
    """
    if name not in get_args(Acceleration):
        raise SettingsError(
            f"There is no acceleration {name!r}; it is one of "
            f"{', '.join(repr(one) for one in get_args(Acceleration))}."
        )
    if name == "none":
        return None
    return HeavyBall(xp, lowest) if name == "heavy-ball" else BiggsAndrews(xp, lowest)
