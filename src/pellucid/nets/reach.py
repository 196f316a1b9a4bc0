"""How far the graph of a network can look, whatever its weights."""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import nn

from pellucid.errors import SettingsError

#: Images up to this side are tried.
_LARGEST = 2048


def receptive_reach(network: nn.Module, *, multiple: int = 1) -> int:
    """Return the halo beyond an aligned block of pixels that can influence the block at all.

    Every weight is replaced by its magnitude, so that nothing cancels, and the block's sum is
    differentiated. A trained network may look less far than its graph allows:
    :func:`pellucid.export.reach.measure_reach` says how far in practice.

    Parameters
    ----------
    network : torch.nn.Module
        Maps (batch, 1, y, x) to the same shape.
    multiple : int
        Side of the block, and what its place is a multiple of: the period of the network's grid.

    Returns
    -------
    int
        In pixels.

    Raises
    ------
    SettingsError
        If the network looks further than 1024 pixels.
    """
    positive = deepcopy(network).double().eval()
    with torch.no_grad():
        for parameter in positive.parameters():
            # Not so small that a product over many layers could vanish.
            parameter.copy_(parameter.abs() + 1e-3)
    return max(_reach_along(axis, positive, multiple) for axis in (0, 1))


def _reach_along(axis: int, network: nn.Module, multiple: int) -> int:
    """Return the reach along one axis, on a strip: paths along it need no width."""
    width = 2 * multiple
    side = 128
    while side <= _LARGEST:
        side = -(-side // multiple) * multiple
        start = side // 2 // multiple * multiple
        shape = (side, width) if axis == 0 else (width, side)
        image = torch.ones(1, 1, *shape, dtype=torch.float64, requires_grad=True)
        block = network(image).narrow(2 + axis, start, multiple)
        (seen,) = torch.autograd.grad(block.sum(), image)
        places = torch.nonzero(seen[0, 0])[:, axis]
        low, high = int(places.min()), int(places.max())
        if low > 0 and high < side - 1:
            return max(start - low, high - (start + multiple - 1), 0)
        side *= 2
    raise SettingsError(
        f"The network looks further than {_LARGEST // 2} pixels, or at the image as a whole; it "
        "cannot be run in tiles."
    )
