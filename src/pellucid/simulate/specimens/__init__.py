"""Procedural fluorescent specimens: one module for every family.

Every kind is drawn from a random generator on a :class:`~pellucid.simulate.canvas.Canvas`, a
plane or a thin slab, in micrometres, and returned as light a fine sample. Sizes follow the cell
biology they imitate; brightness has no unit, the acquisition gives it one.
"""

from pellucid.simulate.specimens._sketch import Drawing as Drawing
from pellucid.simulate.specimens._sketch import Scene as Scene
from pellucid.simulate.specimens._sketch import Sketch as Sketch
from pellucid.simulate.specimens.catalogue import DESCRIPTIONS as DESCRIPTIONS
from pellucid.simulate.specimens.catalogue import SKETCHES as SKETCHES
from pellucid.simulate.specimens.catalogue import SPECIMENS as SPECIMENS
from pellucid.simulate.specimens.filaments import worm_like_chains as worm_like_chains
from pellucid.simulate.specimens.mixing import mixture as mixture
from pellucid.simulate.specimens.mixing import mixture_spectrum as mixture_spectrum
from pellucid.simulate.specimens.mixing import to_camera as to_camera
