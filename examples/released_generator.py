"""Measure the published generator's point spread function and draw two figures.

Usage: python examples/released_generator.py [FOLDER]

Writes released_transfer.png and released_encircled.png to FOLDER (docs/images) and the numbers
that docs/released_generator.md states to the standard output.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pellucid.optics import Microscope, widefield_otf, widefield_psf
from pellucid.optics.released import ReleasedPsf

Array = NDArray[np.float64]

PRESET = ReleasedPsf(numerical_aperture=1.0, excitation_nm=470.0, pixel_size_um=0.1, z_step_um=0.12)
CUTOFF_PER_UM = 2e3 * PRESET.numerical_aperture / PRESET.excitation_nm
#: The band, as parts of the cut-off, in which the slope is fitted.
BAND = (0.15, 0.5)
RELEASED, EXACT, FOCUS, LINE = "#0072b2", "#d55e00", "#009e73", "0.35"


def exact_stack() -> Array:
    """Return the exact integral in the same planes; without the cut each would sum to one."""
    scope = Microscope(
        numerical_aperture=PRESET.numerical_aperture,
        emission_nm=PRESET.excitation_nm,
        pixel_size_um=PRESET.pixel_size_um,
        refractive_index=PRESET.refractive_index,
        z_step_um=PRESET.z_step_um,
    )
    shape = (PRESET.voxels,) * 3
    return widefield_psf(scope, shape).astype(np.float64) * PRESET.voxels


def radial_transfer(plane: Array) -> tuple[Array, Array]:
    """Return frequencies in cycles/um and the mean of |FT| on rings, one at zero frequency."""
    count = len(plane)
    step = np.fft.fftfreq(count) * count
    ring = np.rint(np.hypot(step[:, None], step)).astype(int).ravel()
    transfer = np.abs(np.fft.fft2(np.fft.ifftshift(plane))).ravel()
    mean = np.bincount(ring, transfer) / np.bincount(ring)
    rings = np.arange(count // 2)
    return rings / (count * PRESET.pixel_size_um), mean[rings] / mean[0]


def encircled(plane: Array, radii: Array) -> Array:
    """Return the sum of a plane within each radius, in pixels."""
    offset = np.arange(len(plane)) - len(plane) // 2
    distance = np.hypot(offset[:, None], offset).ravel()
    order = np.argsort(distance)
    total = np.cumsum(plane.ravel()[order])
    inside = np.searchsorted(distance[order], radii, side="right")
    return np.asarray(total[inside - 1], dtype=np.float64)


def slope(frequency: Array, transfer: Array) -> tuple[float, float]:
    """Fit ``log transfer = slope * log frequency + offset`` in the middle band."""
    low, high = BAND
    inside = (frequency >= low * CUTOFF_PER_UM) & (frequency <= high * CUTOFF_PER_UM)
    fit = np.polyfit(np.log(frequency[inside]), np.log(transfer[inside]), 1)
    return float(fit[0]), float(np.mean(np.log(transfer[inside] * frequency[inside])))


def draw_transfer(released: Array, exact: Array) -> Figure:
    """Draw the transfer functions, and the inverse of the released one."""
    figure = Figure(figsize=(9.6, 4.2), layout="constrained", dpi=110)
    left, right = figure.subplots(1, 2)
    frequency, transfer = radial_transfer(released)
    _, other = radial_transfer(exact)
    fitted, level = slope(frequency, transfer)
    below = (frequency > 0) & (frequency < CUTOFF_PER_UM)
    band = frequency[below]
    focus = widefield_otf(band / CUTOFF_PER_UM)

    left.axvspan(*(part * CUTOFF_PER_UM for part in BAND), color="0.93", lw=0)
    left.loglog(band, focus, color=FOCUS, label="exact, in focus")
    left.loglog(band, other[below], color=EXACT, label="exact, z-averaged")
    left.loglog(band, transfer[below], color=RELEASED, lw=2, label="released, z-averaged")
    left.loglog(band, np.exp(level) / band, "--", color=LINE, lw=1.2, label="1/f")
    left.set(ylim=(2e-3, 1.2), ylabel="transfer function (1 at f = 0)")
    left.set_title(f"slope {fitted:.2f} in the shaded band", fontsize=10)
    left.legend(frameon=False, fontsize=9, loc="lower left")

    inverse = band < 0.7 * CUTOFF_PER_UM
    right.plot(band[inverse], 1 / focus[inverse], color=FOCUS, label="exact, in focus")
    right.plot(band[inverse], 1 / transfer[below][inverse], color=RELEASED, lw=2, label="released")
    ramp = band[inverse] * np.exp(-level)
    right.plot(band[inverse], ramp, "--", color=LINE, lw=1.2, label="ramp, proportional to f")
    right.set(xlim=(0, None), ylim=(0, None), ylabel="inverse of the transfer function")
    right.set_title("the inverse is a ramp", fontsize=10)
    right.legend(frameon=False, fontsize=9, loc="upper left")
    for axes in (left, right):
        finish(axes, "spatial frequency f (cycles/um)")
    return figure


def draw_encircled(released: Array, exact: Array, weighted: Array, focus: Array) -> Figure:
    """Draw the light within a radius for the released and the exact function."""
    figure = Figure(figsize=(6.4, 4.2), layout="constrained", dpi=110)
    axes = figure.subplots()
    radii = np.arange(0.0, PRESET.voxels // 2)
    for plane, colour, style, label in (
        (focus, FOCUS, "-", "exact, in focus"),
        (released, RELEASED, "-", "released, z-averaged"),
        (weighted, RELEASED, ":", "exact planes with the released light per plane"),
        (exact, EXACT, "-", "exact, z-averaged"),
    ):
        part = encircled(plane, radii) / plane.sum()
        axes.plot(radii, part, style, color=colour, lw=2, label=label)
    axes.axvline(8, color=LINE, lw=1, ls="--")
    axes.text(8.6, 0.03, "8 pixels", color=LINE, fontsize=9)
    axes.set(xlim=(0, radii[-1]), ylim=(0, 1), ylabel="part of the light in the field")
    axes.legend(frameon=False, fontsize=9, loc="lower right")
    finish(axes, f"radius (pixels of {PRESET.pixel_size_um:g} um)")
    return figure


def finish(axes: Axes, label: str) -> None:
    """Label the abscissa and take the box away."""
    axes.set_xlabel(label)
    axes.spines[["top", "right"]].set_visible(False)


def main(folder: Path) -> None:
    """Measure, print and draw."""
    folder.mkdir(parents=True, exist_ok=True)
    volume = PRESET.volume().astype(np.float64)
    released = PRESET.plane().astype(np.float64)
    stack = exact_stack()
    exact = stack.mean(axis=0)
    light = volume.sum(axis=(1, 2))
    weighted = np.tensordot(light / light.max(), stack, axes=1)
    focus = stack[PRESET.voxels // 2]
    draw_transfer(released, exact).savefig(folder / "released_transfer.png")
    draw_encircled(released, exact, weighted, focus).savefig(folder / "released_encircled.png")

    eight = np.array([8.0])
    rows = (
        ("slope of the released transfer", slope(*radial_transfer(released))[0]),
        ("slope of the exact z-averaged transfer", slope(*radial_transfer(exact))[0]),
        ("within 8 pixels, released", encircled(released, eight)[0] / released.sum()),
        ("within 8 pixels, exact, of the field", encircled(exact, eight)[0] / exact.sum()),
        ("within 8 pixels, exact, of all light", encircled(exact, eight)[0]),
        ("within 8 pixels, exact, reweighted", encircled(weighted, eight)[0] / weighted.sum()),
        ("within 8 pixels, exact, in focus", encircled(focus, eight)[0] / focus.sum()),
        ("light in the plane a quarter of the depth away", light[32] / light[64]),
        ("the same, exact", stack[32].sum() / stack[64].sum()),
    )
    sys.stdout.writelines(f"{name:<48} {value:7.4f}\n" for name, value in rows)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images"))
