"""The microscope behind a measured point spread function, by fitting the model to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from pellucid.errors import OpticsError
from pellucid.optics._compose import compose
from pellucid.optics._library import library_of
from pellucid.optics.aberration import zernike_orders
from pellucid.optics.grid import Grid
from pellucid.optics.microscope import Microscope

#: Primary spherical aberration.
SPHERICAL = (12,)
#: Astigmatism, coma, trefoil and primary spherical: Noll's 5 to 11 in OSA/ANSI numbers. Noll's
#: 4, defocus, is the position of the point along z, which is always fitted.
PRIMARY = (3, 5, 6, 7, 8, 9, 12)

#: Tails that count in a fit of a small window.
_TAIL_PERIODS = 2.0


@final
@dataclass(frozen=True, slots=True)
class Retrieval:
    """A fitted microscope and how well it explains the data.

    Attributes
    ----------
    microscope : Microscope
        With the fitted numerical aperture and Zernike terms.
    offset : tuple of float
        Position of the point against the sample ``n // 2`` of every axis, in samples (z, y, x).
    model : ndarray of float32, shape (z, y, x)
        The fitted point spread function, scaled to the data.
    residual : float
        Root mean square of data minus model over the peak of the data.
    """

    microscope: Microscope
    offset: tuple[float, float, float]
    model: NDArray[np.float32]
    residual: float


def retrieve(
    data: NDArray[np.floating],
    guess: Microscope,
    *,
    terms: Sequence[int] = SPHERICAL,
    fit_aperture: bool = True,
) -> Retrieval:
    """Fit numerical aperture, position and Zernike aberrations to a measured PSF.

    Least squares on the intensities; brightness and background are solved for exactly at each
    step. The Zernike terms' sign follows from the images on both sides of focus.

    Parameters
    ----------
    data : ndarray, shape (z, y, x)
        A measured point spread function, cut out closely: its time grows with its size.
    guess : Microscope
        Modality, wavelengths, refractive index and voxel size as they are; numerical aperture
        as a first guess.
    terms : sequence of int
        OSA/ANSI indices to fit; :data:`SPHERICAL` alone by default, :data:`PRIMARY` for the
        terms without rotational symmetry too (slower).
    fit_aperture : bool
        Fit the numerical aperture, or keep that of the guess.

    Returns
    -------
    Retrieval

    Raises
    ------
    OpticsError
        If the data are not a stack of finite numbers with some contrast, or there are fewer
        than three planes.

    References
    ----------
    .. [1] B. M. Hanser et al., "Phase-retrieved pupil functions in wide-field fluorescence
       microscopy", J. Microsc. 216, 32-48 (2004), for the principle.
    """
    if data.ndim != 3 or data.shape[0] < 3:
        raise OpticsError(
            f"Fitting aberrations needs a stack (z, y, x) of at least 3 planes, not shape "
            f"{data.shape}: images on both sides of focus tell them apart."
        )
    if not np.isfinite(data).all() or float(np.ptp(data)) == 0.0:
        raise OpticsError("The data to fit are constant or not finite; give a measured PSF.")
    for term in terms:
        zernike_orders(term)
    fixed = tuple((j, w) for j, w in guess.zernike_waves if j not in terms)
    measured = np.asarray(data, dtype=np.float64).ravel() / float(np.abs(data).max())
    highest = (guess.refractive_index or 1.515) * 0.995

    def built(values: NDArray[np.float64]) -> tuple[Microscope, tuple[float, ...]]:
        aperture = float(values[0]) if fit_aperture else guess.numerical_aperture
        waves = tuple((j, float(w)) for j, w in zip(terms, values[4:], strict=True))
        scope = replace(guess, numerical_aperture=aperture, zernike_waves=fixed + waves)
        return scope, tuple(float(v) for v in values[1:4])

    def model(values: NDArray[np.float64]) -> NDArray[np.float64]:
        scope, offset = built(values)
        grid = Grid.of(scope, data.shape, offset=offset)
        shape = compose(
            scope,
            grid,
            pixel_integration=False,
            library=library_of(),
            tail_periods=_TAIL_PERIODS,
        ).ravel()
        basis = np.stack([shape / shape.max(), np.ones_like(shape)], axis=1)
        weights, *_ = np.linalg.lstsq(basis, measured, rcond=None)
        scaled: NDArray[np.float64] = basis @ weights
        return scaled

    def misfit(values: NDArray[np.float64]) -> NDArray[np.float64]:
        difference: NDArray[np.float64] = model(values) - measured
        return difference

    # The brightest voxel tells the position to half a voxel.
    peak = np.unravel_index(int(np.argmax(data)), data.shape)
    start = [guess.numerical_aperture]
    start += [float(p - n // 2) for p, n in zip(peak, data.shape, strict=True)]
    # A little of every term: from exactly zero the sign of an even one has no slope.
    start += [0.02] * len(terms)
    limits = [(0.3 * guess.numerical_aperture, min(highest, 2.0 * guess.numerical_aperture))]
    limits += [(-0.5 * n, 0.5 * n) for n in data.shape] + [(-1.0, 1.0)] * len(terms)
    low, high = np.array(limits).T
    fit = least_squares(
        misfit,
        np.clip(start, low + 1e-6, high - 1e-6),
        bounds=(low, high),
        x_scale=np.array([0.1, 1.0, 1.0, 1.0] + [0.1] * len(terms)),
        diff_step=np.full(low.size, 1e-4),
        xtol=1e-5,
        ftol=1e-6,
        max_nfev=60,
    )
    scope, (dz, dy, dx) = built(fit.x)
    scale = float(np.abs(data).max())
    fitted = (model(fit.x) * scale).reshape(data.shape)
    residual = float(np.sqrt(np.mean((fitted - data) ** 2))) / scale
    return Retrieval(scope, (dz, dy, dx), fitted.astype(np.float32), residual)
