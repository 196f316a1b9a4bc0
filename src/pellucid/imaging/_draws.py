"""Random draws of a camera, by the same names for arrays of numpy and of torch."""

from __future__ import annotations

from typing import Any

import array_api_compat
import numpy as np
from numpy.typing import NDArray

from pellucid.errors import ImageError, SettingsError


def check_generator(values: Any, rng: Any) -> None:
    """Raise an error unless the generator belongs to the library of the array."""
    if array_api_compat.is_torch_array(values):
        import torch

        wanted, found = "torch.Generator", isinstance(rng, torch.Generator)
    else:
        wanted, found = "numpy.random.Generator", isinstance(rng, np.random.Generator)
    if not found:
        raise SettingsError(
            f"Photons in a {type(values).__name__} need a {wanted} as rng, not a "
            f"{type(rng).__name__}."
        )


def as_real(values: Any, what: str) -> Any:
    """Return a floating array of numpy or torch; one of another type becomes float32."""
    if array_api_compat.is_torch_array(values):
        import torch

        if values.is_complex():
            raise ImageError(f"{what} must be real numbers, not {values.dtype}.")
        return values if values.dtype in (torch.float32, torch.float64) else values.float()
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise ImageError(f"{what} must be real numbers, not {array.dtype}.")
    return array if array.dtype in (np.float32, np.float64) else array.astype(np.float32)


def as_float32(values: Any) -> Any:
    """Return the array in float32, of the library it is of."""
    if array_api_compat.is_torch_array(values):
        return values.float()
    return np.asarray(values, dtype=np.float32)


def like(values: Any, array: NDArray[Any]) -> Any:
    """Bring an array of numpy to the library and device of other values."""
    if array_api_compat.is_torch_array(values):
        import torch

        return torch.from_numpy(array).to(values.device)
    return array


def poisson(mean: Any, rng: Any) -> Any:
    """Draw Poisson counts of given means, in float32."""
    if array_api_compat.is_torch_array(mean):
        import torch

        return torch.poisson(mean, generator=rng).float()
    return np.asarray(rng.poisson(mean), dtype=np.float32)


def normal(values: Any, rng: Any) -> Any:
    """Draw standard normal values in float32, as many as there are values."""
    if array_api_compat.is_torch_array(values):
        import torch

        return torch.randn(values.shape, generator=rng, device=values.device, dtype=torch.float32)
    return rng.standard_normal(values.shape, dtype=np.float32)


def gamma(shape: Any, rng: Any) -> Any:
    """Draw from gamma distributions of scale one; a shape of zero gives zero.

    Parameters
    ----------
    shape : array of float32
        Zero, or at least one: electrons that enter a multiplication register.
    """
    if array_api_compat.is_torch_array(shape):
        return _torch_gamma(shape, rng)
    return rng.standard_gamma(shape, dtype=np.float32)


def seed_from(rng: Any) -> int:
    """Draw a seed."""
    if isinstance(rng, np.random.Generator):
        return int(rng.integers(2**62))
    import torch

    return int(torch.randint(2**62, (1,), generator=rng, device=rng.device))


def _torch_gamma(shape: Any, rng: Any) -> Any:
    """Gamma variates by the squeezed normal of Marsaglia and Tsang, for shapes of at least one.

    ``d (1 + c x)**3`` with a normal x is accepted with a probability of 0.95 or more, so a few
    rounds fill the array. Torch itself draws gamma variates from its global generator only.

    References
    ----------
    .. [1] G. Marsaglia and W. W. Tsang, "A simple method for generating gamma variables",
       ACM Trans. Math. Softw. 26, 363-372 (2000).
    """
    import torch

    result = torch.zeros_like(shape)
    todo = torch.nonzero(shape.flatten() > 0).flatten()
    flat = result.view(-1)
    while todo.numel():
        d = shape.flatten()[todo].double() - 1.0 / 3.0
        x = torch.randn(d.shape, generator=rng, device=d.device, dtype=d.dtype)
        u = torch.rand(d.shape, generator=rng, device=d.device, dtype=d.dtype)
        cube = (1.0 + x / torch.sqrt(9.0 * d)) ** 3
        log_cube = torch.log(torch.clamp(cube, min=1e-300))
        accepted = (cube > 0) & (torch.log1p(-u) < 0.5 * x * x + d * (1.0 - cube + log_cube))
        flat[todo[accepted]] = (d * cube)[accepted].to(flat.dtype)
        todo = todo[~accepted]
    return result
