"""The networks pellucid ships, and any other ONNX file that follows their conventions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, final

from pellucid.errors import WeightsError

#: What `weights=None` stands for.
DEFAULT_WEIGHTS = "bcrnet-physical"


@final
@dataclass(frozen=True, slots=True)
class Weights:
    """A network as a file: its bytes, their hash and where they come from.

    Attributes
    ----------
    name : str
        Name of shipped weights or of the file.
    onnx : bytes
        The ONNX model.
    sha256 : str
        Hash of `onnx`, in hexadecimal.
    """

    name: str
    onnx: bytes
    sha256: str


def shipped_weights() -> tuple[str, ...]:
    """Return the names of the networks that come with pellucid."""
    folder = resources.files("pellucid.weights")
    return tuple(
        sorted(entry.name[:-5] for entry in folder.iterdir() if entry.name.endswith(".onnx"))
    )


def weights_card(name: str) -> Mapping[str, Any]:
    """Return the card of shipped weights: training range, seed, commit, measured figures."""
    _check_shipped(name)
    text = resources.files("pellucid.weights").joinpath(f"{name}.json").read_text("utf-8")
    card: dict[str, Any] = json.loads(text)
    return card


def load_weights(weights: str | Path | None = None) -> Weights:
    """Load shipped weights by name or an ONNX file by path.

    Parameters
    ----------
    weights : str or Path, optional
        A name from :func:`shipped_weights` or the path of an ``.onnx`` file.

    Raises
    ------
    WeightsError
        If there are no such weights; the message lists the names there are.
    """
    given = DEFAULT_WEIGHTS if weights is None else weights
    if str(given).endswith(".onnx"):
        path = Path(given)
        try:
            onnx = path.read_bytes()
        except OSError as error:
            raise WeightsError(
                f"The weights {path} cannot be read ({error.strerror or error}); give the path of "
                f"an .onnx file or one of the shipped names: {', '.join(shipped_weights())}."
            ) from error
        name = path.stem
    else:
        name = str(given)
        _check_shipped(name)
        onnx = resources.files("pellucid.weights").joinpath(f"{name}.onnx").read_bytes()
    return Weights(name, onnx, hashlib.sha256(onnx).hexdigest())


def _check_shipped(name: str) -> None:
    if name not in shipped_weights():
        raise WeightsError(
            f"There are no weights named {name!r}; the shipped ones are "
            f"{', '.join(shipped_weights())}, and a file of your own ends with .onnx."
        )
