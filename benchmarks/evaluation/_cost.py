"""What a network costs, counted in the file that is run."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.evaluation._checkpoint import average_of, network_of
from benchmarks.evaluation._restorers import (
    CheckpointRestorer,
    OnnxRestorer,
    Restorer,
)

from pellucid.errors import PellucidError, require
from pellucid.restore.weights import load_weights, weights_card

#: Side of the image that multiply-adds are counted for.
SIDE = 128
#: Convolutions of a network, whose products are counted.
_CONVOLUTIONS = ("Conv", "ConvTranspose")


def cost(restorer: Restorer) -> dict[str, int | bool]:
    """Return the parameters of a network and the multiply-adds of an image of 128 x 128.

    Parameters are those that were trained, as the card or the checkpoint has them; those of an
    ONNX file without a card are counted in the file, where some layers are merged.

    Returns
    -------
    dict
        ``parameters``, ``products`` and whether the network is ``told`` about its images.
    """
    parameters, products = _counts(restorer)
    return {"parameters": parameters, "products": products, "told": restorer.informed}


def _counts(restorer: Restorer) -> tuple[int, int]:
    if isinstance(restorer, OnnxRestorer):
        held, products = onnx_cost(load_weights(restorer.path).onnx)
        return int(_card(restorer).get("parameters", held)), products
    import torch
    from torch.nn import Module

    from pellucid.nets import FusedBCRNet, MRBCRReleased, multiply_adds

    network: Module
    if isinstance(restorer, CheckpointRestorer):
        network = network_of(average_of(Path(restorer.path)))
        run: Any = FusedBCRNet(network)
        if restorer.informed:
            told = torch.zeros(1, network.design.told)
            run = partial(run, told=told)
    else:
        network = run = MRBCRReleased()
    parameters = sum(p.numel() for p in network.parameters())
    return parameters, multiply_adds(run, (1, 1, SIDE, SIDE))


def onnx_cost(model: bytes) -> tuple[int, int]:
    """Return the numbers an ONNX model holds and its multiply-adds for one 128 x 128 image.

    Convolutions and matrix products count, a convolution with its whole kernel at every pixel.

    Raises
    ------
    MissingDependencyError
        If the package onnx is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise require("onnx", extra="train", purpose="count multiply-adds") from error

    graph = onnx.load_from_string(model)
    for given in graph.graph.input:
        shape = given.type.tensor_type.shape.dim
        sizes = (1, 1, SIDE, SIDE) if len(shape) == 4 else (1, shape[-1].dim_value)
        for dimension, size in zip(shape, sizes, strict=True):
            dimension.dim_value = size
    del graph.graph.output[0].type.tensor_type.shape.dim[:]
    del graph.graph.value_info[:]
    inferred = onnx.shape_inference.infer_shapes(graph, data_prop=True)
    shapes = {
        value.name: [d.dim_value for d in value.type.tensor_type.shape.dim]
        for value in (*inferred.graph.value_info, *inferred.graph.input, *inferred.graph.output)
    }
    shapes |= {array.name: list(array.dims) for array in inferred.graph.initializer}
    parameters = sum(math.prod(array.dims) for array in inferred.graph.initializer)
    return parameters, sum(_products(node, shapes) for node in inferred.graph.node)


def _products(node: Any, shapes: dict[str, list[int]]) -> int:
    if node.op_type in _CONVOLUTIONS:
        kernel = math.prod(shapes[node.input[1]])
        # Transposed, the kernel falls on every sample of the input instead of the output.
        seen = node.input[0] if node.op_type == "ConvTranspose" else node.output[0]
        return kernel * math.prod(shapes[seen][2:])
    if node.op_type in {"Gemm", "MatMul"}:
        return math.prod(shapes[node.output[0]]) * shapes[node.input[0]][-1]
    return 0


def _card(restorer: OnnxRestorer) -> dict[str, Any]:
    try:
        return dict(weights_card(restorer.path))
    except PellucidError:
        return {}
