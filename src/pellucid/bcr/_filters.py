"""Filters of the orthonormal Daubechies wavelets and symlets, by spectral factorisation."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
from numpy.typing import NDArray

#: Frequencies at which the phase of a filter is compared with a straight line.
_FREQUENCIES = 512

#: The mirror image of a least asymmetric filter is as good. Published tables hold the one whose
#: energy lies in the second half of the filter, except for these vanishing moments.
_LEANING_FORWARD = frozenset({7})


def daubechies(moments: int) -> tuple[float, ...]:
    """Return the scaling filter of extremal phase with `moments` vanishing moments."""
    return _expand(moments, [root for group in _root_groups(moments) for root in group])


def symlet(moments: int) -> tuple[float, ...]:
    """Return the least asymmetric scaling filter with `moments` vanishing moments.

    Taking the reciprocals of a group of roots turns the sign of its share in the phase, but
    for a linear term. The signs are chosen that leave the smallest mean squared distance of
    the phase from a straight line.
    """
    groups = _root_groups(moments)
    w = np.linspace(0.0, math.pi, _FREQUENCIES)
    # A root within the unit circle: the factor's phase stays within 90 degrees of zero.
    shares = [
        np.sum([np.angle(1.0 - root * np.exp(-1j * w)) for root in group], axis=0)
        for group in groups
    ]

    def bend(signs: tuple[int, ...]) -> float:
        phase = np.sum([s * share for s, share in zip(signs, shares, strict=True)], axis=0)
        return float(np.sum((phase - w * (w @ phase) / (w @ w)) ** 2))

    best = min(product((1, -1), repeat=len(groups)), key=bend)
    chosen = [
        root if sign > 0 else 1.0 / root
        for sign, group in zip(best, groups, strict=True)
        for root in group
    ]
    taps = _expand(moments, chosen)
    leans_forward = centroid(taps) < moments - 0.5
    return taps if leans_forward == (moments in _LEANING_FORWARD) else taps[::-1]


def centroid(taps: tuple[float, ...]) -> float:
    """Return the mean index of a filter of unit energy, weighted by its energy."""
    return sum(i * tap * tap for i, tap in enumerate(taps))


def _root_groups(moments: int) -> list[list[complex]]:
    """Return the roots within the unit circle of the half-band polynomial, in real groups.

    ``|h(w)|^2 = 2 cos(w/2)^(2p) P(sin(w/2)^2)`` with ``P(y) = sum_k C(p - 1 + k, k) y^k``; a
    root ``y`` of P is one pair ``z, 1/z`` with ``z + 1/z = 2 - 4 y``.
    """
    polynomial = [math.comb(moments - 1 + k, k) for k in range(moments)]
    groups: list[list[complex]] = []
    for y in np.polynomial.polynomial.polyroots(polynomial).astype(complex):
        half = 1.0 - 2.0 * y
        z = half + np.sqrt(half * half - 1.0)
        z = complex(z if abs(z) < 1.0 else 1.0 / z)
        if abs(y.imag) < 1e-9:
            groups.append([complex(z.real)])
        elif y.imag > 0:
            groups.append([z, z.conjugate()])
    return groups


def _expand(moments: int, roots: list[complex]) -> tuple[float, ...]:
    """Multiply ``(1 + z)^p`` with the factors of the roots; the taps sum to sqrt(2)."""
    taps: NDArray[np.complex128] = np.ones(1, dtype=complex)
    for root in [-1.0] * moments + roots:
        taps = np.convolve(taps, [1.0, -root])
    real = taps.real * (math.sqrt(2.0) / taps.real.sum())
    return tuple(float(tap) for tap in real)
