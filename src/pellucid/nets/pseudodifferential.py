"""The pseudo-differential operator B of s-rBCR and m-rBCR (Algorithm 2 of the paper)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from pellucid.nets._checks import check_whole, check_width
from pellucid.nets._start import he_start, start_at
from pellucid.nets.dense_block import ResidualDenseBlock


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PseudodifferentialDesign:
    """The inputs of Algorithm 2, by the paper's letters.

    Parameters
    ----------
    alpha_1, w_1, L_1 : int
        Channels, width (odd) and number of the one-dimensional convolutions.
    alpha_2, w_2, L_2 : int
        Channels each residual dense block adds, its width (odd) and the number of blocks.
    RDN : int
        Layers of each residual dense block.

    Raises
    ------
    SettingsError
        If a number is too small or a width is even.
    """

    alpha_1: int = 16
    w_1: int = 5
    L_1: int = 4
    alpha_2: int = 4
    w_2: int = 3
    L_2: int = 1
    RDN: int = 7

    def __post_init__(self) -> None:
        for name in ("alpha_1", "L_1", "alpha_2", "L_2", "RDN"):
            check_whole("pseudo-differential operator", name, getattr(self, name), least=1)
        for name in ("w_1", "w_2"):
            check_width("pseudo-differential operator", name, getattr(self, name))

    @property
    def out_channels(self) -> int:
        """Channels of the operator's result."""
        return self.alpha_1 + self.L_2 * self.alpha_2


@final
class Pseudodifferential(nn.Module):
    """B = (K^T K + epsilon I)^-1: convolutions, then residual dense blocks (Algorithm 2 of [1]_).

    Parameters
    ----------
    channels : int
        Channels of the features it acts on.
    design : PseudodifferentialDesign

    Notes
    -----
    Choices: Conv-1D runs along x in the first layer, along y in the second and so on in turn,
    so that two layers act on the plane and an even L1 treats both axes alike. The last line,
    Reshape, is left to the network, because m-rBCR hands the features on to the next stage.

    References
    ----------
    .. [1] R. Li, M. Kudryashev, A. Yakimovich, "Solving the inverse problem of microscopy
       deconvolution with a residual Beylkin-Coifman-Rokhlin neural network", ECCV 2024.
    """

    def __init__(self, channels: int, design: PseudodifferentialDesign) -> None:
        super().__init__()
        width = design.w_1
        self.convolutions = nn.ModuleList(
            he_start(
                nn.Conv2d(
                    channels if index == 0 else design.alpha_1,
                    design.alpha_1,
                    (1, width) if index % 2 == 0 else (width, 1),
                    padding="same",
                )
            )
            for index in range(design.L_1)
        )
        self.blocks = nn.ModuleList(
            ResidualDenseBlock(
                design.alpha_1 + index * design.alpha_2,
                design.alpha_2,
                width=design.w_2,
                depth=design.RDN,
            )
            for index in range(design.L_2)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, channels, y, x) to (batch, design.out_channels, y, x)."""
        for convolution in self.convolutions:
            x = relu(convolution(x))
        for block in self.blocks:
            x = block(x)
        return x


def reshape_layer(design: PseudodifferentialDesign) -> nn.Conv2d:
    """Return the last line of Algorithm 2: features to one channel, zero at the start."""
    layer = nn.Conv2d(design.out_channels, 1, design.w_2, padding=design.w_2 // 2)
    return start_at(layer, torch.zeros_like(layer.weight))
