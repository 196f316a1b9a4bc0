"""Where scenes come from: drawn specimens by number, and a bounded memory of them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from threading import Lock
from typing import Any, final

import numpy as np

from pellucid.errors import SettingsError
from pellucid.simulate.canvas import Canvas
from pellucid.simulate.regime import SceneNeeds, log_uniform
from pellucid.simulate.scene import DrawnScene, camera_scene_of_spectrum
from pellucid.simulate.specimens import SPECIMENS, mixture_spectrum


class SceneSource(ABC):
    """An endless, numbered collection of scenes; a number always gives the same scene."""

    __slots__ = ()

    @abstractmethod
    def draw(self, number: int) -> DrawnScene:
        """Return scene `number`."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ProceduralSource(SceneSource):
    """Procedural specimens: one main kind, sometimes with dimmer others.

    Parameters
    ----------
    needs : SceneNeeds
        Pixels and planes, usually ``regime.needs``.
    seed : int
    pixels : int
        Camera pixels a side; the scene is a torus, larger than the image cut from it.
    kinds : tuple of str
        Kinds of specimen, taken in turn.
    others : float
        Probability of each further kind to lie dimly beside the main one; the expected number of
        companions is this times the number of kinds.
    oversampling : int
        Fine samples a camera pixel.
    veil : float
        Probability that diffuse dye lies beside whatever else there is: most cells glow a little.
    """

    needs: SceneNeeds
    seed: int
    pixels: int = 160
    kinds: tuple[str, ...] = tuple(SPECIMENS)
    others: float = 0.08
    oversampling: int = 4
    veil: float = 0.0

    def __post_init__(self) -> None:
        unknown = [kind for kind in self.kinds if kind not in SPECIMENS]
        if unknown or not self.kinds:
            raise SettingsError(
                f"There is no specimen {', '.join(unknown) or '(none was named)'}; choose from "
                f"{', '.join(SPECIMENS)}."
            )

    def draw(self, number: int) -> DrawnScene:
        """Return specimen `number`, which depends on it and on the source's settings alone."""
        rng = np.random.default_rng([self.seed, 0, number])
        planes = self.needs.planes
        depth_um = log_uniform(rng, self.needs.depth_um)
        z_step_um = None if planes == 1 else depth_um / planes
        canvas = Canvas(
            pixels=self.pixels,
            pixel_size_um=log_uniform(rng, self.needs.pixel_size_um),
            oversampling=self.oversampling,
            planes=planes,
            z_step_um=z_step_um,
        )
        main = self.kinds[number % len(self.kinds)]
        parts = {main: 1.0}
        for kind in self.kinds:
            if kind != main and rng.random() < self.others:
                parts[kind] = float(rng.uniform(0.05, 0.7))
        if self.veil > 0 and "diffuse" not in parts and rng.random() < self.veil:
            parts["diffuse"] = float(rng.uniform(0.05, 0.7))
        return DrawnScene(
            scene=camera_scene_of_spectrum(mixture_spectrum(rng, canvas, parts), canvas),
            pixel_size_um=canvas.pixel_size_um,
            z_step_um=z_step_um,
            kinds=tuple(parts),
            name=f"specimen {self.seed}/{number}",
        )


@final
class SceneCache:
    """Scenes of a source, kept in memory while there is room; the oldest go first.

    Safe to use from several threads. What is kept does not travel to other processes.

    Parameters
    ----------
    source : SceneSource
    max_bytes : int
        Memory the scenes may take.
    """

    def __init__(self, source: SceneSource, *, max_bytes: int = 2 << 30) -> None:
        self.source = source
        self._max_bytes = max_bytes
        self._empty()

    def __getitem__(self, number: int) -> DrawnScene:
        """Return scene `number`, from memory or drawn now."""
        with self._lock:
            kept = self._kept.get(number)
            if kept is not None:
                self._kept.move_to_end(number)
                return kept
        drawn = self.source.draw(number)
        self._keep(number, drawn)
        return drawn

    def fill(self, numbers: Iterable[int], *, workers: int = 1) -> None:
        """Draw scenes ahead of time, on several processes; the scenes do not depend on how many."""
        wanted = [number for number in numbers if number not in self._kept]
        if workers <= 1:
            for number in wanted:
                self._keep(number, self.source.draw(number))
            return
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            for number, drawn in zip(
                wanted, pool.map(self.source.draw, wanted, chunksize=16), strict=True
            ):
                self._keep(number, drawn)

    @property
    def nbytes(self) -> int:
        """Memory the scenes take now."""
        return self._bytes

    def __getstate__(self) -> dict[str, Any]:
        return {"source": self.source, "max_bytes": self._max_bytes}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.source, self._max_bytes = state["source"], state["max_bytes"]
        self._empty()

    def _empty(self) -> None:
        self._kept: OrderedDict[int, DrawnScene] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def _keep(self, number: int, drawn: DrawnScene) -> None:
        with self._lock:
            if number in self._kept:
                return
            self._kept[number] = drawn
            self._bytes += drawn.scene.nbytes
            while self._bytes > self._max_bytes and len(self._kept) > 1:
                _, gone = self._kept.popitem(last=False)
                self._bytes -= gone.scene.nbytes
