"""From an exported BCRNet back to one that can be trained on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from pellucid.errors import WeightsError, require
from pellucid.nets.bcrnet import BCRNet, BCRNetDesign
from pellucid.nets.fused import lift_and_analyse, synthesise_and_project
from pellucid.restore.weights import load_weights

#: Largest relative difference that merging and taking apart may leave in float32.
_ROUNDING = 1e-4


def bcrnet_of_weights(weights: str | Path) -> BCRNet:
    """Return the trained BCRNet that an ONNX file was exported from.

    What :class:`~pellucid.nets.FusedBCRNet` merges is linear in what went into it, so that the
    parts are found again by least squares, up to rounding.

    Parameters
    ----------
    weights : str or Path
        Name of shipped weights or path of an ``.onnx`` file.

    Raises
    ------
    WeightsError
        If the file is not an exported BCRNet.
    MissingDependencyError
        If the package onnx is not installed.
    """
    loaded = load_weights(weights)
    try:
        import onnx
        import onnx.numpy_helper
    except ImportError as error:
        raise require("onnx", extra="train", purpose="go on training exported weights") from error
    try:
        graph = onnx.load_model_from_string(loaded.onnx).graph
        arrays = {
            tensor.name: torch.from_numpy(onnx.numpy_helper.to_array(tensor).copy())
            for tensor in graph.initializer
        }
        return _unfused(arrays)
    except Exception as error:  # whatever a file that is none of ours leads to
        raise WeightsError(
            f"The weights {loaded.name!r} are not an exported BCRNet that training can go on from "
            f"({error}); start from shipped weights, or from a checkpoint."
        ) from error


def _unfused(arrays: dict[str, Tensor]) -> BCRNet:
    levels = sum(name.startswith("down.") and name.endswith(".0.weight") for name in arrays)
    alpha = len(arrays["enter.weight"]) // 4
    design = BCRNetDesign(
        channels=alpha,
        widths=tuple(len(arrays[f"down.{level}.0.weight"]) for level in range(levels)),
        up_widths=tuple(len(arrays[f"up.{level}.0.weight"]) for level in range(levels)),
        coarse_width=len(arrays["coarse.0.weight"]),
        told=arrays["told.0.weight"].shape[1] if "told.0.weight" in arrays else 0,
    )
    network = BCRNet(design)
    # Sub-band b of channel c reads channel c alone, by the shared wavelet.
    kernel = arrays["analysis.0.weight"][:, :alpha]
    wavelet = kernel.reshape(4, alpha, alpha, 2, 2)[:, 0, 0]
    state = {"wavelet": wavelet}
    for side in ("down", "up"):
        for level in range(levels):
            state[f"{side}.{level}.first.weight"] = arrays[f"{side}.{level}.0.weight"]
            state[f"{side}.{level}.last.weight"] = arrays[f"{side}.{level}.2.weight"]
    state["coarse.first.weight"] = arrays["coarse.0.weight"][:, :alpha]
    state["coarse.middle.weight"] = arrays["coarse.2.weight"]
    state["coarse.last.weight"] = arrays["coarse.4.weight"][:alpha]
    one = wavelet[:, None]  # the cascade of a single channel
    enter = arrays["enter.weight"].reshape(4, alpha, 16).permute(1, 0, 2).reshape(alpha, 64)
    state["lift.weight"] = _solved(
        lambda part: lift_and_analyse(part, one).reshape(-1), enter
    ).reshape(alpha, 1, 3, 3)
    leave = arrays["leave.weight"].reshape(4, 4, alpha, 9).permute(2, 0, 1, 3).reshape(alpha, 144)
    state["project.weight"] = _solved(
        lambda part: synthesise_and_project(one, part).reshape(-1), leave
    ).reshape(1, alpha, 3, 3)
    for name in network.state_dict():
        if "gain." in name or name.startswith("told."):
            state[name] = arrays[name]
    network.load_state_dict(state)
    return network


def _solved(merge: Callable[[Tensor], Tensor], merged: Tensor) -> Tensor:
    """Return the 3x3 kernels, one a row, that `merge` turns into the rows of `merged`."""
    basis = torch.eye(9).reshape(9, 1, 1, 3, 3)
    columns = torch.stack([merge(kernel) for kernel in basis], dim=1).double()
    solution = torch.linalg.lstsq(columns, merged.T.double()).solution
    error = (columns @ solution - merged.T.double()).abs().max()
    if error > _ROUNDING * merged.abs().max():
        raise ValueError("its first or last convolution is not one of a BCRNet")
    kernels: Tensor = solution.T.float()
    return kernels
