"""Losses between restored images and the truth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import torch
from torch import Tensor

from pellucid.errors import ImageError, SettingsError

#: Share of the term in frequency space in the released loss.
_FOURIER_SHARE = 0.5
#: Every how manieth pixel the three scales keep.
_STEPS = (1, 2, 4)

#: Axes of the Fourier transform: width and channel, or height and width.
FourierAxes: TypeAlias = Literal["released", "image"]


def mse(restored: Tensor, truth: Tensor) -> Tensor:
    """Mean squared error.

    Parameters
    ----------
    restored, truth : Tensor, shape (batch, 1, y, x)
        Computed in the precision of `truth`, at least float32.

    Returns
    -------
    Tensor, shape ()

    Raises
    ------
    ImageError
        If the shapes differ or do not have four axes.
    """
    return _difference(restored, truth).square().mean()


def l1(restored: Tensor, truth: Tensor) -> Tensor:
    """Mean absolute error.

    Parameters
    ----------
    restored, truth : Tensor, shape (batch, 1, y, x)
        Computed in the precision of `truth`, at least float32.

    Returns
    -------
    Tensor, shape ()

    Raises
    ------
    ImageError
        If the shapes differ or do not have four axes.
    """
    return _difference(restored, truth).abs().mean()


def log_mse(restored: Tensor, truth: Tensor) -> Tensor:
    """Mean over the batch of the logarithm of each image's mean squared error.

    Every image counts by its relative error, however noisy or bright it is.

    Parameters
    ----------
    restored, truth : Tensor, shape (batch, 1, y, x)
        Computed in the precision of `truth`, at least float32.

    Returns
    -------
    Tensor, shape ()

    Raises
    ------
    ImageError
        If the shapes differ or do not have four axes.
    """
    error = _difference(restored, truth).square().mean(dim=(1, 2, 3))
    # An image restored to the last bit stays finite.
    return (error + 1e-8).log().mean()


def mse_fourier(restored: Tensor, truth: Tensor, *, axes: FourierAxes = "image") -> Tensor:
    """Mean squared error plus half the mean absolute difference in frequency space.

    Parameters
    ----------
    restored, truth : Tensor, shape (batch, 1, y, x)
        Computed in the precision of `truth`, at least float32.
    axes : {"image", "released"}
        "image" transforms over height and width. "released" does what the released code does
        [1]_: its transform takes the last two axes of channels-last images, width and
        channel, so that every row is transformed by itself and the order of rows is not seen.

    Returns
    -------
    Tensor, shape ()

    Raises
    ------
    ImageError
        If the shapes differ or do not have four axes.
    SettingsError
        If `axes` is neither of the two.

    Notes
    -----
    The transforms are not normalised, so that the second term weighs more for larger images:
    for white noise by the square root of the number of pixels transformed together.

    References
    ----------
    .. [1] R. Li, M. Kudryashev, A. Yakimovich, "Solving the inverse problem of microscopy
       deconvolution with a residual Beylkin-Coifman-Rokhlin neural network", ECCV 2024.
    """
    difference = _difference(restored, truth)
    if axes == "image":
        spectrum = torch.fft.rfft2(difference)
    elif axes == "released":
        spectrum = torch.fft.rfft2(difference.movedim(1, -1))
    else:
        raise SettingsError(f"The axes of a Fourier loss are 'image' or 'released', not {axes!r}.")
    loss: Tensor = difference.square().mean() + _FOURIER_SHARE * spectrum.abs().mean()
    return loss


def released_loss(
    restored: Sequence[Tensor], truth: Tensor, *, axes: FourierAxes = "released"
) -> Tensor:
    """Return the loss m-rBCR was trained with: :func:`mse_fourier` summed over three scales.

    Parameters
    ----------
    restored : sequence of three Tensors
        As :meth:`pellucid.nets.released.MRBCRReleased.scales` gives them: at full scale, and
        of the shapes of ``truth[..., ::2, ::2]`` and ``truth[..., ::4, ::4]``.
    truth : Tensor, shape (batch, 1, y, x)
        The coarser scales are compared with its plain subsamplings.
    axes : {"released", "image"}
        Axes of the Fourier transform, see :func:`mse_fourier`.

    Returns
    -------
    Tensor, shape ()

    Raises
    ------
    ImageError
        If there are not three restorations, or one has another shape than its truth.
    SettingsError
        If `axes` is neither of the two.
    """
    if len(restored) != len(_STEPS):
        raise ImageError(
            f"The released loss compares restorations at {len(_STEPS)} scales, not "
            f"{len(restored)}; give full, half and quarter scale."
        )
    pairs = zip(restored, _STEPS, strict=True)
    terms = [mse_fourier(x, truth[..., ::step, ::step], axes=axes) for x, step in pairs]
    return torch.stack(terms).sum()


def _difference(restored: Tensor, truth: Tensor) -> Tensor:
    """Subtract in the precision of the truth: autocast may give the restoration less."""
    if restored.shape != truth.shape or truth.ndim != 4:
        raise ImageError(
            f"A loss compares images of one shape (batch, channels, y, x), not "
            f"{tuple(restored.shape)} and {tuple(truth.shape)}."
        )
    dtype = torch.promote_types(truth.dtype, torch.float32)
    return restored.to(dtype) - truth.to(dtype)
