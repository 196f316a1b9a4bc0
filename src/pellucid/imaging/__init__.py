"""The forward model: linear operators, blur, the intensity scale of an image."""

from pellucid.imaging.blur import Blur as Blur
from pellucid.imaging.intensity import IntensityScale as IntensityScale
from pellucid.imaging.intensity import estimate_scale as estimate_scale
from pellucid.imaging.operator import LinearOperator as LinearOperator
