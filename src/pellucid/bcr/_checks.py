"""What every part of this package asks of its arguments."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from pellucid.bcr._filterbank import Array
from pellucid.errors import ImageError, SettingsError

#: Largest imaginary part of the kernel of a real operator, over its largest value.
_ROUNDING = 1e-6


def real_array(x: NDArray[Any]) -> Array:
    """Return an array in float64 if it is, else in float32."""
    values = np.asarray(x)
    if values.dtype.kind not in "buif":
        raise ImageError(f"The array must hold real numbers, not {values.dtype}; convert it first.")
    if not 1 <= values.ndim <= 3 or values.size == 0:
        raise ImageError(
            f"Wavelets here transform 1, 2 or 3 axes, none of them empty, not an array of shape "
            f"{values.shape}; take one channel and time."
        )
    return values if values.dtype == np.float64 else values.astype(np.float32, copy=False)


def real_kernel(symbol: NDArray[np.complex128]) -> NDArray[np.float64]:
    """Return the kernel of a symbol, zero lag first; a SettingsError unless it is real."""
    if not np.all(np.isfinite(symbol)):
        raise SettingsError("The symbol has values that are not finite; regularise the operator.")
    kernel = fft.ifftn(symbol)
    if np.abs(kernel.imag).max() > _ROUNDING * np.abs(kernel).max():
        raise SettingsError(
            "The symbol is that of a complex operator; give one with b(-w) = conj(b(w))."
        )
    return np.asarray(kernel.real, dtype=np.float64)


def check_levels(levels: int) -> None:
    """Raise a SettingsError unless there is at least one level."""
    if isinstance(levels, bool) or not isinstance(levels, (int, np.integer)) or levels < 1:
        raise SettingsError(f"levels must be a whole number of at least 1, not {levels!r}.")


def check_band(band: int) -> None:
    """Raise a SettingsError unless the width of a band is odd."""
    whole = isinstance(band, (int, np.integer)) and not isinstance(band, bool)
    if not whole or band < 1 or band % 2 == 0:
        raise SettingsError(
            f"The width of a band must be an odd number such as 5 to have a middle, not {band!r}."
        )


def check_multiple(shape: tuple[int, ...], levels: int) -> None:
    """Raise an ImageError unless every side can be halved `levels` times."""
    step = 2**levels
    if any(n % step or n == 0 for n in shape):
        padded = tuple(-(-n // step) * step for n in shape)
        raise ImageError(
            f"Periodic wavelets over {levels} levels need sides that are multiples of {step}, not "
            f"{shape}; pad to {padded}, take fewer levels or, for a transform alone, "
            "mode='symmetric'."
        )
