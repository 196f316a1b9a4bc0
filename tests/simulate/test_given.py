"""The regime of one microscope."""

import numpy as np
import pytest

from pellucid.errors import SettingsError
from pellucid.optics import Microscope
from pellucid.optics.modality import Confocal
from pellucid.simulate import Canvas, Instrument, PairStream, ProceduralSource
from pellucid.simulate.given import GivenRegime
from pellucid.simulate.scene import DrawnScene, camera_scene

OIL = Microscope(
    numerical_aperture=1.4, emission_nm=525, pixel_size_um=0.065, refractive_index=1.515
)
BRIGHT = Instrument(
    peak_photons=(1e6, 1e6), background_fraction=(0.0, 0.0), gain_electrons_per_count=(20.0, 20.0)
)


def point_in_focus(regime: GivenRegime, side: int = 64) -> DrawnScene:
    """One fine sample of light in the middle of the plane in focus."""
    needs = regime.needs
    step = needs.depth_um[0] / needs.planes
    canvas = Canvas(
        pixels=side, pixel_size_um=0.065, oversampling=4, planes=needs.planes, z_step_um=step
    )
    scene = np.zeros(canvas.shape, dtype=np.float32)
    scene[needs.planes // 2, canvas.samples // 2, canvas.samples // 2] = 1.0
    return DrawnScene(
        scene=camera_scene(scene, canvas),
        pixel_size_um=0.065,
        z_step_um=step,
        kinds=("points",),
        name="a point",
    )


def width(image: np.ndarray) -> float:
    """Samples above half of the maximum, as the diameter of a disc, after interpolation."""
    from scipy.ndimage import zoom

    fine = zoom(image, 8, order=3)
    return float(2 * np.sqrt((fine > fine.max() / 2).sum() / np.pi) / 8)


def test_a_point_has_the_width_of_the_airy_pattern() -> None:
    regime = GivenRegime(microscope=OIL, instrument=BRIGHT, focus=(0.5, 0.5))
    made = regime.acquire(np.random.default_rng(0), point_in_focus(regime), 64)
    expected = 0.51 * 0.525 / 1.4 / 0.065
    assert width(made.clean) == pytest.approx(expected, rel=0.1)  # the pixels widen it
    assert made.clean.sum() == pytest.approx(made.truth.sum(), rel=1e-3)


def test_defocus_widens_and_sectioning_dims() -> None:
    confocal = Microscope(
        numerical_aperture=1.4, emission_nm=525, excitation_nm=488, pixel_size_um=0.065,
        refractive_index=1.515, modality=Confocal(airy_units=1.0),
    )  # fmt: skip
    sums = []
    for microscope in (OIL, confocal):
        light = []
        for focus in (0.5, 1.0):
            regime = GivenRegime(microscope=microscope, instrument=BRIGHT, focus=(focus, focus))
            scene = point_in_focus(regime)
            made = regime.acquire(np.random.default_rng(0), scene, 64)
            peak = float(np.percentile(made.clean, 99.9))
            light.append(float(made.clean.sum()) / peak)
        sums.append(light)
    # Of a widefield image the light spreads over more pixels of the peak's brightness.
    assert sums[0][1] > 3 * sums[0][0]
    assert sums[1][0] < sums[0][0]


def test_pairs_come_from_it() -> None:
    regime = GivenRegime(microscope=OIL)
    source = ProceduralSource(needs=regime.needs, seed=1, pixels=64)
    stream = PairStream(source, regime=regime, seed=2, size=48, scenes=range(3))
    first, again = stream[5], stream[5]
    assert first.image.shape == first.truth.shape == (48, 48)
    np.testing.assert_array_equal(first.image, again.image)
    assert first.conditions["numerical_aperture"] == 1.4


def test_what_cannot_be_is_refused() -> None:
    dry = Microscope(numerical_aperture=0.4, emission_nm=525, pixel_size_um=0.2)
    with pytest.raises(SettingsError, match="refractive index"):
        GivenRegime(microscope=dry)
    coarse = Microscope(
        numerical_aperture=1.4, emission_nm=525, pixel_size_um=0.2, refractive_index=1.515
    )
    with pytest.raises(SettingsError, match="smaller pixels"):
        GivenRegime(microscope=coarse)
    regime = GivenRegime(microscope=OIL)
    canvas = Canvas(pixels=64, pixel_size_um=0.065)
    plane = DrawnScene(
        scene=camera_scene(np.ones(canvas.shape, dtype=np.float32), canvas),
        pixel_size_um=0.065, kinds=("points",), name="a plane",
    )  # fmt: skip
    with pytest.raises(SettingsError, match="is a plane"):
        regime.acquire(np.random.default_rng(0), plane, 32)
