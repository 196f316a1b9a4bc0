"""How alike two images are at each spatial frequency: what registration weighs frequencies by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, TypeAlias, final

import numpy as np
from numpy.typing import NDArray
from scipy import fft

_Floats: TypeAlias = NDArray[np.float64]

#: Waves longer than this part of the shortest side are uneven light, not structure.
_LONGEST = 1.0 / 3.0
#: Squared coherence that counts as complete: beyond it few frequencies would outweigh all others.
_MOST = 0.98
#: Share of the highest frequencies that tells the noise floor.
_FLOOR = 0.1
#: Power, beside that of the strongest ring, that may be leakage through the window.
_LEAKAGE = 1e-6
#: Independent samples without correlation that count beside those that were found coherent.
_DOUBT = 5.0
#: Side of the squares of frequencies that belong to the one or the other half.
_SQUARE = 4


@final
@dataclass(frozen=True, slots=True)
class CrossSpectrum:
    """Spectra of two windowed images of one shape, summed over rings, in two halves.

    The halves are the two colours of a chessboard of frequencies: what is chosen by one half
    can be judged by the other.

    Attributes
    ----------
    cross : ndarray of complex128
        Spectrum of the image times the conjugate of that of the reference.
    ring : ndarray of int
        Half times the number of rings plus the ring of every frequency; twice the number of
        rings for those left out: too low, or above 0.5 cycles per sample.
    frequency : tuple of ndarray of float64
        Cycles per sample along every axis, ready to broadcast.
    power : ndarray of float64, shape (2, 2, rings)
        Summed squared moduli of image and reference, by half and ring.
    independent : ndarray of float64, shape (2, rings)
        Independent samples: conjugates count once, and the window correlates neighbours.
    share : float
        Independent samples a frequency.
    """

    cross: NDArray[np.complex128]
    ring: NDArray[np.intp]
    frequency: tuple[_Floats, ...]
    power: _Floats
    independent: _Floats
    share: float

    def ramp(self, shift: Sequence[float]) -> NDArray[np.complex128]:
        """Return the factors of the image's spectrum that move it by `shift` samples."""
        phases: NDArray[np.complex128] = reduce(
            np.multiply,
            [np.exp(-2j * np.pi * d * f) for f, d in zip(self.frequency, shift, strict=True)],
        )
        return phases

    def common(self, shift: Sequence[float]) -> _Floats:
        """Return the real cross spectrum, shape (2, rings), of the image moved by `shift`."""
        return _summed(self.ring, (self.cross * self.ramp(shift)).real, len(self.power[0, 0]))

    def evident(self, shift: Sequence[float]) -> _Floats:
        """Return the squared coherence of every ring, shape (rings,), without what chance gives."""
        return _evident(self.common(shift).sum(0), self.power.sum(1), self.independent.sum(0))

    def weighted(self, square: _Floats) -> NDArray[np.complex128]:
        """Weigh the cross spectrum for the most likely shift, given squared coherences.

        The maximum-likelihood weight of Knapp and Carter (1976), with spectra averaged over
        rings.
        """
        capped = np.minimum(square, _MOST)
        weight = _ratio(np.sqrt(capped) / (1.0 - capped), np.sqrt(self.power.sum(1).prod(0)))
        weighted: NDArray[np.complex128] = self.cross * self.spread(weight)
        return weighted

    def spread(self, values: _Floats) -> _Floats:
        """Give every frequency the value of its ring; zero to those left out."""
        return np.concatenate([values, values, [0.0]])[self.ring]

    def above_floor(self) -> _Floats:
        """Guess squared coherences from the power of each image above its noise floor."""
        density = _ratio(self.power.sum(1), self.independent.sum(0))
        last = max(1, round(_FLOOR * density.shape[1]))
        floor = np.median(density[:, -last:], axis=1, keepdims=True)
        share = _ratio(np.maximum(density - 2.0 * floor, 0.0), density).prod(0)
        # Images without a floor, such as noise-free ones with fine structure, use everything.
        return share if share.any() else np.full_like(share, 0.5)

    def correlation(self, shift: Sequence[float]) -> float:
        """Correlate the flattened images, rings weighed by their coherence.

        Each half of the frequencies is weighed by what the other half finds coherent, so that
        chance does not choose what it likes; where little is coherent at all, a few samples of
        zero correlation are counted in.
        """
        common = self.common(shift)
        total, used = 0.0, _DOUBT
        for half in (0, 1):
            square = _evident(common[half], self.power[:, half], self.independent[half])
            other = 1 - half
            found = _ratio(common[other], np.sqrt(self.power[:, other].prod(0)))
            total += float((square * self.independent[other] * found).sum())
            used += float((square * self.independent[other]).sum())
        return total / used


def cross_spectrum(image: NDArray[Any], reference: NDArray[Any]) -> CrossSpectrum:
    """Transform two images of one shape through a Hann window, without their means."""
    shape = image.shape
    hann = [np.hanning(n + 2)[1:-1] for n in shape]
    window = reduce(np.multiply.outer, hann)
    first, second = (fft.fftn(_centred(x, window) * window) for x in (image, reference))
    places = [
        np.reshape(range(n), [-1 if a == k else 1 for a in range(len(shape))])
        for k, n in enumerate(shape)
    ]
    frequency = tuple(fft.fftfreq(p.size).reshape(p.shape) for p in places)
    radius = np.sqrt(reduce(np.add, [f**2 for f in frequency]))
    side = min(shape[-2:])
    rings = side // 2
    ring = np.rint(radius * 2 * rings).astype(np.intp) - 1
    outside = (radius > 0.5) | (radius < 1.0 / (_LONGEST * side))
    # Conjugate frequencies fall into the same half.
    squares = [np.minimum(p, p.size - p) // _SQUARE for p in places]
    ring += rings * (reduce(np.add, squares) % 2)
    ring[outside] = 2 * rings
    power = np.stack([_summed(ring, np.abs(s) ** 2, rings) for s in (first, second)])
    counted = _summed(ring, np.ones(shape), rings)
    density = _ratio(power.sum(1), counted.sum(0)).max(axis=1)
    power += _LEAKAGE * density[:, None, None] * counted
    # Equivalent independent samples of a window: (sum w^2)^2 / (n sum w^4).
    share = 0.5 * float(np.prod([np.sum(w**2) ** 2 / (len(w) * np.sum(w**4)) for w in hann]))
    return CrossSpectrum(first * second.conj(), ring, frequency, power, share * counted, share)


def _evident(common: _Floats, power: _Floats, independent: _Floats) -> _Floats:
    """Return squared coherences less the ``1 / n`` of chance; zero where negative."""
    found = _ratio(common, np.sqrt(power.prod(0)))
    known = independent > 1.0
    square = _ratio(independent * found**2 - 1.0, np.where(known, independent - 1.0, 0.0))
    return np.where(found > 0, np.clip(square, 0.0, 1.0), 0.0)


def _ratio(above: _Floats, below: _Floats) -> _Floats:
    """Divide; zero where nothing is below."""
    above, below = np.broadcast_arrays(above, below)
    return np.divide(above, below, out=np.zeros(above.shape), where=below > 0)


def _summed(ring: NDArray[np.intp], values: _Floats, rings: int) -> _Floats:
    sums = np.bincount(ring.ravel(), weights=values.ravel(), minlength=2 * rings + 1)
    return np.asarray(sums[: 2 * rings].reshape(2, rings), dtype=np.float64)


def _centred(values: NDArray[Any], window: _Floats) -> _Floats:
    exact = np.asarray(values, dtype=np.float64)
    centred: _Floats = exact - float(np.vdot(exact, window)) / float(window.sum())
    return centred
