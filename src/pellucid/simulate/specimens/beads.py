"""Fluorescent beads of known size, and single emitters."""

from __future__ import annotations

import numpy as np

from pellucid.simulate.canvas import Canvas
from pellucid.simulate.specimens._sketch import Sketch, anywhere, log_uniform
from pellucid.simulate.specimens._stamps import stamp


def beads(rng: np.random.Generator, canvas: Canvas) -> Sketch:
    """Beads: equal balls of 0.1 to 1 um, filled with dye or stained on the surface, some touching.

    Sources of the numbers: calibration beads are sold with diameters of 0.1, 0.2, 0.5 and 1 um
    that vary by a few per cent; the brightness of those filled with dye grows with the volume.
    """
    diameter_um = log_uniform(rng, 0.1, 1.0)
    side = canvas.side_um
    most = 0.25 * side**2 / (np.pi * diameter_um**2 / 4)
    count = max(1, int(min(log_uniform(rng, 12, 300), most)))
    centre = anywhere(rng, canvas, count)
    if len(canvas.shape) == 3 and rng.random() < 0.5:  # settled on the cover slip
        centre[:, 0] = min(0.6 * diameter_um, 0.5 * canvas.depth_um)
    # Beads stick to each other: some lie beside the one before them.
    for i in np.nonzero(rng.random(count) < rng.choice([0.0, 0.15, 0.5]))[0][1:]:
        angle = rng.uniform(0, 2 * np.pi)
        centre[i] = centre[i - 1]
        centre[i, -2:] += diameter_um * np.array([np.sin(angle), np.cos(angle)])
    radius = 0.5 * diameter_um * rng.normal(1.0, 0.03, count).clip(0.9, 1.1)
    light = radius**3 * rng.lognormal(0.0, rng.uniform(0.02, 0.3), count)
    stained = diameter_um > 0.4 and rng.random() < 0.3
    wall_um = np.full(count, 0.03 if stained else 0.0)
    return Sketch(stamp(canvas, centre, radius, light, wall_um=wall_um), 0.005)


def points(rng: np.random.Generator, canvas: Canvas) -> Sketch:
    """Points: single emitters and spots far below the resolution, spread or in clusters.

    Sources of the numbers: dyes and fluorescent proteins are 1 to 5 nm, antibodies 10 to 15 nm
    long; clusters of receptors and synaptic proteins are 0.05 to 0.5 um across.
    """
    count = int(log_uniform(rng, 16, 800))
    centre = anywhere(rng, canvas, count)
    if rng.random() < 0.4:
        hubs = anywhere(rng, canvas, max(1, int(count / log_uniform(rng, 4, 40))))
        spread = log_uniform(rng, 0.05, 0.5) * rng.standard_normal(centre.shape)
        clustered = rng.random(count) < rng.uniform(0.5, 1.0)
        gathered = hubs[rng.integers(0, len(hubs), count)] + spread
        centre = np.where(clustered[:, None], gathered, centre).astype(np.float32)
    light = rng.lognormal(0.0, rng.uniform(0.05, 1.0), count)
    return Sketch(canvas.splat(centre, light), rng.uniform(0.012, 0.060))
