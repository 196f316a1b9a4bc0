"""What a network is trained to make small, by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import MappingProxyType
from typing import Literal, TypeAlias, get_args

from torch import Tensor

from pellucid.errors import SettingsError
from pellucid.train.losses import l1, log_mse, mse, mse_fourier, released_loss

#: What maps images (batch, 1, y, x) to restorations: a network, told what it is to be told.
Restoring: TypeAlias = Callable[[Tensor], Tensor]
#: Loss of a network on images and truths, each (batch, 1, y, x).
Objective: TypeAlias = Callable[[Restoring, Tensor, Tensor], Tensor]

#: Names of the losses:
#: "log-mse", "mse" and "l1" compare image and truth; "mse-fourier" adds half the mean difference
#: in frequency space; "scales-released" sums that over three scales as the published code does,
#: its transform over the wrong axes included, and "scales" does so with the axes put right. The
#: last two are for networks with three outputs.
ObjectiveName: TypeAlias = Literal[
    "log-mse", "mse", "l1", "mse-fourier", "scales", "scales-released"
]


def _of_image(
    loss: Callable[[Tensor, Tensor], Tensor], network: Restoring, image: Tensor, truth: Tensor
) -> Tensor:
    return loss(network(image), truth)


def _of_scales(
    axes: Literal["released", "image"], network: Restoring, image: Tensor, truth: Tensor
) -> Tensor:
    scales = getattr(network, "scales", None)
    if scales is None:
        raise SettingsError(
            f"The loss over three scales needs a network with three outputs, and a "
            f"{type(network).__name__} has one; train mrbcr or mrbcr-released, or choose mse."
        )
    return released_loss(scales(image), truth, axes=axes)


_OBJECTIVES: MappingProxyType[str, Objective] = MappingProxyType(
    {
        "log-mse": partial(_of_image, log_mse),
        "mse": partial(_of_image, mse),
        "l1": partial(_of_image, l1),
        "mse-fourier": partial(_of_image, mse_fourier),
        "scales": partial(_of_scales, "image"),
        "scales-released": partial(_of_scales, "released"),
    }
)


def named_objective(name: str) -> Objective:
    """Return a loss by its name.

    Raises
    ------
    SettingsError
        If there is none of that name.
    """
    if name not in _OBJECTIVES:
        names = ", ".join(get_args(ObjectiveName))
        raise SettingsError(f"There is no loss {name!r}; choose one of {names}.")
    return _OBJECTIVES[name]
