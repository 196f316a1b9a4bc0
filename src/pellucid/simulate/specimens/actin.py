"""Actin: stress fibres, bundles and the mesh of the cortex."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from pellucid.simulate.canvas import Canvas
from pellucid.simulate.specimens._curves import (
    chain_nodes,
    drawn_share,
    interpolated,
    slow_variation,
    spline_points,
)
from pellucid.simulate.specimens._sketch import Sketch, anywhere, log_uniform

#: Points, shape (axes, n), and their light.
_Light: TypeAlias = tuple[NDArray[np.float32], NDArray[np.float32]]


def actin(rng: np.random.Generator, canvas: Canvas) -> Sketch:
    """Actin: stress fibres with a sarcomere-like period, crossing bundles, a cortical mesh.

    Sources of the numbers: a filament is 7 nm wide and has a persistence length of 10 to 20 um
    in vitro (17 um by Ott et al. 1993, 18 um by Gittes et al. 1993). Stress fibres hold 10 to 30
    filaments across, a few tenths of a micrometre, and bands of alpha-actinin and myosin 0.6 to
    1.6 um apart (reviewed by Pellegrin and Mellor 2007). Meshes of the cortex are 0.05 to some
    tenths of a micrometre wide (Morone et al. 2006); those that a light microscope shows are
    drawn.
    """
    drawn = rng.random(3) < (0.5, 0.45, 0.6)
    if not drawn.any():
        drawn[rng.integers(3)] = True
    points, weights = [], []
    for wanted, part in zip(drawn, (_stress_fibres, _bundles, _mesh), strict=True):
        if wanted:
            where, light = part(rng, canvas)
            points.append(where)
            weights.append(light * np.float32(log_uniform(rng, 0.3, 1.0)))
    scene = canvas.splat(np.concatenate(points, axis=1).T, np.concatenate(weights))
    return Sketch(scene, rng.uniform(0.012, 0.035))


def _stress_fibres(rng: np.random.Generator, canvas: Canvas) -> _Light:
    """Draw nearly straight, nearly parallel cables, some of them striped."""
    side = canvas.side_um
    fibres = int(np.clip(side * log_uniform(rng, 0.2, 1.5), 2, 24))
    return _cables(
        rng,
        canvas,
        start=anywhere(rng, canvas, fibres),
        direction=rng.uniform(0, np.pi) + rng.normal(0, rng.uniform(0.03, 0.3), fibres),
        length=side * rng.uniform(0.3, 1.2, fibres),
        strands=int(rng.integers(4, 9)),
        width_um=log_uniform(rng, 0.05, 0.2),
        persistence_um=log_uniform(rng, 60.0, 600.0),
        stripes=rng.uniform(0.2, 0.7) if rng.random() < 0.5 else 0.0,
    )


def _bundles(rng: np.random.Generator, canvas: Canvas) -> _Light:
    """Draw short bundles that cross each other, some of them from a few foci as asters."""
    side = canvas.side_um
    bundles = int(np.clip(side**2 * log_uniform(rng, 0.08, 0.5), 6, 90))
    start: NDArray[np.floating] = anywhere(rng, canvas, bundles)
    if rng.random() < 0.35:
        foci = anywhere(rng, canvas, int(rng.integers(1, 6)))
        start = foci[rng.integers(0, len(foci), bundles)] + rng.normal(0, 0.2, start.shape)
    return _cables(
        rng,
        canvas,
        start=start,
        direction=rng.uniform(0, 2 * np.pi, bundles),
        length=np.minimum(rng.lognormal(np.log(5.0), 0.5, bundles), 1.2 * side),
        strands=int(rng.integers(2, 5)),
        width_um=log_uniform(rng, 0.02, 0.1),
        persistence_um=log_uniform(rng, 8.0, 40.0),
        stripes=0.0,
    )


def _mesh(rng: np.random.Generator, canvas: Canvas) -> _Light:
    """Draw a dense mesh of thin filaments; in a slab most of it lies under either face."""
    side, step = canvas.side_um, canvas.pixel_size_um
    mesh_um = max(log_uniform(rng, 0.2, 1.2), 2.5 * step)
    mean_um = min(log_uniform(rng, 2.0, 10.0), side)
    # Random lines of length L an area leave openings of about 2 / L.
    count = int(np.clip(2 * side**2 / (mesh_um * mean_um), 10, 1500))
    start = anywhere(rng, canvas, count)
    if start.shape[1] == 3:
        face = rng.choice([0.1, 0.9], count, p=[0.7, 0.3])
        start[:, 0] = canvas.depth_um * np.clip(face + rng.normal(0, 0.05, count), 0.02, 0.98)
    length = mean_um * rng.uniform(0.5, 1.5, count)
    nodes = chain_nodes(
        rng,
        canvas,
        start_um=start,
        direction=rng.uniform(0, 2 * np.pi, count),
        length_um=length,
        persistence_um=log_uniform(rng, 4.0, 18.0),
    )
    segments = nodes.shape[2] - 2
    light = drawn_share(length, segments, step)
    light *= rng.lognormal(-1.0, rng.uniform(0.2, 0.9), count).astype(np.float32)[:, None]
    light *= slow_variation(rng, count, segments, rng.uniform(0.0, 0.5))
    points, weights, _ = spline_points(nodes, light, canvas.step_um)
    return points, weights


def _cables(
    rng: np.random.Generator,
    canvas: Canvas,
    *,
    start: NDArray[np.floating],
    direction: NDArray[np.floating],
    length: NDArray[np.floating],
    strands: int,
    width_um: float,
    persistence_um: float,
    stripes: float,
) -> _Light:
    """Draw cables of strands that run together and apart, with their stripes in step."""
    step, cables = canvas.pixel_size_um, len(direction)
    path = chain_nodes(
        rng,
        canvas,
        start_um=start,
        direction=direction,
        length_um=length,
        persistence_um=persistence_um,
    )
    count = path.shape[2]
    knots = 2 + int(count * step / 2.5)
    wander = rng.standard_normal((2, cables, strands, knots), dtype=np.float32)
    wander += 0.7 * rng.standard_normal((2, cables, strands, 1), dtype=np.float32)
    wander *= np.float32(0.8 * width_um) * rng.uniform(0.5, 1.5, (cables, 1, 1)).astype(np.float32)
    aside, above = interpolated(wander, count)
    forward = np.gradient(path[-2:], axis=2)
    forward /= np.hypot(*forward) + np.float32(1e-9)
    nodes = np.repeat(path[:, :, None], strands, axis=2)
    nodes[-2] += aside * forward[1][:, None]
    nodes[-1] -= aside * forward[0][:, None]
    if len(nodes) == 3:
        nodes[0] += above
    # Strands begin and end at different places: cables taper.
    begin = length[:, None] * rng.uniform(0, 0.3, (cables, strands)) ** 1.5
    end = length[:, None] * (1 - rng.uniform(0, 0.3, (cables, strands)) ** 1.5)
    light = drawn_share(end.ravel(), count - 2, step)
    light *= 1 - drawn_share(begin.ravel(), count - 2, step)
    light *= np.repeat(rng.lognormal(0.0, 0.5, cables), strands).astype(np.float32)[:, None]
    light *= slow_variation(rng, cables * strands, count - 2, 0.3)
    if stripes:
        period = rng.uniform(0.6, 1.6) * rng.uniform(0.9, 1.1, (cables, 1, 1))
        phase = (np.arange(count - 2) + 0.5) * step / period + rng.random((cables, 1, 1))
        bands = 1 + stripes * np.cos(2 * np.pi * phase)
        light *= np.repeat(bands, strands, axis=1).astype(np.float32).reshape(light.shape)
    points, weights, _ = spline_points(nodes.reshape(len(nodes), -1, count), light, canvas.step_um)
    return points, weights
