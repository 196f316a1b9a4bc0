"""Training pairs: a blurred, noisy image as a network sees it, and the truth beside it.

The regime is the physical one: an in-focus widefield transfer function, photon shot noise,
read noise, background. Light that both the image and the truth hold, such as haze and
background, stays in the truth: the network learns to undo blur and noise, not to judge what is
worth showing.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from pellucid.errors import SettingsError
from pellucid.imaging.intensity import IntensityScale, estimate_scale
from pellucid.simulate.acquisition import (
    CameraScene,
    Exposure,
    blur,
    camera_scene,
    expose,
    soft_copy,
)
from pellucid.simulate.canvas import Canvas
from pellucid.simulate.specimens import SPECIMENS, mixture

Span = tuple[float, float]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PhysicalRegime:
    """Ranges the conditions of an image are drawn from; each ``(low, high)``.

    Parameters
    ----------
    pixel_size_um : tuple of float
        Log-uniform.
    cutoff_per_pixel : tuple of float
        Cut-off 2 NA / wavelength in cycles per pixel, uniform, as far as `cutoff_per_um` allows.
    cutoff_per_um : tuple of float
        The same cut-off in cycles per micrometre: which lenses and colours there are
        (NA 0.4 at 680 nm to NA 1.45 at 450 nm).
    peak_photons : tuple of float
        Log-uniform.
    background_fraction : tuple of float
        Background photons as a fraction of the peak, uniform.
    smoothing_pixels : tuple of float
        Sigma of a Gaussian over the recorded image, noise included, uniform, none below zero:
        many images were interpolated or filtered before they are restored.
    haze_fraction : tuple of float
        Peak of a strongly blurred copy of the scene that lies over image and truth alike, as a
        fraction of the image's peak, uniform; no haze below zero.
    haze_sigma_pixels, read_noise_electrons, attenuation, offset_error : tuple of float
        Uniform. `offset_error` shifts image and truth together, as a fraction of the signal's
        span: a whole image's background need not be that of the patch.
    """

    pixel_size_um: Span = (0.04, 0.20)
    cutoff_per_pixel: Span = (0.12, 0.45)
    cutoff_per_um: Span = (1.18, 6.44)
    peak_photons: Span = (30.0, 10_000.0)
    background_fraction: Span = (0.0, 0.3)
    read_noise_electrons: Span = (1.0, 5.0)
    attenuation: Span = (0.0, 1.0)
    smoothing_pixels: Span = (-2.0, 0.8)
    haze_fraction: Span = (-0.5, 0.5)
    haze_sigma_pixels: Span = (3.0, 12.0)
    offset_error: Span = (-0.05, 0.25)


@final
@dataclass(frozen=True, slots=True)
class Pair:
    """An image and its truth, both in the unit range of the image, and how they came to be.

    Attributes
    ----------
    image, truth : ndarray of float32, shape (n, n)
    conditions : dict of str to float
        Everything that was drawn.
    """

    image: NDArray[np.float32]
    truth: NDArray[np.float32]
    conditions: dict[str, float] = field(default_factory=dict)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnScene:
    """A specimen at camera pixels, with its pixel size and the kinds it is made of."""

    scene: CameraScene
    pixel_size_um: float
    kinds: tuple[str, ...]


def draw_scene(
    index: int,
    *,
    seed: int,
    pixels: int,
    regime: PhysicalRegime,
    kinds: Sequence[str] = tuple(SPECIMENS),
) -> DrawnScene:
    """Draw specimen number `index`: one main kind, sometimes with dimmer others.

    The result depends on `seed`, `index` and the arguments alone.
    """
    rng = np.random.default_rng([seed, 0, index])
    low, high = regime.pixel_size_um
    canvas = Canvas(pixels=pixels, pixel_size_um=float(np.exp(rng.uniform(*np.log([low, high])))))
    main = kinds[index % len(kinds)]
    parts = {main: 1.0}
    for kind in kinds:
        if kind != main and rng.random() < 0.2:
            parts[kind] = float(rng.uniform(0.05, 0.7))
    return DrawnScene(
        scene=camera_scene(mixture(rng, canvas, parts), canvas),
        pixel_size_um=canvas.pixel_size_um,
        kinds=tuple(parts),
    )


def draw_scenes(
    indices: range, *, seed: int, pixels: int, regime: PhysicalRegime, workers: int = 1
) -> list[DrawnScene]:
    """Draw many specimens, on several processes; the result does not depend on how many."""
    draw = partial(draw_scene, seed=seed, pixels=pixels, regime=regime)
    if workers <= 1:
        return [draw(index) for index in indices]
    with ProcessPoolExecutor(workers) as pool:
        return list(pool.map(draw, indices, chunksize=16))


def make_pair(
    rng: np.random.Generator, drawn: DrawnScene, regime: PhysicalRegime, size: int
) -> Pair:
    """Image a specimen under conditions drawn from a regime; crop, turn and normalise it.

    Parameters
    ----------
    rng : numpy.random.Generator
    drawn : DrawnScene
    regime : PhysicalRegime
    size : int
        Side of the patch, in pixels; at most that of the scene.
    """
    n = drawn.scene.truth.shape[0]
    if not 1 <= size <= n:
        raise SettingsError(f"A patch of {size} pixels does not fit a scene of {n} pixels.")
    pixel = drawn.pixel_size_um
    lowest = max(regime.cutoff_per_pixel[0], regime.cutoff_per_um[0] * pixel)
    highest = min(regime.cutoff_per_pixel[1], regime.cutoff_per_um[1] * pixel)
    cutoff = float(rng.uniform(lowest, highest))
    attenuation = float(rng.uniform(*regime.attenuation))
    clean = blur(drawn.scene, cutoff, attenuation=attenuation)
    truth = drawn.scene.truth
    haze = float(rng.uniform(*regime.haze_fraction))
    sigma = float(rng.uniform(*regime.haze_sigma_pixels))
    if haze > 0:
        veil = soft_copy(drawn.scene, sigma)
        veil *= np.float32(haze * clean.max() / (float(veil.max()) or 1.0))
        clean, truth = clean + veil, truth + veil
    peak = float(np.percentile(clean, 99.9)) or float(clean.max()) or 1.0
    photons = float(np.exp(rng.uniform(*np.log(regime.peak_photons))))
    exposure = Exposure(
        peak_photons=photons,
        background_photons=photons * float(rng.uniform(*regime.background_fraction)),
        read_noise_electrons=float(rng.uniform(*regime.read_noise_electrons)),
    )
    y, x = (int(v) for v in rng.integers(0, n, 2))
    window = np.ix_(np.arange(y, y + size) % n, np.arange(x, x + size) % n)
    recorded = expose(rng, clean[window] / peak, exposure)
    smoothing = float(rng.uniform(*regime.smoothing_pixels))
    if smoothing > 0:
        recorded = gaussian_filter(recorded, smoothing, mode="mirror")
    expected = truth[window] / peak * exposure.peak_photons + exposure.background_photons
    scale = estimate_scale(recorded)
    shift = float(rng.uniform(*regime.offset_error))
    scale = IntensityScale(scale.background - shift * scale.span, scale.span)
    turns, mirror = int(rng.integers(4)), bool(rng.integers(2))
    conditions = {
        "pixel_size_um": pixel,
        "cutoff_per_pixel": cutoff,
        "attenuation": attenuation,
        "smoothing_pixels": max(smoothing, 0.0),
        "haze_fraction": max(haze, 0.0),
        "haze_sigma_pixels": sigma,
        "offset_error": shift,
        **asdict(exposure),
    }
    return Pair(
        _turned(scale.normalise(recorded), turns, mirror),
        _turned(scale.normalise(expected), turns, mirror),
        conditions,
    )


@final
class PairStream:
    """An endless, indexed stream of training pairs from a pool of specimens.

    Pair number `i` depends on the seed and on `i` alone, so a stream can be read from any
    position, again, and by several readers.

    Parameters
    ----------
    pool : sequence of DrawnScene
    regime : PhysicalRegime
    seed : int
    size : int
        Side of a patch, in pixels.
    """

    def __init__(
        self, pool: Sequence[DrawnScene], *, regime: PhysicalRegime, seed: int, size: int = 128
    ) -> None:
        if not pool:
            raise SettingsError("A stream of pairs needs at least one specimen.")
        self._pool = pool
        self._regime = regime
        self._seed = seed
        self._size = size

    def __getitem__(self, index: int) -> Pair:
        """Return pair number `index`."""
        rng = np.random.default_rng([self._seed, 1, index])
        drawn = self._pool[int(rng.integers(len(self._pool)))]
        return make_pair(rng, drawn, self._regime, self._size)

    def batch(self, start: int, count: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return images and truths ``start .. start + count - 1``, each (count, 1, n, n)."""
        pairs = [self[index] for index in range(start, start + count)]
        return (
            np.stack([pair.image for pair in pairs])[:, None],
            np.stack([pair.truth for pair in pairs])[:, None],
        )


def _turned(image: NDArray[np.float32], turns: int, mirror: bool) -> NDArray[np.float32]:
    turned = np.rot90(image, turns)
    return np.ascontiguousarray(turned[:, ::-1] if mirror else turned)
