"""What happens to an image besides optics and camera: uneven light, enlargement."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, zoom

from pellucid.simulate.regime import Span


def uneven_field(rng: np.random.Generator, size: int, spread: Span) -> NDArray[np.float32]:
    """Draw a smooth positive field of median one, shape (size, size).

    Parameters
    ----------
    rng : numpy.random.Generator
    size : int
    spread : tuple of float
        Standard deviation of its logarithm, uniform; none below zero.
    """
    deviation = max(float(rng.uniform(*spread)), 0.0)
    # Drawn on a grid eight times coarser: nothing about it is finer than 24 pixels.
    coarse = -(-size // 8) + 8
    field = gaussian_filter(
        rng.standard_normal((coarse, coarse), dtype=np.float32), rng.uniform(3.0, 10.0), mode="wrap"
    )
    field -= field.mean()
    field *= deviation / (float(field.std()) or 1.0)
    fine = zoom(field, 8, order=1)[:size, :size]
    return np.exp(fine).astype(np.float32)


def bin_mean(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Average 2x2 pixels; sides must be even."""
    y, x = plane.shape
    averaged: NDArray[np.float32] = plane.reshape(y // 2, 2, x // 2, 2).mean(axis=(1, 3))
    return averaged


def enlarge(plane: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Double the pixels along both axes, by lines or by cubics, pixel centres kept in place."""
    lines = rng.random() < 0.5
    fine: NDArray[np.float32] = (
        zoom(plane, 2, order=1, mode="mirror", grid_mode=True)
        if lines
        else zoom(plane, 2, order=3, mode="mirror", grid_mode=True)
    )
    return fine
