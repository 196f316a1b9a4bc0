"""What linear solvers hold small: deviations, curvature, or power that specimens do not have."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import final

import numpy as np
from numpy.typing import NDArray

from pellucid.solvers._linear_basis import Cosines
from pellucid.solvers._linear_periodogram import Periodogram
from pellucid.solvers._linear_transfer import frequency_squared, laplacian_squared
from pellucid.solvers.signal_spectrum import SignalSpectrum


class Penalty(ABC):
    """Eigenvalues of ``R^T R``, positive but for the mean, which costs nothing."""

    __slots__ = ()

    @abstractmethod
    def at(
        self, frequencies: tuple[NDArray[np.float64], ...], scales: tuple[float, ...]
    ) -> NDArray[np.float64]:
        """Return them at frequencies along every axis; that of the mean is not looked at."""

    @abstractmethod
    def binned(self, bins: Periodogram) -> NDArray[np.float64]:
        """Return them in the bins of a periodogram."""


@final
class Deviation(Penalty):
    """The identity but for the mean: Tikhonov's."""

    __slots__ = ()

    def at(
        self, frequencies: tuple[NDArray[np.float64], ...], scales: tuple[float, ...]
    ) -> NDArray[np.float64]:
        """Return ones."""
        del scales
        return np.ones(np.broadcast_shapes(*(f.shape for f in frequencies)))

    def binned(self, bins: Periodogram) -> NDArray[np.float64]:
        """Return ones."""
        return np.ones_like(bins.count)


@final
class Curvature(Penalty):
    """The square of the discrete Laplacian, in smallest sides of a voxel."""

    __slots__ = ()

    def at(
        self, frequencies: tuple[NDArray[np.float64], ...], scales: tuple[float, ...]
    ) -> NDArray[np.float64]:
        """Return the squared Laplacian."""
        return laplacian_squared(frequencies, scales)

    def binned(self, bins: Periodogram) -> NDArray[np.float64]:
        """Return the squared Laplacian."""
        return bins.laplacian_squared


@final
class Unlikely(Penalty):
    """One over the power spectrum of the scene, whose mean over an image is taken as one.

    Parameters
    ----------
    spectrum : SignalSpectrum
    image_shape : tuple of int
    scales : tuple of float
    """

    __slots__ = ("_level", "_spectrum")

    def __init__(
        self, spectrum: SignalSpectrum, image_shape: tuple[int, ...], scales: tuple[float, ...]
    ) -> None:
        self._spectrum = spectrum
        square = frequency_squared(Cosines(image_shape).frequencies(), scales).ravel()[1:]
        self._level = float(spectrum.power(square).mean()) if square.size else 1.0

    def at(
        self, frequencies: tuple[NDArray[np.float64], ...], scales: tuple[float, ...]
    ) -> NDArray[np.float64]:
        """Return one over the relative power."""
        return self._of(frequency_squared(frequencies, scales))

    def binned(self, bins: Periodogram) -> NDArray[np.float64]:
        """Return one over the relative power."""
        return self._of(bins.frequency_squared)

    def _of(self, square: NDArray[np.float64]) -> NDArray[np.float64]:
        weight: NDArray[np.float64] = self._level / self._spectrum.power(square)
        return weight
