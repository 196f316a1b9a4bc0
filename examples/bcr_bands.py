"""Draw the nonstandard form of a blur and of its inverse, and measure what its bands cost.

    python examples/bcr_bands.py [FOLDER] [--small]

Writes ``bcr_forms.png`` and ``bcr_loss.png`` into FOLDER (docs/images by default) and the tables
of docs/bcr.md to the standard output. ``--small`` does the same for small images, quickly.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pellucid.bcr import (
    NonstandardForm,
    airy_blur_matrix,
    convolution_matrix,
    decompose,
    kernel_symbol,
    nonstandard_wiener,
    regularised_inverse,
)
from pellucid.optics import Microscope, ReleasedPsf, widefield_psf
from pellucid.simulate import Canvas, Exposure, camera_scene, expose, mixture

Array = NDArray[np.floating]

PIXEL_UM = 0.1
APERTURES = (0.4, 0.7, 1.0)
OPTICS = {"in focus": "in focus, 525 nm", "published": "published generator, 470 nm"}
SPECIMEN = {"filaments": 1.0, "network": 0.5, "vesicles": 0.5}
EXPOSURE = Exposure(peak_photons=1000.0, background_photons=10.0, read_noise_electrons=1.5)
WAVELETS = {"haar": "#0072b2", "db2": "#d55e00", "db4": "#009e73", "sym4": "#cc79a7"}
#: Magnitudes are drawn down to this, in dB of the largest.
FLOOR_DB = -60.0


@dataclass(frozen=True, kw_only=True)
class Extent:
    """How much is measured."""

    side: int
    scenes: int
    widths: tuple[int, ...]
    levels: tuple[int, ...]
    matrix: int


FULL = Extent(side=256, scenes=3, widths=(3, 5, 7, 9), levels=(1, 2, 3, 4, 5), matrix=128)
SMALL = Extent(side=64, scenes=1, widths=(3, 5), levels=(1, 3), matrix=64)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One microscope with the images it takes and their truths."""

    psf: Array
    noise_to_signal: float
    images: tuple[Array, ...]
    truths: tuple[Array, ...]

    def loss_db(self, *, wavelet: str, levels: int, band: int) -> float:
        """Return the mean loss of PSNR against the whole operator."""
        inverse = nonstandard_wiener(
            self.psf,
            self.noise_to_signal,
            shape=self.images[0].shape,
            levels=levels,
            band=band,
            wavelet=wavelet,
        )
        pairs = zip(self.images, self.truths, strict=True)
        return float(np.mean([inverse.loss_db(image, truth) for image, truth in pairs]))


def point_spread(optics: str, numerical_aperture: float, side: int) -> Array:
    """Return the point spread function of one of the two kinds of blur."""
    if optics == "published":
        return ReleasedPsf(
            numerical_aperture=numerical_aperture,
            excitation_nm=470,
            pixel_size_um=PIXEL_UM,
            z_step_um=0.12,
        ).plane()
    scope = Microscope(
        numerical_aperture=numerical_aperture, emission_nm=525, pixel_size_um=PIXEL_UM
    )
    return widefield_psf(scope, (side, side))


def make_case(psf: Array, scenes: Iterable[Array]) -> Case:
    """Blur and expose scenes; choose the regularisation that restores them best exactly."""
    truths, spectra = [], []
    rng = np.random.default_rng(1)
    for scene in scenes:
        transfer = kernel_symbol(psf / psf.sum(dtype=np.float64), scene.shape)
        clean = np.fft.ifft2(transfer * np.fft.fft2(scene)).real.clip(0)
        peak = np.percentile(clean, 99.9)
        recorded = expose(rng, (clean / peak).astype(np.float32), EXPOSURE)
        image = (recorded - EXPOSURE.background_photons) / EXPOSURE.peak_photons
        truths.append(scene / peak)
        spectra.append(np.fft.fft2(image))

    def error(eps: float) -> float:
        inverse = np.conj(transfer) / (np.abs(transfer) ** 2 + eps)
        return sum(
            float(np.mean((np.fft.ifft2(inverse * spectrum).real - truth) ** 2))
            for spectrum, truth in zip(spectra, truths, strict=True)
        )

    return Case(
        psf=psf,
        noise_to_signal=min((float(eps) for eps in np.logspace(-5, -1, 25)), key=error),
        images=tuple(np.fft.ifft2(spectrum).real for spectrum in spectra),
        truths=tuple(truths),
    )


def draw_scenes(extent: Extent) -> list[Array]:
    """Draw specimens at the camera's pixels."""
    canvas = Canvas(pixels=extent.side, pixel_size_um=PIXEL_UM)
    generators = (np.random.default_rng(seed) for seed in range(extent.scenes))
    return [camera_scene(mixture(rng, canvas, SPECIMEN), canvas).truth for rng in generators]


def standard_form(matrix: Array, wavelet: str, levels: int) -> Array:
    """Transform the columns and the rows of a matrix over all levels."""
    rows = []
    for unit in np.eye(len(matrix)):
        found = decompose(unit, wavelet, levels)
        rows.append(np.concatenate([*(level["H"] for level in found.details), found.approximation]))
    basis = np.stack(rows, axis=1)
    return basis @ matrix @ basis.T


def nonstandard_picture(form: NonstandardForm) -> Array:
    """Lay the blocks of all levels along a diagonal, alpha beta over gamma, T at the end."""
    sizes = [len(level.alpha) for level in form.levels]
    picture = np.full([2 * sum(sizes)] * 2, np.nan)
    at = 0
    for level, n in zip(form.levels, sizes, strict=True):
        first, second = slice(at, at + n), slice(at + n, at + 2 * n)
        picture[first, first], picture[first, second] = level.alpha, level.beta
        picture[second, first] = level.gamma
        at += 2 * n
    picture[second, second] = form.coarse
    return picture


def show_decibels(panel: Axes, values: Array, title: str, edges: Iterable[float]) -> object:
    """Show magnitudes in dB of the largest, with lines between blocks."""
    magnitude = np.abs(values)
    decibels = 20 * np.log10(np.maximum(magnitude / np.nanmax(magnitude), 1e-9))
    shown = panel.imshow(decibels, cmap="magma", vmin=FLOOR_DB, vmax=0, interpolation="nearest")
    for edge in edges:
        panel.axhline(edge - 0.5, color="0.6", lw=0.4)
        panel.axvline(edge - 0.5, color="0.6", lw=0.4)
    panel.set_title(title, fontsize=10)
    panel.set(xticks=[], yticks=[])
    return shown


def draw_forms(path: Path, size: int) -> None:
    """Draw a blur and two regularised inverses in pixels, standard and nonstandard form."""
    wavelet, levels, aperture, eps = "haar", 3, 0.8, 1e-3
    blur = airy_blur_matrix(size, 2 * aperture / 0.525 * PIXEL_UM)
    line = point_spread("published", aperture, size).sum(axis=0, dtype=np.float64)
    published = convolution_matrix(kernel_symbol(line / line.sum(), (size,)))
    operators = {
        "blur in focus": blur,
        "its inverse": regularised_inverse(blur, eps),
        "inverse, published blur": regularised_inverse(published, eps),
    }
    figure = Figure(figsize=(8.8, 8.8), layout="constrained", dpi=90)
    panels = figure.subplots(len(operators), 3)
    for row, (name, matrix) in zip(panels, operators.items(), strict=True):
        form = NonstandardForm.of(matrix, wavelet, levels)
        halves = [size >> level for level in range(1, levels + 1)]
        corners = np.cumsum([2 * n for n in halves])
        show_decibels(row[0], matrix, "in pixels", ())
        standard = standard_form(matrix, wavelet, levels)
        show_decibels(row[1], standard, "standard form", np.cumsum(halves))
        picture = nonstandard_picture(form)
        shown = show_decibels(row[2], picture, "nonstandard form", ())
        for corner, n in zip(corners, halves, strict=True):
            ends = ([corner - 2 * n - 0.5, corner - 0.5], [corner - n - 0.5] * 2)
            row[2].plot(*ends, color="0.6", lw=0.4)
            row[2].plot(*ends[::-1], color="0.6", lw=0.4)
        row[0].set_ylabel(name, fontsize=11)
    figure.colorbar(shown, ax=panels, label="magnitude of an entry, dB of the largest", shrink=0.5)
    figure.savefig(path)


def draw_losses(
    path: Path, losses: dict[tuple[str, float, str, int], float], extent: Extent
) -> None:
    """Draw the loss over the width of the bands for every microscope and wavelet."""
    figure = Figure(figsize=(9.0, 5.6), layout="constrained", dpi=90)
    panels = figure.subplots(len(OPTICS), len(APERTURES), sharex=True, sharey=True)
    for row, (optics, label) in zip(panels, OPTICS.items(), strict=True):
        for panel, aperture in zip(row, APERTURES, strict=True):
            for wavelet, colour in WAVELETS.items():
                line = [losses[optics, aperture, wavelet, width] for width in extent.widths]
                panel.plot(extent.widths, line, "o-", color=colour, ms=4, label=wavelet)
            panel.set_title(f"NA {aperture}: {label}", fontsize=9)
            panel.set_xticks(extent.widths)
            panel.grid(color="0.9")
            panel.spines[["top", "right"]].set_visible(False)
        row[0].set_ylabel("PSNR lost (dB)")
    panels[0, 0].set_ylim(-0.2, None)
    for panel in panels[-1]:
        panel.set_xlabel("taps a side of every block, $n_b$")
    figure.legend(
        *panels[0, 0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=4,
        frameon=False,
    )
    figure.savefig(path)


def table(head: list[str], rows: Iterable[list[str]]) -> None:
    """Write a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    sys.stdout.writelines(f"| {' | '.join(line)} |\n" for line in lines)
    sys.stdout.write("\n")


def measure(folder: Path, extent: Extent) -> None:
    """Measure losses, write their tables and draw them."""
    scenes = draw_scenes(extent)
    cases = {
        (optics, aperture): make_case(point_spread(optics, aperture, extent.side), scenes)
        for optics in OPTICS
        for aperture in APERTURES
    }
    regularisations = (f"{case.noise_to_signal:.2g}" for case in cases.values())
    sys.stdout.write(f"eps: {', '.join(regularisations)}\n\n")
    most, middle = extent.levels[-1], 5
    by_width = {
        (*key, wavelet, width): case.loss_db(wavelet=wavelet, levels=most, band=width)
        for key, case in cases.items()
        for wavelet in WAVELETS
        for width in extent.widths
    }
    by_level = {
        (*key, wavelet, levels): case.loss_db(wavelet=wavelet, levels=levels, band=middle)
        for key, case in cases.items()
        for wavelet in ("haar", "sym4")
        for levels in extent.levels
    }
    for name, losses, columns in (
        ("n_b", by_width, extent.widths),
        ("levels", by_level, extent.levels),
    ):
        wavelets = dict.fromkeys(key[2] for key in losses)
        table(
            ["NA", "wavelet", *(f"{optics}, {name} {n}" for optics in OPTICS for n in columns)],
            (
                [str(na), wavelet]
                + [f"{losses[optics, na, wavelet, n]:.2f}" for optics in OPTICS for n in columns]
                for na in APERTURES
                for wavelet in wavelets
            ),
        )
    draw_losses(folder / "bcr_loss.png", by_width, extent)


def main() -> None:
    """Draw all figures and write all tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=Path("docs/images"))
    parser.add_argument("--output", type=Path, help="the folder, as an option")
    parser.add_argument("--small", action="store_true", help="small images, quickly")
    arguments = parser.parse_args()
    folder: Path = arguments.output or arguments.folder
    extent = SMALL if arguments.small else FULL
    folder.mkdir(parents=True, exist_ok=True)
    draw_forms(folder / "bcr_forms.png", extent.matrix)
    measure(folder, extent)


if __name__ == "__main__":
    main()
