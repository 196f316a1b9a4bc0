"""Two independent recordings out of one: every photon goes to either half by a coin."""

from __future__ import annotations

from typing import Any, final

import numpy as np

from pellucid.imaging._arrays import put, to_numpy

#: How far from whole numbers, in photons, counts may lie for a coin to be tossed for each.
_WHOLE = 1e-3


@final
class Thinning:
    """Splits Poisson counts of a gain into halves that know nothing of each other.

    Counts that are whole numbers of photons are split by the binomial distribution, and the
    halves of Poisson counts are independent Poisson counts. Others (with read noise, or of a
    gain that rounding hides) are split by its Gaussian approximation: a half is
    ``z / 2 + sqrt(photon z) / 2 * normal``, kept between zero and z, and the halves are then
    uncorrelated with the right variances.

    Parameters
    ----------
    counts : array of float32
        Not negative.
    photon : float
        Units of the counts a photon gives.
    seed : int

    Attributes
    ----------
    exact : bool
        Whether the binomial distribution is used.
    """

    def __init__(self, counts: Any, photon: float, seed: int) -> None:
        self._like, self._photon = counts, photon
        self._rng = np.random.default_rng(seed)
        values = to_numpy(counts)
        photons = values / np.float32(photon)
        whole = np.rint(photons)
        self.exact = bool(np.abs(photons - whole).max(initial=0.0) <= _WHOLE)
        self._counts = values
        self._photons = whole.astype(np.int64)
        self._spread = 0.5 * np.sqrt(np.float32(photon) * values)

    def halves(self) -> tuple[Any, Any]:
        """Return a new pair of halves, whose sum is the counts; each holds half of the light."""
        if self.exact:
            drawn = self._rng.binomial(self._photons, 0.5).astype(np.float32)
            first = drawn * np.float32(self._photon)
        else:
            noise = self._rng.standard_normal(self._counts.shape, dtype=np.float32)
            first = 0.5 * self._counts + self._spread * noise
        first = np.clip(first, 0.0, self._counts)
        return put(first, self._like), put(self._counts - first, self._like)
