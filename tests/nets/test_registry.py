import pytest
import torch

from pellucid.errors import SettingsError
from pellucid.nets import NETWORKS, named_network, receptive_reach
from pellucid.restore.weights import weights_card

#: Parameters in millions, as the paper's Table 1 has them.
PAPER = {"srbcr": 0.086, "mrbcr": 0.237, "srbcr-released": 0.086, "mrbcr-released": 0.237}


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_is_what_it_says(name: str) -> None:
    network = NETWORKS[name]
    assert network.name == name
    built = network.build()
    counted = sum(p.numel() for p in built.parameters())
    assert network.parameters() == counted
    assert counted == pytest.approx(1e6 * PAPER.get(name, 0.23), rel=0.05)
    with torch.inference_mode():
        assert built(torch.rand(1, 1, 33, 18)).shape == (1, 1, 33, 18)


def test_costs_are_those_of_the_published_graphs() -> None:
    assert named_network("mrbcr-released").multiply_adds() == pytest.approx(2.32e9, rel=0.01)
    assert named_network("srbcr-released").multiply_adds() == pytest.approx(1.41e9, rel=0.01)
    assert named_network("bcrnet").multiply_adds() < 0.24e9


def test_shipped_weights_have_cards() -> None:
    cards = named_network("bcrnet").cards()
    assert cards["bcrnet-physical"] == weights_card("bcrnet-physical")
    with pytest.raises(SettingsError, match="bcrnet, bcrnet-minmax, srbcr"):
        named_network("unet")


def test_reach_of_a_known_graph() -> None:
    """Three 3x3 convolutions look three pixels far; a stride of two doubles what follows."""
    plain = torch.nn.Sequential(*(torch.nn.Conv2d(1, 1, 3, padding=1) for _ in range(3)))
    assert receptive_reach(plain) == 3
    halved = torch.nn.Sequential(
        torch.nn.Conv2d(1, 1, 2, stride=2),
        torch.nn.Conv2d(1, 1, 3, padding=1),
        torch.nn.ConvTranspose2d(1, 1, 2, stride=2),
    )
    assert receptive_reach(halved, multiple=2) == 2


def test_reach_of_the_flagship() -> None:
    # Bands reach 2 pixels of their level, the coarse operator 3, lift and projection 1 each.
    levels = named_network("bcrnet").multiple.bit_length() - 1
    expected = 2 + sum(2 * 2 * 2 ** (level + 1) for level in range(levels)) + 3 * 2**levels
    assert named_network("bcrnet").reach_pixels() == pytest.approx(expected, abs=2**levels)


def test_a_network_that_sees_the_whole_image_is_refused() -> None:
    class Whole(torch.nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return image * image.mean()

    with pytest.raises(SettingsError, match="tiles"):
        receptive_reach(Whole())
