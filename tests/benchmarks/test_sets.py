from collections import Counter
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from benchmarks.evaluation._oracle import (
    ensemble_power,
    problem_of,
    signal_of,
    wiener_estimate,
)
from benchmarks.evaluation._sets import CLASSES, FIRST, LEVELS, SIZE, Case, SimulatedSet

from pellucid.assess import psnr


@pytest.fixture(scope="module")
def physical() -> list[Case]:
    return [SimulatedSet("physical")[i] for i in range(10)]


@pytest.fixture(scope="module")
def released() -> list[Case]:
    return [SimulatedSet("released")[i] for i in range(5)]


def test_a_set_is_the_same_every_time(physical: list[Case], released: list[Case]) -> None:
    for name, cases in (("physical", physical), ("released", released)):
        again = SimulatedSet(name)[3]
        assert again.sha256 == cases[3].sha256
        assert again.conditions == cases[3].conditions
    assert len({case.sha256 for case in (*physical, *released)}) == 15


def test_classes_come_equally_often_and_specimens_were_never_trained_on(
    physical: list[Case],
) -> None:
    assert FIRST > 1_000_000 + 100_000
    assert set(Counter(case.specimen_class for case in physical).values()) == {2}
    assert [case.conditions["kind"] for case in physical] == list(CLASSES)
    numbers = [int(str(case.conditions["specimen"]).rpartition("/")[2]) for case in physical]
    assert numbers == list(range(FIRST, FIRST + 10))
    for case in physical:
        assert LEVELS[0] <= case.conditions["peak_photons"] <= LEVELS[-1]
        low, _, high = (case.level or "").partition(" to ")
        assert float(low) <= case.conditions["peak_photons"] <= float(high)


def test_the_oracle_knows_the_noise_of_physical_images(physical: list[Case]) -> None:
    for case in physical:
        one = problem_of(case)
        specimen = np.zeros(one.grid, dtype=np.float32)
        specimen[:SIZE, :SIZE] = signal_of(case)
        expected = one.forward(specimen) + one.background
        # Far from the frame, where light from beyond it hardly reaches.
        inner = slice(48, 80)
        left = (one.image - expected)[inner, inner] / np.sqrt(expected[inner, inner])
        if case.specimen_class != "bodies":  # whose light from afar does
            assert left.std() == pytest.approx(1.0, abs=0.15)


def test_the_oracle_knows_the_noise_of_released_images(released: list[Case]) -> None:
    for case in released:
        one = problem_of(case)
        specimen = np.zeros(one.grid, dtype=np.float32)
        specimen[:SIZE, :SIZE] = case.truth
        left = one.image - one.forward(specimen)
        assert one.variance is not None
        assert left.std() == pytest.approx(np.sqrt(one.variance), rel=0.05)
        assert abs(left.mean()) < 0.1 * left.std()


def test_the_linear_estimate_is_better_than_the_image(physical: list[Case]) -> None:
    gains = []
    for case in physical:
        estimate = wiener_estimate(case, ensemble_power([case]))
        gains.append(psnr(estimate, case.truth, fit=True) - psnr(case.image, case.truth, fit=True))
    assert min(gains) > 0
    assert np.mean(gains) > 1.0


def test_light_goes_back_to_the_units_of_the_image(
    physical: list[Case], released: list[Case]
) -> None:
    for case in (physical[0], released[0]):
        light = signal_of(case).astype(np.float32)
        assert psnr(case.to_image_units(light), case.truth) > 90
    assert released[0].image.min() == 0
    assert released[0].image.max() == 1
    assert 0 < released[0].cutoff_per_pixel < 0.5


def test_the_mean_spectrum_holds_the_variance() -> None:
    rng = np.random.default_rng(0)
    cases = [
        Case("released", i, "points", image, image, {"kind": "points"})
        for i in range(8)
        if (image := rng.standard_normal((SIZE, SIZE)).astype(np.float32)) is not None
    ]
    # White noise of any variance: one at every frequency.
    np.testing.assert_allclose(ensemble_power(cases)[8:40, 8:40], 1.0, atol=0.2)


def test_natural_pictures_are_a_class_of_their_own(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)
    (tmp_path / "a.png").write_bytes(
        imagecodecs.png_encode(np.kron(picture, np.ones((4, 4), "u1")))
    )
    case = SimulatedSet("physical", tmp_path)[0]
    assert case.specimen_class == "pictures"
    assert case.recorded.shape == (SIZE, SIZE)
