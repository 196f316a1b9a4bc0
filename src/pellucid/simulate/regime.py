"""What a regime of simulation is: conditions drawn, an image recorded, a training pair made."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TypeAlias, final

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import SettingsError
from pellucid.optics.microscope import Microscope
from pellucid.simulate.scene import DrawnScene

Span: TypeAlias = tuple[float, float]
Conditions: TypeAlias = dict[str, float | int | str]


@final
@dataclass(frozen=True, slots=True)
class Acquisition:
    """One simulated exposure, with everything that was drawn for it.

    Attributes
    ----------
    recorded : ndarray of float32, shape (y, x)
        What the camera gives: counts in the regimes with a camera, otherwise the noisy image in
        the unit range of `clean`.
    clean : ndarray of float32, shape (y, x)
        The blurred image without noise: photons a pixel in the regimes with a camera.
    truth : ndarray of float32, shape (y, x)
        Light of every camera pixel without blur and noise, in the units of `clean`.
    in_counts : ndarray of float32, shape (y, x)
        The truth on the scale of `recorded`: what a perfect restoration would be.
    conditions : dict
        Everything that was drawn, by name, with units in the names.
    microscope : Microscope or None
        What blurred the image; None where a regime has a point spread function of its own.
    """

    recorded: NDArray[np.float32]
    clean: NDArray[np.float32]
    truth: NDArray[np.float32]
    in_counts: NDArray[np.float32]
    conditions: Conditions = field(default_factory=dict)
    microscope: Microscope | None = None


@final
@dataclass(frozen=True, slots=True)
class Pair:
    """An image and its truth as a network is trained on them, and how they came to be.

    Attributes
    ----------
    image, truth : ndarray of float32, shape (n, n)
    conditions : dict
        Everything that was drawn.
    """

    image: NDArray[np.float32]
    truth: NDArray[np.float32]
    conditions: Conditions = field(default_factory=dict)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SceneNeeds:
    """What a regime asks of the scenes it images.

    Attributes
    ----------
    pixel_size_um : tuple of float
        Range of camera pixels in the specimen, log-uniform.
    planes : int
        Planes of a thin volume; one for a plane.
    depth_um : tuple of float
        Range of the volume's depth, log-uniform; not used for a plane.
    """

    pixel_size_um: Span
    planes: int = 1
    depth_um: Span = (1.0, 1.0)


class Regime(ABC):
    """Ranges of conditions, and how an image is formed and scaled under them."""

    __slots__ = ()

    @property
    @abstractmethod
    def needs(self) -> SceneNeeds:
        """What the scenes must be."""

    @abstractmethod
    def acquire(self, rng: np.random.Generator, drawn: DrawnScene, size: int) -> Acquisition:
        """Draw conditions and image a specimen through them.

        Parameters
        ----------
        rng : numpy.random.Generator
        drawn : DrawnScene
        size : int
            Side of the image, pixels; at most that of the scene.

        Raises
        ------
        SettingsError
            If the patch does not fit the scene, or the scene is not what the regime needs.
        """

    @abstractmethod
    def scaled(self, rng: np.random.Generator, acquisition: Acquisition) -> Pair:
        """Bring the image and its truth to the range a network works in."""

    @final
    def pair(self, rng: np.random.Generator, drawn: DrawnScene, size: int) -> Pair:
        """Image a specimen, scale it, turn and mirror it at random."""
        made = self.scaled(rng, self.acquire(rng, drawn, size))
        turns, mirror = int(rng.integers(4)), int(rng.integers(2))
        return Pair(
            _turned(made.image, turns, mirror),
            _turned(made.truth, turns, mirror),
            {**made.conditions, "turns": turns, "mirror": mirror},
        )


def draw_window(rng: np.random.Generator, side: int, size: int) -> tuple[NDArray[np.intp], ...]:
    """Return index arrays of a random square of a torus.

    Raises
    ------
    SettingsError
        If the square does not fit.
    """
    if not 1 <= size <= side:
        raise SettingsError(
            f"A patch of {size} pixels does not fit a scene of {side} pixels; draw larger scenes "
            "or smaller patches."
        )
    y, x = (int(v) for v in rng.integers(0, side, 2))
    return np.ix_(np.arange(y, y + size) % side, np.arange(x, x + size) % side)


def unit_range(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale an image so that its smallest value is zero and its largest one.

    A constant image becomes zero.
    """
    low, high = image.min(), image.max()
    if not high > low:
        return np.zeros_like(image)
    return np.asarray((image - low) / (high - low), dtype=np.float32)


def log_uniform(rng: np.random.Generator, span: Span) -> float:
    """Draw a number whose logarithm is uniform in a range."""
    return float(np.exp(rng.uniform(np.log(span[0]), np.log(span[1]))))


def _turned(image: NDArray[np.float32], turns: int, mirror: int) -> NDArray[np.float32]:
    turned = np.rot90(image, turns)
    return np.ascontiguousarray(turned[:, ::-1] if mirror else turned)
