"""A simulated cell and its image: the example that needs no download."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from pellucid.optics.microscope import Microscope
from pellucid.simulate.acquisition import Exposure, expose
from pellucid.simulate.canvas import Canvas
from pellucid.simulate.scene import blur, camera_scene
from pellucid.simulate.specimens import Scene, worm_like_chains


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class CellImage:
    """A cell as the camera recorded it and as it is.

    Attributes
    ----------
    recorded, truth : ndarray of float32, shape (n, n)
        Camera counts with blur, photon noise, read noise and offset; and the light of every
        pixel without any of them, on the same scale.
    microscope : Microscope
        What blurred it.
    exposure : Exposure
    """

    recorded: NDArray[np.float32]
    truth: NDArray[np.float32]
    microscope: Microscope
    exposure: Exposure


#: Counts a camera adds to every pixel.
_CAMERA_OFFSET = 100.0


def simulate_cell(seed: int = 0, *, pixels: int = 384, peak_photons: float = 300.0) -> CellImage:
    """Simulate a widefield image of a cell with microtubules, vesicles and diffuse dye.

    Parameters
    ----------
    seed : int
        Decides the cell and the noise.
    pixels : int
        Side of the image, camera pixels of 65 nm.
    peak_photons : float
        Photons at the brightest thousandth of the pixels.

    Returns
    -------
    CellImage
    """
    rng = np.random.default_rng(seed)
    microscope = Microscope(
        numerical_aperture=1.4, emission_nm=525.0, pixel_size_um=0.065, refractive_index=1.515
    )
    canvas = Canvas(pixels=pixels, pixel_size_um=microscope.pixel_size_um)
    scene = camera_scene(_draw(rng, canvas), canvas)
    clean = blur(scene, microscope.cutoff_per_pixel)
    peak = float(np.percentile(clean, 99.9))
    exposure = Exposure(
        peak_photons=peak_photons, background_photons=10.0, read_noise_electrons=1.6
    )
    recorded = expose(rng, clean / np.float32(peak), exposure) + np.float32(_CAMERA_OFFSET)
    truth = scene.truth / peak * peak_photons + exposure.background_photons + _CAMERA_OFFSET
    return CellImage(
        recorded=recorded,
        truth=truth.astype(np.float32),
        microscope=microscope,
        exposure=exposure,
    )


def _draw(rng: np.random.Generator, canvas: Canvas) -> Scene:
    """Draw microtubules from a centrosome, vesicles and diffuse dye within a cell's outline."""
    side = canvas.side_um
    axis = (np.arange(canvas.samples) + 0.5) * canvas.step_um
    y, x = axis[:, None], axis[None, :]
    centre = np.array([0.52, 0.46]) * side
    angle = np.arctan2(y - centre[0], x - centre[1])
    outline = 0.40 * side * np.ones_like(angle)
    for lobe in range(2, 6):
        amplitude, phase = rng.normal(0, 0.045 * side), rng.uniform(0, 2 * np.pi)
        outline += amplitude * np.cos(lobe * angle + phase)
    radius = np.hypot(y - centre[0], x - centre[1])
    inside = 1.0 / (1.0 + np.exp((radius - outline) / 0.15))
    nucleus_at = centre + np.array([0.06, -0.07]) * side
    nucleus = np.hypot((y - nucleus_at[0]) / 1.25, x - nucleus_at[1]) / (0.125 * side)
    outside_nucleus = 1.0 / (1.0 + np.exp(-(nucleus - 1.0) / 0.03))
    centrosome = nucleus_at + np.array([0.0, 0.14]) * side
    tubules = worm_like_chains(
        rng,
        canvas,
        start_um=centrosome + rng.normal(0, 0.9, (70, 2)),
        direction=rng.uniform(0, 2 * np.pi, 70),
        length_um=rng.uniform(0.2, 0.75, 70) * side,
        persistence_um=18.0,
        brightness=rng.lognormal(0.0, 0.2, 70),
    )
    fibres = canvas.soften(tubules, 0.018) * (0.25 + 0.75 * outside_nucleus)
    count = 160
    spots = canvas.splat(rng.uniform(0, side, (count, 2)), rng.lognormal(0.0, 0.5, count))
    spots = canvas.soften(spots, 0.05) * outside_nucleus
    diffuse = 0.03 * inside * (0.4 + 0.6 * outside_nucleus)
    bright = float(np.percentile(fibres, 99.5))
    scene: Scene = inside * (fibres / bright + 2.5 * spots / float(spots.max())) + diffuse
    return scene.astype(np.float32, copy=False)
