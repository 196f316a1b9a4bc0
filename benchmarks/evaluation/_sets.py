"""The simulated evaluation sets: fixed specimens, conditions and noise, made anew every time."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from pellucid.simulate import (
    PairStream,
    PhysicalRegime,
    ProceduralSource,
    Regime,
    SceneSource,
    named_regime,
)
from pellucid.simulate.pictures import PictureSource
from pellucid.simulate.regime import unit_range

#: Images of procedural specimens and of natural pictures in a set.
SPECIMENS, PICTURES = 500, 100
#: Side of an image and of the specimen it is cut from, pixels.
SIZE, SCENE = 128, 192
#: Number of the first specimen: training and its validation stay below it.
FIRST = 2_000_000
#: Photons at the peak of the `physical` set, log-uniform, and the limits of its levels.
PHOTONS = (30.0, 10_000.0)
LEVELS = (30.0, 200.0, 1400.0, 10_000.0)
#: Seeds of the specimens, and of conditions and noise, of every set.
SEEDS = MappingProxyType({"physical": (71_001, 71_002), "released": (71_003, 71_004)})

#: Kinds of specimen, in the order in which a set takes them, and the class each belongs to.
CLASSES = MappingProxyType(
    {
        "filaments": "filaments",
        "network": "networks",
        "mitochondria": "organelles",
        "beads": "points",
        "nuclei": "bodies",
        "actin": "filaments",
        "membranes": "networks",
        "vesicles": "organelles",
        "points": "points",
        "diffuse": "bodies",
    }
)
#: The class of natural pictures, which is reported by itself.
PICTURE_CLASS = "pictures"


@final
@dataclass(frozen=True, slots=True)
class Case:
    """One image of a set.

    Attributes
    ----------
    set_name : str
        "physical" or "released".
    index : int
    specimen_class : str
        One of the five classes, or "pictures".
    recorded, truth : ndarray of float32, shape (SIZE, SIZE)
        As :class:`pellucid.simulate.Acquisition` has them; the truth on the scale of `image`.
    conditions : dict
        Everything that was drawn.
    """

    set_name: str
    index: int
    specimen_class: str
    recorded: NDArray[np.float32]
    truth: NDArray[np.float32]
    conditions: dict[str, Any]

    @property
    def level(self) -> str | None:
        """Photons at the peak as a range in words; None without photons."""
        photons = self.conditions.get("peak_photons")
        if photons is None:
            return None
        top = int(np.searchsorted(LEVELS[1:-1], photons, side="right"))
        return f"{LEVELS[top]:g} to {LEVELS[top + 1]:g}"

    @property
    def image(self) -> NDArray[np.float32]:
        """What restorers get: counts, or under the paper's protocol values from zero to one."""
        return self.recorded if self.set_name == "physical" else unit_range(self.recorded)

    @property
    def cutoff_per_pixel(self) -> float:
        """Cut-off of the optics, cycles per pixel."""
        drawn = self.conditions
        if "cutoff_per_pixel" in drawn:
            return float(drawn["cutoff_per_pixel"])
        per_um = 2e3 * drawn["numerical_aperture"] / drawn["excitation_nm"]
        return float(per_um * drawn["pixel_size_um"])

    def to_image_units(self, light: NDArray[np.float32]) -> NDArray[np.float32]:
        """Bring light above background, as classical methods find it, to the units of `image`."""
        if self.set_name != "physical":
            return light
        drawn = self.conditions
        counts = (light + drawn["background_photons"]) / drawn["gain_electrons_per_count"]
        return np.asarray(counts + drawn["offset_counts"], dtype=np.float32)

    @property
    def sha256(self) -> str:
        """Hash of image and truth."""
        content = hashlib.sha256(np.ascontiguousarray(self.recorded).tobytes())
        content.update(np.ascontiguousarray(self.truth).tobytes())
        return content.hexdigest()


def regime_of(name: str) -> Regime:
    """Return the regime of a set: the one of that name, the physical one from 30 photons on."""
    regime = named_regime(name)
    if isinstance(regime, PhysicalRegime):
        return replace(regime, instrument=replace(regime.instrument, peak_photons=PHOTONS))
    return regime


@final
class SimulatedSet:
    """The images of a set, by number.

    Parameters
    ----------
    name : {"physical", "released"}
    pictures : Path, optional
        Folder of natural pictures; without it specimens are procedural.
    """

    def __init__(self, name: str, pictures: Path | None = None) -> None:
        self.name = name
        self._pictures = pictures is not None
        regime = regime_of(name)
        specimens, noise = SEEDS[name]
        source: SceneSource
        if pictures is None:
            source = ProceduralSource(
                needs=regime.needs, seed=specimens, pixels=SCENE, kinds=tuple(CLASSES)
            )
        else:
            source = PictureSource(pictures, needs=regime.needs, seed=specimens, pixels=SCENE)
        self._stream = PairStream(
            source,
            regime=regime,
            seed=noise + 10 * self._pictures,
            size=SIZE,
            first=FIRST,
            cache_bytes=0,
        )

    def __getitem__(self, index: int) -> Case:
        """Return image number `index`."""
        made = self._stream.acquisition(index)
        kind = str(made.conditions["kind"])
        return Case(
            self.name,
            index,
            PICTURE_CLASS if self._pictures else CLASSES[kind],
            made.recorded,
            made.in_counts,
            dict(made.conditions),
        )
