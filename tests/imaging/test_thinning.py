"""Splitting one recording into two: exact for whole electrons, uncorrelated for others."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.imaging.thinning import split_by_noise, split_electrons, whole_electrons

PHOTON, OFFSET = 2.5, 100.0


def test_whole_electrons_are_counted_and_others_refused() -> None:
    electrons = np.random.default_rng(0).poisson(5.0, (20, 20))
    counts = OFFSET + PHOTON * electrons
    found = whole_electrons(counts, photon=PHOTON, offset=OFFSET)
    np.testing.assert_array_equal(found, electrons)
    counts[3, 4] += 0.01 * PHOTON
    assert whole_electrons(counts, photon=PHOTON, offset=OFFSET) is None
    assert whole_electrons(counts, photon=PHOTON, offset=OFFSET + 20 * PHOTON) is None


@given(share=st.floats(0.05, 0.95), seed=st.integers(0, 99))
def test_every_electron_goes_to_one_of_the_two(share: float, seed: int) -> None:
    electrons = np.random.default_rng(seed).poisson(4.0, 500)
    first, second = split_electrons(
        electrons, photon=PHOTON, offset=OFFSET, share=share, rng=np.random.default_rng(seed)
    )
    whole = OFFSET + PHOTON * electrons
    np.testing.assert_allclose(share * first + (1 - share) * second, whole, rtol=1e-12)
    taken = (first - OFFSET) * share / PHOTON
    np.testing.assert_allclose(taken, np.rint(taken), atol=1e-9)
    assert taken.min() >= 0
    assert (taken <= electrons + 1e-9).all()


def test_parts_of_a_poisson_number_are_independent_poisson_numbers() -> None:
    rng = np.random.default_rng(1)
    electrons = rng.poisson(3.0, 400_000)
    first, second = split_electrons(electrons, photon=1.0, offset=0.0, share=0.25, rng=rng)
    one, other = 0.25 * first, 0.75 * second
    assert one.mean() == pytest.approx(one.var(), rel=0.02)
    # The one says nothing of the other, not even of its spread.
    for number in (0, 1, 2):
        given_one = other[np.rint(one) == number]
        assert given_one.mean() == pytest.approx(2.25, rel=0.02)
        assert given_one.var() == pytest.approx(2.25, rel=0.03)


@pytest.mark.parametrize("share", [0.5, 0.8])
@pytest.mark.parametrize("light", [0.0, 0.5, 40.0])
def test_parts_by_noise_are_unbiased_and_uncorrelated(share: float, light: float) -> None:
    rng = np.random.default_rng(2)
    read = 3.0
    counts = OFFSET + PHOTON * rng.poisson(light, 500_000) + read * rng.standard_normal(500_000)
    intercept = read**2 - PHOTON * OFFSET
    first, second = split_by_noise(counts, slope=PHOTON, intercept=intercept, share=share, rng=rng)
    # Where the variance is positive the noise of the two cancels.
    lit = PHOTON * counts + intercept > 0
    both = share * first + (1 - share) * second
    np.testing.assert_allclose(both[lit], counts[lit], rtol=1e-12)
    assert lit.mean() > 0.5
    for part in (first, second):
        assert part.mean() == pytest.approx(OFFSET + PHOTON * light, abs=5 * part.std() / 707)
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.008
