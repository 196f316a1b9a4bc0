"""BCRNet: a nonlinear, two-dimensional nonstandard form, trained as a blind deconvolver."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d, relu

from pellucid.errors import SettingsError

#: Orthonormal Haar analysis: rows LL, LH, HL, HH of a 2x2 block (y, x).
_HAAR = (
    ((0.5, 0.5), (0.5, 0.5)),
    ((0.5, -0.5), (0.5, -0.5)),
    ((0.5, 0.5), (-0.5, -0.5)),
    ((0.5, -0.5), (-0.5, 0.5)),
)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class BCRNetDesign:
    """The numbers that shape a :class:`BCRNet`.

    Parameters
    ----------
    channels : int
        Parallel copies of the scaling coefficients, from the 3x3 lift (alpha in the paper).
    levels : int
        Levels of the wavelet cascade, L - L0 in the paper.
    band_width : int
        Hidden channels of each band operator.
    coarse_width : int
        Hidden channels of the operator at the truncation level.
    """

    channels: int = 8
    levels: int = 4
    band_width: int = 36
    coarse_width: int = 32

    def __post_init__(self) -> None:
        for name in ("channels", "levels", "band_width", "coarse_width"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} of a BCRNet must be at least 1, not {self}.")

    @property
    def multiple(self) -> int:
        """Both sides of an input must be multiples of this."""
        return int(2**self.levels)


@final
class Band(nn.Module):
    """A band operator: 3x3 convolution, ReLU, 3x3 convolution, added to its input.

    The banded blocks of the nonstandard form are convolutions when the operator is
    translation-invariant; the ReLU makes them answer to what is in the image. The last layer
    starts at zero, so that the operator starts as the identity. No biases: the operator is
    positively homogeneous, ``B(a x) = a B(x)`` for ``a > 0``.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        self.last = nn.Conv2d(width, channels, 3, padding=1, bias=False)
        nn.init.zeros_(self.last.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the operator to (batch, channels, y, x)."""
        result: Tensor = x + self.last(relu(self.first(x)))
        return result


@final
class Coarse(nn.Module):
    """The operator at the truncation level: three 3x3 convolutions, added to the input."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        self.middle = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.last = nn.Conv2d(width, channels, 3, padding=1, bias=False)
        nn.init.zeros_(self.last.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the operator to (batch, channels, y, x)."""
        result: Tensor = x + self.last(relu(self.middle(relu(self.first(x)))))
        return result


@final
class BCRNet(nn.Module):
    """A multi-level network in the form of Beylkin, Coifman and Rokhlin.

    A cascade takes scaling coefficients ``v`` apart into details ``d`` and coarser ``v``; at
    every level a band operator acts on ``[v, d]``; at the truncation level an operator ``A``
    acts on what is left; on the way back its result ``u`` takes the place of ``v``, a second
    band operator acts on ``[u, d]`` and the transposed cascade puts them together.

    It is an extension of the nonstandard form (Eq. 12, 13 of [1]_; [2]_): there the blocks
    ``D1, D2, D3`` are linear and ``A`` alone feeds the coarser level; here the first operator
    also changes the ``v`` that goes on to the coarser level, and the second may map ``v`` to
    ``v``. The wavelet is shared by all levels and channels, starts as Haar and is trained.

    No layer has a bias and none looks at the image as a whole, so that the network commutes
    with gain exactly, ``net(a x) = a net(x)`` for ``a > 0``, and with shifts by
    ``2**levels`` pixels, and so that tiles and whole images agree within its reach.

    Parameters
    ----------
    design : BCRNetDesign

    References
    ----------
    .. [1] R. Li, M. Kudryashev, A. Yakimovich, "Solving the inverse problem of microscopy
       deconvolution with a residual Beylkin-Coifman-Rokhlin neural network", ECCV 2024.
    .. [2] G. Beylkin, R. Coifman, V. Rokhlin, "Fast wavelet transforms and numerical
       algorithms I", Comm. Pure Appl. Math. 44, 141-183 (1991).
    .. [3] S. Mohan et al., "Robust and interpretable blind image denoising via bias-free
       convolutional neural networks", ICLR 2020 (why no biases).
    """

    def __init__(self, design: BCRNetDesign | None = None) -> None:
        super().__init__()
        self.design = design or BCRNetDesign()
        alpha, bands = self.design.channels, 4 * self.design.channels
        self.lift = nn.Conv2d(1, alpha, 3, padding=1, bias=False)
        self.wavelet = nn.Parameter(torch.tensor(_HAAR))
        self.down = nn.ModuleList(
            Band(bands, self.design.band_width) for _ in range(self.design.levels)
        )
        self.coarse = Coarse(alpha, self.design.coarse_width)
        self.up = nn.ModuleList(
            Band(bands, self.design.band_width) for _ in range(self.design.levels)
        )
        self.project = nn.Conv2d(alpha, 1, 3, padding=1, bias=False)
        nn.init.normal_(self.lift.weight, std=1.0 / math.sqrt(9 * alpha))
        nn.init.zeros_(self.project.weight)

    def forward(self, image: Tensor) -> Tensor:
        """Restore images.

        Parameters
        ----------
        image : Tensor, shape (batch, 1, y, x)
            Background at zero; y and x multiples of ``2**levels``.

        Returns
        -------
        Tensor, shape (batch, 1, y, x)
        """
        alpha = self.design.channels
        kernel = self._cascade_kernel()
        v = self.lift(image)
        details: list[Tensor] = []
        for operator in self.down:
            bands = operator(conv2d(v, kernel, stride=2))
            v, d = bands[:, :alpha], bands[:, alpha:]
            details.append(d)
        u = self.coarse(v)
        for operator, d in zip(reversed(self.up), reversed(details), strict=True):
            bands = operator(torch.cat([u, d], dim=1))
            u = conv_transpose2d(bands, kernel, stride=2)
        restored: Tensor = image + self.project(u)
        return restored

    def _cascade_kernel(self) -> Tensor:
        """Return the shared 2x2 wavelet as one kernel for all channels, sub-band by sub-band."""
        alpha = self.design.channels
        eye = torch.eye(alpha, dtype=self.wavelet.dtype, device=self.wavelet.device)
        kernel = self.wavelet[:, None, None] * eye[None, :, :, None, None]
        return kernel.reshape(4 * alpha, alpha, 2, 2)
