"""Several processes that train one network together: each on its part of every batch."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, distributed

from pellucid.errors import SettingsError


@final
@dataclass(frozen=True, slots=True)
class Group:
    """The processes of a run; one alone by default.

    Attributes
    ----------
    rank : int
        Which of them this is; the first writes the files.
    size : int
        How many there are.
    device : str
        Where this one computes.
    """

    rank: int = 0
    size: int = 1
    device: str = "cpu"

    @classmethod
    def from_environment(cls) -> Group:
        """Join the processes that ``torchrun`` started; this one alone without it.

        On GPUs they talk by nccl and each takes the one of its local rank, otherwise by gloo.
        """
        gpu = torch.cuda.is_available()
        if "WORLD_SIZE" not in os.environ:
            return cls(device="cuda" if gpu else "cpu")
        local = int(os.environ.get("LOCAL_RANK", "0"))
        if not distributed.is_initialized():
            distributed.init_process_group("nccl" if gpu else "gloo")
        return cls(
            distributed.get_rank(), distributed.get_world_size(), f"cuda:{local}" if gpu else "cpu"
        )

    @staticmethod
    def rank_of_environment() -> int:
        """Return which process this is, before it joins the others."""
        return int(os.environ.get("RANK", "0"))

    @property
    def leads(self) -> bool:
        """Whether this process writes the files."""
        return self.rank == 0

    def share(self, batch: int) -> range:
        """Return which pairs of every batch are this process's.

        Raises
        ------
        SettingsError
            If a batch cannot be divided evenly.
        """
        if batch % self.size:
            raise SettingsError(
                f"A batch of {batch} pairs cannot be divided evenly among {self.size} processes; "
                f"choose a multiple of {self.size}."
            )
        each = batch // self.size
        return range(self.rank * each, (self.rank + 1) * each)

    def mean(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """Average tensors over the processes, all at once; the same in every process."""
        if self.size == 1:
            return list(tensors)
        flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
        distributed.all_reduce(flat)
        flat /= self.size
        parts = torch.split(flat, [tensor.numel() for tensor in tensors])
        return [part.reshape(tensor.shape) for part, tensor in zip(parts, tensors, strict=True)]

    def leave(self) -> None:
        """End the processes' talk; for the end of a program."""
        if self.size > 1 and distributed.is_initialized():
            distributed.destroy_process_group()
