"""Simulated specimens, images of them, and training pairs."""

from pellucid.simulate.acquisition import CameraScene as CameraScene
from pellucid.simulate.acquisition import Exposure as Exposure
from pellucid.simulate.acquisition import blur as blur
from pellucid.simulate.acquisition import camera_scene as camera_scene
from pellucid.simulate.acquisition import expose as expose
from pellucid.simulate.canvas import Canvas as Canvas
from pellucid.simulate.pairs import Pair as Pair
from pellucid.simulate.pairs import PairStream as PairStream
from pellucid.simulate.pairs import PhysicalRegime as PhysicalRegime
from pellucid.simulate.pairs import draw_scenes as draw_scenes
from pellucid.simulate.specimens import SPECIMENS as SPECIMENS
from pellucid.simulate.specimens import mixture as mixture
