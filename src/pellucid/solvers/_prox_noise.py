"""The noise of an image that a solver was not told of."""

from __future__ import annotations

import math

import numpy as np

from pellucid.errors import ImageError, SettingsError
from pellucid.imaging._arrays import put, to_numpy
from pellucid.imaging.noise import estimate_noise
from pellucid.solvers.noise_model import NoiseModel
from pellucid.solvers.problem import Problem

#: Frequencies of which the operator passes less than this are taken to hold noise alone.
_PASSED = 5e-3
#: What :func:`pellucid.imaging.estimate_noise` accepts, in cycles per pixel.
_LOWEST_CUTOFF, _HIGHEST_CUTOFF = 0.1, 0.5


def stated_or_estimated(problem: Problem, noise: NoiseModel | None) -> tuple[NoiseModel, str]:
    """Return the noise of an image and where it is known from.

    Parameters
    ----------
    problem : Problem
    noise : NoiseModel, optional
        What the user stated; otherwise :func:`pellucid.imaging.estimate_noise` looks at the
        frequencies that the operator does not pass.

    Raises
    ------
    SettingsError
        If it is not stated and cannot be estimated.
    """
    if noise is not None:
        if not isinstance(noise, NoiseModel):
            raise SettingsError(
                f"noise must be a NoiseModel, not {type(noise).__name__}; give "
                "NoiseModel(photon=..., gaussian=...)."
            )
        return noise, "the user"
    image = np.add(to_numpy(problem.data), problem.background, dtype=np.float64)
    try:
        found = estimate_noise(image, cutoff_per_pixel=lateral_cutoff(problem))
        gaussian = math.sqrt(float(found.variance_at(problem.background)))
        return NoiseModel(photon=found.slope_counts, gaussian=gaussian), "the image"
    except (ImageError, SettingsError) as error:
        raise SettingsError(
            f"The noise of the image cannot be estimated: {error} Or state it: "
            "noise=NoiseModel(photon=..., gaussian=...)."
        ) from error


def lateral_cutoff(problem: Problem) -> float:
    """Return the highest lateral frequency an operator passes, cycles per pixel, 0.1 to 0.5.

    It images a point in the middle of the field.
    """
    operator = problem.operator
    scene = np.zeros(operator.input_shape, dtype=np.float32)
    middle = tuple(
        (c.start or 0) + n // 2 for c, n in zip(problem.camera, problem.data.shape, strict=True)
    )
    scene[middle] = 1.0
    point = to_numpy(operator.apply(put(scene, problem.data))).astype(np.float64)
    spectrum = np.abs(np.fft.fftn(point))
    sides = point.shape[-2:]
    frequencies = np.meshgrid(*(np.fft.fftfreq(n) for n in sides), indexing="ij")
    radius = np.sqrt(np.sum(np.square(frequencies), axis=0))
    lateral = spectrum.max(axis=tuple(range(point.ndim - len(sides))))
    passed = lateral > _PASSED * lateral.max()
    return float(np.clip(radius[passed].max(), _LOWEST_CUTOFF, _HIGHEST_CUTOFF))
