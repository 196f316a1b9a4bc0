from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.errors import WeightsError
from pellucid.nets.released import MRBCRReleased, ResidualDense, SRBCRReleased, resize
from pellucid.nets.released_weights import _layers, load_released

PEERS = Path(__file__).resolve().parents[3] / "shared" / "peers"
NETWORKS = {"srbcr": SRBCRReleased, "mrbcr": MRBCRReleased}
PARAMETERS = {"srbcr": 86_849, "mrbcr": 236_630}

Network = SRBCRReleased | MRBCRReleased
names = pytest.mark.parametrize("name", sorted(NETWORKS))
sides = st.integers(1, 21)


def random_net(name: str, seed: int = 0) -> Network:
    """A network with biases, as after training."""
    torch.manual_seed(seed)
    net = NETWORKS[name]()
    with torch.no_grad():
        for parameter in net.parameters():
            if parameter.ndim == 1:
                parameter.normal_(std=0.05)
    return net.eval()


def as_released(net: Network) -> dict[str, np.ndarray]:
    """The arrays of a network as the released files keep them."""
    arrays = {"__order__": np.array("{}")}
    for layer in _layers(net):
        kernel = layer.convolution.weight.detach().permute(2, 3, 1, 0).numpy()
        arrays[layer.kernel_key] = kernel.reshape(kernel.shape[4 - layer.axes :])
        arrays[layer.bias_key] = layer.convolution.bias.detach().numpy()
    return arrays


@names
def test_agrees_with_the_released_network(name: str) -> None:
    if not PEERS.is_dir():
        pytest.skip(f"no released weights at {PEERS}")
    reference = np.load(PEERS / "released_reference_io.npz")
    net = NETWORKS[name]().eval()
    load_released(net, PEERS / f"{name}_released_weights.npz")
    assert reference["input"].shape == (5, 128, 128)
    with torch.inference_mode():
        restored = net(torch.from_numpy(reference["input"])[:, None])[:, 0]
    np.testing.assert_allclose(restored.numpy(), reference[name], rtol=0, atol=1e-5)


@names
def test_parameters_are_as_many_as_released(name: str) -> None:
    assert sum(p.numel() for p in NETWORKS[name]().parameters()) == PARAMETERS[name]


@names
@settings(max_examples=8, deadline=None)
@given(rows=sides, columns=sides)
def test_any_size_is_kept(name: str, rows: int, columns: int) -> None:
    net, image = random_net(name), torch.rand(2, 1, rows, columns)
    with torch.inference_mode():
        restored = net(image)
        assert restored.shape == image.shape
        assert restored.isfinite().all()
        if isinstance(net, MRBCRReleased):
            full, half, quarter = net.scales(image)
            torch.testing.assert_close(full, restored)
            assert half.shape == image[..., ::2, ::2].shape
            assert quarter.shape == image[..., ::4, ::4].shape


def test_scales_are_those_of_the_image() -> None:
    """The quarter scale sees nothing but every fourth pixel."""
    net, image = random_net("mrbcr").requires_grad_(False), torch.rand(1, 1, 37, 42)
    image.requires_grad_()
    net.scales(image)[2].square().sum().backward()
    seen = image.grad[0, 0] != 0
    assert seen[::4, ::4].all()
    assert seen.sum() == seen[::4, ::4].numel()


@settings(max_examples=30, deadline=None)
@given(before=st.tuples(sides, sides), after=st.tuples(sides, sides))
def test_resizing_is_bilinear_between_pixel_centres(
    before: tuple[int, int], after: tuple[int, int]
) -> None:
    x = np.random.default_rng(0).random(before)

    def positions(old: int, new: int) -> np.ndarray:
        return ((np.arange(new) + 0.5) * old / new - 0.5).clip(0, old - 1)

    rows, columns = (positions(*pair) for pair in zip(before, after, strict=True))
    along_y = [np.interp(rows, np.arange(before[0]), column) for column in x.T]
    expected = [np.interp(columns, np.arange(before[1]), row) for row in np.transpose(along_y)]
    result = resize(torch.from_numpy(x)[None, None], torch.empty(1, 3, *after))
    np.testing.assert_allclose(result[0, 0].numpy(), expected, atol=1e-12)


def test_halving_an_even_map_takes_means_of_four() -> None:
    x = torch.rand(1, 2, 12, 8, dtype=torch.float64)
    expected = torch.nn.functional.avg_pool2d(x, 2)
    torch.testing.assert_close(resize(x, x[..., ::2, ::2]), expected)


def test_a_dense_block_keeps_its_input_behind_its_result() -> None:
    torch.manual_seed(0)
    block, x = ResidualDense(6), torch.randn(1, 6, 9, 9)
    assert torch.equal(block(x)[:, 4:], x)


@names
def test_learns_a_few_images_by_heart(name: str) -> None:
    torch.manual_seed(0)
    net = NETWORKS[name]()
    sharp = torch.rand(1, 1, 24, 24)
    blurred = torch.nn.functional.avg_pool2d(sharp, 3, stride=1, padding=1)
    targets = [sharp[..., ::step, ::step] for step in (1, 2, 4)]
    optimiser = torch.optim.Adam(net.parameters(), lr=2e-3)
    losses = []
    for _ in range(20):
        results = net.scales(blurred) if isinstance(net, MRBCRReleased) else [net(blurred)]
        pairs = zip(results, targets, strict=False)
        loss = torch.stack([(x - target).square().mean() for x, target in pairs]).sum()
        optimiser.zero_grad()
        loss.backward()
        assert all(p.grad is not None for p in net.parameters())
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.slow
@names
def test_exported_network_agrees_at_any_size(name: str, tmp_path: Path) -> None:
    import onnx
    import onnxruntime

    from pellucid.export.onnx import export_onnx

    net = random_net(name)
    path = tmp_path / f"{name}.onnx"
    export_onnx(net, path, reach_pixels=64, multiple=1)
    model = onnx.load(path)
    assert [entry.version for entry in model.opset_import if not entry.domain] == [18]
    assert not any("DFT" in node.op_type for node in model.graph.node)
    session = onnxruntime.InferenceSession(path)
    rng = np.random.default_rng(0)
    for shape in ((1, 128, 128), (2, 63, 65), (1, 1, 1), (1, 2, 7), (3, 33, 34), (1, 30, 95)):
        x = rng.random((shape[0], 1, *shape[1:]), dtype=np.float32)
        with torch.inference_mode():
            expected = net(torch.from_numpy(x)).numpy()
        np.testing.assert_allclose(session.run(None, {"image": x})[0], expected, atol=1e-5)


@names
def test_weights_come_back_from_a_file(name: str, tmp_path: Path) -> None:
    net, other = random_net(name), random_net(name, seed=1)
    arrays = as_released(net)
    assert sum(a.size for key, a in arrays.items() if key != "__order__") == PARAMETERS[name]
    np.savez(tmp_path / "weights.npz", **arrays)
    load_released(other, tmp_path / "weights.npz")
    for value, expected in zip(other.parameters(), net.parameters(), strict=True):
        assert torch.equal(value, expected)


def test_other_weights_are_refused_in_one_sentence(tmp_path: Path) -> None:
    net, path = random_net("srbcr"), tmp_path / "weights.npz"
    before = [p.clone() for p in net.parameters()]
    good = as_released(net)
    key = "iv/back_conv1d_0/0"
    assert good[key].shape == (5, 128, 32)
    cases = {
        "lacks 'fw/conv2d_28/0'": as_released(random_net("mrbcr")),
        "also holds 'iv/extra/0'": good | {"iv/extra/0": np.zeros(1, np.float32)},
        r"\(5, 128, 32\) values of float32, not \(128, 5, 32\)": good
        | {key: good[key].transpose(1, 0, 2)},
        r"not \(5, 128, 32\) of float64": good | {key: good[key].astype(np.float64)},
        "not finite": good | {"iv/ouputs/1": np.full(1, np.nan, np.float32)},
    }
    for words, arrays in cases.items():
        np.savez(path, **arrays)
        with pytest.raises(WeightsError, match=words):
            load_released(net, path)
    with pytest.raises(WeightsError, match="No such file"):
        load_released(net, tmp_path / "absent.npz")
    np.save(tmp_path / "one.npy", np.zeros(3))
    for content in (b"", b"PK", b"text", (tmp_path / "one.npy").read_bytes()):
        path.write_bytes(content)
        with pytest.raises(WeightsError, match="not an archive"):
            load_released(net, path)
    assert all(torch.equal(*pair) for pair in zip(net.parameters(), before, strict=True))


@pytest.mark.filterwarnings("default")
@settings(max_examples=60, deadline=None)
@given(
    damage=st.lists(st.tuples(st.integers(0, 2**20), st.integers(0, 255)), min_size=1, max_size=4),
    near_end=st.booleans(),
)
def test_damaged_weights_never_end_in_a_traceback(
    tmp_path_factory: pytest.TempPathFactory, damage: list[tuple[int, int]], near_end: bool
) -> None:
    folder = tmp_path_factory.getbasetemp()
    good, path = folder / "good.npz", folder / "damaged.npz"
    net = SRBCRReleased()
    if not good.exists():
        np.savez(good, **as_released(net))
    content = bytearray(good.read_bytes())
    # The list of entries is at the end, the headers of the first arrays at the start.
    span = 9_000 if near_end else 2_000
    for place, value in damage:
        content[-1 - place % span if near_end else place % span] = value
    path.write_bytes(content)
    try:
        load_released(net, path)
        said = str(path)
    except WeightsError as error:
        said = str(error)
    assert str(path) in said
