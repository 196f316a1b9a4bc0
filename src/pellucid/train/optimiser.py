"""Optimisers: AdamW for everything, or Muon for matrices and AdamW for the rest."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, TypeAlias, final, get_args

import torch
from torch import Tensor, nn

from pellucid.errors import SettingsError

OptimiserName: TypeAlias = Literal["adamw", "muon"]


@final
class Optimiser:
    """The optimiser of a training run, whichever it is, behind one face.

    With "muon" every parameter of two or more axes is taken as a matrix, output channels by all
    the rest, and moved by the orthogonalised momentum [1]_, scaled so that the step has the
    size AdamW's would have; vectors and scalars are left to AdamW.

    Parameters
    ----------
    name : {"adamw", "muon"}
    parameters : iterable of Parameter
    learning_rate, weight_decay : float

    Raises
    ------
    SettingsError
        If the name is not known.

    References
    ----------
    .. [1] J. Liu et al., "Muon is scalable for LLM training", arXiv:2502.16982 (2025).
    """

    def __init__(
        self,
        name: OptimiserName,
        parameters: Iterable[nn.Parameter],
        *,
        learning_rate: float,
        weight_decay: float,
    ) -> None:
        if name not in get_args(OptimiserName):
            names = ", ".join(get_args(OptimiserName))
            raise SettingsError(f"There is no optimiser {name!r}; choose one of {names}.")
        everything = list(parameters)
        # One output channel makes a row, which orthogonalisation would only normalise.
        kernels = [p for p in everything if p.ndim >= 2 and len(p) > 1] if name == "muon" else []
        chosen = {id(p) for p in kernels}
        rest = [p for p in everything if id(p) not in chosen]
        #: Kernels and the matrices that share their memory.
        self._matrices = [(p, nn.Parameter(_as_matrix(p.detach(), p))) for p in kernels]
        self._parts: list[torch.optim.Optimizer] = []
        if rest:
            self._parts.append(
                torch.optim.AdamW(
                    rest, lr=learning_rate, weight_decay=weight_decay, betas=(0.9, 0.99)
                )
            )
        if self._matrices:
            self._parts.append(
                torch.optim.Muon(
                    [matrix for _, matrix in self._matrices],
                    lr=learning_rate,
                    weight_decay=weight_decay,
                    adjust_lr_fn="match_rms_adamw",
                )
            )

    def step(self, learning_rate: float) -> None:
        """Move the parameters along their gradients, at a learning rate."""
        for kernel, matrix in self._matrices:
            matrix.grad = None if kernel.grad is None else _as_matrix(kernel.grad, kernel)
        for part in self._parts:
            for group in part.param_groups:
                group["lr"] = learning_rate
            part.step()

    def state_dict(self) -> list[dict[str, Any]]:
        """Return all that is needed to go on."""
        return [part.state_dict() for part in self._parts]

    def load_state_dict(self, states: list[dict[str, Any]]) -> None:
        """Go on from where another optimiser of the same make stood."""
        for part, state in zip(self._parts, states, strict=True):
            part.load_state_dict(state)


def _as_matrix(values: Tensor, kernel: Tensor) -> Tensor:
    """Return (out, ...) as (out, all the rest), in the order the kernel has in memory.

    Of the kernel itself this is a view. A gradient may lie in memory in another order.
    """
    if kernel.ndim == 4 and not kernel.is_contiguous():
        values = values.permute(0, 2, 3, 1)
    return values.reshape(len(values), -1)
