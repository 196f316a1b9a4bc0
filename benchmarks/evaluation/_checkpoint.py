"""Networks from the checkpoints of a training run."""

from __future__ import annotations

import hashlib
import io
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from pellucid.errors import WeightsError

if TYPE_CHECKING:
    from torch import Tensor

    from pellucid.nets import BCRNet


def average_of(source: Path | BinaryIO, *, name: str = "") -> dict[str, Tensor]:
    """Return the averaged parameters of a checkpoint.

    Parameters
    ----------
    source : Path or binary file
    name : str
        Of a file that is not a path, for messages.

    Raises
    ------
    WeightsError
        If there is no such file, or it is not a checkpoint of :class:`pellucid.train.Trainer`.
    """
    import torch

    try:
        state: dict[str, Any] = torch.load(source, weights_only=True, map_location="cpu")
        average: dict[str, Tensor] = state["average"]
    except (OSError, RuntimeError, KeyError, TypeError, EOFError, pickle.UnpicklingError) as error:
        raise WeightsError(
            f"{name or source} is not a checkpoint of a training run ({type(error).__name__}); "
            "give the folder that pellucid trains into."
        ) from error
    return average


def keep_average(path: Path, folder: Path) -> tuple[Path, str]:
    """Copy the averaged parameters of a checkpoint that may be written anew at any time.

    Parameters
    ----------
    path : Path
        The file ``checkpoint.pt`` of a run that still goes on.
    folder : Path
        Where copies are kept.

    Returns
    -------
    Path, str
        The copy, and the hash of the checkpoint it was made from.

    Raises
    ------
    WeightsError
        If there is no checkpoint.
    """
    import torch

    try:
        content = path.read_bytes()
    except OSError as error:
        raise WeightsError(
            f"{path} cannot be read ({error.strerror}); give the folder of a run that has reached "
            "its first checkpoint."
        ) from error
    sha256 = hashlib.sha256(content).hexdigest()
    copy = folder / f"{sha256[:16]}.pt"
    if not copy.exists():
        average = average_of(io.BytesIO(content), name=str(path))
        folder.mkdir(parents=True, exist_ok=True)
        part = copy.with_suffix(".part")
        torch.save({"average": average}, part)
        part.replace(copy)
    return copy, sha256


def network_of(average: Mapping[str, Tensor]) -> BCRNet:
    """Return a BCRNet with given parameters, its design read from their shapes.

    Raises
    ------
    WeightsError
        If they are not those of a BCRNet.
    """
    from pellucid.nets import BCRNet, BCRNetDesign

    try:
        told = average["told.0.weight"].shape[1] if "told.0.weight" in average else 0
        design = BCRNetDesign(
            channels=average["lift.weight"].shape[0],
            widths=_widths(average, "down"),
            up_widths=_widths(average, "up"),
            coarse_width=average["coarse.first.weight"].shape[0],
            **({"told": told} if told else {}),
        )
        network = BCRNet(design)
        network.load_state_dict(dict(average))
    except (KeyError, RuntimeError) as error:
        raise WeightsError(
            f"These parameters are not those of a BCRNet ({str(error).splitlines()[0]}); give the "
            "checkpoint of one."
        ) from error
    return network.eval()


def _widths(average: Mapping[str, Tensor], part: str) -> tuple[int, ...]:
    levels = sum(name.startswith(f"{part}.") and name.endswith("first.weight") for name in average)
    return tuple(average[f"{part}.{level}.first.weight"].shape[0] for level in range(levels))
