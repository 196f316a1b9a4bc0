"""The training loop: simulated pairs in, averaged weights out, resumable at any checkpoint."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.assess.metrics import psnr
from pellucid.errors import WeightsError
from pellucid.simulate.stream import Pairs
from pellucid.train.config import TrainingConfig
from pellucid.train.losses import log_mse
from pellucid.train.optimiser import Optimiser

_WARM_UP = 0.05
_LOG_EVERY = 100


def learning_rate(config: TrainingConfig, done: float) -> float:
    """Linear warm-up over the first 5 % of a run, then a cosine that ends at zero.

    Parameters
    ----------
    config : TrainingConfig
    done : float
        Share of the run that is over, at the end of the step to come.
    """
    if done < _WARM_UP:
        return config.learning_rate * done / _WARM_UP
    after = min((done - _WARM_UP) / (1.0 - _WARM_UP), 1.0)
    return config.learning_rate * 0.5 * (1.0 + math.cos(math.pi * after))


@final
class Trainer:
    """Train a network on a stream of pairs.

    Parameters
    ----------
    network : torch.nn.Module
        Maps (batch, 1, y, x) to the same shape.
    config : TrainingConfig
    pairs, validation : Pairs
        The second must come from specimens of its own.
    folder : Path
        Receives ``log.jsonl`` and ``checkpoint.pt``; a checkpoint found there is continued.
    threads : int
        Parts a batch is split into, each computed in a thread of its own: small networks gain
        more from that than from threads within their operators (set
        ``torch.set_num_threads(1)``).
    report : callable, optional
        Receives every line of the log.
    """

    def __init__(
        self,
        network: nn.Module,
        config: TrainingConfig,
        *,
        pairs: Pairs,
        validation: Pairs,
        folder: Path,
        threads: int = 1,
        report: Callable[[str], None] | None = None,
    ) -> None:
        self.config = config
        # torch's own type hints leave this overload out
        self._network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._average: nn.Module = deepcopy(self._network).requires_grad_(False)
        self._optimiser = Optimiser(
            config.optimiser,
            self._network.parameters(),
            learning_rate=config.learning_rate,
            weight_decay=config.weight_decay,
        )
        self._pairs = pairs
        self._validation = validation
        self._folder = folder
        self._report = report
        self._workers = ThreadPoolExecutor(threads)
        self._threads = threads
        self._step = 0
        self._seconds = 0.0
        folder.mkdir(parents=True, exist_ok=True)
        if self._checkpoint.exists():
            self._resume()

    @property
    def average(self) -> nn.Module:
        """The network with its averaged parameters: what to export."""
        return self._average

    @property
    def seconds(self) -> float:
        """Wall time trained so far, over all sessions."""
        return self._seconds

    @property
    def pairs_seen(self) -> int:
        """Training pairs seen so far."""
        return self._step * self.config.batch

    def run(self) -> float:
        """Train to the end and return the PSNR on validation pairs, fitted, in dB."""
        start = time.perf_counter() - self._seconds
        saved = time.perf_counter()
        losses: list[float] = []
        with ThreadPoolExecutor(1) as ahead:
            pending = ahead.submit(self._load, self._step)
            while not self._over:
                image, truth = pending.result()
                pending = ahead.submit(self._load, self._step + 1)
                losses.append(self._advance(image, truth))
                now = time.perf_counter()
                self._seconds = now - start
                if self._step % _LOG_EVERY == 0 or self._over:
                    self._log(loss=float(np.mean(losses)), rate=self._rate())
                    losses.clear()
                if now - saved > 60 * self.config.checkpoint_minutes:
                    saved = now
                    self._log(validation_db=self.validate())
                    self._save()
            pending.cancel()
        score = self.validate()
        self._log(validation_db=score)
        self._save()
        return score

    def validate(self) -> float:
        """Mean PSNR of the averaged network after gain-and-offset fit, in dB."""
        scores = []
        for index in range(self.config.validation_pairs):
            pair = self._validation[index]
            with torch.inference_mode():
                restored = self._average(torch.from_numpy(pair.image)[None, None])
            scores.append(psnr(restored[0, 0].numpy(), pair.truth, fit=True))
        return float(np.mean(scores))

    @property
    def _done(self) -> float:
        """Share of the run that is over when the next step is."""
        if self.config.minutes is not None:
            return self._seconds / (60.0 * self.config.minutes)
        return (self._step + 1) / self.config.steps

    @property
    def _over(self) -> bool:
        if self.config.minutes is not None:
            return self._step > 0 and self._seconds >= 60.0 * self.config.minutes
        return self._step >= self.config.steps

    @property
    def _checkpoint(self) -> Path:
        return self._folder / "checkpoint.pt"

    def _load(self, step: int) -> tuple[Tensor, Tensor]:
        batch = self.config.batch
        image, truth = self._pairs.batch(step * batch, batch)
        return torch.from_numpy(image), torch.from_numpy(truth)

    def _rate(self) -> float:
        return self.pairs_seen / max(self._seconds, 1e-9)

    def _advance(self, image: Tensor, truth: Tensor) -> float:
        parts = zip(image.chunk(self._threads), truth.chunk(self._threads), strict=True)
        results = list(self._workers.map(lambda part: self._gradients(*part), parts))
        shares = [len(part) / len(image) for part in image.chunk(self._threads)]
        for index, parameter in enumerate(self._network.parameters()):
            terms = [
                share * gradients[index]
                for share, (_, gradients) in zip(shares, results, strict=True)
            ]
            parameter.grad = torch.stack(terms).sum(0)
        nn.utils.clip_grad_norm_(self._network.parameters(), self.config.clip)
        self._optimiser.step(learning_rate(self.config, self._done))
        self._step += 1
        # A young average forgets its start quickly.
        decay = min(self.config.ema, self._step / (self._step + 10.0))
        with torch.no_grad():
            for mean, new in zip(
                self._average.parameters(), self._network.parameters(), strict=True
            ):
                mean.lerp_(new, 1.0 - decay)
        return sum(share * loss for share, (loss, _) in zip(shares, results, strict=True))

    def _gradients(self, image: Tensor, truth: Tensor) -> tuple[float, tuple[Tensor, ...]]:
        """Return the loss of part of a batch and its gradients, without touching the others'."""
        # The cache of casts is shared between threads, so that it must stay off.
        with torch.autocast("cpu", torch.bfloat16, cache_enabled=False):
            restored = self._network(image.contiguous(memory_format=torch.channels_last))
        loss = log_mse(restored, truth)
        return float(loss.detach()), torch.autograd.grad(loss, list(self._network.parameters()))

    def _log(self, **values: float) -> None:
        record = {"step": self._step, "pairs": self.pairs_seen, "seconds": round(self._seconds, 1)}
        line = json.dumps({**record, **values})
        with (self._folder / "log.jsonl").open("a", encoding="utf-8") as stream:
            stream.write(line + "\n")
        if self._report is not None:
            self._report(line)

    def _save(self) -> None:
        state = {
            "config": self.config.model_dump(),
            "step": self._step,
            "seconds": self._seconds,
            "network": self._network.state_dict(),
            "average": self._average.state_dict(),
            "optimiser": self._optimiser.state_dict(),
        }
        temporary = self._checkpoint.with_suffix(".part")
        torch.save(state, temporary)
        temporary.replace(self._checkpoint)

    def _resume(self) -> None:
        state: dict[str, Any] = torch.load(self._checkpoint, weights_only=True)
        if state["config"] != self.config.model_dump():
            raise WeightsError(
                f"The checkpoint {self._checkpoint} belongs to another configuration; choose "
                "another output folder or repeat the run with its settings."
            )
        self._network.load_state_dict(state["network"])
        self._average.load_state_dict(state["average"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._step, self._seconds = state["step"], state["seconds"]
