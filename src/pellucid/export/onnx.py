"""Export of networks to ONNX, as pellucid runs them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pellucid.errors import require
from pellucid.io.quiet import quiet

#: Operators of this version run in ONNX Runtime and onnxruntime-web.
OPSET = 18


def export_onnx(
    network: nn.Module,
    path: Path,
    *,
    reach_pixels: int,
    multiple: int,
    told: int = 0,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write a network as ONNX with free batch, height and width.

    Parameters
    ----------
    network : torch.nn.Module
        Maps (batch, 1, y, x) to the same shape, y and x multiples of `multiple`.
    path : Path
        The file to write.
    reach_pixels : int
        How far a pixel's result looks; see :func:`pellucid.export.reach.measure_reach`.
    multiple : int
        What both sides must be multiples of.
    told : int
        Numbers the network is told about every image, its second argument; none for a blind one.
    metadata : mapping of str to str, optional
        Further entries, such as ``cutoff_per_pixel`` ("low high").

    Raises
    ------
    MissingDependencyError
        If the packages onnx and onnxscript are not installed.
    """
    try:
        import onnx
        import onnxscript  # noqa: F401  torch.onnx asks for it
    except ImportError as error:
        raise require(error.name or "onnx", extra="train", purpose="export networks") from error
    side = 4 * multiple
    example: tuple[torch.Tensor, ...] = (torch.zeros(2, 1, side, side + multiple),)
    dimension = torch.export.Dim
    free = {
        0: dimension("batch", min=1),
        2: multiple * dimension("rows", min=1, max=4096),
        3: multiple * dimension("columns", min=1, max=4096),
    }
    shapes: tuple[dict[int, Any], ...] = (free,)
    if told:
        example, shapes = (*example, torch.zeros(2, told)), (free, {0: free[0]})
    with warnings.catch_warnings(), quiet("torch.onnx._internal.exporter._registration"):
        # The exporter warns of its own internals, which nobody here can change.
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            network.eval(),
            example,
            dynamo=True,
            opset_version=OPSET,
            input_names=["image", "told"] if told else ["image"],
            output_names=["restored"],
            dynamic_shapes=shapes,
            verbose=False,
        )
    if program is None:
        raise RuntimeError("torch.onnx.export returned no program")
    program.optimize()
    model = program.model_proto
    _strip(model)
    entries = {"reach_pixels": str(reach_pixels), "multiple": str(multiple), **(metadata or {})}
    onnx.helper.set_model_props(model, dict(sorted(entries.items())))
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())


def _strip(model: Any) -> None:
    """Remove what the exporter notes of the machine: source files, line numbers, stack traces."""
    model.doc_string = model.graph.doc_string = ""
    del model.graph.metadata_props[:]
    for part in (model.graph.node, model.graph.value_info, model.graph.input, model.graph.output):
        for item in part:
            item.doc_string = ""
            del item.metadata_props[:]
    for tensor in model.graph.initializer:
        tensor.doc_string = ""
        del tensor.metadata_props[:]
