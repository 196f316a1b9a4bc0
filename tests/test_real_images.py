"""Real images, where they are: read from beside the project, never copied into it."""

from pathlib import Path

import numpy as np
import pytest

from pellucid import read_image
from pellucid.assess import radial_power_spectrum
from pellucid.restore import Restorer


def sharpness(plane: np.ndarray) -> float:
    """Share of the power between 0.1 and 0.25 cycles per pixel: detail the optics let pass."""
    frequency, power = radial_power_spectrum(plane)
    band = (frequency > 0.1) & (frequency < 0.25)
    low = (frequency > 0.01) & (frequency < 0.1)
    return float(power[band].mean() / power[low].mean())


@pytest.mark.parametrize("cell", ["02", "05", "09", "12"])
def test_real_microtubules_get_sharper_and_quieter(real_images: Path, cell: str) -> None:
    image = read_image(real_images / "widefield" / f"mt_cell{cell}_wf_level01.tif")
    result = Restorer().restore(image).image.data
    assert result.mean(dtype=float) == pytest.approx(image.data.mean(dtype=float), rel=1e-4)
    assert sharpness(result) > 1.5 * sharpness(image.data)
    # Beyond the cut-off of the microscope, about 0.34 cycles per pixel, there is only noise.
    frequency, before = radial_power_spectrum(image.data)
    _, after = radial_power_spectrum(result)
    noise = frequency > 0.42
    assert after[noise].mean() < before[noise].mean()


def test_no_seams_in_a_real_image(real_images: Path) -> None:
    image = read_image(real_images / "widefield" / "mt_cell02_wf_level01.tif")
    whole = Restorer().restore(image).image.data
    reach, multiple = Restorer()._block._network.reach, Restorer()._block._network.multiple
    tiled = Restorer(tile=2 * reach + 2 * multiple).restore(image)
    assert tiled.settings["tiles"] >= 4
    assert np.abs(tiled.image.data - whole).max() <= 1e-3 * np.ptp(whole)
