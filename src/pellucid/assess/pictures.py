"""Pictures of a restoration, all at one contrast."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pellucid.assess.spectrum import radial_power_spectrum
from pellucid.errors import require

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_INPUT, _RESULT = "#7a7a7a", "#0b6fa4"


def contrast(before: NDArray[Any], after: NDArray[Any]) -> tuple[float, float]:
    """Return the display range that before and after share.

    From the first percentile of the input to the 99.8th of the result: the brighter peaks of
    the sharper image fit in.
    """
    low = float(np.percentile(before, 1.0))
    high = float(np.percentile(after, 99.8))
    return low, high if high > low else low + 1.0


def to_grey(image: NDArray[Any], limits: tuple[float, float]) -> NDArray[np.uint8]:
    """Map intensities between two limits to 0 to 255; those beyond are clipped."""
    low, high = limits
    scaled = (np.asarray(image, dtype=np.float64) - low) * (255.0 / (high - low))
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)


def side_by_side(panels: Mapping[str, NDArray[Any]], limits: tuple[float, float]) -> bytes:
    """Draw images beside one another at one contrast; the result is a PNG."""
    figure = new_figure(4.2 * len(panels), 4.6)
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for axis, (title, image) in zip(axes, panels.items(), strict=True):
        axis.imshow(image, cmap="gray", vmin=limits[0], vmax=limits[1], interpolation="nearest")
        axis.set_title(title, fontsize=10)
        axis.set_axis_off()
    return to_png(figure)


def difference(before: NDArray[Any], after: NDArray[Any], limits: tuple[float, float]) -> bytes:
    """Draw before, after and their difference; the difference spans as much as the others."""
    span = limits[1] - limits[0]
    figure = new_figure(13.2, 4.6)
    axes = figure.subplots(1, 3)
    change = np.asarray(after, dtype=np.float64) - np.asarray(before, dtype=np.float64)
    for axis, title, image in zip(axes[:2], ("before", "after"), (before, after), strict=True):
        shown = axis.imshow(image, cmap="gray", vmin=limits[0], vmax=limits[1])
        axis.set_title(title, fontsize=10)
        figure.colorbar(shown, ax=axis, fraction=0.046, pad=0.02)
    shown = axes[2].imshow(change, cmap="RdBu_r", vmin=-span, vmax=span)
    axes[2].set_title("after - before", fontsize=10)
    figure.colorbar(shown, ax=axes[2], fraction=0.046, pad=0.02)
    for axis in axes:
        axis.set_axis_off()
    return to_png(figure)


def profile(before: NDArray[Any], after: NDArray[Any], unit_um: float | None) -> tuple[bytes, int]:
    """Draw the intensities along the row that varies most; return the picture and the row."""
    row = int(np.argmax(np.var(np.asarray(after, dtype=np.float64), axis=1)))
    centre = int(np.argmax(after[row]))
    half = 64
    start = max(0, min(centre - half, after.shape[1] - 2 * half))
    window = slice(start, start + 2 * half)
    position = np.arange(after.shape[1])[window] * (unit_um or 1.0)
    figure = new_figure(6.4, 3.4)
    axis = figure.subplots()
    axis.plot(position, before[row, window], color=_INPUT, label="before")
    axis.plot(position, after[row, window], color=_RESULT, label="after")
    axis.set_xlabel("x (um)" if unit_um else "x (pixels)")
    axis.set_ylabel("intensity")
    axis.legend(frameon=False)
    return to_png(figure), row


def power_spectra(
    before: NDArray[Any], after: NDArray[Any], cutoff_per_pixel: float | None
) -> bytes:
    """Draw the radial power spectra of both, and the cut-off of the optics where known."""
    figure = new_figure(6.4, 3.4)
    axis = figure.subplots()
    for image, colour, label in ((before, _INPUT, "before"), (after, _RESULT, "after")):
        frequency, power = radial_power_spectrum(image)
        axis.semilogy(frequency[1:], np.maximum(power[1:], 1e-30), color=colour, label=label)
    if cutoff_per_pixel is not None and cutoff_per_pixel < 0.5:
        axis.axvline(cutoff_per_pixel, color="k", linestyle=":", label="cut-off of the optics")
    axis.set_xlabel("spatial frequency (cycles per pixel)")
    axis.set_ylabel("power")
    axis.legend(frameon=False)
    return to_png(figure)


def new_figure(width: float, height: float) -> Figure:
    """Return an empty matplotlib figure of a size in inches, without pyplot's global state."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise require("matplotlib", extra="report", purpose="draw pictures") from error
    return Figure(figsize=(width, height), layout="constrained", dpi=110)


def to_png(figure: Figure) -> bytes:
    """Render a figure as PNG."""
    buffer = BytesIO()
    figure.savefig(buffer, format="png", bbox_inches="tight", pad_inches=0.05)
    return buffer.getvalue()
