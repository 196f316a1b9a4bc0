from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from benchmarks.evaluation._cache import Cache
from benchmarks.evaluation._checkpoint import average_of, network_of
from benchmarks.evaluation._cost import cost, onnx_cost
from benchmarks.evaluation._noise_only import IMAGES, PHOTONS, flat_field, noise_figures
from benchmarks.evaluation._restorers import (
    CheckpointRestorer,
    checkpoint,
    released,
    shipped,
)
from benchmarks.evaluation._sets import SimulatedSet
from onnx import TensorProto, helper

from pellucid.errors import WeightsError
from pellucid.imaging.intensity import estimate_scale
from pellucid.nets import BCRNet, BCRNetDesign, MRBCRReleased
from pellucid.restore.network import NetworkPlane
from pellucid.restore.weights import load_weights

DESIGN = BCRNetDesign(channels=4, widths=(4, 8), up_widths=(8, 4), coarse_width=6)
PEERS = Path(__file__).resolve().parents[2].parent / "shared" / "peers"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    network = BCRNet(DESIGN)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    folder = tmp_path_factory.mktemp("run")
    torch.save({"average": network.state_dict(), "step": 3}, folder / "checkpoint.pt")
    return folder


def image(shape: tuple[int, ...] = (50, 61)) -> np.ndarray:
    return (100 + 40 * np.random.default_rng(0).random(shape)).astype(np.float32)


def test_a_design_is_read_from_its_parameters(trained: Path) -> None:
    network = network_of(average_of(trained / "checkpoint.pt"))
    assert network.design == DESIGN
    large = BCRNetDesign(
        channels=16, widths=(32, 64, 96, 128), up_widths=(64, 64, 96, 128), coarse_width=96
    )
    assert network_of(BCRNet(large).state_dict()).design == large


def test_a_checkpoint_restores_as_its_network_does(trained: Path) -> None:
    one = checkpoint("mine", trained, trained / "kept")
    given = image((64, 64))
    scale = estimate_scale(given)
    with torch.inference_mode():
        direct = network_of(average_of(trained / "checkpoint.pt"))(
            torch.from_numpy(np.pad(scale.normalise(given), 4, mode="symmetric"))[None, None]
        )[0, 0, 4:-4, 4:-4]
    expected = scale.restore(direct.numpy())
    expected += given.mean() - expected.mean()
    found = one.restore(given, 0.3)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert one.restore(image(), 0.3).shape == (50, 61)
    assert not one.informed
    # The run goes on, and what is evaluated stays what it was.
    path = trained / "checkpoint.pt"
    content = path.read_bytes()
    path.write_bytes(b"the next one")
    np.testing.assert_array_equal(one.restore(given, 0.3), found)
    path.write_bytes(content)
    assert checkpoint("again", trained, trained / "kept").identity == one.identity


def test_a_stack_has_one_scale(trained: Path) -> None:
    stack = image((3, 40, 40)) * np.array([1, 2, 3], dtype=np.float32)[:, None, None]
    for restorer in (checkpoint("mine", trained, trained / "kept"), shipped()[0]):
        restored = restorer.restore(stack, 0.3)
        assert restored.shape == stack.shape
        np.testing.assert_allclose(restored.mean((1, 2)), stack.mean((1, 2)), rtol=1e-4)
        # A plane by itself has another scale, but networks commute with gain and offset.
        assert np.isfinite(restored).all()


def test_shipped_networks_restore_as_users_have_them() -> None:
    given = image()
    for one in shipped():
        if one.informed:
            continue
        plane = NetworkPlane(load_weights(one.path))
        expected = plane.restore(given, estimate_scale(given))
        np.testing.assert_allclose(one.restore(given, 0.3), expected, rtol=1e-4)
        assert one.identity.endswith(load_weights(one.path).sha256)


@pytest.mark.skipif(not PEERS.is_dir(), reason=f"no released weights at {PEERS}")
def test_the_released_network_gets_what_it_was_trained_on() -> None:
    one = released(PEERS / "mrbcr_released_weights.npz")
    given = image((64, 64))
    restored = one.restore(given, 0.3)
    np.testing.assert_allclose(one.restore(5 * given + 9, 0.3), 5 * restored + 9, rtol=1e-3)
    assert cost(one)["parameters"] == 236_630


def test_costs_are_counted(trained: Path) -> None:
    kernel = helper.make_tensor("k", TensorProto.FLOAT, [6, 1, 3, 3], np.zeros(54))
    wide = helper.make_tensor("w", TensorProto.FLOAT, [4, 6, 1, 1], np.zeros(24))
    nodes = [
        helper.make_node("Conv", ["image", "k"], ["a"], strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "w"], ["c"]),
        helper.make_node("DepthToSpace", ["c"], ["restored"], blocksize=2),
    ]
    free = ["batch", 1, "rows", "columns"]
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, free)],
        [helper.make_tensor_value_info("restored", TensorProto.FLOAT, free)],
        [kernel, wide],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    onnx.checker.check_model(model)
    assert onnx_cost(model.SerializeToString()) == (78, 64 * 64 * 54 + 64 * 64 * 24)
    own = cost(checkpoint("mine", trained, trained / "kept"))
    assert own["parameters"] == sum(p.numel() for p in BCRNet(DESIGN).parameters())
    assert own["products"] > 0
    assert own["told"] is False


def test_noise_alone_is_even_light_as_a_camera_sees_it(trained: Path, tmp_path: Path) -> None:
    field = flat_field(0)
    assert field.mean() == pytest.approx(100 + PHOTONS / 0.5, rel=2e-3)
    # In counts: shot and read noise over the gain, and the rounding of the converter.
    expected = np.sqrt((PHOTONS + 2.0**2) / 0.5**2 + 1 / 12)
    assert field.std() == pytest.approx(expected, rel=0.02)
    assert not np.array_equal(field, flat_field(1))
    assert IMAGES == 20
    cache = Cache(tmp_path / "scores.jsonl")
    found = noise_figures([checkpoint("mine", trained, trained / "kept")], cache)
    mean, low, high = found["mine"]
    assert low < mean < high
    assert mean > 0


def test_what_is_no_checkpoint_is_explained(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(b"nothing")
    with pytest.raises(WeightsError, match="not a checkpoint of a training run"):
        average_of(tmp_path / "checkpoint.pt")
    with pytest.raises(WeightsError, match="reached its first checkpoint"):
        checkpoint("x", tmp_path / "none", tmp_path)
    with pytest.raises(WeightsError, match="not those of a BCRNet"):
        network_of(MRBCRReleased().state_dict())
    one = CheckpointRestorer("x", str(tmp_path / "checkpoint.pt"), "0")
    with pytest.raises(WeightsError):
        one.restore(image(), 0.3)


def test_an_informed_network_is_told_the_optics_and_the_noise(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = BCRNet(replace(DESIGN, told=3))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    torch.save({"average": network.state_dict()}, tmp_path / "checkpoint.pt")
    one = checkpoint("told", tmp_path, tmp_path)
    assert one.informed
    case = SimulatedSet("physical")[0]
    sharp, blurred = (one.restore(case.image, cutoff) for cutoff in (0.45, 0.15))
    assert not np.allclose(sharp, blurred, rtol=1e-3)
    found = cost(one)
    assert found["told"] is True
    assert found["products"] > cost_of_blind(tmp_path)["products"]


def cost_of_blind(folder: Path) -> dict[str, int | bool]:
    torch.save({"average": BCRNet(DESIGN).state_dict()}, folder / "checkpoint.pt")
    return cost(checkpoint("blind", folder, folder))
