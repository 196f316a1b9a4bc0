"""BCRNet: a nonlinear, two-dimensional nonstandard form, trained as a blind deconvolver."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d, relu

from pellucid.errors import SettingsError
from pellucid.nets._frame import pad_to_multiple

#: Features of what the network is told.
TOLD_WIDTH = 16
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
    widths : tuple of int
        Hidden channels of the band operators on the way down, one number a level, finest first.
        There are as many levels, L - L0 in the paper, as numbers. The finest level has most of
        the pixels and so most of the cost; coarser ones are wide for little.
    up_widths : tuple of int
        The same on the way up.
    coarse_width : int
        Hidden channels of the operator at the truncation level.
    told : int
        Numbers about the image that the network is told, such as cut-off and noise; none makes
        it blind.
    """

    channels: int = 8
    widths: tuple[int, ...] = (16, 32, 48, 64)
    up_widths: tuple[int, ...] = (32, 32, 48, 64)
    coarse_width: int = 48
    told: int = 0

    def __post_init__(self) -> None:
        if len(self.widths) != len(self.up_widths):
            raise SettingsError(
                f"A BCRNet needs as many widths on the way up as down, not {self.up_widths} for "
                f"{self.widths}."
            )
        if min(self.channels, self.coarse_width, len(self.widths), *self.widths) < 1 or (
            min(self.up_widths) < 1
        ):
            raise SettingsError(
                "A BCRNet needs at least one channel, one level and a width of one at each, not "
                f"{self}."
            )
        if self.told < 0:
            raise SettingsError(f"A BCRNet cannot be told {self.told} numbers; give 0 or more.")

    @property
    def levels(self) -> int:
        """Levels of the wavelet cascade."""
        return len(self.widths)

    @property
    def multiple(self) -> int:
        """The cascade halves the image so often; it is padded to multiples of this."""
        return int(2**self.levels)


@final
class Band(nn.Module):
    """What a band operator adds to its input: 3x3 convolution, ReLU, 3x3 convolution.

    The banded blocks of the nonstandard form are convolutions when the operator is
    translation-invariant; the ReLU makes them answer to what is in the image. The last layer
    starts at zero, so that nothing is added at first. No biases: the operator is positively
    homogeneous, ``B(a x) = a B(x)`` for ``a > 0``. What it is told sets a gain for every hidden
    channel, one at first.
    """

    def __init__(self, channels: int, width: int, *, told: bool = False) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        self.last = nn.Conv2d(width, channels, 3, padding=1, bias=False)
        self.gain = gain_layer(width) if told else None
        nn.init.zeros_(self.last.weight)

    def forward(self, x: Tensor, told: Tensor | None = None) -> Tensor:
        """Return the change of (batch, channels, y, x)."""
        hidden = relu(self.first(x))
        if self.gain is not None:
            hidden = hidden * (1.0 + self.gain(told))[:, :, None, None]
        result: Tensor = self.last(hidden)
        return result


@final
class Coarse(nn.Module):
    """What the operator at the truncation level adds: three 3x3 convolutions."""

    def __init__(self, channels: int, width: int, *, told: bool = False) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        self.middle = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.last = nn.Conv2d(width, channels, 3, padding=1, bias=False)
        self.gain = gain_layer(width) if told else None
        nn.init.zeros_(self.last.weight)

    def forward(self, x: Tensor, told: Tensor | None = None) -> Tensor:
        """Return the change of (batch, channels, y, x)."""
        hidden = relu(self.first(x))
        if self.gain is not None:
            hidden = hidden * (1.0 + self.gain(told))[:, :, None, None]
        result: Tensor = self.last(relu(self.middle(hidden)))
        return result


def gain_layer(width: int) -> nn.Linear:
    """Return the layer that turns what the network is told into gains; it starts at zero."""
    layer = nn.Linear(TOLD_WIDTH, width)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


@final
class BCRNet(nn.Module):
    """A multi-level network in the form of Beylkin, Coifman and Rokhlin.

    A cascade takes scaling coefficients ``v`` apart into sub-bands ``b = [v, d]``, coarser
    scaling coefficients and details; at every level a band operator changes them; at the
    truncation level an operator ``A`` acts on what is left. On the way back each level adds what
    the coarser one found to its scaling coefficients, a second band operator changes the
    sub-bands again, and the transposed cascade takes the *change* of the sub-bands, as against
    those that came down, to the finer level. The image plus what arrives is the result.

    It is an extension of the nonstandard form (Eq. 12, 13 of [1]_; [2]_). There the blocks
    ``D1, D2, D3`` are linear, and the coarser level is fed by ``v`` as analysed. Here the first
    operator also changes the ``v`` that goes on to the coarser level, the second may map ``v`` to
    ``v``, and both answer to the image. Passing changes instead of the sub-bands themselves is the
    same thing for an orthonormal wavelet; with a trained one it makes sure that what no operator
    touches comes back exactly. The wavelet is shared by all levels and channels, starts as
    Haar and is trained.

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
        told = self.design.told > 0
        self.told = (
            nn.Sequential(nn.Linear(self.design.told, TOLD_WIDTH), nn.ReLU()) if told else None
        )
        self.down = nn.ModuleList(Band(bands, width, told=told) for width in self.design.widths)
        self.coarse = Coarse(alpha, self.design.coarse_width, told=told)
        self.up = nn.ModuleList(Band(bands, width, told=told) for width in self.design.up_widths)
        self.project = nn.Conv2d(alpha, 1, 3, padding=1, bias=False)
        nn.init.normal_(self.lift.weight, std=1.0 / math.sqrt(9 * alpha))
        # The operators start at nothing, so that the network starts as the identity all the same.
        nn.init.normal_(self.project.weight, std=1.0 / math.sqrt(9 * alpha))

    def forward(self, image: Tensor, told: Tensor | None = None) -> Tensor:
        """Restore images.

        Parameters
        ----------
        image : Tensor, shape (batch, 1, y, x)
            Background at zero. A side that is no multiple of ``2**levels`` is continued by
            its last value, and the result cut back.
        told : Tensor, shape (batch, design.told), optional
            For a network that is told something; see
            :func:`pellucid.restore.told.told_vector`.

        Returns
        -------
        Tensor, shape (batch, 1, y, x)
        """
        if (told is None) != (self.told is None):
            raise SettingsError(
                f"This network is told {self.design.told} numbers about every image, and "
                f"{'none' if told is None else 'some'} were given; give told= as its design has it."
            )
        known = None if self.told is None else self.told(told)
        alpha = self.design.channels
        kernel = self.cascade_kernel()
        whole = pad_to_multiple(image, self.design.multiple)
        v = self.lift(whole)
        levels: list[tuple[Tensor, Tensor]] = []
        for operator in self.down:
            bands = conv2d(v, kernel, stride=2)
            changed = bands + operator(bands, known)
            levels.append((bands, changed))
            v = changed[:, :alpha]
        u = self.coarse(v, known)
        for operator, (bands, changed) in zip(reversed(self.up), reversed(levels), strict=True):
            joined = torch.cat([changed[:, :alpha] + u, changed[:, alpha:]], dim=1)
            u = conv_transpose2d(joined + operator(joined, known) - bands, kernel, stride=2)
        restored: Tensor = whole + self.project(u)
        return restored[..., : image.shape[-2], : image.shape[-1]]

    def cascade_kernel(self) -> Tensor:
        """Return the shared 2x2 wavelet as one kernel for all channels, sub-band by sub-band.

        Returns
        -------
        Tensor, shape (4 * channels, channels, 2, 2)
        """
        alpha = self.design.channels
        eye = torch.eye(alpha, dtype=self.wavelet.dtype, device=self.wavelet.device)
        kernel = self.wavelet[:, None, None] * eye[None, :, :, None, None]
        return kernel.reshape(4 * alpha, alpha, 2, 2)
