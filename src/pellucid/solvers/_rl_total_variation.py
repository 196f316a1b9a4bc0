"""Total variation in a step of expectation maximisation, in closed form."""

from __future__ import annotations

from typing import Any, final

import array_api_compat

from pellucid.errors import SettingsError

#: The gradient below which the penalty is round instead of sharp, as a share of the mean light.
_ROUND = 1e-2
#: Times the penalty is majorised anew in one step; each is cheap beside a blur.
_ROUNDS = 3


@final
class TotalVariation:
    """The penalty ``strength * sum sqrt(|grad x|^2 + e^2)`` within a step.

    ``e`` is a hundredth of the mean light and rounds the penalty off where nothing changes.
    The step of expectation maximisation minimises a separable bound of the negative
    log-likelihood. Here the penalty is bounded as well: its root by a parabola through the
    present gradient, the squared differences of neighbours by those of either from their
    present mean [1]_. The sum of both bounds falls apart into pixels, and each has its minimum
    at the positive root of a quadratic equation. So likelihood and penalty together can only
    improve, and pixels stay positive without any step size; the one-step-late form [2]_ can
    promise neither. Without penalty the step is that of Richardson and Lucy.

    Parameters
    ----------
    strength : float
        Not negative, without units: counts and gradients scale alike.
    level : float
        Mean light of the scene.

    Raises
    ------
    SettingsError
        If the strength is negative.

    References
    ----------
    .. [1] A. R. De Pierro, "A modified expectation maximization algorithm for penalized
       likelihood estimation in emission tomography", IEEE Trans. Med. Imaging 14, 132-137
       (1995).
    .. [2] N. Dey et al., "Richardson-Lucy algorithm with total variation regularization for 3D
       confocal microscope deconvolution", Microsc. Res. Tech. 69, 260-266 (2006).
    """

    def __init__(self, strength: float, level: float) -> None:
        if not 0 <= strength < float("inf"):
            raise SettingsError(
                f"total_variation must be a finite number, zero or more, not {strength}."
            )
        self.strength = strength
        self._round = _ROUND * level

    def value(self, scene: Any) -> float:
        """Return the penalty of a scene."""
        xp = array_api_compat.array_namespace(scene)
        return self.strength * float(xp.sum(xp.sqrt(self._squares(scene))))

    def step(self, scene: Any, light: Any, seen: Any) -> Any:
        """Return the next scene, a new array.

        Parameters
        ----------
        scene : array
            The present one.
        light : array
            ``x K^T(z / (K x + c))``: the light the data ascribe to every pixel.
        seen : array
            ``K^T 1``.
        """
        if self._round == 0:
            return light
        xp = array_api_compat.array_namespace(scene)
        for _ in range(_ROUNDS):
            pull, towards = self._bound(scene)
            pull *= 2.0 * self.strength
            towards *= -self.strength
            towards += seen
            root = xp.sqrt(towards * towards + 4.0 * pull * light)
            # The form of the root in which nothing cancels.
            scene = xp.where(
                towards >= 0,
                2.0 * light / xp.clip(towards + root, 1e-30, None),
                0.5 * (root - towards) / xp.clip(pull, 1e-30, None),
            )
        return scene

    def _squares(self, scene: Any) -> Any:
        """Return the squared gradient of every pixel, rounded off; nothing lies beyond an end."""
        xp = array_api_compat.array_namespace(scene)
        squares = xp.full_like(scene, self._round**2)
        for low, high in _neighbours(scene.ndim):
            squares[low] += (scene[high] - scene[low]) ** 2
        return squares

    def _bound(self, scene: Any) -> tuple[Any, Any]:
        """Return A and B of the bound ``sum A x^2 - B x`` of the penalty over its strength."""
        xp = array_api_compat.array_namespace(scene)
        weight = 1.0 / xp.sqrt(self._squares(scene))
        squared, linear = xp.zeros_like(scene), xp.zeros_like(scene)
        for low, high in _neighbours(scene.ndim):
            pair = weight[low]
            squared[low] += pair
            squared[high] += pair
            pair = pair * (scene[low] + scene[high])
            linear[low] += pair
            linear[high] += pair
        return squared, linear


def _neighbours(ndim: int) -> list[tuple[tuple[slice, ...], tuple[slice, ...]]]:
    """Return the slices of pixels with a neighbour along each axis, and those of the neighbours."""
    every = slice(None)
    return [
        (
            tuple(slice(None, -1) if a == axis else every for a in range(ndim)),
            tuple(slice(1, None) if a == axis else every for a in range(ndim)),
        )
        for axis in range(ndim)
    ]
