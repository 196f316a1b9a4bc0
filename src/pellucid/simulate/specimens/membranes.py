"""Membranes: outlines of cells, sheets with folds, protrusions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pellucid.simulate.canvas import Canvas
from pellucid.simulate.specimens._curves import arc_points
from pellucid.simulate.specimens._fields import (
    at_quantile,
    coarser,
    plane_of,
    random_field,
    refine,
    smooth_step,
)
from pellucid.simulate.specimens._sketch import Scene, Sketch, anywhere, log_uniform
from pellucid.simulate.specimens._surfaces import height_map, lay_sheet, steepness
from pellucid.simulate.specimens.filaments import worm_like_chains
from pellucid.simulate.specimens.network import polygon_edges

Floats = NDArray[np.float32]


def membranes(rng: np.random.Generator, canvas: Canvas) -> Sketch:
    """Membranes: outlines of cells in a tissue or alone, with folds, ruffles and filopodia.

    Sources of the numbers: a membrane is 5 nm thick, its image as wide as the label (sigma 10 to
    30 nm); cells are 5 to 30 um across, their neighbours 0.02 to 0.1 um away; filopodia are 0.1 to
    0.3 um thick and 1 to 10 um long, ruffles some micrometres (Alberts et al., Molecular Biology of
    the Cell). Small fields show processes and smaller cells.
    """
    total = _tissue(rng, canvas) if rng.random() < 0.45 else _single_cells(rng, canvas)
    if rng.random() < 0.35:
        spots = anywhere(rng, canvas, int(rng.integers(3, 60)))
        light = 0.3 * rng.lognormal(0.0, 0.6, len(spots))
        total += canvas.splat(spots, light)
    return Sketch(total, rng.uniform(0.010, 0.030))


def _tissue(rng: np.random.Generator, canvas: Canvas) -> Scene:
    """Draw cells that touch: walls along a tiling, in places as two membranes."""
    side = canvas.side_um
    cells = int(np.clip((side / log_uniform(rng, 4.0, 14.0)) ** 2, 4, 60))
    first, last = polygon_edges(rng, side, cells)
    length = np.linalg.norm(last - first, axis=1)[:, None]
    middle = 0.5 * (first + last) + rng.normal(0, 0.12, first.shape) * length
    across = (last - first)[:, ::-1] * (1, -1) / np.maximum(length, 1e-6)
    gap = np.abs(rng.normal(0, rng.choice([0.02, 0.15]), (len(first), 1)))
    gap = np.minimum(gap, 0.06 * length)
    control = np.concatenate([middle + gap * across, middle - gap * across])
    first, last = np.tile(first, (2, 1)), np.tile(last, (2, 1))
    light = 0.5 * np.tile(rng.lognormal(0.0, rng.uniform(0.1, 0.5), len(gap)), 2)
    points, weights, arc = arc_points(first, control, last, light, canvas.step_um)
    grain = rng.uniform(0.0, 0.5)
    weights *= np.maximum(1 + grain * rng.standard_normal(len(weights)), 0.1).astype(np.float32)
    if len(canvas.shape) == 2:
        return canvas.splat(points, weights)
    # Walls: the outline at many heights, leaning and bulging as it goes up.
    layers = 2 * canvas.planes
    depth = (np.arange(layers) + 0.5) / layers
    lean = rng.normal(0, 0.25, 2)
    bulge = rng.normal(0, 0.15, (len(light), 2)) * np.tile(length, (2, 1))
    # Corners stay joined: a bulge is largest half-way along.
    chord = np.linalg.norm(points - first[arc], axis=1) / np.maximum(
        np.linalg.norm(last - first, axis=1)[arc], 1e-6
    )
    shape = 4 * chord * np.clip(1 - chord, 0, None)
    cloud = np.empty((layers, len(points), 3), dtype=np.float32)
    for layer, height in zip(cloud, depth, strict=True):
        layer[:, 0] = height * canvas.depth_um
        layer[:, 1:] = points + lean * ((height - 0.5) * canvas.depth_um)
        layer[:, 1:] += bulge[arc] * (shape * (height - 0.5))[:, None]
    scene = canvas.splat(cloud.reshape(-1, 3), np.tile(weights / layers, layers))
    if rng.random() < 0.5:
        scene += _floor(rng, canvas, np.ones((canvas.samples,) * 2, np.float32))
    return scene


def _single_cells(rng: np.random.Generator, canvas: Canvas) -> Scene:
    """Draw cells with room between them: outlines, the membrane below, folds, filopodia."""
    coarse, factor = coarser(plane_of(canvas))
    length_um = min(log_uniform(rng, 1.2, 6.0), canvas.side_um / 5)
    field = random_field(rng, coarse, length_um, smooth=True)
    field -= np.float32(at_quantile(field, rng.uniform(0.25, 0.75)))
    inside = smooth_step(field, float(0.5 * coarse.step_um / length_um))
    if rng.random() < 0.5:
        inside *= _folds(rng, coarse)
    slope = refine(steepness(field, coarse.step_um), factor)
    inside, field = refine(inside, factor), refine(field, factor)
    if len(canvas.shape) == 2:
        scene = _contour(canvas, field, slope)
        if rng.random() < 0.5:
            uneven = random_field(rng, coarse, log_uniform(rng, 0.3, 2.0))
            scene *= refine(np.exp(np.float32(rng.uniform(0.1, 0.5)) * uneven), factor)
        scene += inside * np.float32(rng.uniform(0.0, 0.8) * canvas.step_um**2)
    else:
        # The edge of the cell rises as a dome until the slab ends.
        rise = np.float32(length_um * rng.uniform(0.8, 3.0))
        slope *= rise
        light = np.sqrt(1 + np.square(slope)) * (field > 0) * np.float32(canvas.step_um**2)
        scene = lay_sheet(canvas, field * rise, light, slope=slope)
        scene += _floor(rng, canvas, inside)
    if rng.random() < 0.5:
        scene += _filopodia(rng, canvas, field)
    return scene


def _contour(canvas: Canvas, field: Floats, slope: Floats) -> Scene:
    """Draw the line where a field is zero, one unit of light a micrometre."""
    sigma = 0.75 * canvas.step_um
    # Where the field is flat its zeros are no line; the floor keeps the distance finite.
    away = field / np.maximum(slope, np.float32(0.05) * slope.mean() + np.float32(1e-6))
    light: Scene = np.exp(np.square(away) * np.float32(-0.5 / sigma**2))
    light *= np.float32(canvas.step_um**2 / (sigma * np.sqrt(2 * np.pi)))
    return light


def _folds(rng: np.random.Generator, coarse: Canvas) -> Floats:
    """Return the brightness of a membrane with ruffles: crests, and grain."""
    crests = random_field(rng, coarse, log_uniform(rng, 0.2, 1.0), smooth=True)
    height: Floats = np.exp(-0.5 * np.square(crests / np.float32(rng.uniform(0.08, 0.25))))
    where = random_field(rng, coarse, log_uniform(rng, 1.0, 4.0), smooth=True)
    height *= smooth_step(where - np.float32(0.3), 0.8)
    height *= np.float32(rng.uniform(1.0, 6.0))
    return 1 + height


def _floor(rng: np.random.Generator, canvas: Canvas, covered: Floats) -> Scene:
    """Lay the membrane that faces the cover slip low in the slab."""
    height = height_map(rng, canvas, level=0.12, swing_um=0.05, length_um=2.0)
    light = covered * np.float32(rng.uniform(0.2, 1.0) * canvas.step_um**2)
    if height is None:
        return light
    return lay_sheet(canvas, height, light)


def _filopodia(rng: np.random.Generator, canvas: Canvas, field: Floats) -> Scene:
    """Draw thin straight protrusions from the edge of the cells outwards."""
    coarse = field[::4, ::4]
    edge = np.argwhere((coarse > 0) & (np.roll(coarse, 1, 0) * np.roll(coarse, 1, 1) < 0))
    if not len(edge):
        return np.zeros(canvas.shape, dtype=np.float32)
    chosen = edge[rng.integers(0, len(edge), int(rng.integers(4, 40)))]
    y, x = chosen.T
    n = len(coarse)
    down = coarse[(y - 1) % n, x] - coarse[(y + 1) % n, x]
    right = coarse[y, (x - 1) % n] - coarse[y, (x + 1) % n]
    start = chosen * (4 * canvas.step_um)
    if len(canvas.shape) == 3:
        start = np.column_stack([rng.uniform(0, 0.4 * canvas.depth_um, len(start)), start])
    count = len(chosen)
    return worm_like_chains(
        rng,
        canvas,
        start_um=start,
        direction=np.arctan2(down, right) + rng.normal(0, 0.25, count),
        length_um=np.minimum(rng.lognormal(0.5, 0.5, count), 0.3 * canvas.side_um),
        persistence_um=20.0,
        brightness=rng.lognormal(-0.2, 0.3, count),
    )
