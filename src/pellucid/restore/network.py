"""A network in ONNX Runtime, applied to planes of any size."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import WeightsError
from pellucid.imaging.intensity import IntensityScale
from pellucid.restore.tiles import TilePlan, plan_axis
from pellucid.restore.weights import Weights

#: Samples a tile reads a side, at most. A camera's 2048 x 2048 fit in one tile, with their
#: margins; larger images take about 1 GB and a third more time for the overlaps.
DEFAULT_TILE = 2112


@final
class NetworkPlane:
    """Restore single planes by a network.

    The network is told nothing but the plane in the unit range of the whole image; scale,
    mean and units are put back here, so that the result follows the gain and offset of the
    image and keeps its mean.

    Parameters
    ----------
    weights : Weights
        An ONNX model with one input and one output, float32 (batch, 1, y, x), and metadata
        ``reach_pixels`` and ``multiple``.
    tile : int
        Samples a tile reads a side, at most.

    Raises
    ------
    WeightsError
        If the file is not such a model.
    """

    def __init__(self, weights: Weights, *, tile: int = DEFAULT_TILE) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = _available_cores()
        options.log_severity_level = 4
        # Every new tile shape would otherwise keep its own buffers for good.
        options.enable_mem_pattern = False
        try:
            self._session = onnxruntime.InferenceSession(
                weights.onnx, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime's exceptions share no base of their own
            raise WeightsError(
                f"The weights {weights.name!r} are not an ONNX model that can be run "
                f"({str(error).splitlines()[0]}); export them again."
            ) from error
        metadata = self._session.get_modelmeta().custom_metadata_map
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        try:
            self.reach = int(metadata["reach_pixels"])
            self.multiple = int(metadata["multiple"])
            if len(inputs) != 1 or len(outputs) != 1 or inputs[0].type != "tensor(float)":
                raise KeyError("one float32 input and one output")
        except (KeyError, ValueError) as error:
            raise WeightsError(
                f"The weights {weights.name!r} lack what pellucid needs to run them ({error}); "
                "export them with pellucid.export.export_onnx."
            ) from error
        trained = metadata.get("cutoff_per_pixel")
        #: Cut-offs of the optics the network was trained for, in cycles per pixel, if stated.
        self.trained_cutoff_per_pixel: tuple[float, float] | None = None
        if trained:
            low, high = (float(value) for value in trained.split())
            self.trained_cutoff_per_pixel = low, high
        self._input = inputs[0].name
        self._tile = max(tile, self.multiple)

    def tiles(self, shape: tuple[int, int]) -> int:
        """Return how many tiles a plane of this shape is cut into."""
        return len(self._plan(shape))

    def restore(
        self,
        plane: NDArray[Any],
        scale: IntensityScale,
        progress: Callable[[], None] | None = None,
    ) -> NDArray[np.float32]:
        """Restore a plane, shape (y, x), given the intensity scale of the whole image."""
        y, x = plane.shape
        plan = self._plan((y, x))
        top, left = (self._margin(n)[0] for n in (y, x))
        normalised = np.pad(
            scale.normalise(plane), [self._margin(y), self._margin(x)], mode="symmetric"
        )
        blended = plan.blend(normalised, self._run, progress)
        inner = blended[top : top + y, left : left + x]
        result = scale.restore(inner)
        result += plane.mean(dtype=np.float64) - result.mean()
        restored: NDArray[np.float32] = result.astype(np.float32)
        return restored

    def _run(self, tile: NDArray[np.float32]) -> NDArray[np.float32]:
        restored: NDArray[np.float32] = self._session.run(None, {self._input: tile[None, None]})[0]
        plane: NDArray[np.float32] = restored[0, 0]
        return plane

    def _margin(self, length: int) -> tuple[int, int]:
        """Reflected samples before and after: one multiple at least, up to a whole multiple."""
        whole = -(-(length + 2 * self.multiple) // self.multiple) * self.multiple
        return self.multiple, whole - length - self.multiple

    def _plan(self, shape: tuple[int, int]) -> TilePlan:
        rows, columns = (
            plan_axis(
                n + sum(self._margin(n)),
                tile=self._tile,
                reach=self.reach,
                multiple=self.multiple,
            )
            for n in shape
        )
        return TilePlan(rows, columns)


def _available_cores() -> int:
    """Cores this process may use: fewer than the machine's under a quota or a mask."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
