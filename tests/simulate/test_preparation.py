"""What owners do to images, and what light does."""

import numpy as np
import pytest

from pellucid.simulate import (
    Instrument,
    PairStream,
    PhysicalRegime,
    Preparation,
    ProceduralSource,
)
from pellucid.simulate._preparation import bin_mean, enlarge, uneven_field

FINE = Instrument(
    pixel_size_um=(0.05, 0.08), cutoff_per_pixel=(0.12, 0.2), peak_photons=(200.0, 200.0)
)


def stream(preparation: Preparation, instrument: Instrument = FINE, **options: float) -> PairStream:
    regime = PhysicalRegime(instrument=instrument, preparation=preparation)
    source = ProceduralSource(needs=regime.needs, seed=1, pixels=96, **options)
    return PairStream(source, regime=regime, seed=2, size=64, scenes=range(4))


def power_beyond(image: np.ndarray, cut: float) -> float:
    spectrum = np.abs(np.fft.fft2(image - image.mean())) ** 2
    frequency = np.hypot(np.fft.fftfreq(len(image))[:, None], np.fft.fftfreq(len(image)))
    return float(spectrum[frequency > cut].mean())


def test_enlarged_images_hold_little_noise_beyond_half_the_sampling() -> None:
    plain = stream(Preparation())
    enlarged = stream(Preparation(upsampled=1.0))
    for index in range(4):
        pair = enlarged[index]
        assert pair.conditions["upsampled"] == 1
        assert power_beyond(pair.image, 0.4) < 0.3 * power_beyond(plain[index].image, 0.4)
        np.testing.assert_array_equal(
            plain[index].conditions["specimen"], pair.conditions["specimen"]
        )


def test_images_sampled_too_coarsely_are_not_enlarged() -> None:
    coarse = Instrument(cutoff_per_pixel=(0.3, 0.45))
    pairs = stream(Preparation(upsampled=1.0), coarse)
    assert not any(pairs[index].conditions["upsampled"] for index in range(8))


def test_enlarging_keeps_place_and_mean() -> None:
    y, x = np.mgrid[:32, :32]
    smooth = np.exp(-((y - 14.2) ** 2 + (x - 17.6) ** 2) / 30).astype(np.float32)
    for seed in range(4):  # lines and cubics
        again = enlarge(bin_mean(smooth), np.random.default_rng(seed))
        assert again.shape == smooth.shape
        assert again.mean() == pytest.approx(smooth.mean(), rel=1e-3)
        for axis in (0, 1):
            profile = np.arange(32) @ again.sum(axis=1 - axis) / again.sum()
            expected = np.arange(32) @ smooth.sum(axis=1 - axis) / smooth.sum()
            assert profile == pytest.approx(expected, abs=0.02)


def test_uneven_light_is_smooth_positive_and_of_the_stated_spread() -> None:
    spreads = []
    for seed in range(20):
        field = uneven_field(np.random.default_rng(seed), 128, (0.4, 0.4))
        assert field.shape == (128, 128)
        assert field.min() > 0
        steps = np.abs(np.diff(np.log(field), axis=0))
        assert steps.max() < 0.1
        spreads.append(np.log(field).std())
    assert np.mean(spreads) == pytest.approx(0.4, abs=0.1)
    flat = uneven_field(np.random.default_rng(0), 64, (-0.5, 0.0))
    np.testing.assert_array_equal(flat, 1.0)


def test_haze_can_be_left_out_of_the_truth() -> None:
    span = {"haze_fraction": (0.5, 0.5), "haze_sigma_pixels": (8.0, 8.0)}
    kept, removed = (stream(Preparation(**span, haze_kept=flag)) for flag in (True, False))
    none = stream(Preparation())
    for index in range(3):
        a, b, c = (s.acquisition(index) for s in (kept, removed, none))
        # The same image, another truth.
        np.testing.assert_array_equal(a.recorded, b.recorded)
        assert np.median(b.truth / b.truth.max()) < np.median(a.truth / a.truth.max())
        # Without haze the truth is what it was, in other photons.
        assert np.corrcoef(b.truth.ravel(), c.truth.ravel())[0, 1] > 1.0 - 1e-5
        assert np.corrcoef(a.truth.ravel(), c.truth.ravel())[0, 1] < 1.0 - 1e-3


def test_a_veil_of_diffuse_dye_lies_beside_the_rest() -> None:
    options = {"others": 0.0, "kinds": ("filaments",)}
    needs = PhysicalRegime().needs
    for veil, expected in ((0.0, ("filaments",)), (1.0, ("filaments", "diffuse"))):
        source = ProceduralSource(needs=needs, seed=1, pixels=64, veil=veil, **options)
        assert source.draw(3).kinds == expected
