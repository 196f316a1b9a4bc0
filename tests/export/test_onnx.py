from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.errors import WeightsError
from pellucid.export.onnx import export_onnx
from pellucid.export.reach import measure_reach
from pellucid.nets import BCRNet, BCRNetDesign, FusedBCRNet
from pellucid.restore import load_weights
from pellucid.restore.network import NetworkPlane


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[BCRNet, Path]:
    torch.manual_seed(0)
    net = BCRNet(
        BCRNetDesign(channels=4, widths=(12, 12, 12), up_widths=(12, 12, 12), coarse_width=8)
    )
    with torch.no_grad():
        for parameter in net.parameters():
            if not parameter.any():
                parameter.normal_(std=0.05)
    path = tmp_path_factory.mktemp("onnx") / "small.onnx"
    export_onnx(
        FusedBCRNet(net),
        path,
        reach_pixels=24,
        multiple=8,
        metadata={"cutoff_per_pixel": "0.1 0.4"},
    )
    return net, path


@settings(max_examples=12, deadline=None)
@given(rows=st.integers(1, 12), columns=st.integers(1, 12), batch=st.integers(1, 3))
def test_agrees_with_torch_at_any_size(
    exported: tuple[BCRNet, Path], rows: int, columns: int, batch: int
) -> None:
    import onnxruntime

    net, path = exported
    session = onnxruntime.InferenceSession(path)
    x = np.random.default_rng(0).random((batch, 1, 8 * rows, 8 * columns), dtype=np.float32)
    with torch.inference_mode():
        expected = net(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(session.run(None, {"image": x})[0], expected, atol=1e-5)


def test_metadata_reach_the_tiler(exported: tuple[BCRNet, Path]) -> None:
    network = NetworkPlane(load_weights(exported[1]))
    assert (network.reach, network.multiple) == (24, 8)
    assert network.trained_cutoff_per_pixel == (0.1, 0.4)


def test_only_common_operators_are_used(exported: tuple[BCRNet, Path]) -> None:
    import onnx

    shipped = onnx.load_from_string(load_weights().onnx)
    used = {node.op_type for node in shipped.graph.node}
    assert used <= {"Conv", "ConvTranspose", "Relu", "Add", "Slice", "Concat", "Constant"}
    used = {node.op_type for node in onnx.load(exported[1]).graph.node}
    assert used == {"Conv", "Relu", "Add", "DepthToSpace"}


@pytest.mark.parametrize("which", ["exported", "shipped"])
def test_files_say_nothing_of_the_machine_that_made_them(
    which: str, exported: tuple[BCRNet, Path]
) -> None:
    content = exported[1].read_bytes() if which == "exported" else load_weights().onnx
    for trace in (b".py", b"site-packages", b"stack_trace", b'File "'):
        assert trace not in content


def test_a_model_without_reach_is_refused(exported: tuple[BCRNet, Path], tmp_path: Path) -> None:
    import onnx

    model = onnx.load(exported[1])
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "bare.onnx")
    with pytest.raises(WeightsError, match="reach_pixels"):
        NetworkPlane(load_weights(tmp_path / "bare.onnx"))


def test_reach_of_a_known_filter_is_found() -> None:
    from scipy.ndimage import uniform_filter

    def run(image: np.ndarray) -> np.ndarray:
        return uniform_filter(image, 33, mode="constant")

    images = [np.random.default_rng(0).random((160, 160)).astype(np.float32)]
    assert measure_reach(run, images, multiple=8, tolerance=1e-6) == 16
    with pytest.raises(WeightsError, match="looks further than"):
        measure_reach(lambda x: np.full_like(x, x.mean()) + x, images, multiple=8, tolerance=1e-9)
