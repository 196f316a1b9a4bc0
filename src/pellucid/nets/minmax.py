"""A BCRNet for images scaled one by one from zero to one, as the paper's protocol has them."""

from __future__ import annotations

from copy import deepcopy
from typing import final

import torch
from torch import Tensor, nn

from pellucid.nets.bcrnet import BCRNet, BCRNetDesign
from pellucid.nets.fused import FusedBCRNet

#: Hidden features of the head.
_WIDTH = 32
#: Figures of an image that the head looks at: least, largest, mean, standard deviation.
_FIGURES = 4


@final
class MinMaxBCRNet(nn.Module):
    """A BCRNet whose result is brought to the range of a truth scaled from zero to one.

    Under the paper's protocol image and truth are each scaled by their own least and largest
    value, which no local operation can know: a truth's brightest point may be a tenth or all of
    the image's. A head looks at the range, mean and contrast of image and result as a whole and
    sets a gain and an offset, which begin without effect. The network is made for whole
    images of the protocol's size, not for tiles.

    Parameters
    ----------
    design : BCRNetDesign
        Of the network within.
    """

    def __init__(self, design: BCRNetDesign | None = None) -> None:
        super().__init__()
        inner = BCRNet(design)
        self.design = inner.design
        self.inner: nn.Module = inner
        self.head = nn.Sequential(nn.Linear(2 * _FIGURES, _WIDTH), nn.ReLU(), nn.Linear(_WIDTH, 2))
        last = self.head[-1]
        nn.init.zeros_(last.weight)  # type: ignore[arg-type]
        nn.init.zeros_(last.bias)  # type: ignore[arg-type]

    def fused(self) -> MinMaxBCRNet:
        """Return a copy that runs the network within in fewer steps; see :class:`FusedBCRNet`."""
        copy = deepcopy(self)
        if isinstance(copy.inner, BCRNet):
            copy.inner = FusedBCRNet(copy.inner)
        return copy

    def forward(self, image: Tensor) -> Tensor:
        """Restore images of shape (batch, 1, y, x), each from zero to one."""
        restored = self.inner(image)
        # In float32 also under autocast: extremes of bfloat16 have two digits.
        looked_at = torch.cat([_figures(image.float()), _figures(restored.float())], dim=1)
        gain, offset = self.head(looked_at).float().unbind(1)
        result: Tensor = restored * (1.0 + gain)[:, None, None, None] + offset[:, None, None, None]
        return result


def _figures(image: Tensor) -> Tensor:
    flat = image.flatten(1)
    mean = flat.mean(1)
    # The root of zero has no derivative.
    deviation = ((flat - mean[:, None]).square().mean(1) + 1e-12).sqrt()
    return torch.stack([flat.amin(1), flat.amax(1), mean, deviation], dim=1)
