"""Simulated pairs as a torch data set."""

from __future__ import annotations

from collections.abc import Iterator
from typing import final

import torch
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from pellucid.errors import SettingsError
from pellucid.simulate.stream import Pairs


@final
class PairBatches(IterableDataset[tuple[Tensor, Tensor]]):
    """Batches of a stream of pairs, the same in the same order from any number of workers.

    Use with ``DataLoader(batches, batch_size=None, num_workers=...)``: a loader asks its workers
    in turn, and worker `w` of `n` makes batches ``w, w + n, ...``.

    Parameters
    ----------
    stream : Pairs
    batch : int
        Pairs a batch.
    count : int
        Batches.
    first : int
        Number of the first batch, to go on where a run stopped.
    """

    def __init__(self, stream: Pairs, *, batch: int, count: int, first: int = 0) -> None:
        super().__init__()
        if batch < 1 or count < 1 or first < 0:
            raise SettingsError(
                f"Batches need at least one pair, one batch and a first number of at least zero, "
                f"not {batch}, {count} and {first}."
            )
        self._stream = stream
        self._batch = batch
        self._numbers = range(first, first + count)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield images and truths, each (batch, 1, n, n)."""
        worker = get_worker_info()
        share = slice(None) if worker is None else slice(worker.id, None, worker.num_workers)
        for number in self._numbers[share]:
            image, truth = self._stream.batch(number * self._batch, self._batch)
            yield torch.from_numpy(image), torch.from_numpy(truth)

    def __len__(self) -> int:
        """Count the batches."""
        return len(self._numbers)
