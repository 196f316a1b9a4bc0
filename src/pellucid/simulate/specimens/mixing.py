"""Several kinds of specimen in one scene."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import SettingsError
from pellucid.simulate.canvas import Canvas, sum_runs
from pellucid.simulate.specimens._sketch import Scene
from pellucid.simulate.specimens.catalogue import SKETCHES


def mixture(rng: np.random.Generator, canvas: Canvas, parts: Mapping[str, float]) -> Scene:
    """Draw several kinds of specimen into one scene.

    Parameters
    ----------
    rng : numpy.random.Generator
    canvas : Canvas
    parts : mapping of str to float
        Kind of specimen and the peak brightness it gets in the sum: at the camera's pixels,
        planes added up, the 99.9th percentile, or a tenth of the brightest pixel if that is more
        (a few points in an empty field).

    Returns
    -------
    ndarray of float32, shape `canvas.shape`
        Nowhere negative.

    Raises
    ------
    SettingsError
        If a kind is not known.
    """
    return canvas.scene_of(mixture_spectrum(rng, canvas, parts))


def mixture_spectrum(
    rng: np.random.Generator, canvas: Canvas, parts: Mapping[str, float]
) -> NDArray[np.complex64]:
    """Return the real FFT of every plane of a :func:`mixture`, which is quicker.

    What a camera sees of it is given by :meth:`~pellucid.simulate.canvas.Canvas.camera_pixels`
    and :meth:`~pellucid.simulate.canvas.Canvas.camera_band`.

    Returns
    -------
    ndarray of complex64, shape `canvas.shape` but for a last axis of ``samples // 2 + 1``
    """
    unknown = sorted(set(parts) - set(SKETCHES))
    if unknown:
        raise SettingsError(
            f"There is no specimen {unknown[0]!r}; choose from {', '.join(SKETCHES)}."
        )
    total: NDArray[np.complex64] | None = None
    for kind, share in parts.items():
        sketch = SKETCHES[kind](rng, canvas)
        spectrum = canvas.spectrum(sketch.light, sketch.label_sigma_um)
        pixels = canvas.camera_pixels(spectrum)
        peak = _peak(pixels if pixels.ndim == 2 else pixels.sum(axis=0))
        spectrum *= np.float32(share / peak if peak > 0 else 0)
        if total is None:
            total = spectrum
        else:
            total += spectrum
    if total is None:
        total = np.zeros((*canvas.shape[:-1], canvas.samples // 2 + 1), dtype=np.complex64)
    return total


def to_camera(scene: Scene, canvas: Canvas) -> Scene:
    """Sum the fine samples of every camera pixel, plane by plane."""
    k = canvas.oversampling
    lines = scene.reshape(*scene.shape[:-2], canvas.pixels, k, canvas.samples).sum(axis=-2)
    return sum_runs(lines, k)


def _peak(pixels: Scene) -> float:
    ordered = pixels.ravel()
    last = len(ordered) - 1
    place = 0.999 * last
    below = int(place)
    ordered = np.partition(ordered, (below, min(below + 1, last)))
    low, high = float(ordered[below]), float(ordered[min(below + 1, last)])
    return max(low + (place - below) * (high - low), 0.1 * float(ordered[below:].max()))
