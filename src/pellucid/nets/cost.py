"""What running a network costs, counted in multiply-adds."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from pellucid.errors import SettingsError


def multiply_adds(network: Callable[[Tensor], object], shape: tuple[int, ...]) -> int:
    """Count the multiply-adds of one pass over an input of zeros.

    The pass is made, and every convolution (plain, strided, grouped, transposed) and matrix
    product in it is counted. A convolution counts its whole kernel at every pixel, padding
    included. Biases, activations, resizing, sums of maps and Fourier transforms do not count.

    Parameters
    ----------
    network : callable
        A ``torch.nn.Module``, or a method of one, such as ``MRBCRReleased().scales``.
    shape : tuple of int
        Of the input, such as (1, 1, 128, 128).

    Returns
    -------
    int
        One multiply-add is a product and its addition to a sum, two floating-point operations.

    Raises
    ------
    SettingsError
        If the shape has a side that is not positive, or the network cannot take it.
    """
    from torch.utils.flop_counter import FlopCounterMode

    if not shape or min(shape) < 1:
        raise SettingsError(f"Every side of an input must be at least 1, not {shape}.")
    owner = getattr(network, "__self__", network)
    modules = list(owner.modules()) if isinstance(owner, nn.Module) else []
    training = [module.training for module in modules]
    like = next((p for module in modules for p in module.parameters()), torch.empty(0))
    try:
        for module in modules:
            # A pass in training mode would change running statistics.
            module.training = False
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            network(torch.zeros(shape, dtype=like.dtype, device=like.device))
    except RuntimeError as error:
        raise SettingsError(
            f"The network cannot take an input of shape {shape}; give a shape it is made for."
        ) from error
    finally:
        for module, mode in zip(modules, training, strict=True):
            module.training = mode
    return int(counter.get_total_flops()) // 2
