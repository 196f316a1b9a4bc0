"""The voxel grid a point spread function is wanted on."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, final

import array_api_compat
import numpy as np
from numpy.typing import NDArray

from pellucid.errors import OpticsError
from pellucid.optics.microscope import Microscope


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Positions of voxels against the point, micrometres.

    Attributes
    ----------
    height, width : int
        Pixels along y and x.
    y_um, x_um : ndarray of float64, shape (height * width,)
    z_um : ndarray of float64, shape (planes,)
    pixel_size_um : float
    centre : tuple of float
        Where the point lies, in samples; two numbers for a plane, three for a stack.
    """

    height: int
    width: int
    y_um: NDArray[np.float64]
    x_um: NDArray[np.float64]
    z_um: NDArray[np.float64]
    pixel_size_um: float
    centre: tuple[float, ...]

    @classmethod
    def of(
        cls,
        microscope: Microscope,
        shape: tuple[int, ...],
        *,
        offset: tuple[float, ...] | None = None,
    ) -> Grid:
        """Lay a grid of `shape` on a microscope's voxels, its middle sample on the point.

        Raises
        ------
        OpticsError
            If the shape or offset is not that of a plane or stack, or `z_step_um` is missing.
        """
        if len(shape) not in (2, 3) or min(shape) < 1:
            raise OpticsError(
                f"A point spread function has shape (y, x) or (z, y, x), all at least 1, not "
                f"{shape}."
            )
        shifts = (0.0,) * len(shape) if offset is None else tuple(map(float, offset))
        if len(shifts) != len(shape) or not all(map(math.isfinite, shifts)):
            raise OpticsError(
                f"offset = {offset} must have one finite number for each axis of shape {shape}."
            )
        if len(shape) == 3 and microscope.z_step_um is None:
            raise OpticsError(
                "A stack's point spread function needs the distance between its planes; "
                "give z_step_um, in micrometres."
            )
        along = [
            np.arange(n, dtype=np.float64) - n // 2 - shift
            for n, shift in zip(shape, shifts, strict=True)
        ]
        step = microscope.pixel_size_um
        y, x = np.meshgrid(along[-2] * step, along[-1] * step, indexing="ij")
        planes = along[0] * (microscope.z_step_um or 0.0) if len(shape) == 3 else np.zeros(1)
        return cls(
            height=shape[-2],
            width=shape[-1],
            y_um=y.ravel(),
            x_um=x.ravel(),
            z_um=planes,
            pixel_size_um=step,
            centre=tuple(n // 2 + shift for n, shift in zip(shape, shifts, strict=True)),
        )

    def padded(self, pixels: int) -> Grid:
        """Return the grid with more pixels on every lateral side."""
        step = self.pixel_size_um
        height, width = self.height + 2 * pixels, self.width + 2 * pixels
        first_y, first_x = self.y_um[0] - pixels * step, self.x_um[0] - pixels * step
        y, x = np.meshgrid(
            first_y + step * np.arange(height), first_x + step * np.arange(width), indexing="ij"
        )
        return Grid(
            height=height,
            width=width,
            y_um=y.ravel(),
            x_um=x.ravel(),
            z_um=self.z_um,
            pixel_size_um=step,
            centre=(*self.centre[:-2], self.centre[-2] + pixels, self.centre[-1] + pixels),
        )

    def cropped(self, values: Any, pixels: int) -> Any:
        """Return values (z, points) of a padded grid, of any array library, on this one."""
        xp = array_api_compat.array_namespace(values)
        shape = (values.shape[0], self.height + 2 * pixels, self.width + 2 * pixels)
        inner = xp.reshape(values, shape)[
            :, pixels : pixels + self.height, pixels : pixels + self.width
        ]
        return xp.reshape(inner, (values.shape[0], -1))

    def in_focus(self) -> Grid:
        """Return the plane of the grid that goes through the point."""
        return replace(self, z_um=np.zeros(1), centre=self.centre[-2:])

    def shifted(self, y_um: float, x_um: float) -> Grid:
        """Return the grid with all pixels moved."""
        return replace(self, y_um=self.y_um + y_um, x_um=self.x_um + x_um)
