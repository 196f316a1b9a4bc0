"""How each method goes through an image: what belongs to a whole channel first, then blocks."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import PellucidWarning, SettingsError
from pellucid.imaging.intensity import estimate_scale
from pellucid.io.image import Image
from pellucid.io.known_optics import KnownOptics
from pellucid.optics.microscope import Microscope

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
        scales = [estimate_scale(_channel_data(image, channel)) for channel in channels]
        blocks = list(image.blocks("YX"))
        each = self._network.tiles((image.size("Y"), image.size("X")))
        done = 0

        def step() -> None:
            nonlocal done
            done += 1
            progress(done, each * len(blocks))

        result = np.empty(image.data.shape, dtype=np.float32)
        for channel, index in blocks:
            result[index] = self._network.restore(image.data[index], scales[channel], step)
        return result, {
            "weights": self._weights.name,
            "weights_sha256": self._weights.sha256,
            "background": [scale.background for scale in scales],
            "span": [scale.span for scale in scales],
            "tiles": each * len(blocks),
        }

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


@final
class RichardsonLucyBlocks:
    """Richardson-Lucy on planes or stacks; one background a channel."""

    def __init__(self, iterations: int, background: float | None, known: KnownOptics) -> None:
        if iterations < 1:
            raise SettingsError(f"iterations must be at least 1, not {iterations}.")
        self._iterations = iterations
        self._background = background
        self._known = known

    def run(self, image: Image, progress: Progress) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Restore all blocks of an image."""
        from pellucid.imaging.blur import Blur
        from pellucid.solvers.richardson_lucy import richardson_lucy

        inner, microscopes, psfs = _optics(image, "richardson-lucy", self._known)
        floors = [
            estimate_scale(_channel_data(image, c)).background
            if self._background is None
            else self._background
            for c in range(image.size("C"))
        ]
        blocks = list(image.blocks(inner))
        result = np.empty(image.data.shape, dtype=np.float32)
        operator, built_for = None, -1
        for done, (channel, index) in enumerate(sorted(blocks, key=lambda b: b[0])):
            block = image.data[index]
            if operator is None or built_for != channel:
                operator, built_for = Blur(psfs[channel], block.shape), channel
            restoration = richardson_lucy(
                block,
                operator,
                operator.camera,
                iterations=self._iterations,
                background=floors[channel],
            )
            result[index] = restoration.image
            progress(done + 1, len(blocks))
        return result, {
            "iterations": self._iterations,
            "background": floors,
            "microscope": [json.loads(m.to_json()) for m in microscopes],
        }


@final
class WienerBlocks:
    """Wiener deconvolution of planes or stacks; the first block of a channel sets its eps."""

    def __init__(self, noise_to_signal: float | None, known: KnownOptics) -> None:
        self._noise_to_signal = noise_to_signal
        self._known = known

    def run(self, image: Image, progress: Progress) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Restore all blocks of an image."""
        from pellucid.solvers.wiener import wiener

        inner, microscopes, psfs = _optics(image, "wiener", self._known)
        blocks = list(image.blocks(inner))
        result = np.empty(image.data.shape, dtype=np.float32)
        chosen: dict[int, float] = {}
        for done, (channel, index) in enumerate(blocks):
            restoration = wiener(
                image.data[index],
                psfs[channel],
                noise_to_signal=chosen.get(channel, self._noise_to_signal),
            )
            chosen[channel] = restoration.trace[0]
            result[index] = restoration.image
            progress(done + 1, len(blocks))
        return result, {
            "noise_to_signal": [chosen[c] for c in sorted(chosen)],
            "microscope": [json.loads(m.to_json()) for m in microscopes],
        }


def _optics(
    image: Image, method: str, known: KnownOptics
) -> tuple[str, list[Microscope], list[NDArray[np.float32]]]:
    """Return the axes of a block, and the microscope and PSF of every channel."""
    from pellucid.optics.psf import point_spread_function
    from pellucid.optics.support import psf_shape
    from pellucid.optics.transfer import lateral_cutoff_per_um

    volume = image.size("Z") > 1
    inner = "ZYX" if volume else "YX"
    shape = tuple(image.size(axis) for axis in inner)
    microscopes = [
        known.completed_by(image, channel).microscope(method=f"The method {method}", volume=volume)
        for channel in range(image.size("C"))
    ]
    for microscope in microscopes:
        cutoff_per_um = lateral_cutoff_per_um(microscope)
        if cutoff_per_um * microscope.pixel_size_um > 0.5:
            warnings.warn(
                f"Pixels of {microscope.pixel_size_um:g} um are too large for the optics; "
                f"{0.5 / cutoff_per_um:.3g} um or less would record all detail.",
                PellucidWarning,
                stacklevel=5,
            )
    psfs = [point_spread_function(m, psf_shape(m, shape)).data for m in microscopes]
    return inner, microscopes, psfs


def _channel_data(image: Image, channel: int) -> NDArray[Any]:
    """All intensities of one channel."""
    if "C" not in image.axes:
        return image.data
    data: NDArray[Any] = np.take(image.data, channel, axis=image.axes.index("C"))
    return data
