import pytest
import torch
from torch.utils.data import DataLoader

from pellucid.errors import SettingsError
from pellucid.simulate import PairStream, PhysicalRegime, ProceduralSource
from pellucid.train import PairBatches

REGIME = PhysicalRegime()
STREAM = PairStream(
    ProceduralSource(needs=REGIME.needs, seed=0, pixels=48), regime=REGIME, seed=0, size=32
)


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # more workers than cores
def test_batches_are_the_same_on_one_and_three_workers() -> None:
    batches = PairBatches(STREAM, batch=3, count=7, first=2)
    alone = list(DataLoader(batches, batch_size=None))
    shared = list(
        DataLoader(batches, batch_size=None, num_workers=3, multiprocessing_context="spawn")
    )
    assert len(alone) == len(shared) == len(batches) == 7
    for (image, truth), (other_image, other_truth) in zip(alone, shared, strict=True):
        assert image.shape == truth.shape == (3, 1, 32, 32)
        assert torch.equal(image, other_image)
        assert torch.equal(truth, other_truth)
    assert torch.equal(alone[1][0], torch.from_numpy(STREAM.batch(9, 3)[0]))


def test_impossible_batches_are_named() -> None:
    with pytest.raises(SettingsError, match="not 0, 1 and 0"):
        PairBatches(STREAM, batch=0, count=1)
