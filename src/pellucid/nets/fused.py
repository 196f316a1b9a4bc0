"""BCRNet for running: the same function in fewer, larger steps."""

from __future__ import annotations

from copy import deepcopy
from typing import final

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d, pad, pixel_shuffle, relu

from pellucid.nets.bcrnet import Band, BCRNet


@final
class FusedBCRNet(nn.Module):
    """A trained :class:`~pellucid.nets.bcrnet.BCRNet` rewritten for inference, value for value.

    Linear steps that follow one another are merged, and no map is cut or joined:

    - lift and finest analysis are one 4x4 convolution of stride 2, finest synthesis and
      projection one 3x3 convolution to four channels that are then interleaved, so that no map
      of several channels exists at full size;
    - whatever reads or writes the scaling coefficients alone reads or writes all sub-bands, with
      zeros in its weights for the details;
    - a synthesis is a 1x1 convolution whose channels are then interleaved, as a 2x2 block of the
      finer level belongs to one sample of the coarser;
    - every sum but none of the differences follows a convolution, into which a runtime folds it:
      to subtract what came down, the analysis is done again with its sign turned, which costs
      less than another pass through memory.

    Parameters
    ----------
    network : BCRNet
        Copied, not shared.
    """

    def __init__(self, network: BCRNet) -> None:
        super().__init__()
        alpha, levels = network.design.channels, network.design.levels
        details = 3 * alpha
        self.multiple = network.design.multiple
        with torch.no_grad():
            kernel = network.cascade_kernel()
            reading = pad(kernel, (0, 0, 0, 0, 0, details))
            self.enter = _conv(lift_and_analyse(network.lift.weight, kernel), stride=2, padding=1)
            self.analysis = nn.ModuleList(_conv(reading, stride=2) for _ in range(levels - 1))
            turned = [lift_and_analyse(network.lift.weight, -kernel)] + [-reading] * (levels - 1)
            self.minus = nn.ModuleList(
                _conv(weight, stride=2, padding=0 if level else 1)
                for level, weight in enumerate(turned)
            )
            self.synthesis = nn.ModuleList(_conv(_blocks(kernel)) for _ in range(levels - 1))
            spreading = torch.eye(alpha + details, alpha)[..., None, None]
            self.spread = nn.ModuleList(_conv(spreading) for _ in range(levels - 1))
            self.told = deepcopy(network.told)
            self.down = _bands(network.down)
            self.up = _bands(network.up)
            coarse = network.coarse
            self.coarse = FusedOperator(
                _conv(pad(coarse.first.weight, (0, 0, 0, 0, 0, details)), padding=1),
                _conv(coarse.middle.weight, padding=1),
                _conv(pad(coarse.last.weight, (0, 0, 0, 0, 0, 0, 0, details)), padding=1),
                gain=coarse.gain,
            )
            self.leave = _conv(synthesise_and_project(kernel, network.project.weight), padding=1)

    def forward(self, image: Tensor, told: Tensor | None = None) -> Tensor:
        """Restore images of shape (batch, 1, y, x), y and x multiples of `multiple`."""
        known = None if self.told is None else self.told(told)
        whole, bands = image, self.enter(image)
        levels: list[tuple[Tensor, Tensor]] = []
        for level, operator in enumerate(self.down):
            changed = bands + operator(bands, known)
            levels.append((whole, changed))
            if level < len(self.analysis):
                whole, bands = changed, self.analysis[level](changed)
        joined = changed + self.coarse(changed, known)
        for level in range(len(levels) - 1, -1, -1):
            joined = joined + self.up[level](joined, known)
            # What came down to this level was the analysis of `finer`.
            finer, _ = levels[level]
            difference = joined + self.minus[level](finer)
            if level:
                u = pixel_shuffle(self.synthesis[level - 1](difference), 2)
                joined = levels[level - 1][1] + self.spread[level - 1](u)
        result: Tensor = image + pixel_shuffle(self.leave(difference), 2)
        return result


@final
class FusedOperator(nn.Module):
    """Convolutions with ReLU between them; hidden channels of the first have told gains.

    Layers are numbered as in a sequence of convolutions and ReLUs: 0, 2, 4.
    """

    def __init__(self, *layers: nn.Conv2d, gain: nn.Linear | None) -> None:
        super().__init__()
        for number, layer in enumerate(layers):
            self.add_module(str(2 * number), layer)
        self.gain = deepcopy(gain)
        self._count = len(layers)

    def forward(self, x: Tensor, known: Tensor | None = None) -> Tensor:
        """Return the change of (batch, channels, y, x)."""
        for number in range(self._count):
            if number:
                x = relu(x)
                if number == 1 and self.gain is not None:
                    x = x * (1.0 + self.gain(known))[:, :, None, None]
            x = self.get_submodule(str(2 * number))(x)
        return x


def _conv(weight: Tensor, *, stride: int = 1, padding: int = 0) -> nn.Conv2d:
    out, into, height, width = weight.shape
    layer = nn.Conv2d(into, out, (height, width), stride, padding, bias=False)
    layer.weight.copy_(weight)
    return layer


def _blocks(kernel: Tensor) -> Tensor:
    """Return the synthesis as a 1x1 convolution to 2x2 blocks, in the order of pixel_shuffle."""
    bands, alpha = kernel.shape[:2]
    return kernel.permute(1, 2, 3, 0).reshape(4 * alpha, bands, 1, 1)


def _bands(bands: nn.ModuleList) -> nn.ModuleList:
    copies = nn.ModuleList()
    for band in bands:
        if not isinstance(band, Band):
            raise TypeError(f"A BCRNet has operators of class Band, not {type(band).__name__}.")
        first, last = _conv(band.first.weight, padding=1), _conv(band.last.weight, padding=1)
        copies.append(FusedOperator(first, last, gain=band.gain))
    return copies


def lift_and_analyse(lift: Tensor, kernel: Tensor) -> Tensor:
    """Return the 4x4 convolution that a 3x3 one and a 2x2 one of stride 2 make together."""
    # The response of both to each of the 16 pixels that a 2x2 block of lifted pixels sees.
    pixels = torch.eye(16).reshape(16, 1, 4, 4)
    response = conv2d(conv2d(pixels, lift), kernel)
    return response.reshape(4, 4, -1).permute(2, 0, 1)[:, None]


def synthesise_and_project(kernel: Tensor, project: Tensor) -> Tensor:
    """Return the 3x3 convolution to 2x2 pixels that synthesis and projection make together."""
    bands = kernel.shape[0]
    # The response of both at the middle block to each sub-band of the 3x3 blocks round it.
    impulses = torch.eye(bands * 9).reshape(bands * 9, bands, 3, 3)
    image = conv2d(conv_transpose2d(impulses, kernel, stride=2), project)[..., 1:3, 1:3]
    return image.reshape(bands, 3, 3, 4).permute(3, 0, 1, 2)
