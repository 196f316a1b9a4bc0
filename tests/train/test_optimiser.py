from copy import deepcopy

import pytest
import torch
from torch import nn

from pellucid.errors import SettingsError
from pellucid.train.optimiser import Optimiser


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Conv2d(8, 6, 3), nn.Conv2d(6, 1, 1))


def loss_of(net: nn.Module) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    x = torch.rand(4, 1, 12, 12, generator=generator)
    return (net(x) - x[..., 2:-2, 2:-2]).square().mean()


@pytest.mark.parametrize("name", ["adamw", "muon"])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_both_learn_in_both_memory_layouts(name: str, layout: torch.memory_format) -> None:
    net = network().to(memory_format=layout)
    optimiser = Optimiser(name, net.parameters(), learning_rate=1e-2, weight_decay=0.0)
    start = loss_of(net).item()
    for _ in range(30):
        net.zero_grad()
        loss_of(net).backward()
        optimiser.step(1e-2)
    assert loss_of(net).item() < 0.3 * start


def test_the_layout_of_a_gradient_does_not_matter() -> None:
    results = []
    for weights, gradients in ((True, True), (True, False), (False, True), (False, False)):
        net = network()
        if weights:
            net = net.to(memory_format=torch.channels_last)
        optimiser = Optimiser("muon", net.parameters(), learning_rate=1.0, weight_decay=0.0)
        loss_of(net).backward()
        layout = torch.channels_last if gradients else torch.contiguous_format
        for parameter in net.parameters():
            if parameter.grad is not None and parameter.ndim == 4:
                parameter.grad = parameter.grad.clone().contiguous(memory_format=layout)
        optimiser.step(1e-2)
        results.append(net[2].weight.detach() - network()[2].weight.detach())
    for other in results[1:]:
        # Orthogonalisation runs in bfloat16, where the order of a sum shows.
        torch.testing.assert_close(other, results[0], rtol=0, atol=0.05 * results[0].abs().max())


def test_muon_moves_kernels_by_orthogonal_matrices_and_the_rest_by_adamw() -> None:
    net, other = network(), network()
    for one, name in ((net, "muon"), (other, "adamw")):
        optimiser = Optimiser(name, one.parameters(), learning_rate=1.0, weight_decay=0.0)
        loss_of(one).backward()
        optimiser.step(1e-2)
    step = (net[2].weight - network()[2].weight).detach().reshape(6, -1)
    assert net[2].weight.grad is not None
    before, after = (torch.linalg.svdvals(m)[:3] for m in (net[2].weight.grad.reshape(6, -1), step))
    # Newton-Schulz brings the singular values near to one another.
    assert after.min() / after.max() > 3 * before.min() / before.max()
    torch.testing.assert_close(net[0].bias, other[0].bias)
    # A single output channel is a row: AdamW's.
    torch.testing.assert_close(net[3].weight, other[3].weight)
    assert not torch.equal(net[2].weight, other[2].weight)


@pytest.mark.parametrize("name", ["adamw", "muon"])
def test_goes_on_bit_for_bit(name: str) -> None:
    def run(net: nn.Module, optimiser: Optimiser, steps: int) -> None:
        for _ in range(steps):
            net.zero_grad()
            loss_of(net).backward()
            optimiser.step(3e-3)

    whole = network()
    first = Optimiser(name, whole.parameters(), learning_rate=3e-3, weight_decay=1e-2)
    run(whole, first, 5)
    states, weights = deepcopy(first.state_dict()), deepcopy(whole.state_dict())
    run(whole, first, 5)
    resumed = network()
    resumed.load_state_dict(weights)
    second = Optimiser(name, resumed.parameters(), learning_rate=3e-3, weight_decay=1e-2)
    second.load_state_dict(states)
    run(resumed, second, 5)
    for one, two in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(one, two)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(SettingsError, match="adamw, muon"):
        Optimiser("sgd", network().parameters(), learning_rate=1.0, weight_decay=0.0)  # type: ignore[arg-type]
