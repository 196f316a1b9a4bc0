"""Operands of linear operators: arrays of numpy, torch or another library of the array API."""

from __future__ import annotations

from typing import Any

import array_api_compat
import numpy as np
from numpy.typing import NDArray

from pellucid.errors import ImageError


def check_shape(array: Any, shape: tuple[int, ...], what: str) -> None:
    """Raise an ImageError unless an operand has the operator's shape."""
    if tuple(array.shape) != shape:
        raise ImageError(
            f"The operator expects {what} of shape {shape}, not {tuple(array.shape)}; build it "
            "for this image."
        )


def as_operand(array: Any, shape: tuple[int, ...], what: str, like: Any = None) -> Any:
    """Return an operand in float32, checked.

    Parameters
    ----------
    array : array of real numbers
    shape : tuple of int
        The shape it must have.
    what : str
        What it is, with its article, for the message: "a scene".
    like : array, optional
        The operand must be of its library and on its device.

    Returns
    -------
    array of float32
        The operand itself where it is in float32 already: do not write into it.

    Raises
    ------
    ImageError
        If the operand is no array, complex, of another shape or from elsewhere.
    """
    if not array_api_compat.is_array_api_obj(array):
        raise ImageError(
            f"The operator expects {what} as an array of numpy or torch, not "
            f"{type(array).__name__}; convert it first."
        )
    check_shape(array, shape, what)
    if like is not None and place_of(array) != place_of(like):
        raise ImageError(
            f"The operator was built for arrays of {_named(like)}, but {what} is given as one of "
            f"{_named(array)}; build the operator with like= such an array."
        )
    xp = array_api_compat.array_namespace(array)
    if xp.isdtype(array.dtype, "complex floating"):
        raise ImageError(
            f"The operator expects {what} of real numbers, not {array.dtype}; give its real part "
            "or its modulus."
        )
    return xp.astype(array, xp.float32, copy=False)


def place_of(array: Any) -> tuple[str, str]:
    """Return the library and the device of an array."""
    xp = array_api_compat.array_namespace(array)
    name = str(xp.__name__).removeprefix("array_api_compat.")
    return name, str(array_api_compat.device(array))


def like_of(array: Any = None) -> Any:
    """Return an empty array of the library and device of another; of numpy for None."""
    if array is None:
        return np.empty(0, dtype=np.float32)
    if not array_api_compat.is_array_api_obj(array):
        raise ImageError(
            f"like must be an array of numpy or torch, not {type(array).__name__}; give an array "
            "such as those the operator will work on."
        )
    xp = array_api_compat.array_namespace(array)
    return xp.empty((0,), dtype=xp.float32, device=array_api_compat.device(array))


def put(values: NDArray[Any], like: Any) -> Any:
    """Bring a numpy array to the library and device of another."""
    if array_api_compat.is_numpy_array(like):
        return values
    xp = array_api_compat.array_namespace(like)
    return xp.asarray(values, device=array_api_compat.device(like))


def to_numpy(array: Any) -> NDArray[Any]:
    """Bring an array of any library to numpy, gradients left behind."""
    if array_api_compat.is_torch_array(array):
        return np.asarray(array.detach().cpu())
    if array_api_compat.is_array_api_obj(array):
        array = array_api_compat.to_device(array, "cpu")
    return np.asarray(array)


def contiguous(array: Any) -> Any:
    """Return an array whose rows follow one another in memory; a copy only where needed."""
    if array_api_compat.is_numpy_array(array):
        return np.ascontiguousarray(array)
    if array_api_compat.is_torch_array(array):
        return array.contiguous()
    return array


def as_shape(shape: Any, what: str) -> tuple[int, ...]:
    """Return a shape as a tuple of positive integers.

    Raises
    ------
    ImageError
        If it has no axes or an axis has no samples.
    """
    try:
        sides = tuple(int(n) for n in shape)
    except (TypeError, ValueError):
        sides = ()
    if not sides or min(sides) < 1:
        raise ImageError(
            f"The shape of {what} is a tuple of positive integers such as (64, 512, 512), not "
            f"{shape}."
        )
    return sides


def _named(array: Any) -> str:
    library, device = place_of(array)
    return library if device == "cpu" else f"{library} on {device}"
