"""How each method goes through an image: what belongs to a whole channel first, then blocks."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import PellucidWarning, WeightsError
from pellucid.imaging.intensity import IntensityScale, estimate_scale
from pellucid.io.image import Image
from pellucid.io.known_optics import KnownOptics

#: Called with the number of steps done and of steps in all.
Progress: TypeAlias = Callable[[int, int], None]


class Blocks(Protocol):
    """A method that can restore a whole image."""

    def run(self, image: Image, progress: Progress) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Return the restored data and every parameter used, as JSON can hold it."""


@final
class NetworkBlocks:
    """The network, plane by plane; one intensity scale a channel."""

    def __init__(self, weights: str | Path | None, tile: int | None, known: KnownOptics) -> None:
        from pellucid.restore.network import DEFAULT_TILE, NetworkPlane
        from pellucid.restore.weights import load_weights

        self._weights = load_weights(weights)
        self._network = NetworkPlane(self._weights, tile=DEFAULT_TILE if tile is None else tile)
        self._known = known

    def run(self, image: Image, progress: Progress) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Restore all planes of an image."""
        channels = range(image.size("C"))
        for channel in channels:
            self._warn_outside(image, channel)
        scales = [estimate_scale(channel_data(image, channel)) for channel in channels]
        told = [self._told(image, channel, scales[channel]) for channel in channels]
        blocks = list(image.blocks("YX"))
        each = self._network.tiles((image.size("Y"), image.size("X")))
        done = 0

        def step() -> None:
            nonlocal done
            done += 1
            progress(done, each * len(blocks))

        result = np.empty(image.data.shape, dtype=np.float32)
        for channel, index in blocks:
            result[index] = self._network.restore(
                image.data[index], scales[channel], step, told=told[channel]
            )
        return result, {
            "weights": self._weights.name,
            "weights_sha256": self._weights.sha256,
            "background": [scale.background for scale in scales],
            "span": [scale.span for scale in scales],
            "tiles": each * len(blocks),
        }

    def _told(
        self, image: Image, channel: int, scale: IntensityScale
    ) -> NDArray[np.float32] | None:
        """Return what the network is told about a channel: its optics, its noise measured."""
        if not self._network.told:
            return None
        from pellucid.restore.told import TOLD_NAMES, measured_told

        if self._network.told != tuple(TOLD_NAMES.split()):
            raise WeightsError(
                f"The weights {self._weights.name!r} are told {' '.join(self._network.told)}, and "
                f"this version knows {TOLD_NAMES}; export them again."
            )
        microscope = self._known.completed_by(image, channel).microscope(
            method=f"The network {self._weights.name}", volume=False
        )
        return measured_told(channel_data(image, channel), microscope.cutoff_per_pixel, scale)

    def _warn_outside(self, image: Image, channel: int) -> None:
        cutoff = self._known.completed_by(image, channel).cutoff_per_pixel
        trained = self._network.trained_cutoff_per_pixel
        if cutoff is None or trained is None or trained[0] <= cutoff <= trained[1]:
            return
        advice = "bin the image" if cutoff < trained[0] else "use smaller pixels"
        warnings.warn(
            f"The optics' cut-off is {cutoff:.3g} cycles per pixel (channel {channel}), outside "
            f"the {trained[0]:g} to {trained[1]:g} the network was trained for; {advice}, or use "
            "richardson-lucy.",
            PellucidWarning,
            stacklevel=4,
        )


def channel_data(image: Image, channel: int) -> NDArray[Any]:
    """All intensities of one channel."""
    if "C" not in image.axes:
        return image.data
    data: NDArray[Any] = np.take(image.data, channel, axis=image.axes.index("C"))
    return data
