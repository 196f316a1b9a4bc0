"""Procedural fluorescent specimens: filaments, networks, vesicles, diffuse bodies.

Every specimen is drawn from a random generator on a :class:`Canvas`, in micrometres, and
returned as light a fine sample. Sizes follow the cell biology they imitate; brightness has no
unit, the acquisition gives it one.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.spatial import Voronoi

from pellucid.simulate.canvas import Canvas

Scene: TypeAlias = NDArray[np.float32]
Drawing: TypeAlias = Callable[[np.random.Generator, Canvas], Scene]
_Points: TypeAlias = tuple[NDArray[np.float64], NDArray[np.float64]]


def filaments(rng: np.random.Generator, canvas: Canvas) -> Scene:
    """Microtubule- or actin-like filaments: worm-like chains, some in bundles.

    The tangent angle diffuses by ``ds / persistence length`` a step, the worm-like chain in
    two dimensions. Persistence 3 to 60 um, label width (sigma) 12 to 40 nm.
    """
    count = int(np.exp(rng.uniform(np.log(2), np.log(90))))
    persistence_um = np.exp(rng.uniform(np.log(3.0), np.log(60.0)))
    length_um = canvas.side_um * rng.uniform(0.3, 1.6)
    start = rng.uniform(0, canvas.side_um, (count, 2))
    direction = rng.uniform(0, 2 * np.pi, count)
    if rng.random() < 0.3:  # from one organising centre
        start = rng.uniform(0, canvas.side_um, 2) + rng.normal(0, 0.4, (count, 2))
    if rng.random() < 0.3:  # stress fibres: nearly parallel
        direction = rng.uniform(0, 2 * np.pi) + rng.normal(0, 0.15, count)
    scene = worm_like_chains(
        rng,
        canvas,
        start_um=start,
        direction=direction,
        length_um=length_um * rng.uniform(1 / 3, 1.0, count),
        persistence_um=persistence_um,
        brightness=rng.lognormal(0.0, rng.uniform(0.0, 0.6), count),
        unevenness=rng.uniform(0.0, 0.4),
    )
    return canvas.soften(scene, rng.uniform(0.012, 0.040))


def network(rng: np.random.Generator, canvas: Canvas) -> Scene:
    """Endoplasmic-reticulum-like network: tubules that meet in three-way junctions.

    The edges of a periodic Voronoi diagram, bent; junctions every 0.5 to 3 um, tubule width
    (sigma) 20 to 50 nm, a fraction of the edges missing.
    """
    side = canvas.side_um
    spacing_um = np.exp(rng.uniform(np.log(0.5), np.log(3.0)))
    count = int(np.clip((side / spacing_um) ** 2, 4, 900))
    seeds = rng.uniform(0, side, (count, 2))
    tiles = np.array([(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]) * side
    diagram = Voronoi((seeds[None] + tiles[:, None]).reshape(-1, 2))
    edges = np.array([e for e in diagram.ridge_vertices if e[0] >= 0])
    first, last = diagram.vertices[edges[:, 0]], diagram.vertices[edges[:, 1]]
    middle = 0.5 * (first + last)
    # The tolerance keeps one copy of an edge whose middle rounds to either side of the border.
    inside = np.all((middle >= -1e-9) & (middle < side - 1e-9), axis=1)
    keep = inside & (rng.random(len(edges)) > rng.uniform(0.0, 0.35))
    first, last, middle = first[keep], last[keep], middle[keep]
    length = np.linalg.norm(last - first, axis=1)
    bend = rng.normal(0, 0.15, middle.shape) * length[:, None]
    brightness = rng.lognormal(0.0, 0.3, len(middle))
    points, weights = _curves(first, middle + bend, last, brightness, 0.6 * canvas.step_um)
    if not len(points):
        return filaments(rng, canvas)
    return canvas.soften(canvas.splat(points, weights), rng.uniform(0.020, 0.050))


def vesicles(rng: np.random.Generator, canvas: Canvas) -> Scene:
    """Vesicles and clathrin pits: rings and filled spots of 0.03 to 0.5 um radius, clustered."""
    area = canvas.side_um**2
    count = int(np.clip(area * np.exp(rng.uniform(np.log(0.02), np.log(4.0))), 3, 1500))
    centre = rng.uniform(0, canvas.side_um, (count, 2))
    if rng.random() < 0.4:
        hubs = rng.uniform(0, canvas.side_um, (int(rng.integers(1, 6)), 2))
        centre = hubs[rng.integers(0, len(hubs), count)] + rng.normal(
            0, canvas.side_um * rng.uniform(0.05, 0.2), (count, 2)
        )
    largest = np.exp(rng.uniform(np.log(0.04), np.log(0.5)))
    radius = np.clip(rng.lognormal(np.log(largest / 1.5), 0.4, count), 0.02, largest)
    hollow = rng.random(count) < rng.uniform(0.0, 1.0)
    brightness = rng.lognormal(0.0, rng.uniform(0.1, 0.8), count)
    # Sunflower spiral: even cover of a disc by a few samples; a ring keeps radius one.
    per_spot = int(np.clip(np.pi * (largest / canvas.step_um) ** 2 * 0.7, 8, 250))
    k = np.arange(per_spot) + 0.5
    angle = k * np.pi * (3.0 - np.sqrt(5.0))
    shell = np.where(hollow[:, None], 1.0, np.sqrt(k / per_spot)[None, :]) * radius[:, None]
    offset = np.stack([np.sin(angle) * shell, np.cos(angle) * shell], axis=-1)
    points = (centre[:, None, :] + offset).reshape(-1, 2)
    weights = np.repeat(brightness * radius / per_spot, per_spot)
    return canvas.soften(canvas.splat(points, weights), rng.uniform(0.012, 0.040))


def diffuse(rng: np.random.Generator, canvas: Canvas) -> Scene:
    """Diffuse bodies: nuclei, cytoplasm, membranes sheets; a thresholded random field.

    Correlation length 0.5 to 6 um, with finer texture upon it; never negative.
    """
    frequency = canvas.frequencies_per_um()
    shape = (canvas.samples, canvas.samples)
    field = _random_field(rng, frequency, shape, np.exp(rng.uniform(np.log(0.5), np.log(6.0))))
    body = np.clip(field - rng.uniform(-0.5, 1.0), 0, None)
    if rng.random() < 0.5:  # sharp-edged, as nuclei are
        body = np.clip(body / rng.uniform(0.05, 0.4), 0, 1)
    texture = _random_field(rng, frequency, shape, np.exp(rng.uniform(np.log(0.08), np.log(0.6))))
    scene: Scene = body * np.clip(1.0 + rng.uniform(0.0, 0.6) * texture, 0, None)
    return scene.astype(np.float32, copy=False)


def points(rng: np.random.Generator, canvas: Canvas) -> Scene:
    """Beads and single emitters, far smaller than the resolution."""
    count = int(np.exp(rng.uniform(np.log(4), np.log(500))))
    position = rng.uniform(0, canvas.side_um, (count, 2))
    brightness = rng.lognormal(0.0, rng.uniform(0.05, 1.0), count)
    return canvas.soften(canvas.splat(position, brightness), rng.uniform(0.012, 0.060))


#: Every kind of specimen by name.
SPECIMENS: MappingProxyType[str, Drawing] = MappingProxyType(
    {
        "filaments": filaments,
        "network": network,
        "vesicles": vesicles,
        "diffuse": diffuse,
        "points": points,
    }
)


def mixture(rng: np.random.Generator, canvas: Canvas, parts: dict[str, float]) -> Scene:
    """Draw several kinds of specimen into one scene.

    Parameters
    ----------
    rng : numpy.random.Generator
    canvas : Canvas
    parts : dict of str to float
        Kind of specimen and the peak brightness (99.9th percentile at the camera's pixels)
        it gets in the sum.
    """
    total = np.zeros((canvas.samples, canvas.samples), dtype=np.float32)
    for kind, share in parts.items():
        scene = SPECIMENS[kind](rng, canvas)
        peak = float(np.percentile(to_camera(scene, canvas), 99.9))
        if peak > 0:
            total += np.float32(share / peak) * scene
    return total


def worm_like_chains(
    rng: np.random.Generator,
    canvas: Canvas,
    *,
    start_um: NDArray[np.float64],
    direction: NDArray[np.float64],
    length_um: NDArray[np.float64],
    persistence_um: float,
    brightness: NDArray[np.float64],
    unevenness: float = 0.0,
) -> Scene:
    """Draw filaments whose tangent angle diffuses by ``ds / persistence_um`` a step.

    Parameters
    ----------
    rng : numpy.random.Generator
    canvas : Canvas
    start_um : ndarray, shape (n, 2)
        Where each begins, ``(y, x)``.
    direction, length_um, brightness : ndarray, shape (n,)
        Angle at the start (radians), length, and light a step.
    persistence_um : float
        Persistence length of the worm-like chain, in two dimensions.
    unevenness : float
        Standard deviation of the brightness along a filament.
    """
    step_um = 0.6 * canvas.step_um
    steps = max(2, int(length_um.max() / step_um))
    turns = rng.normal(0, np.sqrt(step_um / persistence_um), (len(direction), steps))
    angle = direction[:, None] + np.cumsum(turns, axis=1)
    path = np.stack([np.sin(angle), np.cos(angle)], axis=-1)
    path = start_um[:, None, :] + np.cumsum(path * step_um, axis=1)
    along = _slow_variation(rng, len(direction), steps, unevenness)
    drawn = np.arange(steps) < (length_um / step_um)[:, None]
    return canvas.splat(path.reshape(-1, 2), (brightness[:, None] * along * drawn).ravel())


def to_camera(scene: Scene, canvas: Canvas) -> Scene:
    """Sum the fine samples of every camera pixel."""
    n, k = canvas.pixels, canvas.oversampling
    summed: Scene = scene.reshape(n, k, n, k).sum(axis=(1, 3))
    return summed


def _slow_variation(
    rng: np.random.Generator, count: int, steps: int, depth: float
) -> NDArray[np.float64]:
    """Brightness along each curve: one plus slow random change, never below 0.1."""
    knots = rng.normal(0, depth, (count, 8))
    position = np.linspace(0, 6.999, steps)
    left = position.astype(int)
    fraction = position - left
    value = 1 + knots[:, left] * (1 - fraction) + knots[:, left + 1] * fraction
    kept: NDArray[np.float64] = np.clip(value, 0.1, None)
    return kept


def _curves(
    first: NDArray[np.float64],
    control: NDArray[np.float64],
    last: NDArray[np.float64],
    brightness: NDArray[np.float64],
    step_um: float,
) -> _Points:
    """Sample quadratic Bezier curves evenly enough that no gap shows."""
    length = np.linalg.norm(control - first, axis=1) + np.linalg.norm(last - control, axis=1)
    samples = np.maximum(2, np.ceil(length / step_um).astype(int))
    curve = np.repeat(np.arange(len(samples)), samples)
    begin = np.cumsum(samples) - samples
    t = ((np.arange(len(curve)) - begin[curve] + 0.5) / samples[curve])[:, None]
    points = (1 - t) ** 2 * first[curve] + 2 * t * (1 - t) * control[curve] + t**2 * last[curve]
    return points, (brightness * length / samples)[curve]


def _random_field(
    rng: np.random.Generator,
    frequency_per_um: NDArray[np.float32],
    shape: tuple[int, int],
    correlation_um: float,
) -> Scene:
    """Gaussian random field of unit variance and Matern spectrum on the torus."""
    envelope = (1.0 + (2 * np.pi * correlation_um * frequency_per_um) ** 2) ** -1.5
    noise = rng.standard_normal((2, *envelope.shape), dtype=np.float32)
    spectrum = (noise[0] + 1j * noise[1]) * envelope
    spectrum[0, 0] = 0.0
    field = fft.irfft2(spectrum, s=shape, overwrite_x=True)
    scaled: Scene = (field / field.std()).astype(np.float32)
    return scaled
