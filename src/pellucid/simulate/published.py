"""The regimes of the paper: as it is printed, and as its code was released."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias, final

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from pellucid.errors import SettingsError
from pellucid.optics.presets import (
    PAPER_EMISSION_NM,
    PAPER_EXCITATION_NM,
    PAPER_NUMERICAL_APERTURE,
    paper_microscope,
)
from pellucid.optics.released import ReleasedPsf, sample_released
from pellucid.simulate.regime import (
    Acquisition,
    Conditions,
    Pair,
    Regime,
    SceneNeeds,
    Span,
    draw_window,
    unit_range,
)
from pellucid.simulate.scene import DrawnScene, blur

PoissonReading: TypeAlias = Literal["added", "shot"]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PaperRegime(Regime):
    """Section 3.2 of the paper [1]_ as it is printed.

    A point spread function of Eq. 2 with the pinhole at 1000 um, numerical aperture 0.4 to 1.0,
    excitation 450 to 490 nm, emission 450 to 600 nm, refractive index 1.33; Gaussian noise of
    sigma 0.01 to 0.05 and Poisson noise of lambda 0.01 to 0.05 added; values rescaled to [0, 1].

    Where the paper is silent: so wide a pinhole lets all emission through, so that the focused
    excitation alone blurs, and the emission is drawn and recorded without an effect; the plane
    in focus is imaged; the pixel is 0.1 um; light comes in from beyond the frame; ranges are
    uniform; image and truth are each scaled by their own smallest and largest value, the image
    before and after the noise.

    Parameters
    ----------
    numerical_aperture, excitation_nm, emission_nm, sigma, lam : tuple of float
        Ranges, uniform.
    poisson : {"added", "shot"}
        What "Poisson noise of lambda" means. "added": a Poisson variate of mean lambda is added
        to every pixel, the sentence taken by the word; it sets a few pixels off by a whole
        unit. "shot": the image is made of photons worth lambda each, ``lambda
        Poisson(image / lambda)``, 20 to 100 photons at the peak.
    pixel_size_um : float

    References
    ----------
    .. [1] R. Li, M. Kudryashev, A. Yakimovich, "Solving the inverse problem of microscopy
       deconvolution with a residual Beylkin-Coifman-Rokhlin neural network", ECCV 2024.
    """

    numerical_aperture: Span = PAPER_NUMERICAL_APERTURE
    excitation_nm: Span = PAPER_EXCITATION_NM
    emission_nm: Span = PAPER_EMISSION_NM
    sigma: Span = (0.01, 0.05)
    lam: Span = (0.01, 0.05)
    poisson: PoissonReading = "added"
    pixel_size_um: float = 0.1

    def __post_init__(self) -> None:
        if self.poisson not in {"added", "shot"}:
            raise SettingsError(f"poisson must be 'added' or 'shot', not {self.poisson!r}.")

    @property
    def needs(self) -> SceneNeeds:
        """Planes at the paper's pixel."""
        return SceneNeeds(pixel_size_um=(self.pixel_size_um, self.pixel_size_um))

    def acquire(self, rng: np.random.Generator, drawn: DrawnScene, size: int) -> Acquisition:
        """Blur by the focused excitation and add the two noises; see :class:`Regime`."""
        microscope = paper_microscope(
            "widefield",
            numerical_aperture=float(rng.uniform(*self.numerical_aperture)),
            excitation_nm=float(rng.uniform(*self.excitation_nm)),
            emission_nm=float(rng.uniform(*self.emission_nm)),
            pixel_size_um=self.pixel_size_um,
        )
        excitation_nm = microscope.excitation_nm or 0.0
        cutoff = 2e3 * microscope.numerical_aperture / excitation_nm * self.pixel_size_um
        window = draw_window(rng, drawn.scene.side, size)
        clean = unit_range(blur(drawn.scene, cutoff)[window])
        truth = unit_range(drawn.scene.truth[window])
        sigma, lam = float(rng.uniform(*self.sigma)), float(rng.uniform(*self.lam))
        if self.poisson == "added":
            recorded = clean + rng.poisson(lam, clean.shape).astype(np.float32)
        else:
            recorded = np.float32(lam) * rng.poisson(clean / lam).astype(np.float32)
        recorded += np.float32(sigma) * rng.standard_normal(clean.shape, dtype=np.float32)
        conditions: Conditions = {
            "specimen": drawn.name,
            "kind": drawn.kinds[0],
            "numerical_aperture": microscope.numerical_aperture,
            "excitation_nm": excitation_nm,
            "emission_nm": microscope.emission_nm,
            "refractive_index": microscope.refractive_index or 0.0,
            "pixel_size_um": self.pixel_size_um,
            "cutoff_per_pixel": cutoff,
            "sigma": sigma,
            "lambda": lam,
            "poisson": self.poisson,
        }
        return Acquisition(recorded, clean, truth, truth, conditions, microscope)

    def scaled(self, rng: np.random.Generator, acquisition: Acquisition) -> Pair:  # noqa: ARG002
        """Scale image and truth each to [0, 1] by its own smallest and largest value."""
        return Pair(
            unit_range(acquisition.recorded), unit_range(acquisition.truth), acquisition.conditions
        )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasedRegime(Regime):
    """The simulation that the authors' published code runs.

    Excitation point spread function averaged over z
    (:class:`~pellucid.optics.released.ReleasedPsf`); convolution of the image alone, zeros
    beyond it, at the image's size, so that a dark roll-off surrounds it; noise
    ``0.5 N(0, sigma)`` with sigma uniform from 0 to 0.05, no Poisson noise; image and truth each
    scaled by their own smallest and largest value, the image before and after the noise.

    Parameters
    ----------
    sigma : tuple of float
        Range, uniform.
    psfs : int
        Point spread functions drawn, to take one from for every image.
    psf_seed : int
        Decides them.
    """

    sigma: Span = (0.0, 0.05)
    psfs: int = 512
    psf_seed: int = 0

    def __post_init__(self) -> None:
        if self.psfs < 1:
            raise SettingsError(f"psfs must be at least 1, not {self.psfs}.")

    @property
    def needs(self) -> SceneNeeds:
        """Planes with the generator's pixels."""
        return SceneNeeds(pixel_size_um=(0.08, 0.12))

    def acquire(self, rng: np.random.Generator, drawn: DrawnScene, size: int) -> Acquisition:
        """Blur the image alone and add noise; see :class:`Regime`."""
        number = int(rng.integers(self.psfs))
        psf, transfer, reach = _released_transfer(self.psf_seed, number, size)
        truth = unit_range(drawn.scene.truth[draw_window(rng, drawn.scene.side, size)])
        # Zeros beyond the image; what wraps round falls outside the part that is kept.
        side = 2 * (transfer.shape[1] - 1)
        blurred = fft.irfft2(fft.rfft2(truth, (side, side)) * transfer, (side, side))
        clean = unit_range(blurred[reach : reach + size, reach : reach + size])
        sigma = float(rng.uniform(*self.sigma))
        noise = rng.standard_normal(clean.shape, dtype=np.float32)
        recorded = clean + np.float32(0.5 * sigma) * noise
        conditions: Conditions = {
            "specimen": drawn.name,
            "kind": drawn.kinds[0],
            "psf": number,
            "numerical_aperture": psf.numerical_aperture,
            "excitation_nm": psf.excitation_nm,
            "refractive_index": psf.refractive_index,
            "pixel_size_um": psf.pixel_size_um,
            "z_step_um": psf.z_step_um,
            "sigma": sigma,
        }
        return Acquisition(recorded, clean, truth, truth, conditions)

    def scaled(self, rng: np.random.Generator, acquisition: Acquisition) -> Pair:  # noqa: ARG002
        """Scale the image to [0, 1] by its smallest and largest value; the truth is so."""
        return Pair(unit_range(acquisition.recorded), acquisition.truth, acquisition.conditions)


@lru_cache(maxsize=1024)
def _released_transfer(
    seed: int, number: int, size: int
) -> tuple[ReleasedPsf, NDArray[np.complex64], int]:
    """Return a point spread function, its transfer function on a padded grid, and its reach."""
    psf = sample_released(np.random.default_rng([seed, number]))
    plane = psf.plane()
    plane /= plane.sum()
    reach = plane.shape[0] // 2
    # Long enough that the kept part of the full convolution, from `reach` on, meets no wrap.
    length = max(size + plane.shape[0] - 1 - reach, plane.shape[0], size)
    side = fft.next_fast_len(length, real=True)
    side += side % 2
    return psf, fft.rfft2(plane, (side, side)).astype(np.complex64), reach
