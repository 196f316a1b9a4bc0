"""Mitochondria: bent tubes, labelled in the matrix or on the outer membrane."""

from __future__ import annotations

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

Floats = NDArray[np.float32]


def mitochondria(rng: np.random.Generator, canvas: Canvas) -> Sketch:
    """Mitochondria: bent tubes, some branched, some round; matrix, cristae or outer membrane.

    Sources of the numbers: mitochondria of cultured cells are 0.2 to 0.7 um across (mostly 0.3
    to 0.5 um), up to 1 um where they are swollen, and 0.5 to 10 um long, or connected further;
    cristae stand 70 to 150 nm apart (Stephan et al. 2019 with STED; Segawa et al. 2020).
    """
    side = canvas.side_um
    radius_um = log_uniform(rng, 0.11, 0.30)
    mean_um = min(log_uniform(rng, 0.6, 8.0), 0.8 * side)
    if rng.random() < 0.15:  # swollen and round
        radius_um, mean_um = rng.uniform(0.25, 0.5), rng.uniform(0.3, 1.0)
    covered = rng.uniform(0.04, 0.28)
    bodies = int(np.clip(covered * side**2 / (2 * radius_um * mean_um), 2, 400))
    # Less length for more bodies keeps the covered share, and the work, bounded.
    length = np.minimum(rng.gamma(2.5, mean_um / 2.5, bodies) + 2 * radius_um, side)
    length *= min(1.0, covered * side**2 / (2 * radius_um * float(length.sum())))
    length = np.maximum(length, 2.05 * radius_um)
    start, direction = _placed(rng, canvas, bodies)
    nodes = chain_nodes(
        rng,
        canvas,
        start_um=start,
        direction=direction,
        length_um=length,
        persistence_um=log_uniform(rng, 1.0, 8.0),
        smoothing_um=3 * radius_um,
    )
    branches = rng.random(bodies) < rng.choice([0.0, rng.uniform(0.2, 0.7)])
    _branch(rng, nodes, length, np.nonzero(branches)[0], canvas.pixel_size_um)
    segments = nodes.shape[2] - 2
    light = drawn_share(length, segments, canvas.pixel_size_um)
    light = np.where(light > 0, np.maximum(light, 0.05), 0)
    light *= rng.lognormal(0.0, rng.uniform(0.1, 0.5), bodies).astype(np.float32)[:, None]
    light *= slow_variation(rng, bodies, segments, rng.uniform(0.0, 0.3))
    points, weights, tangents = spline_points(nodes, light, canvas.step_um)
    per_body = len(weights) // max(1, int((light > 0).sum()))
    body, segment = (np.repeat(index, per_body) for index in np.nonzero(light > 0))
    sub = np.tile((np.arange(per_body) + 0.5) / per_body, len(weights) // per_body)
    along = ((segment + sub) * canvas.pixel_size_um).astype(np.float32)
    radius = radius_um * rng.uniform(0.85, 1.15, bodies)
    tube = _rounded(along, length[body], radius[body])
    knots = rng.standard_normal((bodies, 2 + int(length.max() / 1.5)), dtype=np.float32)
    thickness = 1 + np.float32(rng.uniform(0.0, 0.2)) * interpolated(knots, segments)
    tube *= np.clip(thickness, 0.5, 1.5)[body, segment]
    label = rng.choice(["matrix", "membrane", "cristae"], p=[0.4, 0.4, 0.2])
    if label == "cristae":
        period = rng.uniform(0.07, 0.15)
        jitter = 0.15 * np.sin(along * 2.3 + body)
        weights *= (1 + 0.8 * np.cos(2 * np.pi * (along / period + jitter))).astype(np.float32)
    cloud, weights = _tubes(canvas, points, tangents, weights, tube, membrane=label == "membrane")
    return Sketch(canvas.splat(cloud.T, weights), rng.uniform(0.015, 0.035))


def _placed(
    rng: np.random.Generator, canvas: Canvas, bodies: int
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Draw starts and directions: anywhere, or around a nucleus that stays free."""
    start = anywhere(rng, canvas, bodies)
    direction = rng.uniform(0, 2 * np.pi, bodies)
    if rng.random() < 0.4:
        side = canvas.side_um
        bearing = rng.uniform(0, 2 * np.pi, bodies)
        hole = min(rng.uniform(3.0, 7.0), 0.2 * side)
        away = hole + np.abs(rng.normal(0, 0.25 * side, bodies))
        centre = rng.uniform(0, side, 2)
        start[:, -2] = centre[0] + away * np.sin(bearing)
        start[:, -1] = centre[1] + away * np.cos(bearing)
        direction = bearing + rng.normal(0, 0.6, bodies)
    return start, direction


def _branch(
    rng: np.random.Generator,
    nodes: Floats,
    length_um: NDArray[np.floating],
    children: NDArray[np.intp],
    step_um: float,
) -> None:
    """Move some chains so that they begin on others and leave them at an angle."""
    others = np.setdiff1d(np.arange(nodes.shape[1]), children)
    if not (len(others) and len(children)):
        return
    parents = rng.choice(others, len(children))
    at = (rng.uniform(0.2, 0.8, len(children)) * length_um[parents] / step_um).astype(int)
    forks = nodes[:, parents, at]
    along = nodes[-2:, parents, at + 1] - forks[-2:]
    own = nodes[-2:, children, 1] - nodes[-2:, children, 0]
    side = rng.choice([-1, 1], len(children)) * rng.uniform(0.7, 1.3, len(children))
    turn = np.arctan2(*along) - np.arctan2(*own) + side
    y, x = nodes[-2:, children] - nodes[-2:, children, :1]
    cos, sin = np.cos(turn)[:, None], np.sin(turn)[:, None]
    nodes[-2, children] = y * cos + x * sin + forks[-2][:, None]
    nodes[-1, children] = x * cos - y * sin + forks[-1][:, None]
    if len(nodes) == 3:
        nodes[0, children] += forks[0][:, None] - nodes[0, children, :1]


def _rounded(
    along_um: Floats, length_um: NDArray[np.floating], radius_um: NDArray[np.floating]
) -> Floats:
    """Return the radius at each place along a tube with round ends."""
    end = np.minimum(along_um, length_um - along_um) / radius_um
    within = 1 - np.square(1 - np.clip(end, 0, 1))
    rounded: Floats = (radius_um * np.sqrt(within)).astype(np.float32)
    return rounded


def _tubes(
    canvas: Canvas,
    points: Floats,
    tangents: Floats,
    weights: Floats,
    radius_um: Floats,
    *,
    membrane: bool,
) -> tuple[Floats, Floats]:
    """Widen lines of points into tubes: filled ones, or walls.

    On a plane a filled tube is seen in projection and a wall in a section through the axis,
    with a little of the wall above and below.
    """
    widest = float(radius_um.max())
    across = int(np.clip(np.ceil(2 * widest / canvas.step_um), 3, 80))
    length = np.hypot(tangents[-2], tangents[-1])
    side_y, side_x = tangents[-1] / length, -tangents[-2] / length
    if membrane:
        # Around the circle; in a section only what lies near the focal plane.
        around = max(8, int(np.ceil(np.pi * across / 2)))
        angle = (np.arange(around) + 0.5) * 2 * np.pi / around
        u, v = np.cos(angle), np.sin(angle)
        share = np.ones(around) if len(points) == 3 else 0.15 + np.exp(-((v / 0.5) ** 2))
    else:
        u = (np.arange(across) + 0.5) * 2 / across - 1
        chord = np.sqrt(1 - u**2)
        layers = 1
        if len(points) == 3:
            layers = max(1, int(np.ceil(2 * widest / float(canvas.z_step_um or 1.0))))
        v = (((np.arange(layers) + 0.5) * 2 / layers - 1)[:, None] * chord).ravel()
        u, share = np.tile(u, layers), np.tile(chord, layers)
    share = share / share.sum()
    # A thinner part holds less if it is filled. A wall is wider where it closes: a round end has
    # as much of it a length as the tube.
    thin = radius_um / widest
    weights = weights if membrane else weights * thin**2
    aside, above, part = (value.astype(np.float32)[:, None] for value in (u, v, share))
    cloud = np.empty((len(points), len(u), len(weights)), dtype=np.float32)
    cloud[-2] = points[-2] + aside * (side_y * radius_um)
    cloud[-1] = points[-1] + aside * (side_x * radius_um)
    if len(points) == 3:
        cloud[0] = points[0] + above * radius_um
    return cloud.reshape(len(points), -1), (part * weights).ravel()
