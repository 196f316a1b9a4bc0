"""m-rBCR: the multi-stage residual BCR network as the paper describes it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import final

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate

from pellucid.errors import SettingsError
from pellucid.nets._frame import crop_like, pad_to_multiple
from pellucid.nets._start import start_at
from pellucid.nets.forward_operator import ForwardDesign, ForwardOperator
from pellucid.nets.pseudodifferential import (
    Pseudodifferential,
    PseudodifferentialDesign,
    reshape_layer,
)

#: Resolutions the network works at, and the halvings between them.
STAGES = 3


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class MRBCRDesign:
    """The numbers that shape an :class:`MRBCR`; by default 0.237 million parameters.

    Parameters
    ----------
    forward : ForwardDesign
        Inputs of Algorithm 1 for the image at full resolution. At a half and a quarter of it
        L is smaller by one and two, so that all stages end at the same coarsest grid.
    inverse : PseudodifferentialDesign
        Inputs of Algorithm 2, for all stages.

    Raises
    ------
    SettingsError
        If the coarsest stage would hold no level.
    """

    forward: ForwardDesign = field(default_factory=ForwardDesign)
    inverse: PseudodifferentialDesign = field(
        default_factory=lambda: PseudodifferentialDesign(alpha_1=20, alpha_2=6)
    )

    def __post_init__(self) -> None:
        levels = self.forward.L - self.forward.L0
        if levels < STAGES:
            raise SettingsError(
                f"m-rBCR needs L - L0 of at least {STAGES}, so that its coarsest stage has a "
                f"level; L - L0 = {levels} was given."
            )

    @property
    def multiple(self) -> int:
        """Images are padded to multiples of this; tiles must start at multiples of it."""
        return self.forward.multiple


@final
class MRBCR(nn.Module):
    """Multi-stage residual BCR network (Fig. 3 of [1]_).

    The image is restored at a quarter, a half and the whole of its resolution. Every stage has
    a forward operator and a pseudo-differential operator of its own; the latter acts on the
    features of its own and the next coarser forward operator, ``(B1 | K1^T, K2^T)`` and
    ``(B2 | K2^T, K3^T)``, on the image at its resolution as posterior, and on what the coarser
    pseudo-differential operator found.

    Parameters
    ----------
    design : MRBCRDesign, optional

    Notes
    -----
    Choices beside those of :class:`~pellucid.nets.srbcr.SRBCR` and
    :class:`~pellucid.nets.forward_operator.ForwardOperator`:

    - The coarser images are means over 2x2 and 4x4 pixels, the scaling coefficients of Haar
      over their gain; taking every second pixel would alias.
    - Features of a coarser stage are interpolated bilinearly and mixed by a 1x1 convolution,
      the "straightforward pixel mixture" of Section 6; at the start it takes nothing from the
      coarser stage.
    - The coarser pseudo-differential operator hands on its features, not only its image.
    - Every stage returns a correction of its image.

    References
    ----------
    .. [1] R. Li, M. Kudryashev, A. Yakimovich, "Solving the inverse problem of microscopy
       deconvolution with a residual Beylkin-Coifman-Rokhlin neural network", ECCV 2024.
    """

    def __init__(self, design: MRBCRDesign | None = None) -> None:
        super().__init__()
        self.design = design or MRBCRDesign()
        forward, inverse = self.design.forward, self.design.inverse
        self.forward_operators = nn.ModuleList(
            ForwardOperator(replace(forward, L=forward.L - stage)) for stage in range(STAGES)
        )
        self.fusions = nn.ModuleList(_fusion(forward.alpha) for _ in range(STAGES - 1))
        # What a stage's operator is given: features, image and what the coarser stage found.
        given = forward.alpha + 1
        self.inverses = nn.ModuleList(
            Pseudodifferential(given + found, inverse)
            for found in (inverse.out_channels, inverse.out_channels, 0)
        )
        self.reshapes = nn.ModuleList(reshape_layer(inverse) for _ in range(STAGES))

    def forward(self, image: Tensor) -> Tensor:
        """Restore images.

        Parameters
        ----------
        image : Tensor, shape (batch, 1, y, x)
            Any y and x.

        Returns
        -------
        Tensor, shape (batch, 1, y, x)
        """
        return self.scales(image)[0]

    def scales(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Restore images at three resolutions, for a loss over all of them.

        Parameters
        ----------
        image : Tensor, shape (batch, 1, y, x)
            Any y and x.

        Returns
        -------
        tuple of Tensor
            Restorations at the whole, a half and a quarter of the resolution, of the shapes
            that :func:`pyramid` gives the truth.
        """
        images = pyramid(pad_to_multiple(image, self.design.multiple))
        features = [operator(x) for operator, x in zip(self.forward_operators, images, strict=True)]
        x0, x2, x4 = images
        u0, u2, u4 = features
        fusion0, fusion2 = self.fusions
        b0, b2, b4 = self.inverses
        found4 = b4(torch.cat([u4, x4], dim=1))
        f2 = fusion2(torch.cat([u2, _double(u4)], dim=1))
        found2 = b2(torch.cat([f2, x2, _double(found4)], dim=1))
        f0 = fusion0(torch.cat([u0, _double(u2)], dim=1))
        found0 = b0(torch.cat([f0, x0, _double(found2)], dim=1))
        restored = [
            x + reshape(found)
            for x, reshape, found in zip(
                images, self.reshapes, (found0, found2, found4), strict=True
            )
        ]
        whole, half, quarter = (
            crop_like(r, image, factor=2**stage) for stage, r in enumerate(restored)
        )
        return whole, half, quarter


def pyramid(image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return images at the whole, a half and a quarter of their resolution.

    Parameters
    ----------
    image : Tensor, shape (batch, 1, y, x)

    Returns
    -------
    tuple of Tensor
        Means over 2x2 and 4x4 pixels; sides are rounded up, where what lies inside counts.
    """
    half = avg_pool2d(image, 2, ceil_mode=True)
    return image, half, avg_pool2d(half, 2, ceil_mode=True)


def _double(features: Tensor) -> Tensor:
    """Interpolate to twice the resolution."""
    return interpolate(features, scale_factor=2.0, mode="bilinear", align_corners=False)


def _fusion(alpha: int) -> nn.Conv2d:
    """1x1 convolution of fine and coarse features to as many; takes the fine ones at the start."""
    kernel = torch.cat([torch.eye(alpha), torch.zeros(alpha, alpha)], dim=1)
    return start_at(nn.Conv2d(2 * alpha, alpha, 1), kernel[:, :, None, None])
