"""The networks by name, with what they cost and how far they look."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, final

from torch import nn

from pellucid.errors import SettingsError
from pellucid.nets.bcrnet import BCRNet, BCRNetDesign
from pellucid.nets.cost import multiply_adds
from pellucid.nets.described import MRBCR, SRBCR, MRBCRDesign, SRBCRDesign
from pellucid.nets.minmax import MinMaxBCRNet
from pellucid.nets.reach import receptive_reach
from pellucid.nets.released import MRBCRReleased, SRBCRReleased


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A kind of network.

    Attributes
    ----------
    name : str
    summary : str
        One line.
    build : callable
        Returns it with fresh weights; draws from torch's generator.
    multiple : int
        Period of its grid: it commutes with shifts by so many pixels.
    weights : tuple of str
        Names of shipped weights of this kind.
    """

    name: str
    summary: str
    build: Callable[[], nn.Module]
    multiple: int
    weights: tuple[str, ...] = ()

    def parameters(self) -> int:
        """Count the trainable parameters."""
        return sum(p.numel() for p in self.build().parameters() if p.requires_grad)

    def multiply_adds(self, side: int = 128) -> int:
        """Count the multiply-adds for one square image."""
        return multiply_adds(self.build(), (1, 1, side, side))

    def reach_pixels(self) -> int:
        """Return how far the graph can look beyond a block aligned to `multiple`."""
        return receptive_reach(self.build(), multiple=self.multiple)

    def cards(self) -> dict[str, dict[str, Any]]:
        """Return the cards of the shipped weights by name."""
        from pellucid.restore.weights import weights_card

        return {name: dict(weights_card(name)) for name in self.weights}


NETWORKS: MappingProxyType[str, Network] = MappingProxyType(
    {
        network.name: network
        for network in (
            Network(
                name="bcrnet",
                summary="the flagship: a nonlinear two-dimensional nonstandard form",
                build=BCRNet,
                multiple=BCRNetDesign().multiple,
                weights=("bcrnet-physical", "bcrnet-widefield"),
            ),
            Network(
                name="bcrnet-minmax",
                summary="the same for images scaled from zero to one, with a head for the range",
                build=MinMaxBCRNet,
                multiple=BCRNetDesign().multiple,
            ),
            Network(
                name="srbcr",
                summary="s-rBCR as the paper describes it, single stage",
                build=SRBCR,
                multiple=SRBCRDesign().multiple,
            ),
            Network(
                name="mrbcr",
                summary="m-rBCR as the paper describes it, three stages",
                build=MRBCR,
                multiple=MRBCRDesign().multiple,
            ),
            Network(
                name="srbcr-released",
                summary="the graph of the published s-rBCR code, without levels",
                build=SRBCRReleased,
                multiple=1,
            ),
            Network(
                name="mrbcr-released",
                summary="the graph of the published m-rBCR code, without levels",
                build=MRBCRReleased,
                multiple=4,
            ),
        )
    }
)


def named_network(name: str) -> Network:
    """Return a network by its name.

    Raises
    ------
    SettingsError
        If there is none of that name.
    """
    if name not in NETWORKS:
        raise SettingsError(f"There is no network {name!r}; choose one of {', '.join(NETWORKS)}.")
    return NETWORKS[name]
