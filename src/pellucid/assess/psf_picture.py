"""A picture of a point spread function: in focus, from the side, and its transfer function."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pellucid.assess.pictures import new_figure, to_png
from pellucid.optics.microscope import Microscope
from pellucid.optics.transfer import otf

#: Powers the views are drawn with, so that the rings and the cone show.
_GAMMA = 0.4


def psf_picture(psf: NDArray[np.float32], microscope: Microscope, title: str) -> bytes:
    """Draw a point spread function, shape (y, x) or (z, y, x); the result is a PNG.

    Views are drawn with a power of 0.4; lengths in micrometres, frequencies in cycles per
    micrometre.
    """
    stack = psf if psf.ndim == 3 else psf[None]
    planes, height, width = stack.shape
    views = 3 if planes > 1 else 2
    figure = new_figure(4.4 * views, 4.2)
    axes = figure.subplots(1, views)
    step = microscope.pixel_size_um
    half_x, half_y = 0.5 * width * step, 0.5 * height * step
    axes[0].imshow(
        stack[planes // 2] ** _GAMMA, cmap="inferno", extent=(-half_x, half_x, half_y, -half_y)
    )
    axes[0].set(xlabel="x (um)", ylabel="y (um)", title="in focus")
    if planes > 1:
        half_z = 0.5 * planes * (microscope.z_step_um or 1.0)
        axes[1].imshow(
            stack[:, height // 2] ** _GAMMA,
            cmap="inferno",
            extent=(-half_x, half_x, half_z, -half_z),
        )
        axes[1].set(xlabel="x (um)", ylabel="z (um)", title="from the side")
    transfer = np.abs(otf(stack if planes > 1 else stack[0]))
    edge = 0.5 / step
    if planes > 1:
        side = 0.5 / (microscope.z_step_um or 1.0)
        shown, label = transfer[:, height // 2], "z frequency (1/um)"
        extent = (-edge, edge, side, -side)
    else:
        shown, label, extent = transfer, "y frequency (1/um)", (-edge, edge, edge, -edge)
    axes[-1].imshow(shown**_GAMMA, cmap="viridis", extent=extent, aspect="auto")
    axes[-1].set(xlabel="x frequency (1/um)", ylabel=label, title="transfer function")
    figure.suptitle(title, fontsize=11)
    return to_png(figure)
