"""The forward operator K^T of s-rBCR and m-rBCR (Algorithm 1 of the paper)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from pellucid.errors import SettingsError
from pellucid.nets._checks import check_whole, check_width
from pellucid.nets._start import he_start, start_at
from pellucid.nets.dense_block import ResidualDenseBlock

#: Orthonormal Haar wavelet on a 2x2 block (y, x): three details, then the scaling function.
_HAAR = (
    ((0.5, -0.5), (0.5, -0.5)),
    ((0.5, 0.5), (-0.5, -0.5)),
    ((0.5, -0.5), (-0.5, 0.5)),
    ((0.5, 0.5), (0.5, 0.5)),
)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardDesign:
    """The inputs of Algorithm 1, by the paper's letters.

    Parameters
    ----------
    alpha : int
        Parallel copies of the scaling coefficients; each has three copies of details beside it.
    n_b : int
        Bandwidth: side of the kernels of residual dense blocks and locally connected layers,
        odd.
    K : int
        Locally connected layers at each level, and dense layers at the truncation level.
    L : int
        Level of the operator's input.
    L0 : int
        Truncation level, the coarsest; its pixels are ``2**(L - L0)`` times as wide.
    RDN : int
        Layers of each residual dense block.

    Raises
    ------
    SettingsError
        If a number is too small, `n_b` is even or `L` does not exceed `L0`.
    """

    alpha: int = 3
    n_b: int = 3
    K: int = 12
    L: int = 4
    L0: int = 0
    RDN: int = 7

    def __post_init__(self) -> None:
        for name in ("alpha", "K", "RDN"):
            check_whole("forward operator", name, getattr(self, name), least=1)
        for name in ("L", "L0"):
            check_whole("forward operator", name, getattr(self, name), least=0)
        check_width("forward operator", "n_b", self.n_b)
        if self.L <= self.L0:
            raise SettingsError(
                f"The forward operator needs its level L above the truncation level L0, or it "
                f"holds no wavelet step; L = {self.L} and L0 = {self.L0} were given."
            )

    @property
    def levels(self) -> range:
        """The levels visited on the way down, L - 1 to L0; on the way up they are reversed."""
        return range(self.L - 1, self.L0 - 1, -1)

    @property
    def multiple(self) -> int:
        """Both sides of an input must be multiples of this, ``2**(L - L0)``."""
        return int(2 ** (self.L - self.L0))


@final
class Chain(nn.Module):
    """Layers of convolution and ReLU, one after the other, each added to what it acts on.

    Parameters
    ----------
    channels : int
    width : int
        Side of the kernels, odd; 1 for dense layers, which mix the channels of a pixel.
    length : int
        Number of layers, K in the paper.
    """

    def __init__(self, channels: int, *, width: int, length: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            # Together the layers change their input by a part of itself, however many they are.
            he_start(nn.Conv2d(channels, channels, width, padding=width // 2), share=1 / length)
            for _ in range(length)
        )

    def forward(self, z: Tensor) -> Tensor:
        """Map (batch, channels, y, x) to the same shape."""
        for layer in self.layers:
            z = z + layer(relu(z))
        return z


@final
class ForwardOperator(nn.Module):
    """K^T: a nonlinear nonstandard form with residual dense blocks (Algorithm 1 of [1]_).

    On the way down a residual dense block acts on the scaling coefficients ``v[l+1]`` and a
    strided convolution takes the result apart, ``x[l] = [d[l], v[l]]``. K dense layers map
    ``v[L0]`` to ``u``. On the way up K locally connected layers act on ``x[l]``, the result is
    concatenated with ``u`` (the recap posterior), fused and put together at the next finer
    level. Without blocks and ReLU, with a sum in the place of concatenation and fusion, this
    is the nonstandard form of [2]_ as a network [3]_.

    The wavelets start as Haar, the fusion starts as "details from the bands, scaling
    coefficients from ``u``" and the other layers start small, so that the operator starts
    near the identity, with ``alpha`` copies of the image as result; all are trained.

    Parameters
    ----------
    design : ForwardDesign

    Notes
    -----
    Choices, where the pseudo-code or an image's size leaves one:

    - Locally connected layers are convolutions: the blur of a camera is the same at every
      place, which makes the bands of the nonstandard form constant along the diagonal, and
      weights for every place would tie the network to one size of image.
    - Dense layers mix the channels of a pixel, as the layer of that name does to an image in
      the usual libraries. Mixing all places would tie the network to one size, too.
    - A residual dense block does not change the number of pixels; the strided convolution
      conv[2, 2p, 2] of Section 2.4 (with p = 1 and its channels in two dimensions) follows it.
    - Lines 12 and 13 name one tensor twice: the block of ``v[l+1]`` beside ``v[l]`` is
      ``x[l]``, which is used and not computed again.
    - Chains of K layers are residual, one layer a step, as Section 3.1 asks for a continuous
      residual structure; a plain chain of twelve ReLU layers of few channels may pass nothing.
    - The constant ``epsilon_0`` that Eq. 15 and 16 have at all levels is the bias of the
      layers.

    References
    ----------
    .. [1] R. Li, M. Kudryashev, A. Yakimovich, "Solving the inverse problem of microscopy
       deconvolution with a residual Beylkin-Coifman-Rokhlin neural network", ECCV 2024.
    .. [2] G. Beylkin, R. Coifman, V. Rokhlin, "Fast wavelet transforms and numerical
       algorithms I", Comm. Pure Appl. Math. 44, 141-183 (1991).
    .. [3] Y. Fan, C. Orozco Bohorquez, L. Ying, "BCR-Net: a neural network based on the
       nonstandard wavelet form", J. Comput. Phys. 384, 1-15 (2019).
    """

    def __init__(self, design: ForwardDesign) -> None:
        super().__init__()
        self.design = design
        alpha, bands = design.alpha, 4 * design.alpha
        self.block, self.analysis = nn.ModuleDict(), nn.ModuleDict()
        self.local, self.fusion, self.synthesis = (nn.ModuleDict() for _ in range(3))
        for level in design.levels:
            name = str(level)
            channels = 1 if level == design.L - 1 else alpha
            self.block[name] = ResidualDenseBlock(
                channels, alpha, width=design.n_b, depth=design.RDN
            )
            self.analysis[name] = _analysis(channels, alpha)
            self.local[name] = Chain(bands, width=design.n_b, length=design.K)
            self.fusion[name] = _fusion(alpha)
            self.synthesis[name] = _synthesis(alpha)
        self.dense = Chain(alpha, width=1, length=design.K)

    def forward(self, image: Tensor) -> Tensor:
        """Map images to features.

        Parameters
        ----------
        image : Tensor, shape (batch, 1, y, x)
            y and x multiples of ``design.multiple``.

        Returns
        -------
        Tensor, shape (batch, alpha, y, x)
        """
        v, x = {self.design.L: image}, {}
        for level in self.design.levels:
            x[level] = self.analysis[str(level)](self.block[str(level)](v[level + 1]))
            v[level] = x[level][:, -self.design.alpha :]
        u: Tensor = self.dense(v[self.design.L0])
        for level in reversed(self.design.levels):
            z = self.local[str(level)](x[level])
            recap = torch.cat([z, u], dim=1)
            u = self.synthesis[str(level)](self.fusion[str(level)](recap))
        return u


def _haar(inputs: int, alpha: int) -> Tensor:
    """Return the isometry from `inputs` (1 or alpha) channels to 4 alpha, scaling bands last."""
    copies = torch.eye(alpha) if inputs == alpha else torch.full((alpha, 1), alpha**-0.5)
    kernel = torch.tensor(_HAAR)[:, None, None] * copies[None, :, :, None, None]
    return kernel.reshape(4 * alpha, inputs, 2, 2)


def _analysis(channels: int, alpha: int) -> nn.Conv2d:
    """Strided convolution of a block's result: Haar of its input, a little of its features."""
    analysis = nn.Conv2d(channels + alpha, 4 * alpha, 2, stride=2)
    features = torch.randn(4 * alpha, alpha, 2, 2) * (0.1 / math.sqrt(4 * alpha))
    return start_at(analysis, torch.cat([_haar(channels, alpha), features], dim=1))


def _synthesis(alpha: int) -> nn.ConvTranspose2d:
    """Transposed convolution to the next finer level, Haar."""
    return start_at(nn.ConvTranspose2d(4 * alpha, alpha, 2, stride=2), _haar(alpha, alpha))


def _fusion(alpha: int) -> nn.Conv2d:
    """1x1 convolution of bands and u to bands: details of the bands, scaling part of u."""
    kernel = torch.zeros(4 * alpha, 5 * alpha)
    kernel[: 3 * alpha, : 3 * alpha] = torch.eye(3 * alpha)
    kernel[3 * alpha :, 4 * alpha :] = torch.eye(alpha)
    return start_at(nn.Conv2d(5 * alpha, 4 * alpha, 1), kernel[:, :, None, None])
