"""The residual dense block of s-rBCR and m-rBCR."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from pellucid.nets._start import he_start


@final
class ResidualDenseBlock(nn.Module):
    """Densely connected convolutions, fused and concatenated to what went in.

    Every layer sees the block's input and the results of all layers before it; a 1x1
    convolution fuses them all. The block of [1]_ adds the fusion to its input; the paper
    of rBCR "concatenates the images to the output" (Section 3.1 of [2]_), and so does this.

    Parameters
    ----------
    channels : int
        Channels of the input.
    growth : int
        Channels of each layer and of the fusion.
    width : int
        Side of the kernels, odd.
    depth : int
        Number of layers, RDN in the paper.

    Attributes
    ----------
    out_channels : int
        ``channels + growth``.

    References
    ----------
    .. [1] Y. Zhang et al., "Residual dense network for image super-resolution", CVPR 2018.
    .. [2] R. Li, M. Kudryashev, A. Yakimovich, "Solving the inverse problem of microscopy
       deconvolution with a residual Beylkin-Coifman-Rokhlin neural network", ECCV 2024.
    """

    def __init__(self, channels: int, growth: int, *, width: int, depth: int) -> None:
        super().__init__()
        self.out_channels = channels + growth
        self.layers = nn.ModuleList(
            he_start(nn.Conv2d(channels + index * growth, growth, width, padding=width // 2))
            for index in range(depth)
        )
        # No ReLU follows, so that half of He's variance keeps the size of what goes in.
        self.fusion = he_start(nn.Conv2d(channels + depth * growth, growth, 1), share=0.5**0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, channels, y, x) to (batch, out_channels, y, x)."""
        seen = x
        for layer in self.layers:
            seen = torch.cat([seen, relu(layer(seen))], dim=1)
        return torch.cat([x, self.fusion(seen)], dim=1)
