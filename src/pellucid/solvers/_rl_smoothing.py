"""Smoothing of the scene between steps, less and less: coarse structure is found first."""

from __future__ import annotations

import math
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import SettingsError
from pellucid.imaging._arrays import put
from pellucid.solvers.problem import Problem

#: Sigmas beyond which a Gaussian is cut.
_REACH = 4.0
#: A Gaussian so narrow changes nothing between samples.
_NARROWEST = 0.1


@final
class Smoothing:
    """Gaussian smoothing of a scene, whose width falls linearly to zero in the last iteration.

    The light is kept: beyond the frame the scene is its mirror image, or itself again where the
    operator is periodic.

    Parameters
    ----------
    sigma_pixels : float or tuple of float
        Before the first iteration; along all axes or along each.
    iterations : int
    task : Problem

    Raises
    ------
    SettingsError
        If a width is negative or there is not one for each axis.
    """

    def __init__(
        self, sigma_pixels: float | tuple[float, ...], iterations: int, task: Problem
    ) -> None:
        shape = task.operator.input_shape
        sigmas = (
            tuple(float(s) for s in sigma_pixels)
            if isinstance(sigma_pixels, tuple)
            else (float(sigma_pixels),) * len(shape)
        )
        if len(sigmas) != len(shape) or not all(math.isfinite(s) and s >= 0 for s in sigmas):
            raise SettingsError(
                f"smoothing must be a width in pixels that is not negative, or one for each of "
                f"the {len(shape)} axes, not {sigma_pixels}."
            )
        self._sigmas, self._iterations, self._task = sigmas, iterations, task
        self._wraps = getattr(task.operator, "boundary", None) == "periodic"

    def sigma_pixels(self, iteration: int) -> tuple[float, ...]:
        """Return the widths after an iteration, counted from one."""
        left = 1.0 - iteration / self._iterations
        return tuple(s * left for s in self._sigmas)

    def __call__(self, scene: Any, iteration: int) -> Any:
        """Return a scene smoothed as after an iteration; the scene itself after the last."""
        xp = self._task.xp
        for axis, sigma in enumerate(self.sigma_pixels(iteration)):
            n = scene.shape[axis]
            if sigma < _NARROWEST or n == 1:
                continue
            matrix = put(smoothing_matrix(n, sigma, wraps=self._wraps), self._task.data)
            scene = xp.moveaxis(xp.tensordot(matrix, scene, axes=((1,), (axis,))), 0, axis)
        return scene


def smoothing_matrix(n: int, sigma: float, *, wraps: bool) -> NDArray[np.float32]:
    """Return the matrix that smooths n samples: symmetric, with rows that sum to one."""
    reach = max(1, math.ceil(_REACH * sigma))
    offset = np.arange(-reach, reach + 1)
    weight = np.exp(-0.5 * (offset / sigma) ** 2)
    weight /= weight.sum()
    source = np.arange(n)[:, None] + offset[None, :]
    if wraps:
        source %= n
    else:
        source %= 2 * n
        source = np.minimum(source, 2 * n - 1 - source)
    matrix = np.zeros((n, n))
    np.add.at(matrix, (np.arange(n)[:, None], source), weight[None, :])
    return matrix.astype(np.float32)
