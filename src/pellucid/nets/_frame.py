"""Images of any size in networks that halve them: padded on the way in, cropped on the way out."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad


def pad_to_multiple(image: Tensor, multiple: int) -> Tensor:
    """Repeat the last row and column until both sides are multiples.

    Edge values, not mirrored ones, because a mirror must be smaller than the image it
    mirrors. Nothing is added at the top and left, where the grids of all levels keep their
    origin. The amounts are arithmetic on the image's shape, without a branch, so that the
    shape stays free in an exported graph.

    Parameters
    ----------
    image : Tensor, shape (batch, channels, y, x)
    multiple : int

    Returns
    -------
    Tensor, shape (batch, channels, y', x')
    """
    # In this form, and not as a remainder, torch.export can reason about the sum.
    rows, columns = (_ceil_divide(size, multiple) * multiple - size for size in image.shape[-2:])
    return pad(image, (0, columns, 0, rows), mode="replicate")


def crop_like(result: Tensor, image: Tensor, *, factor: int = 1) -> Tensor:
    """Keep the part of a result that shows the image, at a resolution coarser by a factor.

    Parameters
    ----------
    result : Tensor, shape (batch, channels, y', x')
    image : Tensor, shape (batch, channels, y, x)
    factor : int

    Returns
    -------
    Tensor, shape (batch, channels, ceil(y / factor), ceil(x / factor))
    """
    # A slice would make torch.export choose between images that need a crop and others.
    for axis in (-2, -1):
        kept = torch.arange(_ceil_divide(image.shape[axis], factor), device=result.device)
        result = result.index_select(axis, kept)
    return result


def _ceil_divide(size: int, by: int) -> int:
    return (size + by - 1) // by
