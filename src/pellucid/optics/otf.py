"""The optical transfer function of the in-focus widefield microscope."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def widefield_otf(relative_frequency: ArrayLike) -> NDArray[np.float64]:
    """Return the in-focus scalar optical transfer function of a clear circular pupil.

    Parameters
    ----------
    relative_frequency : array_like
        Radial frequency divided by the cut-off 2 NA / wavelength.

    Returns
    -------
    ndarray of float64
        One at zero frequency, zero from the cut-off on: the autocorrelation of a disc.

    References
    ----------
    .. [1] J. W. Goodman, *Introduction to Fourier Optics*, 3rd ed., eq. 6-33.
    """
    rho = np.clip(np.abs(np.asarray(relative_frequency, dtype=np.float64)), 0.0, 1.0)
    transfer: NDArray[np.float64] = (2.0 / np.pi) * (np.arccos(rho) - rho * np.sqrt(1.0 - rho**2))
    return transfer
