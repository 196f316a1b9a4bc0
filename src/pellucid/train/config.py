"""Settings of the training loop; printed and kept with every run."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from pellucid.train.objective import ObjectiveName
from pellucid.train.optimiser import OptimiserName

#: Arithmetic of the network; parameters, losses and the optimiser are float32 in both.
Precision: TypeAlias = Literal["bf16", "float32"]


class TrainingConfig(BaseModel):
    """How a network is trained, whatever it is trained on.

    Attributes
    ----------
    seed : int
        Decides the network's start; the streams of pairs have seeds of their own.
    pairs : int
        Training pairs to see, in all.
    minutes : float, optional
        Budget of training time. With it the schedule follows the clock instead of `pairs`, and
        the run ends when the time is used up: made for machines of unknown speed. Such a run
        cannot be repeated to the last bit.
    batch : int
        Pairs a step, over all processes.
    patch : int
        Side of a training patch, pixels.
    learning_rate : float
        Peak of the schedule: linear warm-up over the first 5 %, then a cosine to zero.
    optimiser : {"muon", "adamw"}
        See :class:`pellucid.train.optimiser.Optimiser`.
    loss : str
        See :mod:`pellucid.train.objective`.
    weight_decay : float
        Decoupled, as AdamW has it.
    clip : float
        Largest norm of the gradient.
    ema : float
        Decay a step of the moving average of the parameters, which is what is exported.
    precision : {"bf16", "float32"}
    validation_pairs : int
        Pairs of specimens of their own, never trained on.
    checkpoint_minutes : float
        Time between checkpoints, each with a validation.
    pictures : int
        Validation images shown on the sheet that is drawn at every checkpoint; zero for none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(default=20260, ge=0)
    pairs: int = Field(default=220_000, ge=1)
    minutes: float | None = Field(default=None, gt=0)
    batch: int = Field(default=32, ge=1)
    patch: int = Field(default=128, ge=32, multiple_of=32)
    learning_rate: float = Field(default=3e-3, gt=0)
    optimiser: OptimiserName = "muon"
    loss: ObjectiveName = "log-mse"
    weight_decay: float = Field(default=1e-4, ge=0)
    clip: float = Field(default=1.0, gt=0)
    ema: float = Field(default=0.999, ge=0, lt=1)
    precision: Precision = "bf16"
    validation_pairs: int = Field(default=250, ge=1)
    checkpoint_minutes: float = Field(default=3.0, gt=0)
    pictures: int = Field(default=6, ge=0, le=20)

    @property
    def steps(self) -> int:
        """Optimiser steps of the whole run, unless the clock decides."""
        return max(1, self.pairs // self.batch)
