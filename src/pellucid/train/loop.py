"""The training loop: pairs in, averaged weights out, resumable at any checkpoint."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pellucid.assess.metrics import psnr
from pellucid.errors import WeightsError
from pellucid.io.write import write_whole
from pellucid.simulate.regime import Pair
from pellucid.simulate.stream import Pairs
from pellucid.train.config import TrainingConfig
from pellucid.train.objective import Objective, named_objective
from pellucid.train.optimiser import Optimiser
from pellucid.train.parallel import Group
from pellucid.train.told import told_numbers, told_of

_WARM_UP = 0.05
_LOG_EVERY = 100


@final
@dataclass(frozen=True, slots=True)
class Moment:
    """Where a run stands after a step.

    Attributes
    ----------
    pairs : int
        Training pairs seen so far.
    done : float
        Share of the run that is over.
    seconds, seconds_left : float
        Time trained, over all sessions, and an estimate of what is left.
    loss : float
        Mean of the latest steps.
    validation_db : float or None
        Latest PSNR on validation pairs; None before the first.
    """

    pairs: int
    done: float
    seconds: float
    seconds_left: float
    loss: float
    validation_db: float | None


Observer: TypeAlias = Callable[[Moment], None]


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
        Receives ``log.jsonl``, ``checkpoint.pt`` and ``validation.png``; a checkpoint found there
        is continued.
    objective : callable, optional
        The loss, where `config` does not name one that fits.
    threads : int
        Parts a batch is split into, each computed in a thread of its own: small networks gain
        more from that than from threads within their operators (set
        ``torch.set_num_threads(1)``).
    group : Group, optional
        Processes that train together; this one alone if not given.
    observer : callable, optional
        Told where the run stands after every step.

    Raises
    ------
    WeightsError
        If the folder holds a checkpoint of another configuration.
    """

    def __init__(
        self,
        network: nn.Module,
        config: TrainingConfig,
        *,
        pairs: Pairs,
        validation: Pairs,
        folder: Path,
        objective: Objective | None = None,
        threads: int = 1,
        group: Group | None = None,
        observer: Observer | None = None,
    ) -> None:
        self.config = config
        self._group = group or Group()
        # torch's own type hints leave this overload out
        self._network = network.to(self._group.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._average: nn.Module = deepcopy(self._network).requires_grad_(False).eval()
        self._optimiser = Optimiser(
            config.optimiser,
            self._network.parameters(),
            learning_rate=config.learning_rate,
            weight_decay=config.weight_decay,
        )
        self._objective = objective or named_objective(config.loss)
        self._share = self._group.share(config.batch)
        self._pairs = pairs
        self._validation = validation
        self._folder = folder
        self._observer = observer
        self._workers = ThreadPoolExecutor(threads)
        self._threads = min(threads, len(self._share))
        self._step = 0
        self._seconds = 0.0
        self._score: float | None = None
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
        """Training pairs seen so far, by all processes."""
        return self._step * self.config.batch

    def run(self) -> float:
        """Train to the end and return the PSNR on validation pairs, fitted, in dB."""
        start = time.perf_counter() - self._seconds
        saved = time.perf_counter()
        losses: list[float] = []
        self._network.train()
        with ThreadPoolExecutor(1) as ahead:
            pending = ahead.submit(self._load, self._step)
            while not self._over:
                batch = pending.result()
                pending = ahead.submit(self._load, self._step + 1)
                losses.append(self._advance(batch, time.perf_counter() - start))
                self._tell(float(np.mean(losses[-_LOG_EVERY:])))
                if self._step % _LOG_EVERY == 0 or self._over:
                    self._log(loss=float(np.mean(losses)), pairs_per_second=self._rate())
                    losses.clear()
                now = time.perf_counter()
                if now - saved > 60 * self.config.checkpoint_minutes and not self._over:
                    saved = now
                    self._keep()
            pending.cancel()
        return self._keep()

    def validate(self) -> float:
        """Mean PSNR of the averaged network after gain-and-offset fit, in dB."""
        scores = []
        for index in range(self.config.validation_pairs):
            pair = self._validation[index]
            scores.append(psnr(self._restored(pair), pair.truth, fit=True))
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

    def _restored(self, pair: Pair) -> NDArray[np.float32]:
        arguments = [torch.from_numpy(pair.image)[None, None]]
        if told_numbers(self._network):
            arguments.append(torch.from_numpy(told_of(pair, exact=True))[None])
        with torch.inference_mode():
            result = self._average(*(tensor.to(self._group.device) for tensor in arguments))
        restored: NDArray[np.float32] = result[0, 0].float().cpu().numpy()
        return restored

    def _load(self, step: int) -> list[Tensor]:
        """Return images, truths and, for an informed network, what it is told."""
        first = step * self.config.batch + self._share.start
        count = len(self._share)
        arrays: list[NDArray[np.float32]]
        if told_numbers(self._network):
            pairs = [self._pairs[index] for index in range(first, first + count)]
            arrays = [
                np.stack([pair.image for pair in pairs])[:, None],
                np.stack([pair.truth for pair in pairs])[:, None],
                np.stack([told_of(pair) for pair in pairs]),
            ]
        else:
            arrays = [*self._pairs.batch(first, count)]
        return [torch.from_numpy(array).to(self._group.device) for array in arrays]

    def _rate(self) -> float:
        return self.pairs_seen / max(self._seconds, 1e-9)

    def _advance(self, batch: Sequence[Tensor], seconds: float) -> float:
        parts = list(zip(*(tensor.chunk(self._threads) for tensor in batch), strict=True))
        results = list(self._workers.map(lambda part: self._gradients(*part), parts))
        shares = [len(part[0]) / len(batch[0]) for part in parts]
        gradients = [
            torch.stack(
                [share * one[index] for share, (_, one) in zip(shares, results, strict=True)]
            ).sum(0)
            for index, _ in enumerate(self._network.parameters())
        ]
        loss = sum(share * one for share, (one, _) in zip(shares, results, strict=True))
        # The first process's clock is everyone's: the schedule must be the same in all.
        report = torch.tensor([loss, seconds * self._group.size if self._group.leads else 0.0])
        *gradients, report = self._group.mean([*gradients, report.to(batch[0].device)])
        for parameter, gradient in zip(self._network.parameters(), gradients, strict=True):
            parameter.grad = gradient
        nn.utils.clip_grad_norm_(self._network.parameters(), self.config.clip)
        self._optimiser.step(learning_rate(self.config, self._done))
        self._step += 1
        self._seconds = float(report[1]) if self._group.size > 1 else seconds
        self._update_average()
        return float(report[0])

    def _update_average(self) -> None:
        # A young average forgets its start quickly.
        decay = min(self.config.ema, self._step / (self._step + 10.0))
        with torch.no_grad():
            for mean, new in zip(
                self._average.parameters(), self._network.parameters(), strict=True
            ):
                mean.lerp_(new, 1.0 - decay)
            for kept, new in zip(self._average.buffers(), self._network.buffers(), strict=True):
                kept.copy_(new)

    def _gradients(
        self, image: Tensor, truth: Tensor, told: Tensor | None = None
    ) -> tuple[float, tuple[Tensor, ...]]:
        """Return the loss of part of a batch and its gradients, without touching the others'."""
        # The cache of casts is shared between threads, so that it must stay off.
        with torch.autocast(
            image.device.type,
            torch.bfloat16,
            enabled=self.config.precision == "bf16",
            cache_enabled=False,
        ):
            network = self._network if told is None else partial(self._network, told=told)
            loss = self._objective(
                network, image.contiguous(memory_format=torch.channels_last), truth
            )
        parameters = list(self._network.parameters())
        return float(loss.detach()), torch.autograd.grad(
            loss, parameters, allow_unused=True, materialize_grads=True
        )

    def _tell(self, loss: float) -> None:
        if self._observer is None or not self._group.leads:
            return
        if self.config.minutes is not None:
            done = min(self._done, 1.0)
        else:
            done = self._step / self.config.steps
        left = self._seconds * (1.0 - done) / max(done, 1e-9)
        self._observer(Moment(self.pairs_seen, done, self._seconds, left, loss, self._score))

    def _log(self, **values: float) -> None:
        if not self._group.leads:
            return
        record = {"step": self._step, "pairs": self.pairs_seen, "seconds": round(self._seconds, 1)}
        line = json.dumps({**record, **values})
        with (self._folder / "log.jsonl").open("a", encoding="utf-8") as stream:
            stream.write(line + "\n")

    def _keep(self) -> float:
        """Validate, log, draw and save; the first process does it, the others wait for it."""
        if self._group.leads:
            self._score = self.validate()
            self._log(validation_db=self._score)
            self._draw()
            self._save()
        return math.nan if self._score is None else self._score

    def _draw(self) -> None:
        if not self.config.pictures:
            return
        from pellucid.assess.contact_sheet import contact_sheet

        count = min(self.config.pictures, self.config.validation_pairs)
        pairs = [self._validation[index] for index in range(count)]
        sheet = contact_sheet(
            [
                [pair.image for pair in pairs],
                [self._restored(pair) for pair in pairs],
                [pair.truth for pair in pairs],
            ],
            rows=("image", "restored", "truth"),
            columns=[str(pair.conditions.get("kind", index)) for index, pair in enumerate(pairs)],
        )
        write_whole(
            self._folder / "validation.png", lambda path: path.write_bytes(sheet), overwrite=True
        )

    def _save(self) -> None:
        state = {
            "config": self.config.model_dump(),
            "step": self._step,
            "seconds": self._seconds,
            "score": self._score,
            "network": self._network.state_dict(),
            "average": self._average.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "random": torch.get_rng_state(),
        }
        temporary = self._checkpoint.with_suffix(".part")
        torch.save(state, temporary)
        temporary.replace(self._checkpoint)

    def _resume(self) -> None:
        state: dict[str, Any] = torch.load(
            self._checkpoint, weights_only=True, map_location=self._group.device
        )
        if state["config"] != self.config.model_dump():
            changed = sorted(
                key
                for key, value in self.config.model_dump().items()
                if state["config"].get(key) != value
            )
            raise WeightsError(
                f"The checkpoint {self._checkpoint} belongs to another configuration (it differs "
                f"in {', '.join(changed) or 'settings this version does not know'}); choose "
                "another output folder or repeat the run with its settings."
            )
        self._network.load_state_dict(state["network"])
        self._average.load_state_dict(state["average"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._step, self._seconds, self._score = state["step"], state["seconds"], state["score"]
        torch.set_rng_state(state["random"].cpu())
