"""Many point spread functions at once, as training needs them."""

from __future__ import annotations

import math
from typing import Any

import array_api_compat
import numpy as np
from scipy.special import j1 as scipy_j1

from pellucid.errors import OpticsError


def airy_psfs(cutoff_per_pixel: Any, shape: tuple[int, int]) -> Any:
    """Return in-focus scalar widefield point spread functions of many microscopes.

    Parameters
    ----------
    cutoff_per_pixel : array, shape (batch,)
        Cut-off 2 NA / wavelength times pixel size of each microscope, positive; an array of
        numpy, torch or another library that follows the array API.
    shape : tuple of int
        ``(y, x)``; the centre lies on the sample ``n // 2``.

    Returns
    -------
    array of float32, shape (batch, y, x)
        Of the same library; each would sum to one over an infinite field.

    Raises
    ------
    OpticsError
        If a cut-off is not positive, or the arguments have other shapes.
    """
    xp = array_api_compat.array_namespace(cutoff_per_pixel)
    if cutoff_per_pixel.ndim != 1 or len(shape) != 2 or min(shape) < 1:
        raise OpticsError(
            f"airy_psfs needs cut-offs of shape (batch,) and a plane's shape (y, x), not "
            f"{tuple(cutoff_per_pixel.shape)} and {shape}."
        )
    if not bool(xp.all(cutoff_per_pixel > 0)):
        raise OpticsError(
            f"Cut-offs must be positive, but the smallest is {float(xp.min(cutoff_per_pixel)):g}."
        )
    y, x = (np.arange(n) - n // 2 for n in shape)
    squared, inverse = np.unique(y[:, None] ** 2 + x[None, :] ** 2, return_inverse=True)
    device = array_api_compat.device(cutoff_per_pixel)
    radius = xp.asarray(np.sqrt(squared).astype(np.float32), device=device)
    cutoff = xp.astype(cutoff_per_pixel, xp.float32)[:, None]
    # v = 2 pi NA r / wavelength; the limit 2 J1(v) / v = 1 at the centre.
    v = math.pi * cutoff * radius[None, :]
    safe = xp.where(v == 0, xp.ones_like(v), v)
    amplitude = xp.where(v == 0, xp.ones_like(v), 2.0 * _bessel_j1(xp, safe) / safe)
    profile = amplitude * amplitude * (0.25 * math.pi * cutoff * cutoff)
    where = xp.asarray(inverse.ravel().astype(np.int64), device=device)
    return xp.reshape(xp.take(profile, where, axis=1), (-1, *shape))


def _bessel_j1(xp: Any, v: Any) -> Any:
    """Bessel function J1 in the array's own library where that has one."""
    if array_api_compat.is_torch_array(v):
        import torch

        return torch.special.bessel_j1(v)
    if array_api_compat.is_numpy_array(v):
        return np.asarray(scipy_j1(v))
    return xp.asarray(scipy_j1(np.asarray(v)))
