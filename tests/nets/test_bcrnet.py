from dataclasses import replace

import numpy as np
import pytest
import torch

from pellucid.errors import SettingsError
from pellucid.nets import BCRNet, BCRNetDesign
from pellucid.nets.fused import FusedBCRNet


def random_net(design: BCRNetDesign | None = None, seed: int = 0) -> BCRNet:
    """A network whose last layers are not zero, as after training."""
    torch.manual_seed(seed)
    net = BCRNet(design)
    with torch.no_grad():
        for parameter in net.parameters():
            if parameter.ndim == 4 and not parameter.any():
                parameter.normal_(std=0.05)
    return net.eval()


def test_starts_as_the_identity() -> None:
    x = torch.randn(2, 1, 64, 96)
    assert torch.equal(BCRNet()(x), x)


def test_the_wavelet_starts_orthonormal_and_reconstructs_exactly() -> None:
    net = BCRNet()
    basis = net.wavelet.detach().reshape(4, 4)
    torch.testing.assert_close(basis @ basis.T, torch.eye(4))
    kernel = net.cascade_kernel().detach()
    v = torch.randn(1, net.design.channels, 16, 16)
    bands = torch.nn.functional.conv2d(v, kernel, stride=2)
    assert bands.square().sum().item() == pytest.approx(v.square().sum().item(), rel=1e-5)
    torch.testing.assert_close(torch.nn.functional.conv_transpose2d(bands, kernel, stride=2), v)


@pytest.mark.parametrize("gain", [0.001, 0.7, 300.0])
def test_commutes_with_gain(gain: float) -> None:
    net, x = random_net(), torch.randn(1, 1, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(net(gain * x), gain * net(x), rtol=1e-4, atol=1e-4 * gain)


def test_commutes_with_shifts_by_the_multiple() -> None:
    net = random_net(BCRNetDesign(widths=(8, 8), up_widths=(8, 8), coarse_width=8))
    multiple = net.design.multiple
    x = torch.zeros(1, 1, 128, 128)
    x[..., 40:60, 40:60] = torch.rand(20, 20)
    with torch.inference_mode():
        moved = net(torch.roll(x, (3 * multiple, -2 * multiple), (2, 3)))
        expected = torch.roll(net(x), (3 * multiple, -2 * multiple), (2, 3))
    inner = slice(32, 96)
    torch.testing.assert_close(moved[..., inner, inner], expected[..., inner, inner])


@pytest.mark.parametrize(
    ("name", "more", "impossible"),
    [
        ("channels", 5, 0),
        ("widths", (8, 9), (8, 0)),
        ("up_widths", (9, 8), (0, 8)),
        ("coarse_width", 9, 0),
    ],
)
def test_every_number_of_the_design_changes_the_graph(
    name: str, more: object, impossible: object
) -> None:
    base = BCRNetDesign(channels=4, widths=(8, 8), up_widths=(8, 8), coarse_width=8)

    def count(design: BCRNetDesign) -> int:
        return sum(p.numel() for p in BCRNet(design).parameters())

    assert count(replace(base, **{name: more})) > count(base)
    with pytest.raises(SettingsError, match="at least one"):
        replace(base, **{name: impossible})


def test_both_ways_have_the_same_levels() -> None:
    with pytest.raises(SettingsError, match="as many widths"):
        BCRNetDesign(widths=(8, 8, 8), up_widths=(8, 8))
    three = BCRNet(BCRNetDesign(widths=(8, 8, 8), up_widths=(8, 8, 8)))
    assert len(three.down) == len(three.up) == three.design.levels == 3


def test_levels_decide_the_multiple_and_any_size_is_taken() -> None:
    assert BCRNetDesign(widths=(8,) * 5, up_widths=(8,) * 5).multiple == 32
    net = random_net(BCRNetDesign(widths=(8, 8, 8), up_widths=(8, 8, 8), coarse_width=8))
    for shape in ((1, 1), (7, 30), (33, 64)):
        with torch.inference_mode():
            assert net(torch.rand(1, 1, *shape)).shape[2:] == shape
    x = torch.rand(1, 1, 24, 20)
    with torch.inference_mode():
        padded = torch.nn.functional.pad(x, (0, 4, 0, 0), mode="replicate")
        torch.testing.assert_close(net(x), net(padded)[..., :20])


@pytest.mark.parametrize("widths", [(16, 32, 48, 64), (8,), (4, 12)])
def test_the_fused_network_is_the_same_function(widths: tuple[int, ...]) -> None:
    net = random_net(BCRNetDesign(widths=widths, up_widths=widths[::-1]))
    with torch.no_grad():
        net.wavelet += 0.1 * torch.randn_like(net.wavelet)  # no longer orthonormal
    fused = FusedBCRNet(net)
    x = torch.rand(2, 1, 4 * fused.multiple, 3 * fused.multiple)
    with torch.inference_mode():
        torch.testing.assert_close(fused(x), net(x), atol=2e-6, rtol=1e-5)


def test_learns_a_few_images_by_heart() -> None:
    torch.manual_seed(0)
    net = BCRNet(BCRNetDesign(channels=4, widths=(16, 16), up_widths=(16, 16), coarse_width=16))
    rng = np.random.default_rng(0)
    sharp = torch.from_numpy(rng.random((2, 1, 32, 32), dtype=np.float32))
    blurred = torch.nn.functional.avg_pool2d(sharp, 3, stride=1, padding=1)
    optimiser = torch.optim.Adam(net.parameters(), lr=5e-3)
    losses = []
    for _ in range(20):
        loss = (net(blurred) - sharp).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]
