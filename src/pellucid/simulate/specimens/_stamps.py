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
_SPOT, _BALL, _SHELL = range(3)
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
    outer = np.maximum(radius_um / step, _SMALLEST).astype(np.float32)
    inner = np.zeros_like(outer)
    if wall_um is not None:
        left = outer - np.maximum(wall_um / step, 1.0)
        inner = np.where((wall_um > 0) & (left > 0.5), left, 0).astype(np.float32)
    # Few sizes of window: each a fifth larger than the last.
    size = np.ceil(1.2 ** np.ceil(np.log(outer + 1) / np.log(1.2))).astype(int)
    form = np.where(inner > 0, _SHELL, np.where(outer < _SMALL, _SPOT, _BALL))
    for kind, half in sorted(set(zip(form.tolist(), size.tolist(), strict=True))):
        alike = np.nonzero((form == kind) & (size == half))[0]
        for chosen in _parts(alike, (2 * half + 2) ** 2):
            place = centre_um[chosen, -2:] / step
            corner = np.floor(place)
            offset = np.arange(-half, half + 2)
            away = np.square(offset - (place - corner)[..., None]).astype(np.float32)
            squared = away[:, 0, :, None] + away[:, 1, None, :]
            index = (corner.astype(int)[..., None] + offset) % n
            cell = index[:, 0, :, None] * n + index[:, 1, None, :]
            radii = outer[chosen, None, None], inner[chosen, None, None]
            share = light[chosen, None, None].astype(np.float32)
            if len(canvas.shape) == 2:
                body = _seen(kind, squared, radii)
                body *= share / body.sum(axis=(1, 2), keepdims=True)
                np.add.at(total[0], cell, body)
                continue
            # Depths in fine samples, as lateral distances are.
            layer = float(canvas.z_step_um or 1.0) / step
            middle = (centre_um[chosen, 0] / step).astype(np.float32)[:, None, None]
            body, reach, hollow = _chords(kind, squared, radii)
            body *= share / (body * (reach - hollow)).sum(axis=(1, 2), keepdims=True) / 2
            for plane in range(canvas.planes):
                low, high = plane * layer - middle, (plane + 1) * layer - middle
                met = ((low < radii[0]) & (high > -radii[0]))[:, 0, 0]
                if met.any():
                    part = _between(low[met], high[met], reach[met])
                    part -= _between(low[met], high[met], hollow[met])
                    np.maximum(part, 0, out=part)
                    np.add.at(total[plane], cell[met], part * body[met])
    return total.reshape(canvas.shape)


def _seen(kind: int, squared: Floats, radii: tuple[Floats, Floats]) -> Floats:
    """Return what a plane shows of bodies: a projection, of a shell a section."""
    outer, inner = radii
    if kind == _SPOT:
        return _spot(squared, outer)
    if kind == _BALL:
        return _chord(squared, outer)
    # A ring between two radii, with edges one sample wide.
    ring: Floats = np.abs(np.sqrt(squared) - (outer + inner) / 2)
    np.subtract((outer - inner) / 2 + 1, ring, out=ring)
    return np.clip(ring, 0, 1, out=ring)


def _chords(
    kind: int, squared: Floats, radii: tuple[Floats, Floats]
) -> tuple[Floats, Floats, Floats]:
    """Return the brightness of every line of sight, and half its length to either surface."""
    outer, inner = radii
    if kind == _SPOT:
        return _spot(squared, outer), outer, np.zeros_like(outer)
    hollow = _chord(squared, inner) if kind == _SHELL else np.zeros_like(inner)
    return np.ones_like(squared), _chord(squared, outer), hollow


def _spot(squared: Floats, radius: Floats) -> Floats:
    """Return ``(1 - d**2 / (1.6 r**2))**2``, the smooth stand-in for a small ball.

    Its second moment is a ball's, its spectrum ends sooner: so its place between samples is kept
    to about a hundredth.
    """
    spot: Floats = squared / (radius * radius)
    spot *= np.float32(-1 / 1.6)
    spot += 1
    np.maximum(spot, 0, out=spot)
    return np.square(spot, out=spot)


def _chord(squared: Floats, radius: Floats) -> Floats:
    """Return half the length of the line of sight within a ball, its edge made softer."""
    distance = np.sqrt(squared)
    square = np.square(radius)
    chord: Floats = np.sqrt(np.maximum(square - squared, 0))
    chord *= np.float32(0.5)
    for shift in (-_EDGE, _EDGE):
        part = np.square(distance + np.float32(shift))
        np.subtract(square, part, out=part)
        np.sqrt(np.maximum(part, 0, out=part), out=part)
        part *= np.float32(0.25)
        chord += part
    return chord


def _between(low: Floats, high: Floats, reach: Floats) -> Floats:
    """Return how much of a line from ``-reach`` to ``reach`` lies between two depths."""
    met: Floats = np.minimum(high, reach) - np.maximum(low, -reach)
    return np.maximum(met, 0, out=met)


def _parts(chosen: NDArray[np.intp], samples: int) -> list[NDArray[np.intp]]:
    """Split a choice so that a part's samples stay in the processor's cache."""
    parts = 1 + len(chosen) * samples // 60_000
    return [part for part in np.array_split(chosen, parts) if len(part)]
