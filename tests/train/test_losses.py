from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pellucid.errors import ImageError, SettingsError
from pellucid.nets.released import MRBCRReleased
from pellucid.train.losses import l1, log_mse, mse, mse_fourier, released_loss

LOSSES = {
    "mse": mse,
    "l1": l1,
    "log_mse": log_mse,
    "image": partial(mse_fourier, axes="image"),
    "released": partial(mse_fourier, axes="released"),
}
every = pytest.mark.parametrize("name", sorted(LOSSES))
sides = st.integers(1, 12)


def pair(shape: tuple[int, ...], seed: int = 0) -> tuple[Tensor, Tensor]:
    torch.manual_seed(seed)
    return torch.randn(shape, dtype=torch.float64), torch.randn(shape, dtype=torch.float64)


@settings(max_examples=30, deadline=None)
@given(batch=st.integers(1, 3), rows=sides, columns=sides)
def test_agree_with_numpy(batch: int, rows: int, columns: int) -> None:
    restored, truth = pair((batch, 1, rows, columns))
    d = (restored - truth).numpy()
    # As TensorFlow has it: channels last, and the last two axes are width and channel.
    last = np.moveaxis(d, 1, -1)
    expected = {
        "mse": np.mean(d**2),
        "l1": np.mean(np.abs(d)),
        "log_mse": np.mean(np.log(np.mean(d**2, axis=(1, 2, 3)) + 1e-8)),
        "image": np.mean(d**2) + 0.5 * np.mean(np.abs(np.fft.rfft2(d, axes=(2, 3)))),
        "released": np.mean(d**2) + 0.5 * np.mean(np.abs(np.fft.fft(last, axis=2))),
    }
    for name, value in expected.items():
        assert LOSSES[name](restored, truth).item() == pytest.approx(value, rel=1e-10)


def test_fourier_terms_have_their_closed_forms() -> None:
    """A point has a flat spectrum: of modulus one in its row only, or everywhere."""
    truth = torch.zeros(1, 1, 8, 12)
    point = truth.clone()
    point[0, 0, 3, 5] = 1.0
    square = 1 / 96
    assert mse_fourier(point, truth, axes="image").item() == pytest.approx(square + 0.5)
    assert mse_fourier(point, truth, axes="released").item() == pytest.approx(square + 0.5 / 8)
    # A constant is one frequency, of modulus the number of pixels transformed together.
    even = truth + 0.2
    image = 0.04 + 0.5 * 0.2 * 96 / (8 * (12 // 2 + 1))
    assert mse_fourier(even, truth, axes="image").item() == pytest.approx(image)
    assert mse_fourier(even, truth, axes="released").item() == pytest.approx(0.04 + 0.5 * 0.2)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 999))
def test_released_axes_do_not_see_the_order_of_rows(seed: int) -> None:
    restored, truth = pair((1, 1, 16, 8), seed)
    order = torch.from_numpy(np.random.default_rng(seed).permutation(16))
    mixed = (restored[:, :, order], truth[:, :, order])
    released, image = LOSSES["released"], LOSSES["image"]
    torch.testing.assert_close(released(*mixed), released(restored, truth))
    # The other axes see it; only rolled or reversed rows keep the moduli of a spectrum.
    shift = (order - order.roll(1)) % 16
    if shift.unique().numel() > 1:
        assert abs(image(*mixed) - image(restored, truth)) > 1e-6


@every
def test_gradients_are_exact(name: str) -> None:
    restored, truth = pair((2, 1, 5, 6))
    assert torch.autograd.gradcheck(lambda x: LOSSES[name](x, truth), restored.requires_grad_())


@every
def test_a_perfect_restoration_has_the_least_loss_and_no_gradient(name: str) -> None:
    truth = torch.rand(2, 1, 6, 7)
    restored = truth.clone().requires_grad_()
    loss = LOSSES[name](restored, truth)
    loss.backward()
    assert loss.item() == pytest.approx(np.log(1e-8) if name == "log_mse" else 0.0)
    assert torch.equal(restored.grad, torch.zeros_like(truth))


@every
def test_less_precise_restorations_are_compared_in_float32(name: str) -> None:
    truth = torch.rand(1, 1, 8, 8)
    restored = (truth + 0.1).to(torch.bfloat16)
    loss = LOSSES[name](restored, truth)
    assert loss.dtype == torch.float32
    assert loss.item() == LOSSES[name](restored.float(), truth).item()


@pytest.mark.parametrize("axes", ["released", "image"])
@pytest.mark.parametrize("shape", [(2, 1, 16, 12), (1, 1, 13, 7)])
def test_three_scales_are_compared_with_subsamplings(
    axes: str, shape: tuple[int, int, int, int]
) -> None:
    truth = torch.rand(shape)
    targets = [truth, truth[..., ::2, ::2], truth[..., ::4, ::4]]
    assert released_loss(targets, truth, axes=axes).item() == 0.0
    # A mistake at one scale costs what it costs alone: the sum has no other weights.
    for scale, target in enumerate(targets):
        wrong = torch.rand(target.shape)
        restored = [*targets[:scale], wrong, *targets[scale + 1 :]]
        expected = mse_fourier(wrong, target, axes=axes)
        torch.testing.assert_close(released_loss(restored, truth, axes=axes), expected)


def test_released_loss_takes_released_axes_unless_told() -> None:
    truth = torch.zeros(1, 1, 8, 8)
    off = [torch.full((1, 1, n, n), 0.3) for n in (8, 4, 2)]
    # For a constant error the term in frequency space is the error itself at every scale.
    assert released_loss(off, truth).item() == pytest.approx(3 * (0.09 + 0.5 * 0.3))


@pytest.mark.parametrize("axes", ["released", "image"])
def test_trains_the_released_network_at_three_scales(axes: str) -> None:
    torch.manual_seed(0)
    net = MRBCRReleased()
    sharp = torch.rand(1, 1, 16, 16)
    blurred = torch.nn.functional.avg_pool2d(sharp, 3, stride=1, padding=1)
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-3)
    losses = []
    for _ in range(20):
        loss = released_loss(net.scales(blurred), sharp, axes=axes)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]


@every
def test_shapes_that_would_broadcast_are_refused(name: str) -> None:
    with pytest.raises(ImageError, match=r"\(2, 1, 8, 8\) and \(1, 1, 8, 8\)"):
        LOSSES[name](torch.zeros(2, 1, 8, 8), torch.zeros(1, 1, 8, 8))
    with pytest.raises(ImageError, match=r"\(8, 8\)"):
        LOSSES[name](torch.zeros(8, 8), torch.zeros(8, 8))


def test_bad_settings_are_named() -> None:
    truth = torch.zeros(1, 1, 8, 8)
    with pytest.raises(SettingsError, match="'height'"):
        mse_fourier(truth, truth, axes="height")
    with pytest.raises(ImageError, match="3 scales, not 1"):
        released_loss([truth], truth)
    with pytest.raises(ImageError, match=r"\(1, 1, 8, 8\) and \(1, 1, 4, 4\)"):
        released_loss([truth, truth, truth], truth)
