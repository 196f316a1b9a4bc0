"""Microtubules: worm-like chains."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pellucid.simulate.canvas import Canvas
from pellucid.simulate.specimens._curves import (
    chain_nodes,
    drawn_share,
    lay_chains,
    slow_variation,
)
from pellucid.simulate.specimens._sketch import Scene, Sketch, anywhere, log_uniform


def filaments(rng: np.random.Generator, canvas: Canvas) -> Sketch:
    """Microtubules: gently bent filaments, spread, from one centre or side by side.

    Sources of the numbers: a microtubule is 25 nm wide; its persistence length is millimetres in
    vitro (Gittes et al. 1993), but tens of micrometres in the cell, where loads bend it (Brangwynne
    et al. 2007): here 4 to 80 um. With antibodies it looks 30 to 90 nm wide (sigma 12 to 40 nm).
    """
    side = canvas.side_um
    count = int(log_uniform(rng, 3, 90))
    persistence_um = log_uniform(rng, 4.0, 80.0)
    start: NDArray[np.floating] = anywhere(rng, canvas, count)
    direction = rng.uniform(0, 2 * np.pi, count)
    order = rng.random()
    if order < 0.3:  # from one organising centre
        start = anywhere(rng, canvas, 1) + rng.normal(0, 0.4, start.shape)
    elif order < 0.5:  # side by side, as at the edge of a cell
        direction = rng.uniform(0, 2 * np.pi) + rng.normal(0, rng.uniform(0.1, 0.5), count)
    light = worm_like_chains(
        rng,
        canvas,
        start_um=start,
        direction=direction,
        length_um=side * rng.uniform(0.3, 1.6) * rng.uniform(1 / 3, 1.0, count),
        persistence_um=persistence_um,
        brightness=rng.lognormal(0.0, rng.uniform(0.0, 0.6), count),
        unevenness=rng.uniform(0.0, 0.4),
    )
    return Sketch(light, rng.uniform(0.012, 0.040))


def worm_like_chains(
    rng: np.random.Generator,
    canvas: Canvas,
    *,
    start_um: NDArray[np.floating],
    direction: NDArray[np.floating],
    length_um: NDArray[np.floating],
    persistence_um: float,
    brightness: NDArray[np.floating],
    unevenness: float = 0.0,
) -> Scene:
    """Draw filaments whose direction in the plane diffuses by ``ds / persistence_um`` a step.

    Parameters
    ----------
    rng : numpy.random.Generator
    canvas : Canvas
        In a slab the filaments also climb and fall gently, and its faces turn them back.
    start_um : ndarray, shape (n, 2) or (n, 3)
        Where each begins, ``(y, x)`` or ``(z, y, x)``.
    direction, length_um, brightness : ndarray, shape (n,)
        Angle at the start (radians, from x to y), length, and light a micrometre.
    persistence_um : float
        Persistence length of the worm-like chain, in two dimensions.
    unevenness : float
        Standard deviation of the brightness along a filament.

    Returns
    -------
    ndarray of float32, shape `canvas.shape`
    """
    nodes = chain_nodes(
        rng,
        canvas,
        start_um=start_um,
        direction=direction,
        length_um=length_um,
        persistence_um=persistence_um,
    )
    segments = nodes.shape[2] - 2
    light = drawn_share(length_um, segments, canvas.pixel_size_um)
    light *= brightness.astype(np.float32)[:, None]
    light *= slow_variation(rng, len(direction), segments, unevenness)
    return lay_chains(canvas, nodes, light)
