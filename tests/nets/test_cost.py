import pytest
import torch
from torch import nn

from pellucid.errors import SettingsError
from pellucid.nets.cost import multiply_adds
from pellucid.nets.released import Inverse, MRBCRReleased, SRBCRReleased


def weights(*modules: nn.Module) -> int:
    """Entries of all kernels: multiply-adds a pixel, as every layer keeps the size."""
    return sum(p.numel() for m in modules for p in m.parameters() if p.ndim > 1)


@pytest.mark.parametrize(
    ("network", "shape", "expected"),
    [
        (nn.Conv2d(3, 5, 3, padding=1), (2, 3, 7, 9), 2 * 7 * 9 * 5 * 3 * 9),
        (nn.Conv2d(3, 5, 3), (1, 3, 7, 9), 5 * 7 * 5 * 3 * 9),
        (nn.Conv2d(4, 8, (1, 5), stride=2, groups=2), (1, 4, 8, 9), 4 * 3 * 8 * 2 * 5),
        (nn.ConvTranspose2d(4, 2, 2, stride=2), (1, 4, 6, 6), 36 * 4 * 2 * 4),
        (nn.Linear(6, 4), (3, 6), 3 * 6 * 4),
        (nn.ReLU(), (1, 1, 8, 8), 0),
    ],
    ids=["same", "valid", "strided", "transposed", "linear", "relu"],
)
def test_agrees_with_counts_by_hand(
    network: nn.Module, shape: tuple[int, ...], expected: int
) -> None:
    assert multiply_adds(network, shape) == expected


def test_released_networks_cost_what_their_kernels_say() -> None:
    single, multi = SRBCRReleased(), MRBCRReleased()
    assert multiply_adds(single, (1, 1, 128, 128)) == 128**2 * weights(single) == 1_409_548_288
    # The forward fusion works twice at full size; the inverse one at half and at full size.
    full = weights(
        multi.pointwise0, multi.fusion, multi.fusion, multi.project0,
        multi.inverse_fusion, multi.inverse0, multi.output0,
    )  # fmt: skip
    half = weights(
        multi.pointwise2, multi.project2, multi.inverse_fusion, multi.inverse2, multi.output2
    )
    quarter = weights(multi.pointwise4, multi.project4, multi.inverse4, multi.output4)
    expected = 128**2 * full + 64**2 * half + 32**2 * quarter
    assert multiply_adds(multi.scales, (1, 1, 128, 128)) == expected == 2_322_284_544
    # One image alone needs no output at the coarser scales.
    alone = expected - 64**2 * weights(multi.output2) - 32**2 * weights(multi.output4)
    assert multiply_adds(multi, (1, 1, 128, 128)) == alone == 2_302_377_984


def test_counting_leaves_the_network_as_it_was() -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), Inverse(2).eval())
    before = {key: value.clone() for key, value in network.state_dict().items()}
    assert multiply_adds(network, (2, 1, 8, 8)) > 0
    assert [module.training for module in network] == [True, True, False]
    for key, value in network.state_dict().items():
        assert torch.equal(value, before[key])
    assert multiply_adds(nn.Conv2d(1, 1, 3).double(), (1, 1, 8, 8)) == 36 * 9


def test_bad_shapes_are_named() -> None:
    with pytest.raises(SettingsError, match=r"\(1, 0, 4\)"):
        multiply_adds(SRBCRReleased(), (1, 0, 4))
    with pytest.raises(SettingsError, match=r"\(1, 2, 8, 8\)"):
        multiply_adds(SRBCRReleased(), (1, 2, 8, 8))
