import time
from functools import cache
from typing import Any

import numpy as np
import pytest

from pellucid.errors import OpticsError
from pellucid.optics import Microscope, widefield_psf
from pellucid.optics.released import ReleasedPsf, sample_released


def released(aperture: float = 1.0, **changed: Any) -> ReleasedPsf:
    given = {"excitation_nm": 470.0, "pixel_size_um": 0.1, "z_step_um": 0.12, **changed}
    return ReleasedPsf(numerical_aperture=aperture, **given)


PRESETS = [
    released(),
    released(0.4, excitation_nm=450.0, pixel_size_um=0.12, z_step_um=0.136),
    released(0.4, excitation_nm=490.0, pixel_size_um=0.08, z_step_um=0.11),
    released(0.7, excitation_nm=490.0, pixel_size_um=0.08, z_step_um=0.11),
    # Frequencies that fall on the grid exactly: 1.28 / 0.48 = 8 / 3.
    released(0.8, excitation_nm=480.0, refractive_index=1.28, z_step_um=0.125, voxels=96),
    released(1.2, excitation_nm=640.0, refractive_index=1.515, voxels=64),
    sample_released(np.random.default_rng(1)),
]


@cache
def exact_planes(preset: ReleasedPsf) -> np.ndarray:
    """The scalar integral by quadrature, same planes; each plane's light, uncut, is one."""
    scope = Microscope(
        numerical_aperture=preset.numerical_aperture,
        emission_nm=preset.excitation_nm,
        pixel_size_um=preset.pixel_size_um,
        refractive_index=preset.refractive_index,
        z_step_um=preset.z_step_um,
    )
    count = preset.voxels
    return widefield_psf(scope, (count, count, count)).astype(float) * count


def within(plane: np.ndarray, pixels: float) -> float:
    offset = np.arange(len(plane)) - len(plane) // 2
    return float(plane[np.hypot(offset[:, None], offset) <= pixels].sum(dtype=float))


def mid_band_slope(plane: np.ndarray, preset: ReleasedPsf) -> float:
    """Slope of log |FT| against log f, from 0.15 to 0.5 of the cut-off 2 NA / wavelength."""
    count = len(plane)
    frequency = np.hypot(np.fft.fftfreq(count)[:, None], np.fft.fftfreq(count)) * count
    transfer = np.abs(np.fft.fft2(np.fft.ifftshift(plane.astype(float))))
    ring = np.rint(frequency).astype(int).ravel()
    radial = np.bincount(ring, transfer.ravel()) / np.bincount(ring)
    cutoff = 2e3 * preset.numerical_aperture / preset.excitation_nm * preset.pixel_size_um * count
    rings = np.arange(np.ceil(0.15 * cutoff), 0.5 * cutoff).astype(int)
    return float(np.polyfit(np.log(rings), np.log(radial[rings]), 1)[0])


@pytest.mark.parametrize("preset", PRESETS)
def test_agrees_with_the_independent_generator(preset: ReleasedPsf) -> None:
    otf = pytest.importorskip("pyotf.otf", reason="the oracle, pyotf, is not installed")
    oracle = otf.SheppardPSF(
        wl=1e-3 * preset.excitation_nm,
        na=preset.numerical_aperture,
        ni=preset.refractive_index,
        res=preset.pixel_size_um,
        size=preset.voxels,
        zres=preset.z_step_um,
        zsize=preset.voxels,
        vec_corr="none",
    ).PSFi
    # Measured: 4e-7 of the peak, the rounding of single precision.
    np.testing.assert_allclose(preset.volume(), oracle / oracle.max(), rtol=0, atol=2e-6)
    mean = oracle.mean(axis=0)
    np.testing.assert_allclose(preset.plane(), mean / mean.max(), rtol=0, atol=2e-7)


@pytest.mark.parametrize("voxels", [64, 65])
def test_centred_symmetric_and_non_negative_with_peak_one(voxels: int) -> None:
    preset = released(0.9, voxels=voxels)
    volume, plane = preset.volume(), preset.plane()
    centre = voxels // 2
    assert volume.shape == (voxels,) * 3
    assert plane.shape == (voxels,) * 2
    for array in (volume, plane):
        assert array.dtype == np.float32
        assert array.min() >= 0
        assert array.max() == 1
        assert np.unravel_index(array.argmax(), array.shape) == (centre,) * array.ndim
    np.testing.assert_array_equal(plane, plane.T)
    # Sample n // 2 is the centre: an even field has one sample more on the low side.
    first = 1 - voxels % 2
    inner = volume[first:, first:, first:]
    for axis in range(3):
        np.testing.assert_allclose(inner, np.flip(inner, axis), atol=1e-6)


def test_plane_is_the_mean_of_the_volume_along_z() -> None:
    preset = released(0.6)
    mean = preset.volume().mean(axis=0, dtype=float)
    np.testing.assert_allclose(preset.plane(), mean / mean.max(), atol=1e-6)


def test_in_focus_width_is_near_the_airy_pattern() -> None:
    focus = released().volume()[64]
    airy = exact_planes(released())[64]
    np.testing.assert_allclose(focus, airy / airy.max(), atol=0.02)


def test_sampling_is_seeded_and_stays_in_range() -> None:
    ranges = {
        "numerical_aperture": (0.4, 1.0),
        "excitation_nm": (450.0, 490.0),
        "pixel_size_um": (0.08, 0.12),
        "z_step_um": (0.11, 0.136),
    }
    rng = np.random.default_rng(7)
    drawn = [sample_released(rng) for _ in range(400)]
    for name, (low, high) in ranges.items():
        values = np.array([getattr(preset, name) for preset in drawn])
        assert low <= values.min() < low + 0.05 * (high - low)
        assert high >= values.max() > high - 0.05 * (high - low)
        assert values.mean() == pytest.approx((low + high) / 2, abs=0.1 * (high - low))
    assert {(preset.refractive_index, preset.voxels) for preset in drawn} == {(1.33, 128)}
    again = np.random.default_rng(7)
    assert [sample_released(again) for _ in range(400)] == drawn


def test_z_average_transfers_as_one_over_frequency() -> None:
    # Measured over 200 draws: slopes -1.20 to -0.74, mean -1.05.
    assert mid_band_slope(released().plane(), released()) == pytest.approx(-1.02, abs=0.03)
    rng = np.random.default_rng(0)
    slopes = [mid_band_slope(p.plane(), p) for p in (sample_released(rng) for _ in range(60))]
    assert -1.3 < min(slopes) < max(slopes) < -0.7
    assert np.mean(slopes) == pytest.approx(-1.05, abs=0.05)


def test_one_plane_alone_transfers_far_more_evenly() -> None:
    """The 1/f, and with it the ramp of the inverse, is due to the average along z."""
    preset = released()
    assert mid_band_slope(preset.volume()[64], preset) > -0.7


def test_discretised_shell_is_far_from_the_exact_integral() -> None:
    plane = released().plane()
    exact = exact_planes(released()).mean(axis=0)
    assert within(plane, 8) / plane.sum(dtype=float) == pytest.approx(0.4385, abs=0.003)
    # Of the light in the field, and of all light; the smallest voxel gives the latter 0.20.
    assert within(exact, 8) / exact.sum() == pytest.approx(0.232, abs=0.003)
    assert within(exact, 8) == pytest.approx(0.226, abs=0.003)
    small = released(pixel_size_um=0.08, z_step_um=0.11)
    plane, exact = small.plane(), exact_planes(small).mean(axis=0)
    assert within(plane, 8) / plane.sum(dtype=float) == pytest.approx(0.417, abs=0.003)
    assert within(exact, 8) == pytest.approx(0.1995, abs=0.003)


def test_the_thick_shell_weakens_the_planes_far_from_focus() -> None:
    light = released().volume().sum(axis=(1, 2), dtype=float)
    light /= light[64]
    exact = exact_planes(released())
    assert light[32] < 0.3
    assert exact[32].sum() / exact[64].sum() > 0.97
    # Giving the exact planes that light explains nearly all of the difference.
    weighted = np.tensordot(light, exact, axes=1)
    assert within(weighted, 8) / weighted.sum() == pytest.approx(0.44, abs=0.03)


def test_is_quick() -> None:
    released(0.5).volume()
    start = time.perf_counter()
    released().volume()
    released().plane()
    assert time.perf_counter() - start < 1.5


@pytest.mark.parametrize(
    ("changed", "word"),
    [
        ({"numerical_aperture": 0.0}, "numerical_aperture = 0"),
        ({"numerical_aperture": 1.33}, "below refractive_index = 1.33"),
        ({"numerical_aperture": float("nan")}, "numerical_aperture = nan"),
        ({"refractive_index": 0.9}, "refractive_index = 0.9"),
        ({"excitation_nm": 0.47}, "nanometres"),
        ({"pixel_size_um": -0.1}, "pixel_size_um .* not -0.1"),
        ({"z_step_um": float("inf")}, "z_step_um .* not inf"),
        ({"pixel_size_um": 0.3}, "pixel_size_um = 0.3 is too coarse .* at most 0.2313"),
        ({"z_step_um": 0.2}, "z_step_um = 0.2 is too coarse .* at most 0.1739"),
        ({"voxels": 8}, "voxels = 8"),
        ({"voxels": 64.0}, "voxels = 64.0"),
        ({"numerical_aperture": 0.2, "voxels": 64}, "too shallow"),
    ],
)
def test_bad_values_are_explained(changed: dict[str, float], word: str) -> None:
    with pytest.raises(OpticsError, match=word):
        released(**{"aperture": changed.pop("numerical_aperture", 1.0), **changed})


def test_the_smallest_field_advised_works() -> None:
    with pytest.raises(OpticsError) as caught:
        released(0.2, voxels=64)
    advised = int(str(caught.value).split("at least ")[1].split()[0])
    assert released(0.2, voxels=advised).plane().max() == 1
