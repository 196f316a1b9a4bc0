"""Networks from the words of a configuration, and from the weights training goes on from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, final

import torch
from torch import nn

from pellucid.errors import SettingsError, WeightsError
from pellucid.nets.bcrnet import BCRNet, BCRNetDesign
from pellucid.nets.described import MRBCR, SRBCR, MRBCRDesign, SRBCRDesign
from pellucid.nets.minmax import MinMaxBCRNet
from pellucid.nets.registry import named_network
from pellucid.nets.unfused import bcrnet_of_weights


@final
@dataclass(frozen=True, slots=True)
class _Designed:
    network: type[nn.Module]
    design: type[Any]


_DESIGNED: MappingProxyType[str, _Designed] = MappingProxyType(
    {
        "bcrnet": _Designed(BCRNet, BCRNetDesign),
        "bcrnet-minmax": _Designed(MinMaxBCRNet, BCRNetDesign),
        "srbcr": _Designed(SRBCR, SRBCRDesign),
        "mrbcr": _Designed(MRBCR, MRBCRDesign),
    }
)


def build_network(kind: str, design: Mapping[str, Any] | None = None) -> nn.Module:
    """Return a network with fresh weights.

    Parameters
    ----------
    kind : str
        A name of :data:`pellucid.nets.registry.NETWORKS`.
    design : mapping, optional
        Numbers of its design that differ from the default, for kinds that have one.

    Raises
    ------
    SettingsError
        If there is no such kind, or its design no such number.
    """
    network = named_network(kind)
    if not design:
        return network.build()
    if kind not in _DESIGNED:
        raise SettingsError(
            f"The network {kind!r} is what it is and has no design; leave {', '.join(design)} out."
        )
    known = _DESIGNED[kind]
    legal = [field.name for field in fields(known.design)]
    unknown = sorted(set(design) - set(legal))
    if unknown:
        raise SettingsError(
            f"The design of {kind!r} has no {unknown[0]!r}; it has {', '.join(legal)}."
        )
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in design.items()}
    try:
        return known.network(known.design(**values))
    except TypeError as error:
        raise SettingsError(f"The design of {kind!r} cannot be {dict(design)}: {error}.") from error


def start_from(network: nn.Module, start: str) -> nn.Module:
    """Return a network of the same make with weights to go on from.

    Parameters
    ----------
    network : torch.nn.Module
        Gets the weights.
    start : str
        Name of shipped weights, an ``.onnx`` file, or the folder of a run: its averaged weights.

    Raises
    ------
    WeightsError
        If there are no such weights, or they do not fit the network.
    """
    folder = Path(start)
    if folder.is_dir():
        path = folder / "checkpoint.pt"
        if not path.exists():
            raise WeightsError(f"{folder} holds no checkpoint.pt; give the folder of a run.")
        state = torch.load(path, weights_only=True, map_location="cpu")["average"]
    else:
        state = bcrnet_of_weights(start).state_dict()
    if isinstance(network, BCRNet) and network.design.told and "told.0.weight" not in state:
        # A blind network's weights: what it will be told begins without effect.
        own = network.state_dict()
        state |= {k: v for k, v in own.items() if "gain." in k or k.startswith("told.")}
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise WeightsError(
            f"The weights {start} belong to a network of another make than "
            f"{type(network).__name__} with these numbers; give the same network.design, or leave "
            "start out."
        ) from error
    return network
