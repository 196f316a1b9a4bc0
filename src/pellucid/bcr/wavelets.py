"""Orthonormal wavelets with compact support."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from pellucid.bcr._filters import centroid, daubechies, symlet
from pellucid.errors import SettingsError

#: Names that :meth:`Wavelet.named` knows.
WAVELETS = (
    "haar",
    *(f"db{moments}" for moments in range(2, 11)),
    *(f"sym{moments}" for moments in range(4, 9)),
)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Wavelet:
    """An orthonormal wavelet with compact support, as its two filters.

    The functions follow from ``phi(x) = sqrt(2) sum_i h_i phi(2x - i)`` and
    ``psi(x) = sqrt(2) sum_i g_i phi(2x - i)``.

    Attributes
    ----------
    name : str
    lowpass : tuple of float
        ``h_0 .. h_(2p-1)``; they sum to sqrt(2).
    highpass : tuple of float
        ``g``, from the index `highpass_start` on.
    highpass_start : int
        Even. Eq. 8 of the paper, ``g_i = (-1)^(1-i) h_(1-i)``, starts at ``2 - 2p``; a shift
        by an even number of samples only renumbers the wavelets. The shift is the one that
        brings the energy of ``g`` nearest to that of ``h``: a scaling function and a wavelet
        with the same number then lie in the same place, and the bands of an operator about
        its diagonals.
    vanishing_moments : int
        ``p``: the wavelet is orthogonal to polynomials of a degree below p.

    References
    ----------
    .. [1] I. Daubechies, "Orthonormal bases of compactly supported wavelets", Comm. Pure
       Appl. Math. 41, 909-996 (1988).
    .. [2] I. Daubechies, *Ten Lectures on Wavelets*, SIAM (1992), section 8.1.1 (least
       asymmetric filters, here called symlets).
    """

    name: str
    lowpass: tuple[float, ...]
    highpass: tuple[float, ...]
    highpass_start: int
    vanishing_moments: int

    @classmethod
    def named(cls, name: str) -> Wavelet:
        """Return a wavelet by its name.

        Parameters
        ----------
        name : str
            ``haar``, ``db2`` to ``db10`` (extremal phase) or ``sym4`` to ``sym8`` (least
            asymmetric); the number counts the vanishing moments.

        Raises
        ------
        SettingsError
            If there is no wavelet of this name.
        """
        if name not in WAVELETS:
            raise SettingsError(
                f"There is no wavelet {name!r}; use haar, db2 to db10 or sym4 to sym8."
            )
        if name == "haar":
            lowpass = daubechies(1)
        elif name.startswith("db"):
            lowpass = daubechies(int(name[2:]))
        else:
            lowpass = symlet(int(name[3:]))
        moments = len(lowpass) // 2
        highpass = tuple(-tap if i % 2 == 0 else tap for i, tap in enumerate(reversed(lowpass)))
        return cls(
            name=name,
            lowpass=lowpass,
            highpass=highpass,
            highpass_start=2 * round((centroid(lowpass) - centroid(highpass)) / 2),
            vanishing_moments=moments,
        )


def wavelet_of(wavelet: Wavelet | str) -> Wavelet:
    """Return a wavelet given as itself or by its name."""
    return Wavelet.named(wavelet) if isinstance(wavelet, str) else wavelet
