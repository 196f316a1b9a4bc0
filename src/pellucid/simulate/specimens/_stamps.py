"""Round bodies stamped on a canvas: balls and shells at any place between samples."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pellucid.simulate.canvas import Canvas
from pellucid.simulate.specimens._sketch import Scene

Floats = NDArray[np.float32]

#: No radius is drawn smaller than this, in fine samples; below it the grid shows.
_SMALLEST = 1.5
#: Balls of a smaller radius than this are drawn as smooth spots of the same second moment.
_SMALL = 3.0
#: Edges are averaged over this distance to either side.
_EDGE = 0.7


def stamp(
    canvas: Canvas,
    centre_um: NDArray[np.floating],
    radius_um: NDArray[np.floating],
    light: NDArray[np.floating],
    *,
    wall_um: NDArray[np.floating] | None = None,
) -> Scene:
    """Draw balls, and shells where a wall is given.

    Parameters
    ----------
    canvas : Canvas
    centre_um : ndarray, shape (n, 2) or (n, 3)
    radius_um : ndarray, shape (n,)
        Outer radius.
    light : ndarray, shape (n,)
        Of each, in sum.
    wall_um : ndarray, shape (n,), optional
        Thickness of the wall; zero for a ball.

    Returns
    -------
    ndarray of float32, shape `canvas.shape`
        On a plane, balls are seen in projection and shells in a section through their middle,
        a ring. In a slab each plane holds what lies within half a step of it; light beyond the
        faces is lost.
    """
    step, n = canvas.step_um, canvas.samples
    total = np.zeros((canvas.planes, n * n), dtype=np.float32)
    radius = np.maximum(radius_um / step, _SMALLEST)
    inner = np.zeros_like(radius)
    if wall_um is not None:
        thick = np.maximum(wall_um / step, 1.0)
        inner = np.where((wall_um > 0) & (radius - thick > 0.5), radius - thick, 0.0)
    # Few sizes of window: each a quarter larger than the last.
    size = np.ceil(1.25 ** np.ceil(np.log(radius + 1) / np.log(1.25))).astype(int)
    for half in np.unique(size):
        for chosen in _parts(np.nonzero(size == half)[0], (2 * half + 2) ** 2):
            centre = centre_um[chosen].astype(np.float64)
            corner = np.floor(centre[:, -2:] / step)
            offset = np.arange(-half, half + 2)
            apart = offset - (centre[:, -2:] / step - corner)[..., None]
            squared = (apart[:, 0, :, None] ** 2 + apart[:, 1, None, :] ** 2).astype(np.float32)
            index = (corner.astype(int)[..., None] + offset) % n
            cell = index[:, 0, :, None] * n + index[:, 1, None, :]
            outer_r, inner_r = (r[chosen, None, None].astype(np.float32) for r in (radius, inner))
            share = light[chosen, None, None].astype(np.float32)
            if len(canvas.shape) == 2:
                body = np.where(
                    inner_r > 0, _ring(squared, outer_r, inner_r), _chord(squared, outer_r)
                )
                body *= share / body.sum(axis=(1, 2), keepdims=True)
                np.add.at(total[0], cell, body)
            else:
                _stamp_layers(
                    total,
                    canvas,
                    depth_um=centre[:, 0],
                    cell=cell,
                    squared=squared,
                    radii=(outer_r, inner_r),
                    share=share,
                )
    return total.reshape(canvas.shape)


def _stamp_layers(
    total: Floats,
    canvas: Canvas,
    *,
    depth_um: NDArray[np.float64],
    cell: NDArray[np.intp],
    squared: Floats,
    radii: tuple[Floats, Floats],
    share: Floats,
) -> None:
    """Add to every plane the chords of bodies that lie in its layer."""
    # Depths in fine samples, as lateral distances are.
    layer = float(canvas.z_step_um or 1.0) / canvas.step_um
    middle = (depth_um / canvas.step_um).astype(np.float32)[:, None, None]
    outer, inner = (_chord(squared, r) for r in radii)
    share = share / (outer - inner).sum(axis=(1, 2), keepdims=True)
    for plane in range(canvas.planes):
        low, high = plane * layer - middle, (plane + 1) * layer - middle
        met = ((low < radii[0]) & (high > -radii[0]))[:, 0, 0]
        if met.any():
            body = _within(outer[met], radii[0][met], low[met], high[met])
            body -= _within(inner[met], radii[1][met], low[met], high[met])
            np.maximum(body, 0, out=body)
            np.add.at(total[plane], cell[met], body * share[met])


def _chord(squared: Floats, radius: Floats) -> Floats:
    """Return half the length of the line of sight within a ball, without hard edges.

    Small balls get the spot ``(1 - d**2 / (1.6 r**2))**2``: its second moment is a ball's, its
    spectrum ends sooner, and so its place between samples is kept to a hundredth.
    """
    small = radius < _SMALL
    chord = np.zeros(squared.shape, dtype=np.float32)
    if small.any():
        safe = np.maximum(radius, np.float32(1e-3))
        spot = np.maximum(1 - squared / (1.6 * safe * safe), 0)
        np.multiply(spot * spot, radius, out=chord, where=small & (radius > 0))
    if not small.all():
        distance = np.sqrt(squared)
        square: Floats = radius * radius * ~small
        for shift, weight in ((-_EDGE, 0.25), (0.0, 0.5), (_EDGE, 0.25)):
            part: Floats = np.maximum(square - np.square(distance + np.float32(shift)), 0)
            chord += np.float32(weight) * np.sqrt(part, out=part)
    return chord


def _within(chord: Floats, radius: Floats, low: Floats, high: Floats) -> Floats:
    """Return how much of each chord lies between two depths; a small ball is spread evenly."""
    reach = np.where(radius < _SMALL, np.maximum(radius, np.float32(1e-3)), chord)
    met = np.minimum(high, reach) - np.maximum(low, -reach)
    np.maximum(met, 0, out=met)
    met *= np.float32(0.5)
    met *= np.where(radius < _SMALL, chord / np.maximum(radius, np.float32(1e-3)), 1)
    return met


def _ring(squared: Floats, outer: Floats, inner: Floats) -> Floats:
    """Return a ring between two radii, with edges one sample wide."""
    middle, half = (outer + inner) / 2, (outer - inner) / 2
    ring = half + 1 - np.abs(np.sqrt(squared) - middle)
    return np.clip(ring, 0, 1).astype(np.float32, copy=False)


def _parts(chosen: NDArray[np.intp], samples: int) -> list[NDArray[np.intp]]:
    """Split a choice so that no part takes more than a few million samples."""
    parts = 1 + len(chosen) * samples // 2_000_000
    return [part for part in np.array_split(chosen, parts) if len(part)]
