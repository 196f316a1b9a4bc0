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
from matplotlib.lines import Line2D
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

Array = NDArray[np.floating]
#: By optics, numerical aperture, wavelet and what varies.
Losses = dict[tuple[str, float, str, float], float]

PIXEL_UM = 0.1
APERTURES = (0.4, 0.7, 1.0)
OPTICS = {"in focus": "in focus, 525 nm", "published": "published generator, 470 nm"}
PHOTONS = 1000.0
READ_NOISE = 1.5  # electrons
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
    photons: tuple[float, ...]
    matrix: int


FULL = Extent(
    side=256,
    scenes=2,
    widths=(3, 5, 7, 9),
    levels=(1, 2, 3, 4, 5),
    photons=(100, 1000, 10_000, 100_000),
    matrix=128,
)
SMALL = Extent(side=64, scenes=1, widths=(3, 5), levels=(1, 3), photons=(100, 1000), matrix=64)


@dataclass(frozen=True, kw_only=True)
class Case:
    """One microscope with the images it takes and their truths."""

    psf: Array
    noise_to_signal: float
    images: tuple[Array, ...]
    truths: tuple[Array, ...]

    def loss_db(self, *, wavelet: str, levels: int, band: int, keep: bool = True) -> float:
        """Return the mean loss of PSNR against the whole operator."""
        inverse = nonstandard_wiener(
            self.psf,
            self.noise_to_signal,
            shape=self.images[0].shape,
            levels=levels,
            band=band,
            wavelet=wavelet,
            keep_constants=keep,
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


def make_case(psf: Array, scenes: Iterable[Array], photons: float) -> Case:
    """Blur and expose scenes; choose the regularisation that restores them best exactly."""
    truths, spectra = [], []
    rng = np.random.default_rng(1)
    for scene in scenes:
        transfer = kernel_symbol(psf / psf.sum(dtype=np.float64), scene.shape)
        clean = np.fft.ifft2(transfer * np.fft.fft2(scene)).real.clip(0)
        peak = np.percentile(clean, 99.9)
        electrons = rng.poisson(photons * clean / peak) + READ_NOISE * rng.standard_normal(
            clean.shape
        )
        truths.append(scene / peak)
        spectra.append(np.fft.fft2(electrons / photons))

    def error(eps: float) -> float:
        inverse = np.conj(transfer) / (np.abs(transfer) ** 2 + eps)
        return sum(
            float(np.mean((np.fft.ifft2(inverse * spectrum).real - truth) ** 2))
            for spectrum, truth in zip(spectra, truths, strict=True)
        )

    return Case(
        psf=psf,
        noise_to_signal=min((float(eps) for eps in np.logspace(-6, 0, 37)), key=error),
        images=tuple(np.fft.ifft2(spectrum).real for spectrum in spectra),
        truths=tuple(truths),
    )


def draw_scene(rng: np.random.Generator, side: int) -> Array:
    """Draw filaments, spots and a diffuse body on a torus, at the camera's pixels."""
    fine = 4 * side
    # Filaments: the direction does a random walk along the length.
    count, steps = 40, 3 * fine
    bend = rng.normal(0, 0.02, (count, steps)).cumsum(axis=1)
    angle = rng.uniform(0, 2 * np.pi, (count, 1)) + bend
    start = rng.uniform(0, fine, (2, count, 1))
    points = start + 0.5 * np.stack([np.sin(angle), np.cos(angle)]).cumsum(axis=2)
    light = np.repeat(rng.lognormal(0, 0.4, (count, 1)), steps, axis=1)
    spots = rng.uniform(0, fine, (2, 80))
    places = np.concatenate([points.reshape(2, -1), spots], axis=1).astype(int) % fine
    weights = np.concatenate([light.ravel(), 60 * rng.lognormal(0, 0.5, 80)])
    drawn = np.bincount(places[0] * fine + places[1], weights, fine * fine).reshape(fine, fine)
    frequency = np.hypot(np.fft.fftfreq(fine)[:, None], np.fft.fftfreq(fine))
    sharp = np.fft.ifft2(np.fft.fft2(drawn) * np.exp(-2 * (np.pi * 1.2 * frequency) ** 2)).real
    noise = rng.standard_normal((fine, fine))
    body = np.fft.ifft2(
        np.fft.fft2(noise) * np.exp(-2 * (np.pi * 0.1 * fine * frequency) ** 2)
    ).real
    fine_scene = sharp / np.percentile(sharp, 99.9) + 0.1 * (body > 0)
    scene = fine_scene.reshape(side, 4, side, 4).mean(axis=(1, 3)).clip(0)
    return scene / np.percentile(scene, 99.9)


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


def draw_losses(path: Path, kept: Losses, cut: Losses, extent: Extent) -> None:
    """Draw the loss over the width of the bands for every microscope and wavelet."""
    figure = Figure(figsize=(9.0, 5.6), layout="constrained", dpi=90)
    panels = figure.subplots(len(OPTICS), len(APERTURES), sharex=True, sharey=True)
    for row, (optics, label) in zip(panels, OPTICS.items(), strict=True):
        for panel, aperture in zip(row, APERTURES, strict=True):
            for wavelet, colour in WAVELETS.items():
                plain, line = (
                    [losses[optics, aperture, wavelet, width] for width in extent.widths]
                    for losses in (cut, kept)
                )
                panel.plot(extent.widths, plain, ":", color=colour, lw=1.2)
                panel.plot(extent.widths, line, "o-", color=colour, ms=4, label=wavelet)
            panel.set_title(f"NA {aperture}: {label}", fontsize=9)
            panel.set_xticks(extent.widths)
            panel.grid(color="0.9")
            panel.spines[["top", "right"]].set_visible(False)
        row[0].set_ylabel("PSNR lost (dB)")
    # The worst dotted line, that of db2, leaves the picture; the table has its numbers.
    panels[0, 0].set_ylim(-0.1, 3.0)
    for panel in panels[-1]:
        panel.set_xlabel("taps a side of every block, $n_b$")
    handles, names = panels[0, 0].get_legend_handles_labels()
    handles.append(Line2D([], [], color="0.4", ls=":", lw=1.2))
    names.append("cut, constants not kept")
    figure.legend(handles, names, loc="outside lower center", ncols=5, frameon=False)
    figure.savefig(path)


def table(head: list[str], rows: Iterable[list[str]]) -> None:
    """Write a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    sys.stdout.writelines(f"| {' | '.join(line)} |\n" for line in lines)
    sys.stdout.write("\n")


def measure(folder: Path, extent: Extent) -> None:
    """Measure losses, write their tables and draw them."""
    scenes = [draw_scene(np.random.default_rng(seed), extent.side) for seed in range(extent.scenes)]
    spread = {
        (optics, aperture): point_spread(optics, aperture, extent.side)
        for optics in OPTICS
        for aperture in APERTURES
    }
    exposed = {
        (key, photons): make_case(psf, scenes, photons)
        for key, psf in spread.items()
        for photons in extent.photons
    }
    cases = {key: exposed[key, PHOTONS] for key in spread}
    most, middle = extent.levels[-1], 5
    by_width, by_width_cut = (
        {
            (*key, wavelet, width): case.loss_db(
                wavelet=wavelet, levels=most, band=width, keep=keep
            )
            for key, case in cases.items()
            for wavelet in WAVELETS
            for width in extent.widths
        }
        for keep in (True, False)
    )
    by_level = {
        (*key, wavelet, levels): case.loss_db(wavelet=wavelet, levels=levels, band=middle)
        for key, case in cases.items()
        for wavelet in ("haar", "sym4")
        for levels in extent.levels
    }
    by_photons = {
        (*key, wavelet, photons): exposed[key, photons].loss_db(
            wavelet=wavelet, levels=most, band=middle
        )
        for key in spread
        for wavelet in ("haar", "sym4")
        for photons in extent.photons
    }
    for optics, na in spread:
        chosen = (f"{exposed[(optics, na), n].noise_to_signal:.2g}" for n in extent.photons)
        sys.stdout.write(f"{optics}, NA {na}, eps by photons: {', '.join(chosen)}\n")
    sys.stdout.write("\n")
    for name, losses, columns in (
        ("cut to n_b", by_width_cut, extent.widths),
        ("n_b", by_width, extent.widths),
        ("levels", by_level, extent.levels),
        ("photons", by_photons, extent.photons),
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
    draw_losses(folder / "bcr_loss.png", by_width, by_width_cut, extent)


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
