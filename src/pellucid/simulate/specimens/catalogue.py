"""Every kind of specimen by name."""

from __future__ import annotations

from functools import partial
from types import MappingProxyType

import numpy as np

from pellucid.simulate.canvas import Canvas
from pellucid.simulate.specimens._sketch import Drawing, Scene, Sketcher
from pellucid.simulate.specimens.actin import actin
from pellucid.simulate.specimens.beads import beads, points
from pellucid.simulate.specimens.diffuse import diffuse
from pellucid.simulate.specimens.filaments import filaments
from pellucid.simulate.specimens.membranes import membranes
from pellucid.simulate.specimens.mitochondria import mitochondria
from pellucid.simulate.specimens.network import network
from pellucid.simulate.specimens.nuclei import nuclei
from pellucid.simulate.specimens.vesicles import vesicles


def _draw(sketcher: Sketcher, rng: np.random.Generator, canvas: Canvas) -> Scene:
    sketch = sketcher(rng, canvas)
    return canvas.soften(sketch.light, sketch.label_sigma_um)


#: Every kind before its label is given its width.
SKETCHES: MappingProxyType[str, Sketcher] = MappingProxyType(
    {
        sketcher.__name__: sketcher
        for sketcher in (
            filaments,
            actin,
            network,
            vesicles,
            mitochondria,
            nuclei,
            membranes,
            beads,
            points,
            diffuse,
        )
    }
)

#: Every kind of specimen as a finished scene.
SPECIMENS: MappingProxyType[str, Drawing] = MappingProxyType(
    {name: partial(_draw, sketcher) for name, sketcher in SKETCHES.items()}
)

#: What every kind shows, in one line.
DESCRIPTIONS: MappingProxyType[str, str] = MappingProxyType(
    {
        name: (sketcher.__doc__ or name).strip().splitlines()[0]
        for name, sketcher in SKETCHES.items()
    }
)
