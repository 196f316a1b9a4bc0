"""How layers start."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn

Layer = TypeVar("Layer", nn.Conv2d, nn.ConvTranspose2d)


def he_start(layer: nn.Conv2d, *, share: float = 1.0) -> nn.Conv2d:
    """Start a layer that meets a ReLU: He's normal weights times `share`, biases at zero."""
    nn.init.kaiming_normal_(layer.weight)
    with torch.no_grad():
        layer.weight *= share
    return _without_bias(layer)


def start_at(layer: Layer, weight: Tensor) -> Layer:
    """Start a layer at the given weights, biases at zero."""
    with torch.no_grad():
        layer.weight.copy_(weight)
    return _without_bias(layer)


def _without_bias(layer: Layer) -> Layer:
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
