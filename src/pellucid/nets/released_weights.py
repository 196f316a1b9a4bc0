"""Reading the released weights of s-rBCR and m-rBCR, kept as NumPy arrays."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from typing import Any, cast, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pellucid.errors import WeightsError
from pellucid.nets.released import (
    Fusion,
    Inverse,
    MRBCRReleased,
    Pointwise,
    ResidualDense,
    SRBCRReleased,
)

#: An entry that lists the layers in the order of their creation.
_ORDER = "__order__"
#: What reading a damaged archive can raise.
_DAMAGE = (
    OSError,
    ValueError,
    EOFError,
    KeyError,
    RuntimeError,
    TypeError,
    SyntaxError,
    MemoryError,
    OverflowError,
    TokenError,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
)


def load_released(network: SRBCRReleased | MRBCRReleased, path: str | Path) -> None:
    """Load released weights into a network.

    Parameters
    ----------
    network : SRBCRReleased or MRBCRReleased
        Stays as it is if the weights are refused.
    path : str or Path
        An ``.npz`` file with arrays of float32 named ``fw/<layer>/<i>`` (forward part) and
        ``iv/<layer>/<i>`` (inverse part), i = 0 the kernel and 1 the bias (2 and 3 those of a
        fusion's second convolution). Kernels hold channels last: (in, out) of a pointwise
        layer, (width, in, out) of a layer along the rows, (height, width, in, out) of others.

    Raises
    ------
    WeightsError
        If the file cannot be read or is damaged, or its arrays are not those of the network.
    """
    path = Path(path)
    layers = list(_layers(network))
    arrays = _read(path)
    wanted = {key for layer in layers for key in (layer.kernel_key, layer.bias_key)}
    for name, keys in (("lacks", wanted - set(arrays)), ("also holds", set(arrays) - wanted)):
        if keys:
            raise WeightsError(
                f"The weights {path} are not those of {type(network).__name__}: the file {name} "
                f"{min(keys)!r}; give the file released for this network."
            )
    values = [
        (_kernel(layer, arrays[layer.kernel_key], path), _bias(layer, arrays[layer.bias_key], path))
        for layer in layers
    ]
    with torch.no_grad():
        for layer, (kernel, bias) in zip(layers, values, strict=True):
            layer.convolution.weight.copy_(kernel)
            if layer.convolution.bias is not None:
                layer.convolution.bias.copy_(bias)


@final
@dataclass(frozen=True, slots=True)
class _Layer:
    """A convolution and where its numbers are kept.

    Attributes
    ----------
    axes : int
        Axes of the kernel as it is kept; those left out have length one.
    """

    convolution: nn.Conv2d
    name: str
    axes: int = 4
    first: int = 0

    @property
    def kernel_key(self) -> str:
        return f"{self.name}/{self.first}"

    @property
    def bias_key(self) -> str:
        return f"{self.name}/{self.first + 1}"

    @property
    def channels_last(self) -> tuple[int, int, int, int]:
        """Height, width, inputs and outputs of the kernel."""
        outputs, inputs, height, width = self.convolution.weight.shape
        return height, width, inputs, outputs


def _layers(network: SRBCRReleased | MRBCRReleased) -> Iterator[_Layer]:
    """Name the released counterpart of every layer."""
    if isinstance(network, SRBCRReleased):
        yield from _pointwise(network.pointwise, "fw/dense_")
        yield _Layer(network.middle, "fw/conv2d_28")
        yield from _inverse(network.inverse, "iv/back_conv1d_", first=0)
        yield _Layer(network.output, "iv/ouputs")
        return
    yield from _pointwise(network.pointwise0, "fw/dense_u0")
    yield from _pointwise(network.pointwise2, "fw/dense_u2")
    yield from _pointwise(network.pointwise4, "fw/dense_u4")
    yield from _fusion(network.fusion, "fw/fusion")
    yield _Layer(network.project0, "fw/conv2d_9")
    yield _Layer(network.project2, "fw/conv2d_8")
    yield _Layer(network.project4, "fw/conv2d_7")
    yield from _inverse(network.inverse4, "iv/x4_conv1d_", first=12)
    yield from _inverse(network.inverse2, "iv/x2_conv1d_", first=40)
    yield from _inverse(network.inverse0, "iv/x0_conv1d_", first=68)
    yield from _fusion(network.inverse_fusion, "iv/fusion_1")
    yield _Layer(network.output0, "iv/ouput_0")
    yield _Layer(network.output2, "iv/ouputs_2")
    yield _Layer(network.output4, "iv/ouputs_4")


def _pointwise(part: Pointwise, name: str) -> Iterator[_Layer]:
    for number, layer in enumerate(part.layers, start=1):
        yield _Layer(cast("nn.Conv2d", layer), f"{name}{number}", axes=2)


def _fusion(part: Fusion, name: str) -> Iterator[_Layer]:
    yield _Layer(part.first, name)
    yield _Layer(part.last, name, first=2)


def _inverse(part: Inverse, rows: str, *, first: int) -> Iterator[_Layer]:
    """Name the layers along the rows by `rows`, the others by numbers from `first` on."""
    for number, layer in enumerate(part.rows):
        yield _Layer(cast("nn.Conv2d", layer), f"{rows}{number}", axes=3)
    number = first
    for module in part.blocks:
        block = cast("ResidualDense", module)
        pairs = zip(block.first, block.second, strict=True)
        for layer in (*(layer for pair in pairs for layer in pair), block.last):
            # Number zero goes without its number.
            yield _Layer(cast("nn.Conv2d", layer), f"iv/conv2d_{number}" if number else "iv/conv2d")
            number += 1


def _read(path: Path) -> dict[str, NDArray[Any]]:
    """Read all arrays of an archive but the list of layers."""
    try:
        # Opened here, so that it is closed whatever NumPy makes of it.
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            return {key: archive[key] for key in archive.files if key != _ORDER}
    except _DAMAGE as error:
        reason = getattr(error, "strerror", None) or "not an archive of NumPy arrays, or damaged"
        raise WeightsError(
            f"The weights {path} cannot be read ({reason}); give an .npz file of released weights."
        ) from error


def _kernel(layer: _Layer, array: NDArray[Any], path: Path) -> Tensor:
    shape = layer.channels_last
    _check(layer.kernel_key, array, shape[-layer.axes :], path)
    return torch.from_numpy(np.ascontiguousarray(array.reshape(shape).transpose(3, 2, 0, 1)))


def _bias(layer: _Layer, array: NDArray[Any], path: Path) -> Tensor:
    _check(layer.bias_key, array, layer.channels_last[3:], path)
    return torch.from_numpy(array)


def _check(key: str, array: NDArray[Any], shape: tuple[int, ...], path: Path) -> None:
    if array.shape != shape or array.dtype != np.float32:
        raise WeightsError(
            f"The array {key!r} of the weights {path} must hold {shape} values of float32, not "
            f"{array.shape} of {array.dtype}; give the file released for this network."
        )
    if not np.isfinite(array).all():
        raise WeightsError(
            f"The array {key!r} of the weights {path} holds values that are not finite; give "
            "an undamaged file."
        )
