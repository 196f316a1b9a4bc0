from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pellucid.errors import ImageError, SettingsError
from pellucid.imaging._draws import gamma
from pellucid.imaging.camera import CAMERAS, Camera

LIBRARIES = ["numpy", "torch"]


def even(library: str, photons: float, shape: tuple[int, ...] = (300, 300)) -> Any:
    """An even exposure, as an array of the library."""
    array = np.full(shape, photons, dtype=np.float32)
    return array if library == "numpy" else pytest.importorskip("torch").from_numpy(array)


def generator(library: str, seed: int = 0) -> Any:
    if library == "numpy":
        return np.random.default_rng(seed)
    return pytest.importorskip("torch").Generator().manual_seed(seed)


def recorded(camera: Camera, library: str, photons: float, **kwargs: Any) -> np.ndarray:
    """A recording of an even exposure in float64, for statistics."""
    counts = camera.record(even(library, photons, **kwargs), generator(library))
    assert type(counts).__module__ == library
    assert str(counts.dtype).endswith("float32")
    return np.asarray(counts, dtype=np.float64)


def assert_variance(values: np.ndarray, expected: float) -> None:
    """The variance agrees within four of its own standard errors."""
    error = np.sqrt((stats.kurtosis(values, axis=None) + 2.0) / values.size)
    assert values.var() == pytest.approx(expected, rel=4 * error)


def assert_mean(values: np.ndarray, expected: float) -> None:
    assert values.mean() == pytest.approx(expected, abs=4 * values.std() / np.sqrt(values.size))


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("photons", [0.3, 8.0, 300.0, 20_000.0])
def test_shot_noise_has_the_variance_of_its_mean(library: str, photons: float) -> None:
    values = recorded(Camera(), library, photons)
    assert_mean(values, photons)
    assert_variance(values, photons)


@pytest.mark.parametrize("library", LIBRARIES)
def test_shot_noise_is_poissonian(library: str) -> None:
    values = recorded(Camera(), library, 4.0)
    seen = np.bincount(values.astype(int).ravel(), minlength=15)
    law = stats.poisson(4.0)
    expected = law.pmf(np.arange(14)) * values.size
    merged = np.append(seen[:14], seen[14:].sum())
    assert stats.chisquare(merged, np.append(expected, law.sf(13) * values.size)).pvalue > 1e-3


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("name", CAMERAS)
@pytest.mark.parametrize("photons", [0.0, 3.0, 500.0])
def test_recordings_have_the_mean_and_variance_that_are_stated(
    library: str, name: str, photons: float
) -> None:
    camera = Camera.preset(name)
    values = recorded(camera, library, photons)
    assert_mean(values, float(camera.expected_counts(photons)))
    assert_variance(values, float(camera.variance_counts(photons)))


def test_what_is_stated_is_the_textbook() -> None:
    camera = Camera(
        gain_electrons_per_count=0.5,
        offset_counts=100,
        read_noise_electrons=2.0,
        quantum_efficiency=0.8,
    )
    assert camera.expected_counts(50.0) == pytest.approx(100 + 0.8 * 50 / 0.5)
    assert camera.variance_counts(50.0) == pytest.approx((0.8 * 50 + 2.0**2) / 0.5**2)


@pytest.mark.parametrize("library", LIBRARIES)
def test_multiplication_doubles_the_variance_of_shot_noise(library: str) -> None:
    camera = Camera(multiplication_gain=200.0)
    values = recorded(camera, library, 40.0)
    assert_mean(values, 40.0 * 200)
    assert_variance(values, 2 * 40.0 * 200**2)


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("electrons", [1, 2, 30, 4000])
def test_the_register_draws_from_the_gamma_distribution(library: str, electrons: int) -> None:
    values = np.asarray(gamma(even(library, electrons, (200, 200)), generator(library, 5)))
    assert values.dtype == np.float32
    assert stats.kstest(values.ravel(), stats.gamma(electrons).cdf).pvalue > 1e-3
    assert not np.asarray(gamma(even(library, 0.0), generator(library))).any()


@pytest.mark.parametrize("library", LIBRARIES)
def test_read_noise_is_gaussian(library: str) -> None:
    values = recorded(Camera(read_noise_electrons=3.0), library, 0.0)
    assert stats.kstest(values.ravel(), stats.norm(0, 3.0).cdf).pvalue > 1e-3


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_converter_rounds_and_clips(library: str) -> None:
    camera = Camera(offset_counts=3.0, read_noise_electrons=5.0, bit_depth=8)
    values = recorded(camera, library, 100.0)
    np.testing.assert_array_equal(values, np.rint(values))
    assert recorded(camera, library, 0.0).min() == 0
    assert recorded(camera, library, 5000.0).min() == 255 == recorded(camera, library, 300.0).max()


def test_rounding_adds_a_twelfth() -> None:
    dark = Camera(read_noise_electrons=0.6, offset_counts=10.3)
    rounded = Camera(read_noise_electrons=0.6, offset_counts=10.3, bit_depth=12)
    assert_variance(recorded(rounded, "numpy", 0.0), 0.36 + 1 / 12)
    assert rounded.variance_counts(0.0) - dark.variance_counts(0.0) == pytest.approx(1 / 12)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_full_pixel_holds_no_more(library: str) -> None:
    camera = Camera(full_well_electrons=1000, gain_electrons_per_count=2.0, offset_counts=50)
    assert (recorded(camera, library, 5000.0) == 550).all()
    half_full = recorded(camera, library, 1000.0)
    assert half_full.max() == 550
    assert 0.4 < (half_full == 550).mean() < 0.6


def test_hot_pixels_belong_to_the_sensor() -> None:
    camera = Camera(hot_pixel_fraction=0.01, hot_pixel_electrons=400.0, hot_pixel_seed=7)
    y, x, electrons = camera.hot_pixels((300, 300))
    assert len(set(zip(y.tolist(), x.tolist(), strict=True))) == len(y)
    assert len(y) == pytest.approx(900, abs=4 * 30)
    assert stats.kstest(electrons, stats.expon(0, 400).cdf).pvalue > 1e-3

    stack = camera.record(np.full((50, 300, 300), 2.0), np.random.default_rng(1))
    cold = np.ones((300, 300), dtype=bool)
    cold[y, x] = False
    assert_mean(stack[:, cold], 2.0)
    seen = stack[:, y, x].astype(float)
    np.testing.assert_allclose(seen.mean(0), electrons + 2, atol=5 * np.sqrt(electrons.max() / 50))
    assert (seen.var(0, ddof=1) / (electrons + 2)).mean() == pytest.approx(1.0, abs=0.03)

    torch = pytest.importorskip("torch")
    other = camera.record(torch.zeros(300, 300), torch.Generator().manual_seed(3)).numpy()
    assert (other[y, x] > 0).mean() > 0.98
    assert not other[cold].any()


@pytest.mark.parametrize("library", LIBRARIES)
def test_without_a_seed_every_recording_has_its_own_hot_pixels(library: str) -> None:
    camera = Camera(hot_pixel_fraction=0.01, hot_pixel_electrons=400.0)
    rng = generator(library)
    first, second = (
        np.asarray(camera.record(even(library, 0.0, (2, 200, 200)), rng)) for _ in range(2)
    )
    assert 0.006 < (first[0] > 0).mean() < 0.014
    assert ((first[0] > 0) == (first[1] > 0)).mean() > 0.999  # exposures of one sensor
    assert ((first[0] > 0) == (second[0] > 0)).mean() < 0.99
    with pytest.raises(SettingsError, match="hot_pixel_seed"):
        camera.hot_pixels((200, 200))


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_seed_repeats_a_recording(library: str) -> None:
    camera = Camera.preset("EMCCD")
    first, second, third = (
        np.asarray(camera.record(even(library, 20.0), generator(library, seed)))
        for seed in (4, 4, 5)
    )
    np.testing.assert_array_equal(first, second)
    assert (first != third).mean() > 0.9


@settings(max_examples=50, deadline=None)
@given(
    gain=st.floats(0.05, 20),
    offset=st.floats(-200, 2000),
    efficiency=st.floats(0.05, 1),
    multiplication=st.none() | st.floats(1, 1000),
    photons=st.lists(st.floats(0, 1e5), min_size=1, max_size=8),
)
def test_photons_come_back_from_their_expected_counts(
    gain: float,
    offset: float,
    efficiency: float,
    multiplication: float | None,
    photons: list[float],
) -> None:
    camera = Camera(
        gain_electrons_per_count=gain,
        offset_counts=offset,
        quantum_efficiency=efficiency,
        multiplication_gain=multiplication,
    )
    given_ = np.array(photons)
    back = camera.to_photons(camera.expected_counts(given_))
    assert back.dtype == np.float32
    resolution = (abs(offset) / camera.counts_per_photon + given_) * 1e-6
    assert (np.abs(back - given_) <= resolution + 1e-6).all()


@pytest.mark.parametrize("library", LIBRARIES)
def test_photons_are_told_from_counts_without_bias(library: str) -> None:
    camera = Camera.preset("sCMOS")
    counts = camera.record(even(library, 25.0), generator(library))
    assert_mean(np.asarray(camera.to_photons(counts), dtype=float), 25.0)
    as_files_hold_them = np.asarray(counts).astype(np.uint16)
    np.testing.assert_array_equal(
        camera.to_photons(as_files_hold_them), np.asarray(camera.to_photons(counts))
    )


def test_gradients_pass_the_expected_counts() -> None:
    torch = pytest.importorskip("torch")
    camera = Camera.preset("sCMOS")
    photons = torch.full((3,), 5.0, requires_grad=True)
    camera.expected_counts(photons).sum().backward()
    np.testing.assert_allclose(photons.grad.numpy(), camera.counts_per_photon, rtol=1e-6)
    assert not camera.record(photons, torch.Generator()).requires_grad


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"gain_electrons_per_count": 0.0}, "gain_electrons_per_count .* above 0, not 0.0"),
        ({"gain_electrons_per_count": float("nan")}, "above 0, not nan"),
        ({"offset_counts": float("inf")}, "offset_counts .* finite"),
        ({"read_noise_electrons": -1.0}, "read_noise_electrons .* at least 0"),
        ({"quantum_efficiency": 1.2}, "quantum_efficiency .* at most 1, not 1.2"),
        ({"quantum_efficiency": 0.0}, "above 0"),
        ({"bit_depth": 32}, "bit_depth .* 1 to 24, not 32"),
        ({"bit_depth": 12.5}, "whole number"),
        ({"full_well_electrons": 0.0}, "full_well_electrons"),
        ({"hot_pixel_fraction": 1.0}, "hot_pixel_fraction .* below 1"),
        ({"hot_pixel_fraction": 0.1}, "both a fraction and their electrons"),
        ({"hot_pixel_electrons": 10.0}, "both a fraction and their electrons"),
        ({"hot_pixel_seed": -1}, "hot_pixel_seed"),
        ({"multiplication_gain": 0.5}, "multiplication_gain .* at least 1"),
    ],
)
def test_impossible_cameras_are_named(values: dict[str, Any], match: str) -> None:
    with pytest.raises(SettingsError, match=match):
        Camera(**values)


def test_unknown_presets_are_answered_with_the_known_ones() -> None:
    with pytest.raises(SettingsError, match=r"sCMOS, .*EMCCD"):
        Camera.preset("webcam")


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(
    ("value", "match"),
    [
        (-0.5, "negative, but the least is -0.5"),
        (float("nan"), "finite"),
        (float("inf"), "finite"),
        (1e16, "1e\\+16 photons"),
    ],
)
def test_impossible_photons_are_named(library: str, value: float, match: str) -> None:
    photons = even(library, 1.0, (4, 4))
    photons[1, 2] = value
    for use in (
        lambda: Camera().record(photons, generator(library)),
        lambda: Camera().expected_counts(photons),
        lambda: Camera().variance_counts(photons),
    ):
        with pytest.raises(ImageError, match=match):
            use()


def test_other_bad_operands_are_named() -> None:
    torch = pytest.importorskip("torch")
    with pytest.raises(SettingsError, match=r"numpy.random.Generator as rng, not a Generator"):
        Camera().record(np.ones((3, 3)), torch.Generator())
    with pytest.raises(SettingsError, match=r"torch.Generator"):
        Camera().record(torch.ones(3, 3), np.random.default_rng(0))
    with pytest.raises(ImageError, match="no pixel"):
        Camera().record(np.ones((0, 3)), np.random.default_rng(0))
    with pytest.raises(ImageError, match="real numbers, not complex128"):
        Camera().to_photons(np.ones(3, dtype=complex))
    with pytest.raises(ImageError, match="Counts must be finite"):
        Camera().to_photons(np.array([1.0, np.nan]))
    hot = Camera(hot_pixel_fraction=0.1, hot_pixel_electrons=10)
    with pytest.raises(ImageError, match=r"\(\.\.\., y, x\), not \(5,\)"):
        hot.record(np.ones(5), np.random.default_rng(0))
