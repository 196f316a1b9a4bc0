"""What the microscope does to light: its description, pupil, point spread and transfer function."""

from pellucid.optics.aberration import Layers as Layers
from pellucid.optics.batch import airy_psfs as airy_psfs
from pellucid.optics.microscope import Microscope as Microscope
from pellucid.optics.modality import Confocal as Confocal
from pellucid.optics.modality import LightSheet as LightSheet
from pellucid.optics.modality import Modality as Modality
from pellucid.optics.modality import SpinningDisk as SpinningDisk
from pellucid.optics.modality import Sted as Sted
from pellucid.optics.modality import TwoPhoton as TwoPhoton
from pellucid.optics.modality import Widefield as Widefield
from pellucid.optics.otf import check_sampling as check_sampling
from pellucid.optics.otf import otf as otf
from pellucid.optics.otf import otf_support as otf_support
from pellucid.optics.otf import widefield_otf as widefield_otf
from pellucid.optics.presets import OBJECTIVES as OBJECTIVES
from pellucid.optics.presets import objective as objective
from pellucid.optics.presets import paper_microscope as paper_microscope
from pellucid.optics.psf import Psf as Psf
from pellucid.optics.psf import point_spread_function as point_spread_function
from pellucid.optics.psf import widefield_psf as widefield_psf
