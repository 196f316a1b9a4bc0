"""What a training run is made of; printed and kept with every run."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pellucid.train.optimiser import OptimiserName


class TrainingConfig(BaseModel):
    """Settings of a training run on simulated pairs.

    Attributes
    ----------
    name : str
        Name of the weights.
    seed : int
        Decides specimens, conditions, noise and the network's start.
    pairs : int
        Training pairs to see, in all.
    minutes : float, optional
        Budget of training time. With it the schedule follows the clock instead of `pairs`, and
        the run ends when the time is used up: made for machines of unknown speed.
    batch : int
        Pairs a step.
    patch : int
        Side of a training patch, pixels.
    specimens : int
        Procedural specimens drawn once and imaged again and again under new conditions.
    scene : int
        Side of a specimen, camera pixels; at least `patch`.
    learning_rate : float
        Peak of the schedule: linear warm-up over the first 5 %, then a cosine to zero.
    optimiser : {"adamw", "muon"}
        See :class:`pellucid.train.optimiser.Optimiser`.
    weight_decay : float
        Decoupled, as AdamW has it.
    clip : float
        Largest norm of the gradient.
    ema : float
        Decay a step of the moving average of the parameters, which is what is exported.
    validation_pairs : int
        Pairs of specimens of their own, never trained on.
    checkpoint_minutes : float
        Time between checkpoints.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = "bcrnet-physical"
    seed: int = 20260
    pairs: int = Field(default=220_000, ge=1)
    minutes: float | None = Field(default=None, gt=0)
    batch: int = Field(default=32, ge=1)
    patch: int = Field(default=128, ge=32, multiple_of=32)
    specimens: int = Field(default=2500, ge=1)
    scene: int = Field(default=192, ge=32)
    learning_rate: float = Field(default=3e-3, gt=0)
    optimiser: OptimiserName = "adamw"
    weight_decay: float = Field(default=1e-4, ge=0)
    clip: float = Field(default=1.0, gt=0)
    ema: float = Field(default=0.999, ge=0, lt=1)
    validation_pairs: int = Field(default=250, ge=1)
    checkpoint_minutes: float = Field(default=3.0, gt=0)

    @property
    def steps(self) -> int:
        """Optimiser steps of the whole run."""
        return max(1, self.pairs // self.batch)

    @model_validator(mode="after")
    def _patch_fits(self) -> Self:
        if self.patch > self.scene:
            raise ValueError(
                f"patch = {self.patch} is larger than scene = {self.scene}; draw larger scenes."
            )
        return self
