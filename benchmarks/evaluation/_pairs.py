"""Real images with a sharper image of the same specimen, for evaluation alone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, final

import numpy as np
import tifffile
from benchmarks._classical import analytic_transfer, kernel_transfer
from numpy.typing import NDArray
from scipy import fft

from pellucid.assess.registration import Shift, bin_to, register, shifted
from pellucid.optics import Confocal, Microscope, point_spread_function

#: Pixels cut from every side before anything is scored: SIM shows its frame.
FRAME = 16
#: Grid samples beyond the image for the specimen that is not seen, at least.
_MARGIN = 32
#: Radius of a confocal kernel, pixels.
_CONFOCAL_REACH = 32
#: Planes and side of the kernel of a stack.
_PLANES, _PLANE_SIDE = 65, 49

#: Blur of a whole image: the shape of the grid in, the transfer function out.
Blur = Callable[[tuple[int, ...]], NDArray[Any]]

WIDEFIELD_SIM = "widefield against SIM"
WIDEFIELD_CONFOCAL = "widefield against confocal"
CONFOCAL_STED = "confocal against STED"

#: What is assumed of the optics, since the files do not say.
ASSUMED = (
    "Optics are assumed, since the files do not state them: NA 1.41, emission 525 nm for the "
    "SIM pairs (pixels of 62.6 nm, of 30 nm for the microtubules); NA 1.4, 640/670 nm, a pinhole "
    "of one Airy unit, pixels of 20 nm (15 nm for synA0) for confocal/STED; NA 1.1, 460 nm, index "
    "1.333 for the DNA stack. The oracle also tries other apertures, which stand for what else "
    "blurs an image (1.2, 1.0, 0.8; 1.2, 1.0; 0.8, 0.5, 0.3), and keeps the best by the truth."
)
#: Assumed apertures and those an oracle may also try.
_SIM_APERTURES = (1.41, 1.2, 1.0, 0.8)
_STED_APERTURES = (1.4, 1.2, 1.0)
_DNA_APERTURES = (1.1, 0.8, 0.5, 0.3)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class RealPair:
    """An image and its truth, aligned, of one shape.

    Attributes
    ----------
    name, group : str
    image, truth : ndarray of float32, shape (y, x) or (z, y, x)
    shift : Shift
        What was found between the two, and undone on the truth.
    pixel_size_um : float
    cutoff_per_pixel : float
        Assumed; for informed networks.
    blurs : dict of str to callable
        Blurs by their description: the one assumed first, then others an oracle may try.
    planes : slice or None
        Of a stack: the planes that are scored.
    """

    name: str
    group: str
    image: NDArray[np.float32]
    truth: NDArray[np.float32]
    shift: Shift
    pixel_size_um: float
    cutoff_per_pixel: float
    blurs: dict[str, Blur]
    planes: slice | None = None

    @property
    def scored(self) -> tuple[slice, ...]:
        """The part that is scored."""
        inner = slice(FRAME, -FRAME)
        return (inner, inner) if self.planes is None else (self.planes, inner, inner)

    @property
    def grid(self) -> tuple[int, ...]:
        """Samples of the grid on which a specimen larger than the image is defined."""
        return tuple(int(fft.next_fast_len(n + _MARGIN, real=True)) for n in self.image.shape)

    @property
    def sha256(self) -> str:
        """Hash of image and truth."""
        content = hashlib.sha256(self.image.tobytes())
        content.update(self.truth.tobytes())
        return content.hexdigest()


def real_pairs(folder: Path) -> list[RealPair]:
    """Read and align every pair.

    Parameters
    ----------
    folder : Path
        Holds the files as ``README.md`` of the data describes them.

    Raises
    ------
    OSError
        If a file is missing.
    """
    sim = [
        _plane_pair(
            folder,
            name,
            (image, truth),
            group=WIDEFIELD_SIM,
            optics=Microscope(
                numerical_aperture=_SIM_APERTURES[0], emission_nm=525.0, pixel_size_um=pixel
            ),
            apertures=_SIM_APERTURES,
        )
        for name, image, truth, pixel in (
            ("er1", "er1_wf_t2.tif", "er1_sim_gt.tif", 0.0626),
            ("er2", "er2_wf_t2.tif", "er2_sim_gt.tif", 0.0626),
            ("mt, high exposure", "mt_wf_highexp.tif", "mt_sim_highexp.tif", 0.030),
            ("mt, low exposure", "mt_wf_lowexp.tif", "mt_sim_highexp.tif", 0.030),
        )
    ]
    sted = [
        _plane_pair(
            folder,
            name,
            (f"{name}_train_confocal.tif", f"{name}_train_sted.tif"),
            group=CONFOCAL_STED,
            optics=Microscope(
                numerical_aperture=_STED_APERTURES[0],
                emission_nm=670.0,
                excitation_nm=640.0,
                pixel_size_um=pixel,
                refractive_index=1.515,
                modality=Confocal(pinhole_um=1.22 * 0.670 / _STED_APERTURES[0]),
            ),
            apertures=_STED_APERTURES,
        )
        for name, pixel in (("axonrings1", 0.020), ("dendactin0", 0.020), ("synA0", 0.015))
    ]
    return [*sim, _dna(folder), *sted]


def _plane_pair(
    folder: Path,
    name: str,
    files: tuple[str, str],
    *,
    group: str,
    optics: Microscope,
    apertures: tuple[float, ...],
) -> RealPair:
    low, high = (tifffile.imread(folder / file).astype(np.float32) for file in files)
    high = bin_to(high, low.shape)
    shift = register(high, low)
    return RealPair(
        name=name,
        group=group,
        image=low,
        truth=shifted(high, shift),
        shift=shift,
        pixel_size_um=optics.pixel_size_um,
        cutoff_per_pixel=optics.cutoff_per_pixel,
        blurs={
            f"NA {aperture:g}": partial(_plane_blur, replace(optics, numerical_aperture=aperture))
            for aperture in apertures
        },
    )


def _plane_blur(optics: Microscope, grid: tuple[int, ...]) -> NDArray[Any]:
    """Return the transfer function of a plane in focus."""
    if not isinstance(optics.modality, Confocal):
        return analytic_transfer((grid[0], grid[1]), optics.cutoff_per_pixel)
    side = 2 * _CONFOCAL_REACH + 1
    kernel = point_spread_function(optics, (side, side)).data
    return kernel_transfer(np.asarray(kernel), grid)


def _dna(folder: Path) -> RealPair:
    both = tifffile.imread(folder / "dna_zcyx_ch0confocal_ch1widefield.tif").astype(np.float32)
    high, low = np.ascontiguousarray(both[:, 0]), np.ascontiguousarray(both[:, 1])
    shift = register(high, low)
    high = shifted(high, shift)
    # The nucleus fills the planes that are at least half as bright as the brightest.
    light = high.mean(axis=(1, 2))
    bright = np.flatnonzero(light > 0.5 * light.max())
    microscopes = {
        f"NA {aperture:g}": Microscope(
            numerical_aperture=aperture,
            emission_nm=460.0,
            pixel_size_um=0.512,
            z_step_um=0.499,
            refractive_index=1.333,
        )
        for aperture in _DNA_APERTURES
    }
    return RealPair(
        name="DNA stack",
        group=WIDEFIELD_CONFOCAL,
        image=low,
        truth=high,
        shift=shift,
        pixel_size_um=0.512,
        # At these pixels any lens but the weakest reaches beyond what the camera samples.
        cutoff_per_pixel=0.45,
        blurs={name: partial(_volume_blur, one) for name, one in microscopes.items()},
        planes=slice(int(bright[0]), int(bright[-1]) + 1),
    )


def _volume_blur(optics: Microscope, grid: tuple[int, ...]) -> NDArray[Any]:
    """Return the transfer function of a stack."""
    shape = (min(_PLANES, grid[0]), _PLANE_SIDE, _PLANE_SIDE)
    kernel = point_spread_function(optics, shape, pixel_integration=True).data
    return kernel_transfer(np.asarray(kernel), grid)
