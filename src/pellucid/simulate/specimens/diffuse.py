"""Diffuse dye: cytoplasm and other bodies without a form of their own."""

from __future__ import annotations

import numpy as np

from pellucid.simulate.canvas import Canvas
from pellucid.simulate.specimens._fields import (
    at_quantile,
    coarser,
    random_field,
    refine,
    smooth_step,
)
from pellucid.simulate.specimens._sketch import Sketch, log_uniform


def diffuse(rng: np.random.Generator, canvas: Canvas) -> Sketch:
    """Diffuse dye: bodies and clouds of cytoplasm, soft or sharp at the edge, with fine texture.

    Sources of the numbers: lobes of cells and organelles are 0.5 to 6 um wide, granules that
    exclude or gather a soluble dye 0.08 to 0.6 um; both are ranges chosen by eye.
    """
    coarse, factor = coarser(canvas)
    field = random_field(rng, coarse, log_uniform(rng, 0.5, 6.0))
    field -= np.float32(at_quantile(field, rng.uniform(0.15, 0.7)))
    if rng.random() < 0.5:
        body = smooth_step(field, rng.uniform(0.05, 0.4))
    else:
        body = np.maximum(field, 0, out=field)
    texture = random_field(rng, coarse, log_uniform(rng, 0.08, 0.6))
    texture *= np.float32(rng.uniform(0.0, 0.6))
    texture += 1
    body *= np.maximum(texture, 0, out=texture)
    return Sketch(refine(body, factor), 0.01)
