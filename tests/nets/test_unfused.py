from pathlib import Path

import pytest
import torch

from pellucid.errors import WeightsError
from pellucid.export.onnx import export_onnx
from pellucid.nets import BCRNet, BCRNetDesign, FusedBCRNet
from pellucid.nets.unfused import bcrnet_of_weights


@pytest.mark.parametrize("told", [0, 3])
def test_an_exported_network_is_found_again(tmp_path: Path, told: int) -> None:
    torch.manual_seed(1)
    design = BCRNetDesign(
        channels=4, widths=(6, 8, 10), up_widths=(8, 8, 6), coarse_width=12, told=told
    )
    network = BCRNet(design)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    path = tmp_path / "one.onnx"
    export_onnx(FusedBCRNet(network), path, reach_pixels=64, multiple=8, told=told)
    found = bcrnet_of_weights(path)
    assert found.design == design
    arguments = [torch.randn(2, 1, 32, 40)] + ([torch.randn(2, told)] if told else [])
    with torch.inference_mode():
        expected, result = network(*arguments), found(*arguments)
    torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-5)


def test_other_networks_are_refused(tmp_path: Path) -> None:
    layer = torch.nn.Conv2d(1, 1, 3, padding=1, bias=False)
    path = tmp_path / "other.onnx"
    export_onnx(layer, path, reach_pixels=1, multiple=1)
    with pytest.raises(WeightsError, match="not an exported BCRNet"):
        bcrnet_of_weights(path)
    (tmp_path / "text.onnx").write_text("text")
    with pytest.raises(WeightsError, match="not an exported BCRNet"):
        bcrnet_of_weights(tmp_path / "text.onnx")


def test_a_wrong_first_layer_is_noticed(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = FusedBCRNet(BCRNet(BCRNetDesign(channels=2, widths=(4, 4), up_widths=(4, 4))))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    export_onnx(network, tmp_path / "bent.onnx", reach_pixels=64, multiple=4)
    with pytest.raises(WeightsError, match="first or last convolution"):
        bcrnet_of_weights(tmp_path / "bent.onnx")
