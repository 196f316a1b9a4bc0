"""Plain reference loops of classical deconvolution, for oracles: nothing here stops by itself.

They are written for the evaluation alone and share no code with :mod:`pellucid.solvers`, so
that neither can hide a mistake of the other. All of them know everything but the specimen: the
transfer function, the background, the noise. The specimen is defined on a periodic grid larger
than the image, and what lies beyond the frame is unknown and estimated as well (Bertero and
Boccacci, A&A 437, 369-374, 2005), so that no frame rings.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from scipy import fft

#: Share of the light of a grid sample that must reach the camera for it to be estimated.
_LEAST_SEEN = 1e-3
#: Square of the residual's share at which conjugate gradients stop.
_CONVERGED = 1e-8
#: Primal step of the total-variation solver, intensities scaled to one.
_STEP = 8.0


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """An image and all that is known of how it came about: ``image = H specimen + background``.

    Attributes
    ----------
    image : ndarray of float32, shape (y, x) or (z, y, x)
        In photons for Poisson noise; lies at the beginning of every axis of the grid.
    transfer : ndarray, shape of the real FFT of the grid
        Optical transfer function, one at zero frequency.
    grid : tuple of int
        Samples of the grid.
    background : float
        Expected value without specimen.
    variance : float or None
        Of even Gaussian noise; None for Poisson noise, whose variance is the expected value.
    confined : bool
        Whether the specimen is known to be zero beyond the frame.
    """

    image: NDArray[np.float32]
    transfer: NDArray[np.float32] | NDArray[np.complex64]
    grid: tuple[int, ...]
    background: float = 0.0
    variance: float | None = None
    confined: bool = False

    @property
    def frame(self) -> tuple[Any, ...]:
        """The part of the grid that the camera sees; axes before it are left alone."""
        return (..., *(slice(n) for n in self.image.shape))

    def forward(self, specimen: NDArray[np.float32]) -> NDArray[np.float32]:
        """Blur specimens, shape (..., *grid), and return what the camera sees of them."""
        seen: NDArray[np.float32] = self.convolved(specimen, self.transfer)[self.frame]
        return seen

    def backward(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the adjoint of :meth:`forward`."""
        return self.convolved(self._laid_out(image), np.conj(self.transfer))

    def filtered(
        self, image: NDArray[np.float32], transfer: NDArray[np.floating]
    ) -> NDArray[np.float32]:
        """Filter an image continued by zeros, and keep the frame."""
        kept: NDArray[np.float32] = self.convolved(self._laid_out(image), transfer)[self.frame]
        return kept

    def kept(self, specimen: NDArray[np.float32]) -> NDArray[np.float32]:
        """Set to zero what cannot be there."""
        return self._laid_out(specimen[self.frame]) if self.confined else specimen

    def convolved(
        self, x: NDArray[np.float32], transfer: NDArray[np.floating | np.complexfloating]
    ) -> NDArray[np.float32]:
        """Filter what lies on the grid, shape (..., *grid)."""
        axes = tuple(range(-len(self.grid), 0))
        spectrum = fft.rfftn(x, axes=axes)
        spectrum *= transfer
        result: NDArray[np.float32] = fft.irfftn(spectrum, self.grid, axes=axes, overwrite_x=True)
        return result

    def _laid_out(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        ahead = image.shape[: image.ndim - len(self.grid)]
        whole = np.zeros((*ahead, *self.grid), dtype=np.float32)
        whole[self.frame] = image
        return whole


def richardson_lucy(problem: Problem, iterations: int) -> Iterator[NDArray[np.float32]]:
    """Yield every iterate, shape of the image, from an even start.

    References
    ----------
    .. [1] W. H. Richardson, J. Opt. Soc. Am. 62, 55-59 (1972); L. B. Lucy, Astron. J. 79,
       745-754 (1974).
    """
    counts = np.maximum(problem.image, np.float32(0))
    seen = problem.kept(problem.backward(np.ones_like(counts)))
    gain = np.where(seen > _LEAST_SEEN, 1 / np.maximum(seen, _LEAST_SEEN), 0).astype(np.float32)
    mean = float(counts.mean())
    estimate = np.full(problem.grid, max(mean - problem.background, 1e-3 * mean), np.float32)
    least = np.float32(1e-6 * mean)
    for _ in range(iterations):
        expected = problem.forward(estimate) + np.float32(problem.background)
        estimate *= problem.backward(counts / np.maximum(expected, least))
        estimate *= gain
        np.maximum(estimate, 0, out=estimate)
        yield estimate[problem.frame]


def total_variation(
    problem: Problem, strengths: Sequence[float], *, iterations: int, every: int
) -> Iterator[NDArray[np.float32]]:
    """Yield iterates for all strengths at once, shape (strengths, *image), every few iterations.

    Minimises the negative log-likelihood plus ``strength * TV(specimen)``, isotropic, specimen
    not negative, by the primal-dual algorithm [1]_ with intensities scaled to one. The strength
    is in units of the likelihood: about one balances the two, whatever the number of photons.

    Parameters
    ----------
    problem : Problem
        Of a plane.
    strengths : sequence of float
    iterations : int
    every : int
        Iterations between two results; what is not converged is a result too, for an oracle.

    References
    ----------
    .. [1] A. Chambolle, T. Pock, "A first-order primal-dual algorithm for convex problems with
       applications to imaging", J. Math. Imaging Vis. 40, 120-145 (2011), algorithm 1.
    """
    peak = float(np.percentile(problem.image, 99.9)) - problem.background
    unit = np.float32(max(peak, 1e-3 * float(np.abs(problem.image).max())))
    image = problem.image / unit
    background = np.float32(problem.background / unit)
    noise = 1 / unit if problem.variance is None else np.float32(problem.variance) / unit**2
    limit = noise * np.asarray(strengths, dtype=np.float32)[:, None, None]
    # The norm of blur and gradient together is at most 1 + 8.
    dual_step = np.float32(1 / (9 * _STEP))
    step = np.float32(_STEP)
    start = max(float(image.mean()) - float(background), 1e-3)
    estimate = np.full((len(strengths), *problem.grid), start, dtype=np.float32)
    ahead = estimate
    fit = np.zeros((len(strengths), *image.shape), dtype=np.float32)
    slopes = [np.zeros_like(estimate) for _ in range(2)]
    counted = [_slopes_counted(problem, axis) for axis in (0, 1)]
    for number in range(1, iterations + 1):
        moved = fit + dual_step * (problem.forward(ahead) + background)
        if problem.variance is None:
            root = np.sqrt((moved - 1) ** 2 + 4 * dual_step * np.maximum(image, 0))
            fit = 0.5 * (1 + moved - root)
        else:
            fit = (moved - dual_step * image) / (1 + dual_step)
        slopes = [
            (slope + dual_step * (np.roll(ahead, -1, axis) - ahead)) * inside
            for axis, slope, inside in zip((1, 2), slopes, counted, strict=True)
        ]
        shorter = 1 / np.maximum(np.hypot(*slopes) / limit, 1)
        slopes = [slope * shorter for slope in slopes]
        change = problem.backward(fit)
        for axis, slope in zip((1, 2), slopes, strict=True):
            change += np.roll(slope, 1, axis) - slope
        new = problem.kept(np.maximum(estimate - step * change, 0))
        ahead, estimate = 2 * new - estimate, new
        if number % every == 0 or number == iterations:
            yield estimate[problem.frame] * unit


def _slopes_counted(problem: Problem, axis: int) -> NDArray[np.float32]:
    """Return one where a slope to the next sample counts: of a confined specimen, within it."""
    if not problem.confined:
        return np.ones(problem.grid, dtype=np.float32)
    counted = np.zeros(problem.grid, dtype=np.float32)
    counted[tuple(slice(n - (k == axis)) for k, n in enumerate(problem.image.shape))] = 1
    return counted


def linear_mmse(
    problem: Problem,
    signal_power: NDArray[np.floating],
    noise_variance: float,
    *,
    mean: float,
    iterations: int = 300,
) -> NDArray[np.float32]:
    """Return the linear estimate with the least mean squared error, exact at the frame.

    The specimen is taken as a stationary process of known mean and power spectrum, beyond the
    frame as well (or zero there, if it is confined), and the noise as even. The normal equations
    ``(H C H^T + variance) y = image - H mean`` are solved by conjugate gradients, preconditioned
    by what they are on a torus, and ``C H^T y`` is the estimate.

    Parameters
    ----------
    problem : Problem
        Of a plane.
    signal_power : ndarray, shape of the real FFT of the grid
        Power spectral density of the specimen: white noise of variance one has one throughout.
    noise_variance : float
    mean : float
        Of the specimen.
    iterations : int
        At most; it stops when the residual is a ten-thousandth of what it was.
    """
    power = np.asarray(signal_power, dtype=np.float32)
    variance = np.float32(noise_variance)
    level = problem.kept(np.full(problem.grid, mean, dtype=np.float32))
    expected = problem.forward(level) + np.float32(problem.background)
    residual = np.asarray(problem.image - expected, dtype=np.float32)
    torus = (np.abs(problem.transfer) ** 2 * power + variance).astype(np.float32)
    circulant = np.float32(1) / torus

    def signal(image: NDArray[np.float32]) -> NDArray[np.float32]:
        spread = problem.kept(problem.backward(image))
        # A confined specimen's covariance is that of the stationary one, cut on both sides.
        return problem.kept(problem.convolved(spread, power))

    solution = np.zeros_like(residual)
    ready = problem.filtered(residual, circulant)
    direction, product = ready, float(np.vdot(residual, ready))
    enough = _CONVERGED * product
    for _ in range(iterations):
        image = problem.forward(signal(direction)) + variance * direction
        curvature = float(np.vdot(direction, image))
        if product <= enough or curvature <= 0:
            break
        length = np.float32(product / curvature)
        solution = solution + length * direction
        residual -= length * image
        ready = problem.filtered(residual, circulant)
        previous, product = product, float(np.vdot(residual, ready))
        direction = ready + np.float32(product / previous) * direction
    estimate: NDArray[np.float32] = (level + signal(solution))[problem.frame]
    return estimate


def analytic_transfer(grid: tuple[int, int], cutoff_per_pixel: float) -> NDArray[np.float32]:
    """Return the in-focus widefield transfer function on the real FFT of a grid, exactly.

    Parameters
    ----------
    grid : tuple of int
    cutoff_per_pixel : float
        ``2 NA / wavelength`` in cycles per pixel.
    """
    from pellucid.optics import widefield_otf

    frequency = np.hypot(np.fft.fftfreq(grid[0])[:, None], np.fft.rfftfreq(grid[1]))
    transfer: NDArray[np.float32] = widefield_otf(frequency / cutoff_per_pixel).astype(np.float32)
    return transfer


def kernel_transfer(kernel: NDArray[np.floating], grid: tuple[int, ...]) -> NDArray[np.complex64]:
    """Return the transfer function of a kernel centred on the sample ``n // 2`` of every axis."""
    whole = np.zeros(grid, dtype=np.float64)
    whole[tuple(slice(n) for n in kernel.shape)] = kernel / kernel.sum(dtype=np.float64)
    centred = np.roll(whole, [-(n // 2) for n in kernel.shape], axis=range(kernel.ndim))
    return fft.rfftn(centred).astype(np.complex64)
