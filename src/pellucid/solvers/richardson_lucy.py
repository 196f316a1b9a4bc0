"""Richardson-Lucy deconvolution: maximum likelihood for photon noise."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import SettingsError
from pellucid.imaging.intensity import estimate_scale
from pellucid.imaging.operator import LinearOperator
from pellucid.solvers.restoration import Restoration

#: Parts of the scene that send less than this share of their light to the camera stay as bright
#: as the image is on average: the data say nothing about them.
_SEEN = 1e-2


def richardson_lucy(
    image: NDArray[Any],
    operator: LinearOperator,
    camera: tuple[slice, ...],
    *,
    iterations: int = 20,
    background: float | None = None,
) -> Restoration:
    """Deconvolve an image by Richardson-Lucy iterations.

    Parameters
    ----------
    image : ndarray of real numbers, shape `operator.output_shape`
    operator : LinearOperator
        The blur, with non-negative entries.
    camera : tuple of slice
        The part of the operator's scene to return, of the image's shape.
    iterations : int
        Each sharpens the image and its noise; 10 to 30 suit most images.
    background : float, optional
        Intensity without specimen, in the image's units, camera offset included. Subtracted
        first and added to the result. Estimated as the first percentile if not given.

    Returns
    -------
    Restoration
        Its trace is the mean absolute change of an iteration, relative to the mean.

    Raises
    ------
    SettingsError
        If `iterations` is below one.

    References
    ----------
    .. [1] W. H. Richardson, J. Opt. Soc. Am. 62, 55-59 (1972).
    .. [2] L. B. Lucy, Astron. J. 79, 745-754 (1974).
    """
    if iterations < 1:
        raise SettingsError(f"iterations must be at least 1, not {iterations}.")
    floor = estimate_scale(image).background if background is None else background
    counts = np.clip(np.subtract(image, floor, dtype=np.float64), 0.0, None).astype(np.float32)
    seen = operator.adjoint(np.ones(operator.output_shape, dtype=np.float32))
    unseen = seen < _SEEN
    inverse_seen = (1.0 / np.maximum(seen, _SEEN)).astype(np.float32)
    level = float(counts.mean())
    scene = np.full(operator.input_shape, level, dtype=np.float32)
    smallest = np.float32(max(level * 1e-6, float(np.finfo(np.float32).tiny)))
    trace: list[float] = []
    for _ in range(iterations):
        expected = operator.apply(scene)
        np.maximum(expected, smallest, out=expected)
        correction = operator.adjoint(counts / expected)
        correction *= inverse_seen
        # FFT rounding may leave tiny negative values where nothing is seen.
        np.maximum(correction, 0.0, out=correction)
        correction[unseen] = 1.0
        updated = scene * correction
        change = float(np.abs(updated - scene)[camera].mean())
        trace.append(change / level if level > 0 else 0.0)
        scene = updated
    result = (scene[camera].astype(np.float64) + floor).astype(np.float32)
    return Restoration(
        image=result,
        trace=tuple(trace),
        stopped_because=f"the requested {iterations} iterations were done",
        settings={"iterations": iterations, "background": float(floor)},
    )
