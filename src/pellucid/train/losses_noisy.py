"""Losses for training on noisy images alone: the restored image, blurred again, and the data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from pellucid.errors import ImageError, OpticsError, SettingsError


def data_domain_loss(
    restored: Tensor,
    second: Tensor,
    psf: Any,
    *,
    hessian: float = 0.0,
    total_variation: float = 0.0,
) -> Tensor:
    """Mean squared difference between a restoration, blurred by the optics, and noisy data.

    ``mean((K x - y)**2)`` over the pixels whose light all comes from within the patch: what
    lies beyond it is not known. If the noise of `y` is independent of what the restoration was
    made from, the loss is least for the restoration that explains the noise-free image [1]_.
    What the optics do not pass is left open by it; the two penalties decide that.

    Parameters
    ----------
    restored : Tensor, shape (batch, 1, y, x)
    second : Tensor, same shape
        The other recording, such as the second part of
        :func:`pellucid.train.recorrupt.recorrupted`, in the same units.
    psf : Tensor or array_like, shape (y, x)
        In focus, on the pixels of the image, not negative; centred on the sample ``n // 2``;
        scaled here to unit sum. Smaller than the patch.
    hessian : float
        Weight of :func:`hessian_penalty` [1]_.
    total_variation : float
        Weight of :func:`variation_penalty`.

    Returns
    -------
    Tensor, shape ()

    Raises
    ------
    ImageError
        If the shapes differ or do not have four axes, or the point spread function leaves no
        pixel of a patch.
    OpticsError
        If the point spread function is none.
    SettingsError
        If a weight is negative.

    References
    ----------
    .. [1] C. Qiao et al., "Zero-shot learning enables instant denoising and super-resolution in
       optical fluorescence microscopy", Nat. Commun. 15, 4180 (2024).
    """
    return DataDomain(psf, hessian=hessian, total_variation=total_variation).compare(
        restored, second
    )


@final
class DataDomain:
    """:func:`data_domain_loss` for one microscope, as an objective of a training run.

    Called with a network, the images it is given and the recordings to explain.

    Parameters
    ----------
    psf : Tensor or array_like, shape (y, x)
    hessian, total_variation : float

    Raises
    ------
    OpticsError
        If the point spread function is none.
    SettingsError
        If a weight is negative.
    """

    def __init__(self, psf: Any, *, hessian: float = 0.0, total_variation: float = 0.0) -> None:
        if not (hessian >= 0 and total_variation >= 0):
            raise SettingsError(
                f"Weights of penalties are not negative; they are {hessian:g} and "
                f"{total_variation:g}."
            )
        self._psf = _checked(psf)
        self._hessian, self._variation = hessian, total_variation

    def __call__(
        self, network: Callable[[Tensor], Tensor], image: Tensor, second: Tensor
    ) -> Tensor:
        """Restore images and compare them, blurred, with the other recordings."""
        return self.compare(network(image), second)

    def compare(self, restored: Tensor, second: Tensor) -> Tensor:
        """Return the loss of restored images."""
        if restored.shape != second.shape or second.ndim != 4:
            raise ImageError(
                f"A loss compares images of one shape (batch, channels, y, x), not "
                f"{tuple(restored.shape)} and {tuple(second.shape)}."
            )
        dtype = torch.promote_types(second.dtype, torch.float32)
        estimate = restored.to(dtype)
        blurred, inner = self._blurred(estimate)
        loss = (blurred - second.to(dtype)[inner]).square().mean()
        if self._hessian > 0:
            loss = loss + self._hessian * hessian_penalty(estimate)
        if self._variation > 0:
            loss = loss + self._variation * variation_penalty(estimate)
        return loss

    def _blurred(self, scene: Tensor) -> tuple[Tensor, tuple[Any, ...]]:
        """Blur, and return what no light from beyond the patch has reached, and where it is."""
        shape = (scene.shape[-2], scene.shape[-1])
        sides = (self._psf.shape[0], self._psf.shape[1])
        if any(k > n for k, n in zip(sides, shape, strict=True)):
            raise ImageError(
                f"A point spread function of {sides[0]} x {sides[1]} pixels leaves nothing to "
                f"compare of patches of {shape[0]} x {shape[1]}; crop it, or take larger patches."
            )
        psf = self._psf.to(scene)
        # On the circle of the patch light wraps round, but only into what is cut off here.
        transfer = torch.fft.rfft2(psf, s=shape)
        whole = torch.fft.irfft2(torch.fft.rfft2(scene) * transfer, s=shape)
        inner = (..., *(slice(k - 1, n) for k, n in zip(sides, shape, strict=True)))
        # With its first sample at the origin, the function looks back by its centre.
        beneath = (
            ...,
            *(slice(k - 1 - k // 2, n - k // 2) for k, n in zip(sides, shape, strict=True)),
        )
        return whole[inner], beneath


def hessian_penalty(image: Tensor) -> Tensor:
    """Mean absolute second derivatives, ``|xx| + |yy| + 2 |xy|``, in units a pixel squared.

    Parameters
    ----------
    image : Tensor, shape (batch, channels, y, x)
        At least 3 x 3 pixels.
    """
    yy = image[..., 2:, :] - 2.0 * image[..., 1:-1, :] + image[..., :-2, :]
    xx = image[..., 2:] - 2.0 * image[..., 1:-1] + image[..., :-2]
    down = image[..., 1:, :] - image[..., :-1, :]
    xy = down[..., 1:] - down[..., :-1]
    return yy.abs().mean() + xx.abs().mean() + 2.0 * xy.abs().mean()


def variation_penalty(image: Tensor) -> Tensor:
    """Mean absolute differences of neighbours along y and along x, in units a pixel.

    Parameters
    ----------
    image : Tensor, shape (batch, channels, y, x)
        At least 2 x 2 pixels.
    """
    y = image[..., 1:, :] - image[..., :-1, :]
    x = image[..., 1:] - image[..., :-1]
    return y.abs().mean() + x.abs().mean()


def _checked(psf: Any) -> Tensor:
    """Return a point spread function of unit sum."""
    values = torch.as_tensor(np.asarray(psf) if not isinstance(psf, Tensor) else psf.detach())
    if values.ndim != 2 or values.is_complex() or values.numel() == 0:
        raise OpticsError(
            f"The point spread function has shape {tuple(values.shape)} of {values.dtype}; give "
            "real numbers of shape (y, x)."
        )
    values = values.double()
    if not bool(torch.isfinite(values).all()) or float(values.min()) < 0:
        raise OpticsError(
            "The point spread function has negative or non-finite values; subtract its background "
            "and clip it at zero."
        )
    total = float(values.sum())
    if not total > 0:
        raise OpticsError("The point spread function sums to zero; it must hold light.")
    return values / total
