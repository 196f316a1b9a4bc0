"""Noise apart from structure: the part of small patches that the optics cannot fill."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

#: Pixels a side of a patch, and between patches: neighbours overlap by half.
SIDE = 10
STRIDE = 5
#: Share of the energy of a structure with a flat spectrum that may pass for noise.
TYPICAL_LEAK = 2e-6
#: Beyond this many patches they are set farther apart: accurate enough, bounded time.
_MOST_PATCHES = 1 << 16
#: Samples of the frequency plane a side on which the optics' transfer is laid out.
_GRID = 128
#: Pixels that tell the distance of possible counts.
_SAMPLE = 1 << 16
#: Converters fill their range: counts at the end of one of these many bits are saturated.
_CONVERTER_BITS = (8, 10, 11, 12, 13, 14, 15, 16)


@final
@dataclass(frozen=True, slots=True)
class NoiseSubspace:
    """Patterns of a patch that hold noise and nearly none of the light the optics pass.

    Attributes
    ----------
    basis : ndarray of float32, shape (SIDE**2, dimension)
        Orthonormal columns, those of the highest frequencies first.
    projector : ndarray of float32, shape (SIDE**2, SIDE**2)
        Keeps the noise patterns of a patch.
    """

    basis: NDArray[np.float32]
    projector: NDArray[np.float32]

    @property
    def dimension(self) -> int:
        """Number of patterns."""
        return int(self.basis.shape[1])

    @property
    def weights(self) -> NDArray[np.float32]:
        """What each pixel's variance counts in the variance of the patch; sums to one."""
        return (np.diag(self.projector) / self.dimension).astype(np.float32)

    def overlap(self, stride: int) -> float:
        """How often the same noise is counted in patches that far apart, at least one.

        The sum over all neighbours of the correlation of two patches' variances, for white
        Gaussian noise: ``sum_d ||P_d||^2 / dimension`` with the parts of the projector at
        the pixels that both share.
        """
        cube = self.projector.astype(np.float64).reshape(SIDE, SIDE, SIDE, SIDE)
        reach = range(-(SIDE - 1) // stride * stride, SIDE, stride)
        total = 0.0
        for dy in reach:
            for dx in reach:
                if abs(dy) >= SIDE or abs(dx) >= SIDE:
                    continue
                here_y, there_y = _shared(dy)
                here_x, there_x = _shared(dx)
                here = cube[here_y, here_x, here_y, here_x]
                total += float((here * cube[there_y, there_x, there_y, there_x]).sum())
        return total / self.dimension


def _shared(shift: int) -> tuple[slice, slice]:
    low, high = max(shift, 0), SIDE + min(shift, 0)
    return slice(low, high), slice(low - shift, high - shift)


def noise_subspace(cutoff_per_pixel: float, leak: float = TYPICAL_LEAK) -> NoiseSubspace:
    """Return the noise patterns of an image whose optics end at a cut-off.

    The patterns are eigenvectors of the covariance of a patch of point sources, seen through
    the widefield transfer function: those whose eigenvalues together make up a share of at most
    `leak`, the discrete prolate functions of the frequencies above the cut-off, as it were
    [1]_. A covariance known from the optics replaces that of the image's own patches [2]_.

    References
    ----------
    .. [1] D. Slepian, "Prolate spheroidal wave functions, Fourier analysis and uncertainty -
       IV", Bell Syst. Tech. J. 43, 3009-3057 (1964).
    .. [2] S. Pyatykh, J. Hesser and L. Zheng, "Image noise level estimation by principal
       component analysis", IEEE Trans. Image Process. 22, 687-699 (2013).
    """
    from pellucid.optics.transfer import widefield_otf

    frequency = np.fft.fftfreq(_GRID)
    radius = np.hypot(frequency[:, None], frequency[None, :])
    covariance = np.fft.ifft2(widefield_otf(radius / cutoff_per_pixel) ** 2).real
    y, x = (v.ravel() for v in np.indices((SIDE, SIDE)))
    matrix = covariance[y[:, None] - y[None, :], x[:, None] - x[None, :]]
    values, vectors = np.linalg.eigh(matrix)
    values = np.clip(values, 0.0, None)
    kept = max(2, int(np.sum(np.cumsum(values) < leak * values.sum())))
    basis = np.ascontiguousarray(vectors[:, :kept], dtype=np.float32)
    return NoiseSubspace(basis, basis @ basis.T)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Patches:
    """What patches say of noise and level.

    Attributes
    ----------
    variance : ndarray of float64, shape (n,)
        Noise variance of each patch, in squared counts.
    level : ndarray of float64, shape (n,)
        Mean of its pixels with the weights the variance has: for every camera,
        ``E[variance] = a * E[level] + b`` holds exactly.
    smooth : ndarray of float32, shape (n, SIDE**2)
        The patches without their noise patterns.
    outer : ndarray of float64, shape (n,)
        Noise variance by the first half of the patterns alone, the higher frequencies.
    overlap : float
        How often noise is counted, see `NoiseSubspace.overlap`.
    """

    variance: NDArray[np.float64]
    level: NDArray[np.float64]
    smooth: NDArray[np.float32]
    outer: NDArray[np.float64]
    overlap: float

    def __getitem__(self, kept: NDArray[np.bool_]) -> Patches:
        return Patches(
            variance=self.variance[kept],
            level=self.level[kept],
            smooth=self.smooth[kept],
            outer=self.outer[kept],
            overlap=self.overlap,
        )


def measure_patches(image: NDArray[Any], subspace: NoiseSubspace, centre: float) -> Patches:
    """Measure noise and level of all patches of an image or stack, shape (..., y, x).

    Patches that are constant or reach the end of the converter's range are left out. Levels
    are relative to `centre`.
    """
    planes = image.reshape(-1, *image.shape[-2:])
    stride = _stride(planes.shape)
    full = full_scale(image)
    parts = []
    for plane in planes:
        windows = np.lib.stride_tricks.sliding_window_view(plane, (SIDE, SIDE))
        block = windows[::stride, ::stride].reshape(-1, SIDE * SIDE)
        usable = block.min(axis=1) < block.max(axis=1)
        if full is not None:
            usable &= block.max(axis=1) < full
        parts.append((block[usable].astype(np.float64) - centre).astype(np.float32))
    patches = np.concatenate(parts)
    noise = patches @ subspace.basis
    squared = noise.astype(np.float64) ** 2
    half = subspace.dimension // 2
    return Patches(
        variance=squared.mean(axis=1),
        level=(patches @ subspace.weights).astype(np.float64),
        smooth=patches - noise @ subspace.basis.T,
        outer=squared[:, :half].mean(axis=1),
        overlap=subspace.overlap(stride),
    )


def full_scale(image: NDArray[Any]) -> float | None:
    """Return the largest count if it is the end of a converter's range and met repeatedly."""
    largest = float(image.max())
    if largest + 1 not in {2.0**bits for bits in _CONVERTER_BITS}:
        return None
    return largest if int((image == image.max()).sum()) > 1 else None


def rounding_step(image: NDArray[Any]) -> float:
    """Return the distance of possible counts: 0 for an image that is not of whole numbers.

    It is above one where a camera's bits were shifted to fill 16.
    """
    if image.dtype.kind == "f":
        if not bool(np.all(image == np.rint(image))) or float(np.abs(image).max()) > 2**53:
            return 0.0
        image = image.astype(np.int64)
    sample = image.reshape(-1)[:: max(1, image.size // _SAMPLE)].astype(np.int64)
    return float(np.gcd.reduce(sample - sample[0]))


def _stride(shape: tuple[int, ...]) -> int:
    planes, rows, columns = shape
    stride = STRIDE
    while planes * ((rows - SIDE) // stride + 1) * ((columns - SIDE) // stride + 1) > _MOST_PATCHES:
        stride += 1
    return stride
