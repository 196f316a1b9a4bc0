"""Restoring a whole image: what depends on all of it first, then block by block."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Unpack, final

from pellucid.errors import ImageError
from pellucid.io.image import Image, is_constant
from pellucid.io.known_optics import KnownOptics
from pellucid.optics.microscope import Microscope
from pellucid.restore.blocks import Blocks, NetworkBlocks, Progress
from pellucid.restore.classical import ClassicalBlocks
from pellucid.restore.methods import MethodSettings, checked_settings


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
    method : str
        A name of :data:`pellucid.restore.methods.METHODS`. ``bcr`` is a trained network and needs
        no optics; it works plane by plane. The classical methods need the optics and treat
        stacks in three dimensions.
    microscope : Microscope or KnownOptics, optional
        For the classical methods and informed networks; what it leaves open is taken from the
        image's metadata.
    **settings
        What the method can be told: see :class:`pellucid.restore.methods.MethodSettings`.

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
        microscope: Microscope | KnownOptics | None = None,
        **settings: Unpack[MethodSettings],
    ) -> None:
        told = checked_settings(method, settings)
        self.method = method
        self._known = (
            KnownOptics.of(microscope) if isinstance(microscope, Microscope) else microscope
        ) or KnownOptics()
        self._block: Blocks
        if method == "bcr":
            self._block = NetworkBlocks(told.get("weights"), told.get("tile"), self._known)
        else:
            self._block = ClassicalBlocks(method, told, self._known)

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
