"""Simulated specimens, images of them, and training pairs."""

from pellucid.simulate.acquisition import Exposure as Exposure
from pellucid.simulate.acquisition import expose as expose
from pellucid.simulate.canvas import Canvas as Canvas
from pellucid.simulate.physical import Instrument as Instrument
from pellucid.simulate.physical import PhysicalRegime as PhysicalRegime
from pellucid.simulate.physical import Preparation as Preparation
from pellucid.simulate.physical import ThickRegime as ThickRegime
from pellucid.simulate.published import PaperRegime as PaperRegime
from pellucid.simulate.published import ReleasedRegime as ReleasedRegime
from pellucid.simulate.regime import Acquisition as Acquisition
from pellucid.simulate.regime import Pair as Pair
from pellucid.simulate.regime import Regime as Regime
from pellucid.simulate.regimes import REGIMES as REGIMES
from pellucid.simulate.regimes import named_regime as named_regime
from pellucid.simulate.scene import CameraScene as CameraScene
from pellucid.simulate.scene import DrawnScene as DrawnScene
from pellucid.simulate.scene import blur as blur
from pellucid.simulate.scene import blur_planes as blur_planes
from pellucid.simulate.scene import camera_scene as camera_scene
from pellucid.simulate.source import ProceduralSource as ProceduralSource
from pellucid.simulate.source import SceneCache as SceneCache
from pellucid.simulate.source import SceneSource as SceneSource
from pellucid.simulate.specimens import SPECIMENS as SPECIMENS
from pellucid.simulate.specimens import mixture as mixture
from pellucid.simulate.stream import PairStream as PairStream
