"""What a kind of specimen draws: light, and the width its label gives it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias, final

import numpy as np
from numpy.typing import NDArray

from pellucid.simulate.canvas import Canvas

Scene: TypeAlias = NDArray[np.float32]
Drawing: TypeAlias = Callable[[np.random.Generator, Canvas], Scene]


@final
@dataclass(frozen=True, slots=True)
class Sketch:
    """A specimen before its label is given its width.

    The Gaussian of the label is left to the Fourier transform that the caller takes anyway.

    Attributes
    ----------
    light : ndarray of float32, shape `canvas.shape`
        Light of every fine sample, nowhere negative.
    label_sigma_um : float
        Standard deviation of the label around the structure, micrometres.
    """

    light: Scene
    label_sigma_um: float


Sketcher: TypeAlias = Callable[[np.random.Generator, Canvas], Sketch]


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw a number whose logarithm is uniform."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def anywhere(rng: np.random.Generator, canvas: Canvas, count: int) -> NDArray[np.float32]:
    """Draw positions in the plane or slab, shape (count, axes)."""
    extent = [canvas.depth_um, canvas.side_um, canvas.side_um][-len(canvas.shape) :]
    return (rng.random((count, len(extent))) * extent).astype(np.float32)
