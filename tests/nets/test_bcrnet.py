import numpy as np
import pytest
import torch

from pellucid.errors import SettingsError
from pellucid.nets import BCRNet, BCRNetDesign


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
    kernel = net._cascade_kernel().detach()
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
    net = random_net(BCRNetDesign(levels=2, band_width=8, coarse_width=8))
    multiple = net.design.multiple
    x = torch.zeros(1, 1, 128, 128)
    x[..., 40:60, 40:60] = torch.rand(20, 20)
    with torch.inference_mode():
        moved = net(torch.roll(x, (3 * multiple, -2 * multiple), (2, 3)))
        expected = torch.roll(net(x), (3 * multiple, -2 * multiple), (2, 3))
    inner = slice(32, 96)
    torch.testing.assert_close(moved[..., inner, inner], expected[..., inner, inner])


@pytest.mark.parametrize("name", ["channels", "levels", "band_width", "coarse_width"])
def test_every_number_of_the_design_changes_the_graph(name: str) -> None:
    base = BCRNetDesign(channels=4, levels=2, band_width=8, coarse_width=8)
    more = BCRNetDesign(
        **{
            key: getattr(base, key) + (key == name)
            for key in ("channels", "levels", "band_width", "coarse_width")
        }
    )

    def count(design: BCRNetDesign) -> int:
        return sum(p.numel() for p in BCRNet(design).parameters())

    assert count(more) > count(base)
    with pytest.raises(SettingsError, match=name):
        BCRNetDesign(**{name: 0})


def test_levels_decide_the_multiple() -> None:
    assert BCRNetDesign(levels=5).multiple == 32
    with pytest.raises(RuntimeError):
        BCRNet(BCRNetDesign(levels=3))(torch.zeros(1, 1, 12, 12))


def test_learns_a_few_images_by_heart() -> None:
    torch.manual_seed(0)
    net = BCRNet(BCRNetDesign(channels=4, levels=2, band_width=16, coarse_width=16))
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
