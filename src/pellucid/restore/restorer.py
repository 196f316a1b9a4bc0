"""Restoring a whole image: what depends on all of it first, then block by block."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, final, get_args

from pellucid.errors import ImageError, SettingsError
from pellucid.io.image import Image, is_constant
from pellucid.io.known_optics import KnownOptics
from pellucid.optics.microscope import Microscope
from pellucid.restore.blocks import (
    Blocks,
    NetworkBlocks,
    Progress,
    RichardsonLucyBlocks,
    WienerBlocks,
)

Method: TypeAlias = Literal["bcr", "richardson-lucy", "wiener"]
METHODS: tuple[str, ...] = get_args(Method)


@final
@dataclass(frozen=True, slots=True)
class Restored:
    """A restored image and how it came about.

    Attributes
    ----------
    image : Image
        Float32, same shape, axes, units and metadata as the image given.
    settings : dict
        Method, parameters (those chosen on the way included), weights and their hash; can be
        written as JSON.
    seconds : float
        Wall time.
    """

    image: Image
    settings: dict[str, Any]
    seconds: float


@final
class Restorer:
    """A method with its settings, ready for any number of images.

    Parameters
    ----------
    method : {"bcr", "richardson-lucy", "wiener"}
        ``bcr`` is a trained network and needs no optics; it works plane by plane. The
        classical methods need the optics and treat stacks in three dimensions.
    weights : str or Path, optional
        For ``bcr``: name of shipped weights or path of an ONNX file.
    microscope : Microscope or KnownOptics, optional
        For the classical methods; what it leaves open is taken from the image's metadata.
    iterations : int, optional
        For ``richardson-lucy``; 20 if not given.
    background : float, optional
        For ``richardson-lucy``: intensity without specimen; estimated if not given.
    noise_to_signal : float, optional
        For ``wiener``; chosen by generalised cross-validation if not given.
    tile : int, optional
        For ``bcr``: pixels a tile reads a side, at most.

    Raises
    ------
    SettingsError
        If the method is unknown, or a setting is given that it does not use.
    WeightsError
        If the weights cannot be loaded.
    """

    def __init__(
        self,
        method: str = "bcr",
        *,
        weights: str | Path | None = None,
        microscope: Microscope | KnownOptics | None = None,
        iterations: int | None = None,
        background: float | None = None,
        noise_to_signal: float | None = None,
        tile: int | None = None,
    ) -> None:
        if method not in METHODS:
            raise SettingsError(
                f"There is no method {method!r}; choose one of {', '.join(METHODS)}."
            )
        for name, value, owner in (
            ("weights", weights, "bcr"),
            ("tile", tile, "bcr"),
            ("iterations", iterations, "richardson-lucy"),
            ("background", background, "richardson-lucy"),
            ("noise_to_signal", noise_to_signal, "wiener"),
        ):
            if value is not None and method != owner:
                raise SettingsError(
                    f"{name} = {value} belongs to the method {owner}, but the method is {method}; "
                    f"leave it out or choose {owner}."
                )
        self.method = method
        self._known = (
            KnownOptics.of(microscope) if isinstance(microscope, Microscope) else microscope
        ) or KnownOptics()
        self._block: Blocks
        if method == "bcr":
            self._block = NetworkBlocks(weights, tile, self._known)
        elif method == "richardson-lucy":
            self._block = RichardsonLucyBlocks(
                20 if iterations is None else iterations, background, self._known
            )
        else:
            self._block = WienerBlocks(noise_to_signal, self._known)

    def restore(self, image: Image, progress: Progress | None = None) -> Restored:
        """Restore an image.

        Parameters
        ----------
        image : Image
        progress : callable, optional
            Called with the steps done and the steps in all.

        Returns
        -------
        Restored

        Raises
        ------
        PellucidError
            If the image cannot be restored; the message says why and what to do.

        Warns
        -----
        PellucidWarning
            If the image is outside what the method is made for.
        """
        if is_constant(image.data):
            raise ImageError(
                f"Every pixel of the image is {image.data.flat[0]}: there is nothing to restore; "
                "check that the right file was exported."
            )
        start = time.perf_counter()
        try:
            data, settings = self._block.run(image, progress or _silent)
        except MemoryError as error:
            raise ImageError(
                f"An image of shape {image.data.shape} does not fit in memory with the method "
                f"{self.method}; crop it, or use bcr, which works in tiles."
            ) from error
        seconds = time.perf_counter() - start
        return Restored(image.with_data(data), {"method": self.method, **settings}, seconds)


def _silent(done: int, total: int) -> None:
    """Report no progress."""
    del done, total
