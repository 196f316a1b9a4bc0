import numpy as np
import pytest

from pellucid.errors import SettingsError
from pellucid.simulate import PairStream, PhysicalRegime, draw_scenes
from pellucid.simulate.cell import simulate_cell

REGIME = PhysicalRegime()


def draw(workers: int = 1, count: int = 6) -> list:
    return draw_scenes(range(count), seed=3, pixels=64, regime=REGIME, workers=workers)


def test_specimens_do_not_depend_on_the_number_of_processes() -> None:
    for one, two in zip(draw(1), draw(2), strict=True):
        np.testing.assert_array_equal(one.scene.truth, two.scene.truth)
        assert one.kinds == two.kinds


def test_a_pair_depends_on_seed_and_index_alone() -> None:
    pool = draw()
    first = PairStream(pool, regime=REGIME, seed=1, size=48)
    again = PairStream(pool, regime=REGIME, seed=1, size=48)
    other = PairStream(pool, regime=REGIME, seed=2, size=48)
    _ = first[0]
    np.testing.assert_array_equal(first[17].image, again[17].image)
    assert first[17].conditions == again[17].conditions
    assert not np.array_equal(first[17].image, other[17].image)
    images, truths = first.batch(16, 3)
    assert images.shape == truths.shape == (3, 1, 48, 48)
    np.testing.assert_array_equal(images[1, 0], again[17].image)


def test_conditions_stay_in_the_regime() -> None:
    stream = PairStream(draw(), regime=REGIME, seed=1, size=32)
    for index in range(60):
        drawn = stream[index].conditions
        assert 0.12 <= drawn["cutoff_per_pixel"] <= 0.45
        per_um = drawn["cutoff_per_pixel"] / drawn["pixel_size_um"]
        assert 1.18 * 0.999 <= per_um <= 6.44 * 1.001
        assert 30 <= drawn["peak_photons"] <= 10_000
        assert 1.0 <= drawn["read_noise_electrons"] <= 5.0


def test_image_and_truth_share_units() -> None:
    """Averaged over noise and blur, the image is the truth: same mean, same sign."""
    stream = PairStream(draw(), regime=REGIME, seed=5, size=64)
    pairs = [stream[index] for index in range(80)]
    gaps = [float(p.image.mean() - p.truth.mean()) for p in pairs]
    assert abs(np.mean(gaps)) < 0.01
    assert max(map(abs, gaps)) < 0.1


def test_a_patch_must_fit() -> None:
    with pytest.raises(SettingsError, match="65"):
        _ = PairStream(draw(), regime=REGIME, seed=1, size=65)[0]
    with pytest.raises(SettingsError, match="at least one"):
        PairStream([], regime=REGIME, seed=1)


def test_the_demonstration_cell_is_seeded_and_in_camera_counts() -> None:
    first, again = simulate_cell(3, pixels=96), simulate_cell(3, pixels=96)
    np.testing.assert_array_equal(first.recorded, again.recorded)
    assert first.recorded.min() > 80
    assert first.recorded.mean() == pytest.approx(first.truth.mean(), rel=0.01)
