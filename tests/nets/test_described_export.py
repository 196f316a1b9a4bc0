"""s-rBCR and m-rBCR as ONNX: the same results at any size, from operators that run anywhere."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from pellucid.nets.described import (
    MRBCR,
    SRBCR,
    ForwardDesign,
    MRBCRDesign,
    PseudodifferentialDesign,
    SRBCRDesign,
)

pytestmark = pytest.mark.slow  # an export with free sizes takes several seconds


class Both(nn.Module):
    """Both networks side by side, small, with no layer at zero."""

    def __init__(self) -> None:
        super().__init__()
        forward = ForwardDesign(alpha=2, K=1, L=3, RDN=1)
        inverse = PseudodifferentialDesign(alpha_1=4, L_1=1, L_2=1, RDN=1)
        designs = (
            SRBCRDesign(forward=replace(forward, L0=1), inverse=inverse),
            MRBCRDesign(forward=forward, inverse=inverse),
        )
        torch.manual_seed(0)
        self.nets = nn.ModuleList([SRBCR(designs[0]), MRBCR(designs[1])])
        with torch.no_grad():
            for parameter in self.parameters():
                if not parameter.any():
                    parameter.normal_(std=0.05)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        return tuple(net(image) for net in self.nets)


@pytest.fixture(scope="module")
def exported() -> tuple[Both, bytes]:
    nets = Both().eval()
    least = max(net.design.multiple for net in nets.nets) + 1
    # torch.export takes a side of one pixel for a constant, at any level; the graph does not.
    free = {
        0: torch.export.Dim("batch", min=1),
        2: torch.export.Dim("rows", min=least, max=4096),
        3: torch.export.Dim("columns", min=least, max=4096),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns of its own internals
        program = torch.onnx.export(
            nets,
            (torch.zeros(2, 1, 2 * least, 3 * least + 1),),
            dynamo=True,
            opset_version=18,
            input_names=["image"],
            dynamic_shapes=(free,),
            verbose=False,
        )
    assert program is not None
    program.optimize()
    return nets, program.model_proto.SerializeToString()


@settings(max_examples=10, deadline=None)
@given(rows=st.integers(1, 70), columns=st.integers(1, 70), batch=st.integers(1, 3))
def test_onnx_agrees_at_any_size(
    exported: tuple[Both, bytes], rows: int, columns: int, batch: int
) -> None:
    import onnxruntime

    nets, model = exported
    image = np.random.default_rng(0).random((batch, 1, rows, columns), dtype=np.float32)
    session = onnxruntime.InferenceSession(model)
    with torch.inference_mode():
        expected = nets(torch.from_numpy(image))
    for found, wanted in zip(session.run(None, {"image": image}), expected, strict=True):
        np.testing.assert_allclose(found, wanted.numpy(), atol=1e-5)


def test_the_graph_holds_no_transform_and_no_global_operation(
    exported: tuple[Both, bytes],
) -> None:
    import onnx

    model = onnx.load_from_string(exported[1])
    assert {opset.domain: opset.version for opset in model.opset_import}[""] == 18
    used = {node.op_type for node in model.graph.node}
    restoring = {"Conv", "ConvTranspose", "Relu", "Concat", "Add", "Slice", "AveragePool", "Resize"}
    framing = {"Shape", "Gather", "Div", "Mul", "Sub", "Pad", "Range", "Squeeze", "Reshape"}
    assert restoring <= used <= restoring | framing
