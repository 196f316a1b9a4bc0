"""Every regime draws within its ranges and forms images as it says."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.signal import convolve2d

from pellucid.errors import SettingsError
from pellucid.imaging.intensity import estimate_scale
from pellucid.optics import sample_released
from pellucid.simulate import (
    REGIMES,
    Instrument,
    PairStream,
    PaperRegime,
    PhysicalRegime,
    Preparation,
    ProceduralSource,
    Regime,
    ReleasedRegime,
    ThickRegime,
    named_regime,
)


def stream(regime: Regime, size: int = 48, **kwargs: object) -> PairStream:
    source = ProceduralSource(needs=regime.needs, seed=3, pixels=64, **kwargs)
    return PairStream(source, regime=regime, seed=1, size=size)


@pytest.mark.parametrize("name", REGIMES)
def test_pairs_are_finite_float32_and_replayed_from_their_number(name: str) -> None:
    pairs = stream(REGIMES[name])
    again = stream(REGIMES[name])
    for index in (4, 0):
        pair = pairs[index]
        assert pair.image.shape == pair.truth.shape == (48, 48)
        assert pair.image.dtype == pair.truth.dtype == np.float32
        assert np.isfinite(pair.image).all()
        np.testing.assert_array_equal(pair.image, again[index].image)
        made = again.acquisition(index)
        assert made.recorded.dtype == made.clean.dtype == made.truth.dtype == np.float32
        assert made.conditions.items() <= pair.conditions.items()
        assert pair.conditions["seed"] == 1
        assert pair.conditions["index"] == index
    assert not np.array_equal(pairs[0].image, pairs[1].image)


def test_physical_conditions_stay_in_their_ranges_and_belong_together() -> None:
    pairs = stream(PhysicalRegime(), 16)
    seen = [pairs.acquisition(index) for index in range(60)]
    for made in seen:
        c, scope = made.conditions, made.microscope
        assert scope is not None
        assert 0.4 * 0.999 <= scope.numerical_aperture <= 1.45 * 1.001
        assert 450 * 0.999 <= scope.emission_nm <= 680 * 1.001
        assert 0.12 * 0.999 <= scope.cutoff_per_pixel <= 0.45 * 1.001
        assert scope.refractive_index is not None
        assert scope.numerical_aperture < scope.refractive_index
        assert c["cutoff_per_pixel"] == scope.cutoff_per_pixel
        assert 100 <= c["peak_photons"] <= 10_000
        assert 1 <= c["read_noise_electrons"] <= 5
    apertures = [m.conditions["numerical_aperture"] for m in seen]
    assert min(apertures) < 0.6
    assert max(apertures) > 1.2


def test_physical_counts_are_the_photons_through_the_camera() -> None:
    """Averaged over noise, counts are offset plus photons over gain; the truth holds the light."""
    pairs = stream(PhysicalRegime(), 64)
    gaps, lights = [], []
    for index in range(30):
        made = pairs.acquisition(index)
        c = made.conditions
        expected = c["offset_counts"] + made.clean / c["gain_electrons_per_count"]
        noise = np.sqrt(made.clean + c["read_noise_electrons"] ** 2)
        noise = np.hypot(noise / c["gain_electrons_per_count"], 1 / np.sqrt(12))
        gaps.append(float(((made.recorded - expected) / noise).mean()) * 64)
        spread = float(((made.recorded - expected) / noise).std())
        assert spread == pytest.approx(1.0, abs=0.06)
        # The whole torus is in view, so that blur moves light but loses none.
        lights.append(float(made.clean.sum() / made.truth.sum()))
        assert np.all(made.recorded == np.rint(made.recorded))
        in_counts = c["offset_counts"] + made.truth / c["gain_electrons_per_count"]
        np.testing.assert_allclose(made.in_counts, in_counts, rtol=1e-5)
    assert abs(np.mean(gaps)) < 0.8  # standard error 1 / sqrt(30)
    np.testing.assert_allclose(lights, 1.0, atol=0.01)


def test_physical_image_and_truth_share_one_scale() -> None:
    pairs = stream(PhysicalRegime(), 64)
    pair, made = pairs[2], pairs.acquisition(2)
    scale = estimate_scale(made.recorded)
    # A pair is also turned: compare what turning does not change.
    np.testing.assert_allclose(
        np.sort(pair.image, axis=None), np.sort(scale.normalise(made.recorded), axis=None)
    )
    np.testing.assert_allclose(
        np.sort(pair.truth, axis=None), np.sort(scale.normalise(made.in_counts), axis=None)
    )


def test_preparation_smooths_veils_and_shifts() -> None:
    plain = stream(PhysicalRegime(), 48)
    shifted = stream(PhysicalRegime(preparation=Preparation(offset_error=(0.2, 0.2))), 48)
    # Nothing else is drawn differently, so that image and truth differ by the shift alone.
    np.testing.assert_allclose(shifted[0].image, plain[0].image + 0.2, atol=1e-5)
    np.testing.assert_allclose(shifted[0].truth, plain[0].truth + 0.2, atol=1e-5)
    hazy = Preparation(haze_fraction=(0.5, 0.5), smoothing_pixels=(0.8, 0.8))
    made = stream(PhysicalRegime(preparation=hazy), 48).acquisition(0)
    assert made.conditions["haze_fraction"] == 0.5
    before = plain.acquisition(0)
    high = [np.diff(a.recorded / np.ptp(a.clean), axis=1).std() for a in (before, made)]
    assert high[1] < high[0]


def test_thick_truth_is_what_lies_in_focus() -> None:
    regime = ThickRegime(
        planes=6, depth_um=(4.0, 4.0), instrument=Instrument(emission_nm=(500, 550))
    )
    pairs = stream(regime, 64, kinds=("points",))
    shares = []
    for index in range(12):
        made = pairs.acquisition(index)
        c = made.conditions
        assert c["depth_of_field_um"] == pytest.approx(
            1e-3 * c["refractive_index"] * c["emission_nm"] / c["numerical_aperture"] ** 2
        )
        light = made.truth.sum() - 64**2 * c["background_photons"]
        all_light = made.clean.sum() - 64**2 * c["background_photons"]
        shares.append((c["depth_of_field_um"], light / all_light))
    shares.sort()
    assert all(0 < share < 1.01 for _, share in shares)
    # The shallower the depth of field, the less of the light is in focus.
    assert np.mean([s for _, s in shares[:4]]) < np.mean([s for _, s in shares[-4:]])


def test_thick_needs_a_volume() -> None:
    flat = ProceduralSource(needs=PhysicalRegime().needs, seed=0, pixels=64)
    with pytest.raises(SettingsError, match="plane"):
        _ = PairStream(flat, regime=ThickRegime(), seed=0, size=32)[0]


def test_paper_noise_is_as_printed() -> None:
    pairs = stream(PaperRegime(), 64)
    for index in range(20):
        made = pairs.acquisition(index)
        c = made.conditions
        assert 0.4 <= c["numerical_aperture"] <= 1.0
        assert 450 <= c["excitation_nm"] <= 490
        assert 450 <= c["emission_nm"] <= 600
        assert c["refractive_index"] == 1.33
        assert 0.01 <= c["sigma"] <= 0.05
        assert 0.01 <= c["lambda"] <= 0.05
        assert made.clean.min() == made.truth.min() == 0
        assert made.clean.max() == made.truth.max() == 1
        noise = made.recorded - made.clean
        count = noise.size
        variance = c["sigma"] ** 2 + c["lambda"]
        assert abs(noise.mean() - c["lambda"]) < 5 * np.sqrt(variance / count)
        assert noise.var() == pytest.approx(variance, rel=0.5)
        pair = pairs[index]
        assert (pair.image.min(), pair.image.max()) == (0, 1)
        assert (pair.truth.min(), pair.truth.max()) == (0, 1)


def test_the_other_reading_of_poisson_is_shot_noise() -> None:
    regime = PaperRegime(poisson="shot", sigma=(0.0, 0.0), lam=(0.05, 0.05))
    made = stream(regime, 64).acquisition(1)
    photons = made.recorded / 0.05
    np.testing.assert_allclose(photons, np.rint(photons), atol=1e-3)
    residual = (made.recorded - made.clean) / np.sqrt(0.05 * np.maximum(made.clean, 1e-3))
    assert residual[made.clean > 0.1].std() == pytest.approx(1.0, abs=0.15)
    with pytest.raises(SettingsError, match="'gauss'"):
        PaperRegime(poisson="gauss")  # type: ignore[arg-type]


def test_released_blur_is_the_zero_extended_same_convolution() -> None:
    regime = ReleasedRegime(sigma=(0.0, 0.0))
    made = stream(regime, 40).acquisition(0)
    psf = sample_released(np.random.default_rng([0, made.conditions["psf"]])).plane()
    full = convolve2d(made.truth.astype(float), psf.astype(float), mode="full")
    expected = full[64:104, 64:104]
    expected = (expected - expected.min()) / np.ptp(expected)
    np.testing.assert_allclose(made.clean, expected, atol=2e-5)
    np.testing.assert_array_equal(made.recorded, made.clean)


def test_released_images_darken_towards_the_border_and_carry_half_the_noise() -> None:
    regime = ReleasedRegime(sigma=(0.05, 0.05))
    pairs = stream(regime, 64, kinds=("diffuse", "network"))
    made = [pairs.acquisition(index) for index in range(12)]
    border, middle = [], []
    for m in made:
        noise = m.recorded - m.clean
        assert noise.std() == pytest.approx(0.025, rel=0.05)
        ratio = m.clean / np.maximum(m.truth, 0.05)
        border.append(np.median(np.concatenate([ratio[0], ratio[-1], ratio[:, 0], ratio[:, -1]])))
        middle.append(np.median(ratio[24:40, 24:40]))
    assert np.mean(border) < 0.75 * np.mean(middle)


def test_regimes_have_names() -> None:
    assert isinstance(named_regime("thick"), ThickRegime)
    with pytest.raises(SettingsError, match="paper, released, physical, thick"):
        named_regime("perfect")
    with pytest.raises(SettingsError, match="psfs"):
        ReleasedRegime(psfs=0)


def test_a_patch_must_fit_and_a_lens_must_exist() -> None:
    with pytest.raises(SettingsError, match="65"):
        _ = stream(PhysicalRegime(), 65)[0]
    coarse = replace(PhysicalRegime(), instrument=Instrument(pixel_size_um=(2.0, 2.0)))
    with pytest.raises(SettingsError, match="2 um"):
        _ = stream(coarse, 32)[0]
