"""A network in ONNX Runtime, applied to planes of any size."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import SettingsError, WeightsError
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
        ``reach_pixels`` and ``multiple``. An informed one has a second input, (batch, n), and
        the names of its numbers in the metadata ``told``. With ``range`` "minmax" it takes whole
        images scaled from zero to one.
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
            #: Whether the network takes whole images scaled from zero to one.
            self.minmax = metadata.get("range") == "minmax"
            #: What the network is told about every image, by name; empty for a blind one.
            self.told: tuple[str, ...] = tuple(metadata.get("told", "").split())
            expected = 2 if self.told else 1
            if len(inputs) != expected or len(outputs) != 1 or inputs[0].type != "tensor(float)":
                raise KeyError(f"{expected} float32 input(s) and one output")
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
        self._inputs = [one.name for one in inputs]
        self._tile = max(tile, self.multiple)

    def tiles(self, shape: tuple[int, int]) -> int:
        """Return how many tiles a plane of this shape is cut into."""
        if self.minmax:
            return 1
        return len(self._plan(shape))

    def restore(
        self,
        plane: NDArray[Any],
        scale: IntensityScale,
        progress: Callable[[], None] | None = None,
        *,
        told: NDArray[np.float32] | None = None,
    ) -> NDArray[np.float32]:
        """Restore a plane, shape (y, x), given the intensity scale of the whole image.

        An informed network also needs to be told about it, see
        :func:`pellucid.restore.told.told_vector`.

        Raises
        ------
        SettingsError
            If it is not, or a blind network is.
        """
        if bool(self.told) != (told is not None):
            raise SettingsError(
                f"This network is told {' '.join(self.told) or 'nothing'} about an image; give "
                f"{'it' if self.told else 'no told='}."
            )
        if self.minmax:
            return self._restore_range(plane)
        y, x = plane.shape
        plan = self._plan((y, x))
        top, left = (self._margin(n)[0] for n in (y, x))
        normalised = np.pad(
            scale.normalise(plane), [self._margin(y), self._margin(x)], mode="symmetric"
        )
        blended = plan.blend(normalised, partial(self._run, told=told), progress)
        inner = blended[top : top + y, left : left + x]
        result = scale.restore(inner)
        result += plane.mean(dtype=np.float64) - result.mean()
        restored: NDArray[np.float32] = result.astype(np.float32)
        return restored

    def _restore_range(self, plane: NDArray[Any]) -> NDArray[np.float32]:
        """Restore a plane scaled by its least and largest value, as a whole."""
        y, x = plane.shape
        low, high = float(plane.min()), float(plane.max())
        scale = IntensityScale(low, high - low if high > low else 1.0)
        margins = [(0, -n % self.multiple) for n in (y, x)]
        whole = np.pad(scale.normalise(plane), margins, mode="symmetric")
        restored = scale.restore(self._run(whole, None)[:y, :x])
        return restored.astype(np.float32)

    def _run(
        self, tile: NDArray[np.float32], told: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        given = [tile[None, None]] if told is None else [tile[None, None], told[None]]
        restored: NDArray[np.float32] = self._session.run(
            None, dict(zip(self._inputs, given, strict=True))
        )[0]
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
