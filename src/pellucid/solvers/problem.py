"""What every solver starts from: data without background, an operator, the camera's part of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, final

import array_api_compat
import numpy as np

from pellucid.errors import ImageError, SettingsError
from pellucid.imaging._arrays import place_of, put, to_numpy
from pellucid.imaging.intensity import estimate_scale
from pellucid.imaging.operator import LinearOperator

#: A number in the image's units, or the way it is found.
Background: TypeAlias = float | Literal["estimated"]


@final
@dataclass(frozen=True, slots=True)
class Problem:
    """An image to deconvolve, checked.

    Attributes
    ----------
    data : array of float32, shape `operator.output_shape`
        The image less its background; may be negative where noise is.
    operator : LinearOperator
        The blur, from scene to image.
    camera : tuple of slice
        The part of the scene that is returned, of the image's shape.
    background : float
        Intensity without specimen, camera offset included, in the image's units.
    """

    data: Any
    operator: LinearOperator
    camera: tuple[slice, ...]
    background: float

    @property
    def xp(self) -> Any:
        """The array library of the data."""
        return array_api_compat.array_namespace(self.data)

    def finished(self, scene: Any) -> Any:
        """Return the camera's part of a scene with the background put back, a new array."""
        return scene[self.camera] + self.background

    def full(self, value: float) -> Any:
        """Return a uniform scene."""
        device = array_api_compat.device(self.data)
        return self.xp.full(self.operator.input_shape, value, dtype=self.xp.float32, device=device)


def problem(image: Any, operator: LinearOperator, background: Background = "estimated") -> Problem:
    """Check an image against an operator and take its background off.

    Parameters
    ----------
    image : array of real numbers, shape `operator.output_shape`
        Of numpy or torch, from where the operator works.
    operator : LinearOperator
        Operators without an attribute ``camera`` must have scenes of the image's shape.
    background : float or "estimated"
        Intensity without specimen, camera offset included; the image's first percentile if
        estimated.

    Returns
    -------
    Problem

    Raises
    ------
    ImageError
        If the image is no array of real, finite numbers of the operator's shape.
    SettingsError
        If the background is not finite, or the operator does not say what the camera sees.
    """
    if not array_api_compat.is_array_api_obj(image):
        raise ImageError(
            f"The image must be an array of numpy or torch, not {type(image).__name__}; convert "
            "it first."
        )
    if tuple(image.shape) != operator.output_shape:
        raise ImageError(
            f"The image has the shape {tuple(image.shape)}, but the operator makes images of "
            f"shape {operator.output_shape}; build it for this image."
        )
    if operator.like is not None and place_of(image) != place_of(operator.like):
        raise ImageError(
            f"The operator works on arrays of {place_of(operator.like)[0]}, but the image is one "
            f"of {place_of(image)[0]}; build the operator with like= the image."
        )
    values = to_numpy(image)
    if values.dtype.kind not in "buif":
        raise ImageError(
            f"The image must hold real numbers, not {values.dtype}; give its real part or its "
            "modulus."
        )
    wrong = int(values.size - np.isfinite(values).sum())
    if wrong:
        raise ImageError(
            f"The image holds {wrong} values that are not finite (NaN or infinite); replace them "
            "before deconvolution."
        )
    camera = getattr(operator, "camera", None)
    if camera is None:
        if operator.input_shape != operator.output_shape:
            raise SettingsError(
                f"The operator maps scenes of shape {operator.input_shape} to images of shape "
                f"{operator.output_shape} and does not say which part the camera sees; give it "
                "an attribute camera, a tuple of slices."
            )
        camera = (slice(None),) * len(operator.output_shape)
    floor = estimate_scale(values).background if background == "estimated" else float(background)
    if not math.isfinite(floor):
        raise SettingsError(f"background must be a finite number, not {background}.")
    data = np.subtract(values, floor, dtype=np.float64).astype(np.float32)
    return Problem(put(data, image), operator, camera, floor)
