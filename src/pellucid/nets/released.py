"""The networks Li, Kudryashev and Yakimovich released, restated: s-rBCR and m-rBCR."""

from __future__ import annotations

from itertools import pairwise
from typing import TypeAlias, final

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, relu

#: Width and number of the pointwise layers of a forward part.
_WIDTH, _POINTWISE = 32, 12
#: Layers along the rows of an inverse part, and the width of their kernels.
_ROWS, _ROW_KERNEL = 6, 5
#: Residual dense blocks of an inverse part, layers of each, channels each layer adds.
_BLOCKS, _DEPTH, _GROWTH = 4, 3, 4
#: Channels at the end of an inverse part: every block adds its growth once.
_INVERSE_WIDTH = _WIDTH + _BLOCKS * _GROWTH
#: Channels between the forward and the inverse part of s-rBCR.
_MIDDLE = 128
#: Side of the kernel that makes one channel of many.
_OUTPUT_KERNEL = 9

#: Maps of the image and of its two subsamplings.
_Scales: TypeAlias = tuple[Tensor, Tensor, Tensor]


@final
class Pointwise(nn.Module):
    """The forward part of one scale: twelve pointwise layers of 32 channels, each with ReLU."""

    def __init__(self) -> None:
        super().__init__()
        widths = [1] + [_WIDTH] * _POINTWISE
        self.layers = nn.ModuleList(
            nn.Conv2d(inputs, outputs, 1) for inputs, outputs in pairwise(widths)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, 1, y, x) to (batch, 32, y, x)."""
        for layer in self.layers:
            x = relu(layer(x))
        return x


@final
class ResidualDense(nn.Module):
    """A residual dense block: what it makes of its input is put before the input.

    Parameters
    ----------
    channels : int
        Channels of the input; the result has four more.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        widths = [channels + _GROWTH * i for i in range(_DEPTH)]
        self.first = nn.ModuleList(nn.Conv2d(width, _GROWTH, 3, padding=1) for width in widths)
        self.second = nn.ModuleList(nn.Conv2d(_GROWTH, _GROWTH, 3, padding=1) for _ in widths)
        self.last = nn.Conv2d(channels + _GROWTH * _DEPTH, _GROWTH, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, channels, y, x) to (batch, channels + 4, y, x)."""
        dense = x
        for first, second in zip(self.first, self.second, strict=True):
            dense = torch.cat([dense, second(relu(first(dense)))], dim=1)
        return torch.cat([self.last(dense), x], dim=1)


@final
class Inverse(nn.Module):
    """The inverse part of one scale: layers along the rows, then residual dense blocks.

    Parameters
    ----------
    channels : int
        Channels of the input; the result has 48.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        widths = [channels] + [_WIDTH] * _ROWS
        self.rows = nn.ModuleList(
            nn.Conv2d(inputs, outputs, (1, _ROW_KERNEL), padding=(0, _ROW_KERNEL // 2))
            for inputs, outputs in pairwise(widths)
        )
        self.blocks = nn.ModuleList(ResidualDense(_WIDTH + _GROWTH * i) for i in range(_BLOCKS))

    def forward(self, x: Tensor) -> Tensor:
        """Map (batch, channels, y, x) to (batch, 48, y, x)."""
        for layer in self.rows:
            x = relu(layer(x))
        for block in self.blocks:
            x = block(x)
        return x


@final
class Fusion(nn.Module):
    """Two maps of one size made into one: 1x1 convolution, ReLU, 3x3 convolution.

    Parameters
    ----------
    inputs, outputs : int
        Channels of both maps together and of the result.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 1)
        self.last = nn.Conv2d(outputs, outputs, 3, padding=1)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Map two maps (batch, channels, y, x) to (batch, outputs, y, x)."""
        result: Tensor = self.last(relu(self.first(torch.cat([a, b], dim=1))))
        return result


def resize(x: Tensor, like: Tensor) -> Tensor:
    """Resize to the height and width of another map.

    Bilinear between the centres of pixels, the edge repeated beyond them, not antialiased.
    """
    return interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=False)


@final
class SRBCRReleased(nn.Module):
    """The released s-rBCR: one scale, 86,849 parameters.

    The released code builds its forward part with as many truncated levels as levels, so that
    no wavelet step is left in it: twelve pointwise layers, one to 128 channels, the inverse
    part, one output layer. Any height and width are taken. Fresh weights are drawn as the
    released code draws them (Glorot uniform, biases zero).

    The released weights expect images scaled to [0, 1] one by one.

    References
    ----------
    .. [1] R. Li, M. Kudryashev, A. Yakimovich, "Solving the inverse problem of microscopy
       deconvolution with a residual Beylkin-Coifman-Rokhlin neural network", ECCV 2024.
    """

    def __init__(self) -> None:
        super().__init__()
        self.pointwise = Pointwise()
        self.middle = nn.Conv2d(_WIDTH, _MIDDLE, 1)
        self.inverse = Inverse(_MIDDLE)
        self.output = _output()
        _initialise(self)

    def forward(self, image: Tensor) -> Tensor:
        """Restore images.

        Parameters
        ----------
        image : Tensor, shape (batch, 1, y, x)

        Returns
        -------
        Tensor, shape (batch, 1, y, x)
        """
        restored: Tensor = self.output(self.inverse(self.middle(self.pointwise(image))))
        return restored


@final
class MRBCRReleased(nn.Module):
    """The released m-rBCR: three scales, 236,630 parameters.

    The coarser scales are plain subsamplings of the image. As in the released s-rBCR, no
    wavelet step is left in the forward part. Fresh weights are drawn as the released code
    draws them (Glorot uniform, biases zero).

    Any height and width are taken. An odd side of n pixels is subsampled to (n + 1) / 2, with
    its last pixel kept, and maps are resized to the exact size of the map they meet, so that
    the factor is then not quite two. Where both sides are multiples of four this is the
    released graph to the letter.

    The released weights expect images scaled to [0, 1] one by one.

    References
    ----------
    .. [1] R. Li, M. Kudryashev, A. Yakimovich, "Solving the inverse problem of microscopy
       deconvolution with a residual Beylkin-Coifman-Rokhlin neural network", ECCV 2024.
    """

    def __init__(self) -> None:
        super().__init__()
        # The numbers stand for the scales: 0 the image, 2 and 4 its subsamplings.
        self.pointwise0, self.pointwise2, self.pointwise4 = (Pointwise() for _ in range(3))
        self.fusion = Fusion(2 * _WIDTH, _WIDTH)
        self.project0 = nn.Conv2d(2 * _WIDTH, 1, 1)
        self.project2 = nn.Conv2d(2 * _WIDTH, 1, 1)
        self.project4 = nn.Conv2d(_WIDTH, 1, 1)
        self.inverse0 = Inverse(_INVERSE_WIDTH)
        self.inverse2 = Inverse(_INVERSE_WIDTH)
        self.inverse4 = Inverse(1)
        self.inverse_fusion = Fusion(1 + _INVERSE_WIDTH, _INVERSE_WIDTH)
        self.output0, self.output2, self.output4 = (_output() for _ in range(3))
        _initialise(self)

    def forward(self, image: Tensor) -> Tensor:
        """Restore images at full scale.

        Parameters
        ----------
        image : Tensor, shape (batch, 1, y, x)

        Returns
        -------
        Tensor, shape (batch, 1, y, x)
        """
        (y0, _, _), (v0, _, _) = self._maps(image)
        restored: Tensor = self.output0(v0 + y0)
        return restored

    def scales(self, image: Tensor) -> _Scales:
        """Restore images at three scales, as they are trained.

        Parameters
        ----------
        image : Tensor, shape (batch, 1, y, x)

        Returns
        -------
        tuple of Tensor
            At full scale, shape (batch, 1, y, x), and the restorations of the subsamplings
            ``image[..., ::2, ::2]`` and ``image[..., ::4, ::4]``, of their shapes.
        """
        (y0, y2, y4), (v0, v2, v4) = self._maps(image)
        return self.output0(v0 + y0), self.output2(v2 + y2), self.output4(v4 + y4)

    def _maps(self, image: Tensor) -> tuple[_Scales, _Scales]:
        """Return what the forward parts (y) and the inverse parts (v) make of three scales."""
        u0 = self.pointwise0(image)
        u2 = self.pointwise2(image[..., ::2, ::2])
        u4 = self.pointwise4(image[..., ::4, ::4])
        up2 = resize(u2, u0)
        f42 = self.fusion(u0, up2)
        # The two coarser scales meet at full size, and what they make is taken down again.
        f20 = resize(self.fusion(up2, resize(u4, u0)), u2)
        y0 = self.project0(torch.cat([u0, f42], dim=1))
        y2 = self.project2(torch.cat([u2, f20], dim=1))
        y4 = self.project4(u4)
        v4 = self.inverse4(y4)
        v2 = self.inverse2(self.inverse_fusion(y2, resize(v4, y2)))
        v0 = self.inverse0(self.inverse_fusion(y0, resize(v2, y0)))
        return (y0, y2, y4), (v0, v2, v4)


def _output() -> nn.Conv2d:
    """Return a layer that makes one channel of an inverse part's result."""
    return nn.Conv2d(_INVERSE_WIDTH, 1, _OUTPUT_KERNEL, padding=_OUTPUT_KERNEL // 2)


def _initialise(network: nn.Module) -> None:
    """Draw weights as the released code does; torch's own choice fades in twelve layers."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
