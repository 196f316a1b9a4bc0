"""The endoplasmic reticulum: tubules that meet in three-way junctions, and sheets."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay

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
from pellucid.simulate.specimens._sketch import Scene, Sketch, log_uniform
from pellucid.simulate.specimens._surfaces import height_map, lay_sheet

Floats = NDArray[np.float64]


def network(rng: np.random.Generator, canvas: Canvas) -> Sketch:
    """Endoplasmic reticulum: a net of tubules with three-way junctions, and sheets.

    Sources of the numbers: tubules are 60 to 100 nm wide (sigma 20 to 50 nm with a label), meet
    three by three, and enclose polygons of 0.5 to 3 um; sheets hold a lumen of 50 nm and spread
    for micrometres around the nucleus (reviewed by Westrate et al. 2015). The net of an adherent
    cell is flat: it lies within some tenths of a micrometre above the cover slip.
    """
    side = canvas.side_um
    spacing_um = max(log_uniform(rng, 0.5, 3.0), 3 * canvas.pixel_size_um)
    cells = int(np.clip((side / spacing_um) ** 2, 6, 700))
    first, last = polygon_edges(rng, side, cells)
    middle = 0.5 * (first + last)
    keep = rng.random(len(first)) > rng.uniform(0.0, 0.3)
    patch = _sheets(rng, canvas) if rng.random() < 0.6 else None
    if patch is not None:  # few tubules cross a sheet
        keep &= (_looked_up(patch, middle, canvas) < 0.5) | (rng.random(len(keep)) < 0.03)
    first, last, middle = first[keep], last[keep], middle[keep]
    length = np.linalg.norm(last - first, axis=1)[:, None]
    control = middle + rng.normal(0, 0.15, first.shape) * length
    light = rng.lognormal(0.0, 0.3, len(first))
    points, weights, _ = arc_points(first, control, last, light, canvas.step_um)
    height = height_map(rng, canvas, level=rng.uniform(0.15, 0.5), swing_um=0.15, length_um=3.0)
    if height is not None:
        points = np.column_stack([_looked_up(height, points, canvas), points])
    scene = canvas.splat(points, weights)
    if patch is not None:
        # A tubule 0.1 um wide is one a micrometre: ten an area.
        patch *= np.float32(log_uniform(rng, 1.5, 8.0) * canvas.step_um**2)
        scene += patch if height is None else lay_sheet(canvas, height, patch)
    return Sketch(scene, rng.uniform(0.020, 0.050))


def polygon_edges(rng: np.random.Generator, side_um: float, cells: int) -> tuple[Floats, Floats]:
    """Return the edges of a random periodic tiling into polygons that meet three by three.

    The Voronoi diagram of random points on a torus has ``2 * cells`` corners and ``3 * cells``
    edges. Edges that cross the border go on beyond it.

    Parameters
    ----------
    rng : numpy.random.Generator
    side_um : float
    cells : int
        At least three.

    Returns
    -------
    first, last : ndarray, shape (edges, 2)
        Their ends, ``(y, x)``.
    """
    seeds = rng.uniform(0, side_um, (cells, 2))
    # Neighbours beyond the border, as far as any polygon reaches but for a chance of about 1e-14.
    margin = min(1.0, 3.5 / np.sqrt(cells)) * side_um
    shifts = np.array([(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]) * side_um
    tiled = (seeds[None] + shifts[:, None]).reshape(-1, 2)
    near = np.all((tiled > -margin) & (tiled < side_um + margin), axis=1)
    mesh = Delaunay(tiled[near])
    corners = _circumcentres(mesh.points[mesh.simplices])
    here = np.repeat(np.arange(len(corners)), 3)
    there = mesh.neighbors.ravel()
    once = here < there  # leaves out the hull, whose neighbour is -1
    first, last = corners[here[once]], corners[there[once]]
    middle = 0.5 * (first + last)
    # The tolerance keeps one copy of an edge whose middle rounds to either side of the border.
    low = -1e-9 * side_um
    inside = np.all((middle >= low) & (middle < side_um + low), axis=1)
    return first[inside], last[inside]


def _circumcentres(triangles: Floats) -> Floats:
    """Return the centres of the circles through triangles, shape (n, 3, 2)."""
    a = triangles[:, 0]
    b, c = triangles[:, 1] - a, triangles[:, 2] - a
    b2, c2 = (b**2).sum(axis=1), (c**2).sum(axis=1)
    twice = 2 * (b[:, 0] * c[:, 1] - b[:, 1] * c[:, 0])
    offset = np.stack([c[:, 1] * b2 - b[:, 1] * c2, b[:, 0] * c2 - c[:, 0] * b2], axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):  # slivers at the hull
        centres: Floats = a + offset / twice[:, None]
    return centres


def _looked_up(
    values: NDArray[np.float32], points: NDArray[np.floating], canvas: Canvas
) -> NDArray[np.float32]:
    """Return the values of a plane at the samples next to points."""
    index = np.rint(points / canvas.step_um).astype(int) % canvas.samples
    found: NDArray[np.float32] = values[index[:, 0], index[:, 1]]
    return found


def _sheets(rng: np.random.Generator, canvas: Canvas) -> Scene:
    """Draw patches of sheet in the plane, about one, with holes or uneven."""
    flat, factor = coarser(plane_of(canvas))
    field = random_field(rng, flat, log_uniform(rng, 1.0, 4.0))
    patch = smooth_step(field - np.float32(at_quantile(field, rng.uniform(0.05, 0.35))), 0.1)
    fine = random_field(rng, flat, log_uniform(rng, 0.1, 0.4))
    if rng.random() < 0.5:
        patch *= smooth_step(fine + np.float32(rng.uniform(0.3, 1.5)), 0.5)
    else:
        patch *= np.clip(1 + rng.uniform(0.0, 0.35) * fine, 0, None).astype(np.float32)
    return refine(patch, factor)
