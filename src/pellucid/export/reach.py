"""How far a network really looks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import WeightsError

Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]


def measure_reach(
    run: Run,
    images: Sequence[NDArray[np.float32]],
    *,
    multiple: int,
    tolerance: float,
) -> int:
    """Return the halo that a tile needs for its inner part to agree with the whole image.

    For growing halos, blocks all over each image are restored from cut-outs with that halo
    and compared with the restoration of the whole image, as tiling would have it.

    Parameters
    ----------
    run : callable
        Maps an image to its restoration, both (y, x) with sides that are multiples of
        `multiple`.
    images : sequence of ndarray of float32
        Images in the network's unit range, as varied as those it will meet.
    multiple : int
        Blocks start at, and are as large as, multiples of this.
    tolerance : float
        Largest difference allowed, relative to the range of the restored image.

    Returns
    -------
    int
        Pixels, a multiple of `multiple`.

    Raises
    ------
    WeightsError
        If even the largest halo that the images allow is too small.
    """
    wholes = [run(image) for image in images]
    largest = (min(min(image.shape) for image in images) // multiple - 1) // 2
    for blocks in range(1, largest + 1):
        halo = blocks * multiple
        worst = max(
            _worst_difference(run, image, whole, halo=halo, multiple=multiple)
            for image, whole in zip(images, wholes, strict=True)
        )
        if worst <= tolerance:
            return halo
    raise WeightsError(
        f"The network looks further than {largest * multiple} pixels at a tolerance of "
        f"{tolerance:g}; measure on larger images."
    )


def _worst_difference(
    run: Run, image: NDArray[np.float32], whole: NDArray[np.float32], *, halo: int, multiple: int
) -> float:
    """Largest difference over a grid of blocks, relative to the range of the whole result."""
    side = 2 * halo + multiple
    span = float(whole.max() - whole.min())
    worst = 0.0
    rows, columns = (range(0, n - side + 1, 3 * multiple) for n in image.shape)
    for y in rows:
        for x in columns:
            part = run(np.ascontiguousarray(image[y : y + side, x : x + side]))
            inner = slice(halo, halo + multiple)
            target = whole[y + halo : y + halo + multiple, x + halo : x + halo + multiple]
            worst = max(worst, float(np.abs(part[inner, inner] - target).max()))
    return worst / span
