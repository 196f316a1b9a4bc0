"""Cell nuclei: chromatin, nucleoli, foci, envelope."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import final

import numpy as np
from numpy.typing import NDArray

from pellucid.simulate.canvas import Canvas
from pellucid.simulate.specimens._fields import (
    coarser,
    plane_of,
    random_field,
    refine,
    smooth_step,
)
from pellucid.simulate.specimens._sketch import Scene, Sketch, log_uniform
from pellucid.simulate.specimens._stamps import stamp

Floats = NDArray[np.float32]


def nuclei(rng: np.random.Generator, canvas: Canvas) -> Sketch:
    """Nuclei: ellipsoids with chromatin, nucleoli dark or bright, foci, or the envelope alone.

    Where a nucleus is larger than the field, a part of one is drawn. Sources of the numbers:
    nuclei of cultured cells are 7 to 18 um long and 4 to 8 um high; nucleoli 0.5 to 4 um, domains
    of chromatin 0.2 to 0.6 um, chromocentres of the mouse 0.3 to 1 um, condensing chromosomes 0.5
    to 1 um wide (Alberts et al., Molecular Biology of the Cell); repair and transcription foci
    0.1 to 0.6 um. The envelope with its pores is 0.1 um thick.
    """
    coarse, factor = coarser(canvas)
    bodies = _place_bodies(rng, coarse)
    depth, width = _depth_inside(rng, coarse, bodies)
    style = rng.choice(
        ["chromatin", "nucleoli", "envelope", "foci", "condensed"],
        p=[0.5, 0.08, 0.17, 0.15, 0.1],
    )
    spots = np.zeros(canvas.shape, dtype=np.float32)
    if style == "envelope":
        light = np.float32(rng.uniform(0.0, 0.15)) * smooth_step(depth, 1.0) * bodies.brightness
        light *= np.exp(np.float32(0.4) * random_field(rng, coarse, log_uniform(rng, 0.1, 0.5)))
        light += _envelope(rng, coarse, depth, width) * bodies.brightness
    else:
        light = smooth_step(depth, 1.0) * bodies.brightness
        light *= _content(rng, coarse, bodies, str(style))
        if style == "chromatin" and rng.random() < 0.4:
            # Dense chromatin lines the envelope.
            lining = np.exp(-np.abs(depth * width) * np.float32(1 / rng.uniform(0.15, 0.5)))
            light *= 1 + np.float32(rng.uniform(0.3, 1.2)) * lining
        if style == "foci":
            light *= np.float32(rng.uniform(0.02, 0.4))
        if style == "foci" or (style == "chromatin" and rng.random() < 0.35):
            small = style == "foci"
            spots = _spots(rng, canvas, bodies, radius_um=(0.05, 0.3) if small else (0.2, 0.5))
    return Sketch(refine(light, factor) + spots, rng.uniform(0.012, 0.030))


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Bodies:
    """Nuclei in the plane, and how they extend in depth.

    Attributes
    ----------
    relative : ndarray of float32, shape (n, n)
        Zero in the middle of the next nucleus, one at its edge.
    brightness : ndarray of float32, shape (n, n)
        Of the next nucleus.
    radius_um, half_height_um, middle_um : float
        Mean radius, half the height, and the depth of the middle in the slab.
    """

    relative: Floats
    brightness: Floats
    radius_um: float
    half_height_um: float
    middle_um: float


def _place_bodies(rng: np.random.Generator, coarse: Canvas) -> _Bodies:
    """Place nuclei at camera pixels, which are fine enough for their outlines."""
    side, flat = coarse.side_um, replace(coarse, oversampling=1, planes=1)
    radius_um = log_uniform(rng, 3.5, 9.0)
    axis = (np.arange(flat.samples) * flat.step_um).astype(np.float32)
    brightness = np.ones((flat.samples, flat.samples), dtype=np.float32)
    if 2.3 * radius_um > side:
        # A band across the field: two gently curved edges, as of a large nucleus.
        radius_um = side * rng.uniform(0.25, 0.42)
        wave = 0.04 * side * rng.normal(0, 1, 2)
        phase = 2 * np.pi * (axis / side + rng.random())
        edge = wave[0] * np.sin(phase) + 0.3 * wave[1] * np.sin(2 * phase + rng.random())
        apart = _apart(axis[:, None], rng.uniform(0, side) + edge[None, :], side)
        relative = np.abs(apart) / np.float32(radius_um)
        relative = relative.T if rng.random() < 0.5 else relative
    else:
        relative = np.full(brightness.shape, np.inf, dtype=np.float32)
        wanted = int(np.clip(rng.poisson(0.35 * side**2 / (np.pi * radius_um**2)), 1, 12))
        places: list[NDArray[np.floating]] = []
        for _ in range(4 * wanted):
            place: NDArray[np.floating] = rng.uniform(0, side, 2)
            if len(places) < wanted and all(
                np.hypot(*_apart(place, other, side)) > 2.2 * radius_um for other in places
            ):
                places.append(place)
        for place in places:
            shape = _ellipse(rng, axis, place, radius_um * rng.uniform(0.85, 1.1), side)
            brightness = np.where(shape < relative, np.float32(rng.lognormal(0, 0.3)), brightness)
            relative = np.minimum(relative, shape)
    return _Bodies(
        relative=refine(relative.astype(np.float32), coarse.oversampling),
        brightness=refine(brightness, coarse.oversampling),
        radius_um=radius_um,
        half_height_um=rng.uniform(2.0, 4.0),
        middle_um=rng.uniform(0.0, 3.0),
    )


def _ellipse(
    rng: np.random.Generator,
    axis: Floats,
    place: NDArray[np.floating],
    radius_um: float,
    side: float,
) -> Floats:
    """Return the relative distance from the middle of an ellipse with a slightly uneven edge."""
    stretch = np.sqrt(rng.uniform(1.0, 1.7))
    y = _apart(axis, float(place[0]), side)[:, None]
    x = _apart(axis, float(place[1]), side)[None, :]
    turned = (x + 1j * y) * np.exp(1j * rng.uniform(0, 2 * np.pi))
    turned = (turned.real / stretch + 1j * turned.imag * stretch).astype(np.complex64)
    distance = np.abs(turned)
    unit = turned / np.maximum(distance, np.float32(1e-6))
    edge = np.full(distance.shape, radius_um, dtype=np.float32)
    power = unit
    for swing in (0.05, 0.025, 0.012):
        power = power * unit
        a, b = radius_um * rng.normal(0, swing, 2)
        edge += np.float32(a) * power.real + np.float32(b) * power.imag
    relative: Floats = distance / edge
    return relative


def _depth_inside(
    rng: np.random.Generator, coarse: Canvas, bodies: _Bodies
) -> tuple[Floats, Floats]:
    """Return the distance to the surface, positive inside, over the width of a voxel; that width.

    To first order, from the value and gradient of the ellipsoid's implicit function.
    """
    if len(coarse.shape) == 2:
        depth = (1 - bodies.relative) * np.float32(bodies.radius_um / coarse.step_um)
        return depth, np.full((1, 1), coarse.step_um, dtype=np.float32)
    step_z = float(coarse.z_step_um or 1.0)
    z = (np.arange(coarse.planes) + 0.5) * step_z
    middle = np.clip(bodies.middle_um, 0, coarse.depth_um) + rng.uniform(-0.5, 0.5)
    up = ((z - middle) / bodies.half_height_um).astype(np.float32)[:, None, None]
    value = np.hypot(bodies.relative, up)
    lateral = bodies.relative / np.float32(bodies.radius_um)
    axial = np.abs(up) / np.float32(bodies.half_height_um)
    steep = np.maximum(np.hypot(lateral, axial), np.float32(1e-6))
    width = (lateral * np.float32(coarse.step_um) + axial * np.float32(step_z)) / steep
    depth = (1 - value) * value / (steep * np.maximum(width, np.float32(1e-6)))
    return depth, width


def _envelope(rng: np.random.Generator, coarse: Canvas, depth: Floats, width: Floats) -> Floats:
    """Light the surface, grained by pores."""
    thick = rng.uniform(0.03, 0.07)
    sigma = np.maximum(thick, 0.6 * width)
    rim = np.exp(-0.5 * np.square(depth * width / sigma)) * (thick / sigma)
    pores = 1 + np.float32(rng.uniform(0.0, 0.4)) * random_field(
        rng, coarse, log_uniform(rng, 0.08, 0.2)
    )
    light: Floats = (rim * np.maximum(pores, 0)).astype(np.float32)
    return light


def _content(rng: np.random.Generator, coarse: Canvas, bodies: _Bodies, style: str) -> Floats:
    """Return the texture inside: chromatin domains, condensed threads, nucleoli."""
    if style == "condensed":
        threads = random_field(rng, coarse, log_uniform(rng, 0.2, 0.4), smooth=True)
        threads += np.float32(0.2) * random_field(rng, coarse, 0.15)
        content = np.float32(rng.uniform(0.05, 0.25)) + smooth_step(threads, rng.uniform(0.8, 2.0))
    else:
        texture = random_field(rng, coarse, log_uniform(rng, 0.12, 0.6))
        content = np.exp(np.float32(rng.uniform(0.1, 0.6)) * texture)
    if style == "nucleoli":
        content *= np.float32(0.15)
        content += _nucleoli(rng, coarse, bodies) * np.float32(rng.uniform(0.8, 1.5))
    elif style == "chromatin":
        content *= 1 - np.float32(rng.uniform(0.3, 0.9)) * _nucleoli(rng, coarse, bodies)
    return content


def _nucleoli(rng: np.random.Generator, coarse: Canvas, bodies: _Bodies) -> Floats:
    """Return the share of each sample that nucleoli fill: round bodies, some of two lobes."""
    count = int(rng.integers(1, 5) * max(1, round(_bodies_in(coarse, bodies))))
    places = _inside(rng, plane_of(coarse), bodies, count, 0.7)
    extent = np.clip(bodies.radius_um * rng.uniform(0.08, 0.3, count), 0.25, 2.0)
    axis = (np.arange(coarse.samples) * coarse.step_um).astype(np.float32)
    filled = np.zeros(coarse.shape, dtype=np.float32)
    for (y, x), radius in zip(places, extent, strict=True):
        dy = _apart(axis, float(y), coarse.side_um)[:, None]
        dx = _apart(axis, float(x), coarse.side_um)[None, :]
        squared = dy**2 + dx**2 * np.float32(rng.uniform(0.7, 1.4))
        if len(coarse.shape) == 3:
            z = (np.arange(coarse.planes) + 0.5) * float(coarse.z_step_um or 1.0)
            at = np.clip(bodies.middle_um, 0, coarse.depth_um) + rng.uniform(-0.7, 0.7)
            squared = squared + ((z - at) ** 2).astype(np.float32)[:, None, None]
        filled = np.maximum(filled, smooth_step(np.float32(radius) - np.sqrt(squared), 0.2))
    return filled


def _spots(
    rng: np.random.Generator,
    canvas: Canvas,
    bodies: _Bodies,
    *,
    radius_um: tuple[float, float],
) -> Scene:
    """Draw round foci within the nuclei."""
    flat = coarser(plane_of(canvas))[0]
    count = max(3, int(log_uniform(rng, 4, 40) * _bodies_in(flat, bodies)))
    centre = _inside(rng, flat, bodies, min(count, 400), 0.85)
    if len(canvas.shape) == 3:
        height = bodies.half_height_um * rng.uniform(-0.6, 0.6, len(centre))
        depth = np.clip(bodies.middle_um, 0, canvas.depth_um) + height
        centre = np.column_stack([depth, centre])
    mean = log_uniform(rng, *radius_um)
    radius = np.clip(rng.lognormal(np.log(mean), 0.3, len(centre)), *radius_um)
    # One is the light of a sample of the nucleus that is as thick as the ball.
    light = rng.lognormal(0.3, 0.5, len(centre)) * np.pi * (radius / canvas.step_um) ** 2
    return stamp(canvas, centre, radius, light)


def _bodies_in(flat: Canvas, bodies: _Bodies) -> float:
    """Return how many nuclei there are room for in what is filled."""
    filled = float((bodies.relative[::4, ::4] < 1).mean()) * flat.side_um**2
    return filled / (np.pi * bodies.radius_um**2)


def _inside(
    rng: np.random.Generator, flat: Canvas, bodies: _Bodies, count: int, within: float
) -> NDArray[np.float64]:
    """Draw places in the plane whose relative distance is small enough."""
    room = np.argwhere(bodies.relative[::2, ::2] < within)
    if not len(room):
        room = np.argwhere(bodies.relative[::2, ::2] == bodies.relative[::2, ::2].min())
    chosen = room[rng.integers(0, len(room), count)] + rng.random((count, 2))
    places: NDArray[np.float64] = chosen * (2 * flat.step_um)
    return places


def _apart(
    a: NDArray[np.floating], b: NDArray[np.floating] | float, side: float
) -> NDArray[np.floating]:
    """Return the shortest way from b to a on the torus."""
    way = a - b
    way -= np.round(way / side) * way.dtype.type(side)
    return way
