"""Curves on a canvas: worm-like chains and arcs, sampled so that no gap shows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from pellucid.simulate.canvas import Canvas
from pellucid.simulate.specimens._sketch import Scene

Floats = NDArray[np.float32]

#: Standard deviation of a chain's slope against the slab, radians, and the length over which it
#: is kept, micrometres: filaments of adherent cells run nearly flat.
_SLOPE = 0.2
_SLOPE_LENGTH_UM = 1.5


def chain_nodes(
    rng: np.random.Generator,
    canvas: Canvas,
    *,
    start_um: NDArray[np.floating],
    direction: NDArray[np.floating],
    length_um: NDArray[np.floating],
    persistence_um: float,
    smoothing_um: float = 0.0,
) -> Floats:
    """Return control points of worm-like chains, a camera pixel apart.

    The direction in the plane diffuses by a variance of ``ds / persistence_um`` a step. In a
    slab a chain also climbs and falls gently and is turned back by the faces.

    Parameters
    ----------
    start_um : ndarray, shape (n, axes)
    direction, length_um : ndarray, shape (n,)
        The longest decides how many points all get.
    persistence_um : float
        Of the chain's projection.
    smoothing_um : float
        Length over which the direction is averaged: a thick tube has no sharp bends.

    Returns
    -------
    ndarray of float32, shape (axes, n, segments + 2)
        Control points of quadratic B-splines that begin at `start_um`.
    """
    step = canvas.pixel_size_um
    count = len(direction)
    segments = max(1, int(np.ceil(float(length_um.max()) / step)))
    turns = rng.standard_normal((count, segments + 1), dtype=np.float32)
    turns *= np.float32(np.sqrt(step / persistence_um))
    turns[:, 0] = direction
    angle = np.cumsum(turns, axis=1)
    if smoothing_um > 2 * step:
        window = int(smoothing_um / step)
        angle = uniform_filter1d(angle, window, axis=1, mode="nearest")
    moves = [np.sin(angle), np.cos(angle)]
    if len(canvas.shape) == 3:
        knots = max(2, int(segments * step / _SLOPE_LENGTH_UM) + 2)
        slope = _SLOPE * interpolated(
            rng.standard_normal((count, knots), dtype=np.float32), segments + 1
        )
        flat = np.cos(slope)
        moves = [np.sin(slope), moves[0] * flat, moves[1] * flat]
    nodes = np.empty((len(moves), count, segments + 2), dtype=np.float32)
    for axis, move in enumerate(moves):
        nodes[axis, :, 0] = start_um[:, axis] - 0.5 * step * move[:, 0]
        np.cumsum(move, axis=1, out=nodes[axis, :, 1:])
        nodes[axis, :, 1:] *= np.float32(step)
        nodes[axis, :, 1:] += nodes[axis, :, :1]
    if len(canvas.shape) == 3:
        depth = np.float32(canvas.depth_um)
        nodes[0] = depth - np.abs(depth - np.mod(nodes[0], 2 * depth))
    return nodes


def lay_chains(canvas: Canvas, nodes: Floats, light_per_um: Floats) -> Scene:
    """Draw quadratic B-splines through control points.

    Parameters
    ----------
    nodes : ndarray, shape (axes, n, segments + 2)
    light_per_um : ndarray, shape (n, segments)
        Light of every segment; none where it is zero.
    """
    points, weights, _ = spline_points(nodes, light_per_um, canvas.step_um)
    return canvas.splat(points.T, weights)


def spline_points(
    nodes: Floats, light_per_um: Floats, spacing_um: float
) -> tuple[Floats, Floats, Floats]:
    """Return points along B-splines, their light, and the tangents there (not normalised).

    Points lie as far apart as fine samples do: the linear sharing of :meth:`Canvas.splat` then
    adds up to an even line.

    Returns
    -------
    points : ndarray of float32, shape (axes, m)
    weights : ndarray of float32, shape (m,)
    tangents : ndarray of float32, shape (axes, m)
    """
    drawn = np.nonzero(light_per_um > 0)
    a, b, c = (nodes[:, drawn[0], drawn[1] + shift, None] for shift in range(3))
    if not a.size:
        return np.zeros((len(nodes), 0), np.float32), np.zeros(0, np.float32), a[..., 0]
    length = np.sqrt(np.square(c - a).sum(axis=0)) / 2
    per_segment = max(1, int(np.ceil(float(np.median(length)) / spacing_um - 1e-3)))
    t = ((np.arange(per_segment) + 0.5) / per_segment).astype(np.float32)
    points = a * (0.5 * (1 - t) ** 2) + b * (0.5 + t * (1 - t)) + c * (0.5 * t**2)
    tangents = (b - a) * (1 - t) + (c - b) * t
    weights = np.repeat(light_per_um[drawn] * length[:, 0] / per_segment, per_segment)
    axes = len(nodes)
    return points.reshape(axes, -1), weights, tangents.reshape(axes, -1)


def drawn_share(length_um: NDArray[np.floating], segments: int, step_um: float) -> Floats:
    """Return how much of each segment a chain of its length fills, shape (n, segments)."""
    filled = length_um[:, None] / step_um - np.arange(segments)
    # A remainder that is only rounding is no segment.
    return np.where(filled > 1e-3, np.clip(filled, 0, 1), 0).astype(np.float32)


def slow_variation(rng: np.random.Generator, count: int, segments: int, depth: float) -> Floats:
    """Brightness along each curve: one plus slow random change, never below 0.1."""
    knots = rng.standard_normal((count, 8), dtype=np.float32)
    value: Floats = 1 + np.float32(depth) * interpolated(knots, segments)
    return np.maximum(value, np.float32(0.1), out=value)


def arc_points(
    first: NDArray[np.floating],
    control: NDArray[np.floating],
    last: NDArray[np.floating],
    light_per_um: NDArray[np.floating],
    spacing_um: float,
) -> tuple[Floats, Floats, NDArray[np.intp]]:
    """Sample quadratic Bezier arcs of any lengths.

    Parameters
    ----------
    first, control, last : ndarray, shape (n, axes)
    light_per_um : ndarray, shape (n,)
    spacing_um : float
        Distance of points, about.

    Returns
    -------
    points : ndarray of float32, shape (m, axes)
    weights : ndarray of float32, shape (m,)
    arc : ndarray of int, shape (m,)
        Which arc each point is on.
    """
    chord = np.linalg.norm(last - first, axis=1)
    polygon = np.linalg.norm(control - first, axis=1) + np.linalg.norm(last - control, axis=1)
    length = (2 * chord + polygon) / 3  # of the arc, to third order
    samples = np.maximum(2, np.ceil(length / spacing_um).astype(int))
    arc = np.repeat(np.arange(len(samples)), samples)
    begin = np.cumsum(samples) - samples
    t = ((np.arange(len(arc)) - begin[arc] + 0.5) / samples[arc]).astype(np.float32)
    weights = (light_per_um * length / samples).astype(np.float32)[arc]
    points = np.empty((first.shape[1], len(arc)), dtype=np.float32)
    for axis, coordinate in enumerate(points):
        start = first[:, axis].astype(np.float32)[arc]
        rise = (2 * (control - first)[:, axis]).astype(np.float32)[arc]
        bend = (first - 2 * control + last)[:, axis].astype(np.float32)[arc]
        coordinate[:] = start + t * (rise + t * bend)
    return points.T, weights, arc


def interpolated(knots: Floats, count: int) -> Floats:
    """Interpolate rows of knots linearly at `count` places, shape (..., count)."""
    position = np.linspace(0, knots.shape[-1] - 1.001, count, dtype=np.float32)
    left = position.astype(int)
    fraction = position - left.astype(np.float32)
    return knots[..., left] * (1 - fraction) + knots[..., left + 1] * fraction
