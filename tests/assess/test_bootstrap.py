import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, norm

from pellucid.assess.bootstrap import bootstrap_interval, paired_difference
from pellucid.errors import SettingsError


def test_of_normal_values_the_interval_is_the_textbook_one() -> None:
    values = np.random.default_rng(0).normal(30.0, 2.0, 400)
    found = bootstrap_interval(values, resamples=20_000, seed=1)
    half = norm.ppf(0.975) * values.std() / np.sqrt(len(values))
    assert found.mean == pytest.approx(values.mean(), rel=1e-12)
    assert found.low == pytest.approx(values.mean() - half, abs=0.02 * half + 1e-3)
    assert found.high == pytest.approx(values.mean() + half, abs=0.02 * half + 1e-3)
    assert found.count == 400


def test_of_zeros_and_ones_it_is_that_of_the_binomial_distribution() -> None:
    values = np.repeat([0.0, 1.0], [140, 60])
    found = bootstrap_interval(values, level=0.9, resamples=50_000, seed=2)
    low, high = binom.ppf([0.05, 0.95], 200, 0.3) / 200
    assert found.low == pytest.approx(low, abs=1.01 / 200)
    assert found.high == pytest.approx(high, abs=1.01 / 200)


def test_it_covers_the_mean_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    covered = 0
    for trial in range(400):
        found = bootstrap_interval(rng.exponential(1.0, 80), level=0.8, resamples=300, seed=trial)
        covered += found.low <= 1.0 <= found.high
    assert 0.72 < covered / 400 < 0.86


@given(gain=st.floats(0.01, 100), offset=st.floats(-1e3, 1e3))
def test_it_follows_the_units(gain: float, offset: float) -> None:
    values = np.random.default_rng(4).random(30)
    one = bootstrap_interval(values, resamples=200)
    other = bootstrap_interval(gain * values + offset, resamples=200)
    for name in ("mean", "low", "high"):
        expected = gain * getattr(one, name) + offset
        assert getattr(other, name) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_pairing_takes_out_what_both_share() -> None:
    rng = np.random.default_rng(5)
    hard, noise = rng.normal(30, 5, 300), rng.normal(0, 0.1, 300)
    difference = paired_difference(hard + 0.2 + noise, hard)
    assert difference.mean == pytest.approx(0.2, abs=0.03)
    assert difference.high - difference.low < 0.05
    assert not difference.includes_zero
    assert paired_difference(hard + noise, hard).includes_zero
    alone = bootstrap_interval(hard)
    assert alone.high - alone.low > 0.5


def test_the_seed_decides() -> None:
    values = np.random.default_rng(6).random(50)
    assert bootstrap_interval(values, seed=1) == bootstrap_interval(values, seed=1)
    assert bootstrap_interval(values, seed=1) != bootstrap_interval(values, seed=2)


def test_many_values_are_drawn_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(7).random(64)
    monkeypatch.setattr("pellucid.assess.bootstrap._CHUNK", 1000)
    parts = bootstrap_interval(values, resamples=5000, seed=3)
    half = norm.ppf(0.975) * values.std() / 8
    assert parts.high - parts.low == pytest.approx(2 * half, rel=0.05)


def test_what_cannot_be_resampled_is_explained() -> None:
    with pytest.raises(SettingsError, match="at least two values"):
        bootstrap_interval([1.0])
    with pytest.raises(SettingsError, match=r"not shape \(2, 2\)"):
        bootstrap_interval(np.ones((2, 2)))
    with pytest.raises(SettingsError, match="Value 1 is nan"):
        bootstrap_interval([1.0, np.nan])
    with pytest.raises(SettingsError, match=r"between 0 and 1, not 95"):
        bootstrap_interval([1.0, 2.0], level=95)
    with pytest.raises(SettingsError, match="100 resamples, not 5"):
        bootstrap_interval([1.0, 2.0], resamples=5)
    with pytest.raises(SettingsError, match="same images"):
        paired_difference([1.0, 2.0], [1.0, 2.0, 3.0])
