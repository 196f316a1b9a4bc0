"""Curved sheets in a slab, given as heights over the plane."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pellucid.simulate.canvas import Canvas
from pellucid.simulate.specimens._fields import coarser, plane_of, random_field, refine
from pellucid.simulate.specimens._sketch import Scene

Floats = NDArray[np.float32]


def height_map(
    rng: np.random.Generator, canvas: Canvas, *, level: float, swing_um: float, length_um: float
) -> Floats | None:
    """Draw a gently waving height over the plane.

    Parameters
    ----------
    level : float
        Mean height as a share of the depth.
    swing_um, length_um : float
        Standard deviation of the height and the length over which it changes.

    Returns
    -------
    ndarray of float32, shape (samples, samples), or None
        Heights in micrometres, within the slab; None for a plane.
    """
    if len(canvas.shape) == 2:
        return None
    flat, factor = coarser(plane_of(canvas))
    waves = random_field(rng, flat, length_um, smooth=True)
    swing = min(swing_um, 0.15 * canvas.depth_um)
    height = np.clip(level * canvas.depth_um + swing * waves, 0, canvas.depth_um)
    return refine(height.astype(np.float32), factor)


def steepness(height_um: Floats, step_um: float) -> Floats:
    """Return the slope of a periodic surface, micrometres a micrometre."""
    rise = [np.roll(height_um, -1, axis) - np.roll(height_um, 1, axis) for axis in (0, 1)]
    slope: Floats = np.hypot(*rise)
    slope *= np.float32(0.5 / step_um)
    return slope


def lay_sheet(
    canvas: Canvas, height_um: Floats, light: Floats, *, slope: Floats | None = None
) -> Scene:
    """Lay the light of a plane on a surface in the slab, shared between planes.

    Parameters
    ----------
    canvas : Canvas
        Of several planes.
    height_um, light : ndarray of float32, shape (samples, samples)
        What lies above or below the slab is lost.
    slope : ndarray of float32, shape (samples, samples), optional
        Steepness of the surface; walls then cover all planes they cross.
    """
    step = np.float32(canvas.z_step_um or 1.0)
    extent = np.full((1, 1), step) if slope is None else np.maximum(slope * canvas.step_um, step)
    low, high = height_um - extent / 2, height_um + extent / 2
    share = light / extent
    scene = np.empty(canvas.shape, dtype=np.float32)
    for plane, layer in enumerate(scene):
        met = np.minimum(high, (plane + 1) * step) - np.maximum(low, plane * step)
        np.multiply(np.maximum(met, 0, out=met), share, out=layer)
    return scene
