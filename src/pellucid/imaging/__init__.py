"""The forward model: linear operators, blur, binning, the camera, noise and intensity scale.

The names below are loaded when they are first used: the intensity scale needs no transforms.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pellucid.imaging.binning import Binning as Binning
    from pellucid.imaging.blur import Blur as Blur
    from pellucid.imaging.camera import Camera as Camera
    from pellucid.imaging.gradient import Gradient as Gradient
    from pellucid.imaging.gradient import Hessian as Hessian
    from pellucid.imaging.intensity import IntensityScale as IntensityScale
    from pellucid.imaging.intensity import estimate_scale as estimate_scale
    from pellucid.imaging.noise import NoiseEstimate as NoiseEstimate
    from pellucid.imaging.noise import estimate_noise as estimate_noise
    from pellucid.imaging.noise import gaussian_sigma as gaussian_sigma
    from pellucid.imaging.noise import photon_transfer as photon_transfer
    from pellucid.imaging.operator import Adjoint as Adjoint
    from pellucid.imaging.operator import Composition as Composition
    from pellucid.imaging.operator import Crop as Crop
    from pellucid.imaging.operator import Identity as Identity
    from pellucid.imaging.operator import LinearOperator as LinearOperator
    from pellucid.imaging.operator import Mask as Mask
    from pellucid.imaging.operator import Scaled as Scaled
    from pellucid.imaging.operator import Sum as Sum
    from pellucid.imaging.varying import SpatiallyVaryingBlur as SpatiallyVaryingBlur

_HOMES = {
    "Adjoint": "pellucid.imaging.operator",
    "Binning": "pellucid.imaging.binning",
    "Blur": "pellucid.imaging.blur",
    "Camera": "pellucid.imaging.camera",
    "Composition": "pellucid.imaging.operator",
    "Crop": "pellucid.imaging.operator",
    "Gradient": "pellucid.imaging.gradient",
    "Hessian": "pellucid.imaging.gradient",
    "Identity": "pellucid.imaging.operator",
    "IntensityScale": "pellucid.imaging.intensity",
    "LinearOperator": "pellucid.imaging.operator",
    "Mask": "pellucid.imaging.operator",
    "NoiseEstimate": "pellucid.imaging.noise",
    "Scaled": "pellucid.imaging.operator",
    "SpatiallyVaryingBlur": "pellucid.imaging.varying",
    "Sum": "pellucid.imaging.operator",
    "estimate_noise": "pellucid.imaging.noise",
    "estimate_scale": "pellucid.imaging.intensity",
    "gaussian_sigma": "pellucid.imaging.noise",
    "photon_transfer": "pellucid.imaging.noise",
}

__all__ = [
    "Adjoint",
    "Binning",
    "Blur",
    "Camera",
    "Composition",
    "Crop",
    "Gradient",
    "Hessian",
    "Identity",
    "IntensityScale",
    "LinearOperator",
    "Mask",
    "NoiseEstimate",
    "Scaled",
    "SpatiallyVaryingBlur",
    "Sum",
    "estimate_noise",
    "estimate_scale",
    "gaussian_sigma",
    "photon_transfer",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'pellucid.imaging' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
