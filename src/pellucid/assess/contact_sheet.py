"""Many small images on one labelled sheet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.assess.pictures import new_figure, to_png
from pellucid.errors import SettingsError

#: Percentiles shown as black and white.
_DARK, _BRIGHT = 0.5, 99.8


def contact_sheet(
    images: Sequence[Sequence[NDArray[Any]]],
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    inches: float = 1.5,
) -> bytes:
    """Draw images as a grid with labels, each at its own contrast; the result is a PNG.

    Parameters
    ----------
    images : sequence of sequence of ndarray, shape (y, x)
        Row by row; all rows of one length.
    rows, columns : sequence of str
        Labels.
    inches : float
        Side of an image on the sheet, at 110 dots an inch.

    Raises
    ------
    SettingsError
        If the labels do not fit the images.
    MissingDependencyError
        If matplotlib is not installed.
    """
    if not rows or len(rows) != len(images) or any(len(row) != len(columns) for row in images):
        raise SettingsError(
            f"A sheet of {len(rows)} rows and {len(columns)} columns needs as many images in "
            f"every row, not {[len(row) for row in images]}."
        )
    figure = new_figure(inches * len(columns) + 0.9, inches * len(rows) + 0.3)
    grid = figure.subplots(len(rows), len(columns), squeeze=False)
    for axes, row, label in zip(grid, images, rows, strict=True):
        for axis, image in zip(axes, row, strict=True):
            low, high = np.percentile(image, [_DARK, _BRIGHT])
            axis.imshow(image, cmap="gray", vmin=low, vmax=max(high, low + 1e-12))
            axis.set_xticks([])
            axis.set_yticks([])
        axes[0].set_ylabel(label, fontsize=8)
    for axis, label in zip(grid[0], columns, strict=True):
        axis.set_title(label, fontsize=8)
    import imagecodecs

    # Everything on the sheet is grey: one channel says it all.
    coloured = imagecodecs.png_decode(to_png(figure))
    return bytes(imagecodecs.png_encode(np.ascontiguousarray(coloured[..., 0]), level=9))
