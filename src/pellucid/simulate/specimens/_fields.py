"""Random fields on a canvas, and refinement of what is smooth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from pellucid.simulate.canvas import Canvas

Floats = NDArray[np.float32]


def random_field(
    rng: np.random.Generator, canvas: Canvas, correlation_um: float, *, smooth: bool = False
) -> Floats:
    """Draw a Gaussian random field of zero mean and unit variance.

    Parameters
    ----------
    rng : numpy.random.Generator
    canvas : Canvas
    correlation_um : float
        Length over which the field keeps its value, along all axes; at most the side.
    smooth : bool
        A Gaussian covariance, of this standard deviation, instead of a Matern one that has finer
        detail (smoothness two).

    Returns
    -------
    ndarray of float32, shape `canvas.shape`
        Periodic in y and x; in a slab, planes are correlated by their distance.
    """
    n, side = canvas.samples, canvas.side_um
    correlation_um = min(correlation_um, side)
    # The spectrum is drawn as far as its amplitude is above a thousandth.
    highest = (0.84 if smooth else 1.6) / correlation_um
    m = max(1, min(max(2, int(np.ceil(highest * side))), (n - 1) // 2))
    harmonic = np.arange(-m, m + 1)
    squared = (np.hypot(harmonic[:, None], harmonic[None, m:]) / side) ** 2
    if smooth:
        envelope = np.exp(-((np.pi * correlation_um) ** 2) * squared)
    else:
        envelope = (1 + (2 * np.pi * correlation_um) ** 2 * squared) ** -1.5
    envelope[m, 0] = 0.0
    noise = rng.standard_normal((canvas.planes, *envelope.shape, 2), dtype=np.float32)
    drawn = noise.view(np.complex64)[..., 0] * envelope.astype(np.float32)
    if canvas.planes > 1:
        depth = np.arange(canvas.planes) * float(canvas.z_step_um or 0.0)
        apart = np.subtract.outer(depth, depth) / correlation_um
        root = np.linalg.cholesky(np.exp(-0.5 * apart**2) + 1e-4 * np.eye(canvas.planes))
        # In place from the last plane down: each needs those before it alone.
        for plane in reversed(range(canvas.planes)):
            drawn[plane] *= np.float32(root[plane, plane])
            for before in np.nonzero(np.abs(root[plane, :plane]) > 1e-5)[0]:
                drawn[plane] += np.float32(root[plane, before]) * drawn[before]
    # Unit variance, by Parseval. Of the column of zero frequency only the real part counts.
    real = 0.5 * (drawn[..., 0] + np.conj(drawn[:, ::-1, 0]))
    power = np.vdot(real, real).real + 2 * np.vdot(drawn[..., 1:], drawn[..., 1:]).real
    drawn *= np.float32(n * n * np.sqrt(canvas.planes / power))
    columns = np.zeros((canvas.planes, n, m + 1), dtype=np.complex64)
    columns[:, harmonic] = drawn
    field = fft.irfft(fft.ifft(columns, axis=1, overwrite_x=True), n=n, axis=2)
    return field.astype(np.float32, copy=False).reshape(canvas.shape)


def at_quantile(field: Floats, share: float) -> float:
    """Return the level that a share of a field lies above; from a subset, so about."""
    few = max(1, field.shape[-1] // 40)
    return float(np.quantile(field[..., ::few, ::few], 1 - share))


def plane_of(canvas: Canvas) -> Canvas:
    """Return one plane of a slab."""
    return replace(canvas, planes=1)


def coarser(canvas: Canvas) -> tuple[Canvas, int]:
    """Return a canvas of half the samples a side if that is possible, and by what to refine it."""
    factor = 2 if canvas.oversampling % 2 == 0 else 1
    return replace(canvas, oversampling=canvas.oversampling // factor), factor


def refine(values: Floats, factor: int) -> Floats:
    """Interpolate a periodic plane or stack linearly to `factor` times the samples a side."""
    if factor == 1:
        return values
    for axis in (values.ndim - 2, values.ndim - 1):
        after = np.roll(values, -1, axis)
        shape = list(values.shape)
        shape[axis] *= factor
        finer = np.empty(shape, dtype=np.float32)
        after -= values
        for k in range(factor):
            place = [slice(None)] * values.ndim
            place[axis] = slice(k, None, factor)
            part = finer[tuple(place)]
            if k:
                np.multiply(after, np.float32(k / factor), out=part)
                part += values
            else:
                part[:] = values
        values = finer
    return values


def smooth_step(depth: Floats, width: float) -> Floats:
    """Rise linearly from zero to one over a width around zero depth."""
    step = depth * np.float32(1 / width)
    step += np.float32(0.5)
    return np.clip(step, 0, 1, out=step)
