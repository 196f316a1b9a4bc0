"""s-rBCR and m-rBCR: what their paper says of them, and what a restoration needs of them."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from pellucid.errors import SettingsError
from pellucid.nets.dense_block import ResidualDenseBlock
from pellucid.nets.described import (
    MRBCR,
    SRBCR,
    ForwardDesign,
    ForwardOperator,
    MRBCRDesign,
    Pseudodifferential,
    PseudodifferentialDesign,
    SRBCRDesign,
    pyramid,
)

SMALL = ForwardDesign(alpha=2, K=1, L=3, L0=1, RDN=2)
SMALL_INVERSE = PseudodifferentialDesign(alpha_1=6, w_1=3, L_1=2, alpha_2=2, L_2=1, RDN=2)


def single() -> SRBCR:
    return SRBCR(SRBCRDesign(forward=SMALL, inverse=SMALL_INVERSE))


def multi() -> MRBCR:
    return MRBCR(MRBCRDesign(forward=replace(SMALL, L0=0), inverse=SMALL_INVERSE))


BOTH = pytest.mark.parametrize("make", [single, multi])
Make = Callable[[], SRBCR | MRBCR]


def as_trained(make: Make) -> SRBCR | MRBCR:
    """A network whose last layers and biases are not zero."""
    torch.manual_seed(0)
    net = make()
    with torch.no_grad():
        for parameter in net.parameters():
            if not parameter.any():
                parameter.normal_(std=0.05)
    return net.eval()


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


# The paper's numbers


@pytest.mark.parametrize(("net", "millions"), [(SRBCR, 0.086), (MRBCR, 0.237)])
def test_size_is_the_papers(net: type[SRBCR] | type[MRBCR], millions: float) -> None:
    assert count(net()) == pytest.approx(1e6 * millions, rel=0.01)


def test_defaults_are_the_papers_with_levels_in_use() -> None:
    for design in (SRBCRDesign(), MRBCRDesign()):
        assert (design.forward.K, design.forward.RDN, design.inverse.RDN) == (12, 7, 7)
        assert design.forward.L - design.forward.L0 >= 3


# Algorithm 1


def visited(operator: ForwardOperator) -> list[tuple[str, int, tuple[int, ...]]]:
    """Parts of the operator in the order they run: name, level and size of what they return."""
    calls = []
    for part in ("block", "analysis", "local", "fusion", "synthesis"):
        for level, module in getattr(operator, part).items():
            module.register_forward_hook(
                lambda _m, _i, out, part=part, level=level: calls.append(
                    (part, int(level), tuple(out.shape[1:]))
                )
            )
    operator.dense.register_forward_hook(
        lambda _m, _i, out: calls.append(("dense", operator.design.L0, tuple(out.shape[1:])))
    )
    with torch.inference_mode():
        operator(torch.zeros(1, 1, 32, 48))
    return calls


def test_levels_are_visited_as_in_the_algorithm() -> None:
    assert visited(ForwardOperator(ForwardDesign(alpha=2, K=1, L=5, L0=3, RDN=1))) == [
        ("block", 4, (3, 32, 48)),
        ("analysis", 4, (8, 16, 24)),
        ("block", 3, (4, 16, 24)),
        ("analysis", 3, (8, 8, 12)),
        ("dense", 3, (2, 8, 12)),
        ("local", 3, (8, 8, 12)),
        ("fusion", 3, (8, 8, 12)),
        ("synthesis", 3, (2, 16, 24)),
        ("local", 4, (8, 16, 24)),
        ("fusion", 4, (8, 16, 24)),
        ("synthesis", 4, (2, 32, 48)),
    ]


def test_every_level_of_the_default_is_visited() -> None:
    operator = ForwardOperator(ForwardDesign())
    levels = [level for part, level, _ in visited(operator) if part == "local"]
    assert levels == [*reversed(operator.design.levels)] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "change",
    [{"alpha": 3}, {"n_b": 5}, {"K": 2}, {"L": 4}, {"L0": 0}, {"RDN": 3}],
    ids=lambda change: next(iter(change)),
)
def test_every_number_of_algorithm_1_changes_the_graph(change: dict[str, int]) -> None:
    more = ForwardOperator(replace(SMALL, **change))
    assert count(more) > count(ForwardOperator(SMALL))
    assert more.design.levels == range(change.get("L", 3) - 1, change.get("L0", 1) - 1, -1)
    bands = 4 * more.design.alpha
    for level in more.design.levels:
        shapes = [tuple(layer.weight.shape) for layer in more.local[str(level)].layers]
        assert shapes == more.design.K * [(bands, bands, more.design.n_b, more.design.n_b)]
        assert len(more.block[str(level)].layers) == more.design.RDN


def test_wavelets_start_orthonormal_and_reconstruct() -> None:
    operator = ForwardOperator(ForwardDesign())
    alpha = operator.design.alpha
    for level in operator.design.levels:
        analysis = operator.analysis[str(level)].weight.detach()
        inputs = analysis.shape[1] - alpha  # the rest are features of the block
        basis = analysis[:, :inputs].reshape(4 * alpha, 4 * inputs)
        torch.testing.assert_close(basis.T @ basis, torch.eye(4 * inputs))
        synthesis = operator.synthesis[str(level)].weight.detach().reshape(4 * alpha, 4 * alpha)
        torch.testing.assert_close(synthesis @ synthesis.T, torch.eye(4 * alpha))


def test_without_its_nonlinear_part_the_operator_starts_as_the_identity() -> None:
    operator = ForwardOperator(ForwardDesign())
    with torch.no_grad():
        for chain in (operator.dense, *operator.local.values()):
            for layer in chain.layers:
                layer.weight.zero_()
        for block in operator.block.values():
            block.fusion.weight.zero_()
    image = torch.randn(2, 1, 32, 16)
    with torch.inference_mode():
        copies = operator(image)
    torch.testing.assert_close(copies, image.expand(-1, 3, -1, -1) / 3**0.5)


def test_scaling_coefficients_are_the_last_channels() -> None:
    operator = ForwardOperator(SMALL)
    with torch.no_grad():
        operator.block["2"].fusion.weight.zero_()
    image = torch.rand(1, 1, 8, 8)
    with torch.inference_mode():
        x = operator.analysis["2"](operator.block["2"](image))
        means = torch.nn.functional.avg_pool2d(image, 2)
    torch.testing.assert_close(x[:, -2:], means.expand(-1, 2, -1, -1) * 2 / 2**0.5)


# Algorithm 2


@pytest.mark.parametrize("name", ["alpha_1", "w_1", "L_1", "alpha_2", "w_2", "L_2", "RDN"])
def test_every_number_of_algorithm_2_changes_the_graph(name: str) -> None:
    more = replace(SMALL_INVERSE, **{name: getattr(SMALL_INVERSE, name) + 2})
    operator = Pseudodifferential(3, more)
    assert count(operator) > count(Pseudodifferential(3, SMALL_INVERSE))
    assert operator(torch.zeros(1, 3, 5, 7)).shape == (1, more.out_channels, 5, 7)


def test_one_dimensional_convolutions_treat_both_axes_alike() -> None:
    kernels = [
        c.kernel_size for c in Pseudodifferential(3, PseudodifferentialDesign()).convolutions
    ]
    assert sorted(kernels) == 2 * [(1, 5)] + 2 * [(5, 1)]


def test_dense_block_concatenates_its_input() -> None:
    block = ResidualDenseBlock(3, 2, width=3, depth=4)
    x = torch.randn(1, 3, 6, 6)
    y = block(x)
    assert y.shape == (1, block.out_channels, 6, 6)
    assert torch.equal(y[:, :3], x)
    assert [layer.in_channels for layer in block.layers] == [3, 5, 7, 9]


# Both networks


@BOTH
def test_starts_from_the_image(make: Make) -> None:
    image = torch.randn(2, 1, 16, 24)
    assert torch.equal(make()(image), image)


@BOTH
@settings(max_examples=15, deadline=None)
@given(rows=st.integers(1, 40), columns=st.integers(1, 40))
def test_any_size_is_that_of_the_padded_image_cropped(make: Make, rows: int, columns: int) -> None:
    net = as_trained(make)
    image = torch.rand(1, 1, rows, columns)
    multiple = net.design.multiple
    amounts = (-rows % multiple, -columns % multiple)
    padded = np.pad(image[0, 0].numpy(), [(0, amount) for amount in amounts], mode="edge")
    with torch.inference_mode():
        restored, whole = net(image), net(torch.from_numpy(padded)[None, None])
    torch.testing.assert_close(restored, whole[..., :rows, :columns])


@BOTH
def test_commutes_with_shifts_by_the_multiple_away_from_the_frame(make: Make) -> None:
    net = as_trained(make)
    multiple = net.design.multiple
    shifts = (3 * multiple, -2 * multiple)
    image = torch.rand(1, 1, 192, 192)
    with torch.inference_mode():
        restored, moved = net(image), net(torch.roll(image, shifts, (2, 3)))
    assert (restored - image).abs().max() > 0.01
    inner = slice(88, 104)
    expected = torch.roll(restored, shifts, (2, 3))
    torch.testing.assert_close(moved[..., inner, inner], expected[..., inner, inner])
    # By fewer pixels than the multiple it does not: the grids of the levels are coarser.
    with torch.inference_mode():
        moved = net(torch.roll(image, 1, 2))
    expected = torch.roll(restored, 1, 2)
    assert (moved - expected)[..., inner, inner].abs().max() > 1e-4


@BOTH
def test_nothing_depends_on_the_whole_image(make: Make) -> None:
    net = as_trained(make)
    image = torch.rand(1, 1, 256, 32)
    changed = image.clone()
    changed[..., 248:, :] += 5
    with torch.inference_mode():
        torch.testing.assert_close(net(changed)[..., :64, :], net(image)[..., :64, :])


@pytest.mark.parametrize("make", [SRBCR, MRBCR])
def test_learns_a_batch_by_heart(make: Make) -> None:
    torch.manual_seed(0)
    net = make()
    sharp = (torch.rand(2, 1, 32, 32) > 0.95).float()
    blurred = torch.nn.functional.avg_pool2d(sharp, 3, stride=1, padding=1)
    optimiser = torch.optim.Adam(net.parameters(), lr=2e-3)
    losses = []
    for _ in range(21):
        restored = net.scales(blurred) if isinstance(net, MRBCR) else (net(blurred),)
        pairs = zip(restored, pyramid(sharp), strict=False)
        loss = torch.stack([(found - truth).square().mean() for found, truth in pairs]).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


@BOTH
def test_every_parameter_learns(make: Make) -> None:
    net = as_trained(make)
    net(torch.rand(2, 1, 32, 40)).square().mean().backward()
    idle = [name for name, p in net.named_parameters() if p.grad is None or not p.grad.any()]
    # The heads of coarser stages serve the loss over scales alone.
    assert [name for name in idle if not name.startswith(("reshapes.1", "reshapes.2"))] == []


@pytest.mark.parametrize("net", [SRBCR, MRBCR])
def test_the_full_size_starts_stably(net: type[SRBCR] | type[MRBCR]) -> None:
    torch.manual_seed(0)
    full = net()
    last = full.reshape if isinstance(full, SRBCR) else full.reshapes[0]
    seen: list[Tensor] = []
    last.register_forward_hook(lambda _m, given, _o: seen.append(given[0]))
    with torch.inference_mode():
        full(torch.rand(1, 1, 48, 48))
    spread = float(seen[0].std())
    assert 0.05 < spread < 20


# m-rBCR


def test_scales_are_those_of_the_truth() -> None:
    net = as_trained(multi)
    assert isinstance(net, MRBCR)
    image = torch.rand(2, 1, 21, 30)
    scales, truths = net.scales(image), pyramid(image)
    assert [s.shape for s in scales] == [t.shape for t in truths]
    assert [tuple(s.shape[-2:]) for s in scales] == [(21, 30), (11, 15), (6, 8)]
    torch.testing.assert_close(scales[0], net(image))


def test_pyramid_holds_means() -> None:
    image = torch.rand(1, 1, 10, 8)
    _, half, quarter = pyramid(image)
    torch.testing.assert_close(half[0, 0, 1, 2], image[0, 0, 2:4, 4:6].mean())
    torch.testing.assert_close(quarter[0, 0, 1, 0], image[0, 0, 4:8, :4].mean())
    torch.testing.assert_close(quarter[0, 0, 2, 1], image[0, 0, 8:, 4:].mean())


def test_coarser_stages_end_at_the_same_grid() -> None:
    designs = [operator.design for operator in MRBCR().forward_operators]
    assert [d.L for d in designs] == [4, 3, 2]
    assert {d.L0 for d in designs} == {0}


@pytest.mark.parametrize("stage", [1, 2])
def test_finer_stages_use_the_coarser(stage: int) -> None:
    torch.manual_seed(0)
    net = as_trained(multi)
    assert isinstance(net, MRBCR)
    image = torch.rand(1, 1, 32, 32)
    with torch.inference_mode():
        before = net.scales(image)
        for part in (net.forward_operators[stage], net.inverses[stage]):
            for parameter in part.parameters():
                parameter.mul_(1.1)
        after = net.scales(image)
    differ = [not torch.equal(a, b) for a, b in zip(after, before, strict=True)]
    assert differ == [index <= stage for index in range(3)]


# Designs that cannot be


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ForwardDesign(alpha=0), r"alpha of the forward operator .* not 0\.$"),
        (lambda: ForwardDesign(K=-1), r"^K of the forward operator .* not -1\.$"),
        (lambda: ForwardDesign(RDN=2.5), r"RDN .* whole number .* not 2\.5\.$"),
        (lambda: ForwardDesign(K=True), r"K .* not True\.$"),
        (lambda: ForwardDesign(n_b=4), r"n_b .* odd.* not 4\.$"),
        (lambda: ForwardDesign(L=12, L0=12), r"no wavelet step; L = 12 and L0 = 12"),
        (lambda: ForwardDesign(L0=-1), r"L0 .* at least 0, not -1\.$"),
        (lambda: PseudodifferentialDesign(w_1=2), r"w_1 .* odd.* not 2\.$"),
        (lambda: PseudodifferentialDesign(L_2=0), r"L_2 .* at least 1, not 0\.$"),
        (lambda: MRBCRDesign(forward=ForwardDesign(L=2)), r"L - L0 = 2 was given\.$"),
    ],
)
def test_impossible_designs_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(SettingsError, match=message) as caught:
        make()
    assert str(caught.value).count(".") - str(caught.value).count("2.5") == 1
