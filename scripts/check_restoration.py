"""Check that a restored file belongs to its input and is sharper and quieter.

    python scripts/check_restoration.py input.tif restored.ome.tif

Exits with 1 and says why if not.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from pellucid import read_image
from pellucid.assess import radial_power_spectrum


def detail_share(plane: np.ndarray) -> float:
    """Power between 0.1 and 0.25 cycles per pixel against that below 0.1."""
    frequency, power = radial_power_spectrum(plane)
    fine = (frequency > 0.1) & (frequency < 0.25)
    coarse = (frequency > 0.01) & (frequency <= 0.1)
    return float(power[fine].mean() / power[coarse].mean())


def main() -> None:
    """Compare the two files."""
    before, after = (read_image(Path(name)) for name in sys.argv[1:3])
    mean_before = float(before.data.mean(dtype=np.float64))
    mean_after = float(after.data.mean(dtype=np.float64))
    gain = detail_share(after.data) / detail_share(before.data)
    frequency, old = radial_power_spectrum(before.data)
    new = radial_power_spectrum(after.data)[1]
    noise = float(new[frequency > 0.42].mean() / old[frequency > 0.42].mean())
    checks = {
        f"shape {after.data.shape} and axes {after.axes} are the input's": (
            after.data.shape == before.data.shape and after.axes == before.axes
        ),
        f"float32 and finite ({after.data.dtype})": (
            after.data.dtype == np.float32 and bool(np.isfinite(after.data).all())
        ),
        f"mean kept to 1 %: {mean_before:.3f}, {mean_after:.3f}": (
            abs(mean_after - mean_before) <= 0.01 * abs(mean_before)
        ),
        f"sharper: fine detail {gain:.2f} times the input's": gain > 1.5,
        f"quieter: {noise:.2f} of the noise power beyond the optics' cut-off": noise < 1.0,
    }
    for words, holds in checks.items():
        print("ok    " if holds else "FAILED", words)
    sys.exit(0 if all(checks.values()) else 1)


if __name__ == "__main__":
    main()
