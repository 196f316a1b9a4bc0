"""Vesicles: clathrin-coated pits, endosomes, lysosomes."""

from __future__ import annotations

import numpy as np

from pellucid.simulate.canvas import Canvas
from pellucid.simulate.specimens._sketch import Sketch, anywhere, log_uniform
from pellucid.simulate.specimens._stamps import stamp


def vesicles(rng: np.random.Generator, canvas: Canvas) -> Sketch:
    """Vesicles: coated pits, endosomes, lysosomes; rings and filled bodies, some in swarms.

    Sources of the numbers: clathrin-coated pits and vesicles are 0.06 to 0.2 um across (reviewed
    by Kaksonen and Roux 2018), early endosomes 0.1 to 0.5 um, lysosomes and late endosomes 0.2 to
    1 um (Alberts et al., Molecular Biology of the Cell).
    """
    largest = log_uniform(rng, 0.04, 0.5)
    # No more than a third of the area is covered, and swarms of the small ones stay countable.
    side = canvas.side_um
    dense = side**2 * log_uniform(rng, 0.03, 4.0)
    full = 0.3 * side**2 / (np.pi * (largest / 1.5) ** 2)
    count = int(np.clip(min(dense, full), 4, 1200))
    centre = anywhere(rng, canvas, count)
    if rng.random() < 0.4:
        hubs = anywhere(rng, canvas, int(rng.integers(1, 6)))
        spread = rng.normal(0, side * rng.uniform(0.05, 0.2), (count, 2))
        centre[:, -2:] = (hubs[rng.integers(0, len(hubs), count)])[:, -2:] + spread
    radius = np.clip(rng.lognormal(np.log(largest / 1.5), 0.4, count), 0.025, largest)
    hollow = rng.random(count) < rng.choice([0.0, rng.uniform(0.0, 1.0), 1.0])
    # The light of a shell grows with its surface, that of a filled body with its volume.
    size = radius / largest
    light = rng.lognormal(0.0, rng.uniform(0.1, 0.8), count) * np.where(hollow, size**2, size**3)
    wall_um = np.where(hollow, 0.015, 0.0)
    return Sketch(stamp(canvas, centre, radius, light, wall_um=wall_um), rng.uniform(0.012, 0.035))
