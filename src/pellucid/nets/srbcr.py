"""s-rBCR: the single-stage residual BCR network as the paper describes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

from torch import Tensor, nn

from pellucid.nets._frame import crop_like, pad_to_multiple
from pellucid.nets.forward_operator import ForwardDesign, ForwardOperator
from pellucid.nets.pseudodifferential import (
    Pseudodifferential,
    PseudodifferentialDesign,
    reshape_layer,
)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SRBCRDesign:
    """The numbers that shape an :class:`SRBCR`; by default 0.086 million parameters.

    Parameters
    ----------
    forward : ForwardDesign
        Inputs of Algorithm 1.
    inverse : PseudodifferentialDesign
        Inputs of Algorithm 2.
    """

    forward: ForwardDesign = field(default_factory=ForwardDesign)
    inverse: PseudodifferentialDesign = field(default_factory=PseudodifferentialDesign)

    @property
    def multiple(self) -> int:
        """Images are padded to multiples of this; tiles must start at multiples of it."""
        return self.forward.multiple


@final
class SRBCR(nn.Module):
    """Single-stage residual BCR network, ``o = B K^T i`` (Eq. 17, Fig. 2 of [1]_).

    Parameters
    ----------
    design : SRBCRDesign, optional

    Notes
    -----
    Choices: the text leaves open whether the network returns the object or a correction of
    the image; here it is a correction, which starts at zero, so that training starts from the
    image. Images of any size are padded with their edge at the bottom and right to
    ``design.multiple``, and results are cropped. No layer looks at the image as a whole: the
    network commutes with shifts by ``design.multiple`` pixels away from the frame.
    Layers have biases, so that it does not commute with gain.

    References
    ----------
    .. [1] R. Li, M. Kudryashev, A. Yakimovich, "Solving the inverse problem of microscopy
       deconvolution with a residual Beylkin-Coifman-Rokhlin neural network", ECCV 2024.
    """

    def __init__(self, design: SRBCRDesign | None = None) -> None:
        super().__init__()
        self.design = design or SRBCRDesign()
        self.forward_operator = ForwardOperator(self.design.forward)
        self.inverse = Pseudodifferential(self.design.forward.alpha, self.design.inverse)
        self.reshape = reshape_layer(self.design.inverse)

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
        features = self.forward_operator(pad_to_multiple(image, self.design.multiple))
        correction = self.reshape(self.inverse(features))
        return image + crop_like(correction, image)
