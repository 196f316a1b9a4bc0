"""What the microscope does to light: its description, pupil, point spread and transfer function.

The names below are loaded when they are first used: restoring by a network needs none of them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pellucid.optics.aberration import Layers as Layers
    from pellucid.optics.batch import airy_psfs as airy_psfs
    from pellucid.optics.bead_size import deconvolve_bead as deconvolve_bead
    from pellucid.optics.measured import MeasuredPsf as MeasuredPsf
    from pellucid.optics.measured import average_beads as average_beads
    from pellucid.optics.measured import find_beads as find_beads
    from pellucid.optics.measured import prepare_psf as prepare_psf
    from pellucid.optics.microscope import Microscope as Microscope
    from pellucid.optics.modality import Confocal as Confocal
    from pellucid.optics.modality import LightSheet as LightSheet
    from pellucid.optics.modality import Modality as Modality
    from pellucid.optics.modality import SpinningDisk as SpinningDisk
    from pellucid.optics.modality import Sted as Sted
    from pellucid.optics.modality import TwoPhoton as TwoPhoton
    from pellucid.optics.modality import Widefield as Widefield
    from pellucid.optics.presets import OBJECTIVES as OBJECTIVES
    from pellucid.optics.presets import objective as objective
    from pellucid.optics.presets import paper_microscope as paper_microscope
    from pellucid.optics.psf import Psf as Psf
    from pellucid.optics.psf import point_spread_function as point_spread_function
    from pellucid.optics.psf import widefield_psf as widefield_psf
    from pellucid.optics.psf_width import widths as widths
    from pellucid.optics.released import ReleasedPsf as ReleasedPsf
    from pellucid.optics.released import sample_released as sample_released
    from pellucid.optics.retrieval import retrieve as retrieve
    from pellucid.optics.transfer import check_sampling as check_sampling
    from pellucid.optics.transfer import otf as otf
    from pellucid.optics.transfer import otf_support as otf_support
    from pellucid.optics.transfer import widefield_otf as widefield_otf

_HOMES = {
    "Confocal": "pellucid.optics.modality",
    "Layers": "pellucid.optics.aberration",
    "LightSheet": "pellucid.optics.modality",
    "MeasuredPsf": "pellucid.optics.measured",
    "Microscope": "pellucid.optics.microscope",
    "Modality": "pellucid.optics.modality",
    "OBJECTIVES": "pellucid.optics.presets",
    "Psf": "pellucid.optics.psf",
    "ReleasedPsf": "pellucid.optics.released",
    "SpinningDisk": "pellucid.optics.modality",
    "Sted": "pellucid.optics.modality",
    "TwoPhoton": "pellucid.optics.modality",
    "Widefield": "pellucid.optics.modality",
    "airy_psfs": "pellucid.optics.batch",
    "average_beads": "pellucid.optics.measured",
    "check_sampling": "pellucid.optics.transfer",
    "deconvolve_bead": "pellucid.optics.bead_size",
    "find_beads": "pellucid.optics.measured",
    "objective": "pellucid.optics.presets",
    "otf": "pellucid.optics.transfer",
    "otf_support": "pellucid.optics.transfer",
    "paper_microscope": "pellucid.optics.presets",
    "point_spread_function": "pellucid.optics.psf",
    "prepare_psf": "pellucid.optics.measured",
    "retrieve": "pellucid.optics.retrieval",
    "sample_released": "pellucid.optics.released",
    "widefield_otf": "pellucid.optics.transfer",
    "widefield_psf": "pellucid.optics.psf",
    "widths": "pellucid.optics.psf_width",
}

__all__ = [
    "OBJECTIVES",
    "Confocal",
    "Layers",
    "LightSheet",
    "MeasuredPsf",
    "Microscope",
    "Modality",
    "Psf",
    "ReleasedPsf",
    "SpinningDisk",
    "Sted",
    "TwoPhoton",
    "Widefield",
    "airy_psfs",
    "average_beads",
    "check_sampling",
    "deconvolve_bead",
    "find_beads",
    "objective",
    "otf",
    "otf_support",
    "paper_microscope",
    "point_spread_function",
    "prepare_psf",
    "retrieve",
    "sample_released",
    "widefield_otf",
    "widefield_psf",
    "widths",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'pellucid.optics' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
