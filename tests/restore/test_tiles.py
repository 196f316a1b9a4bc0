import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.errors import SettingsError
from pellucid.restore.tiles import TilePlan, plan_axis


@settings(max_examples=100, deadline=None)
@given(
    blocks=st.integers(1, 60),
    multiple=st.sampled_from([1, 4, 16]),
    reach=st.integers(0, 40),
    extra=st.integers(0, 8),
)
def test_weights_sum_to_one_and_see_far_enough(
    blocks: int, multiple: int, reach: int, extra: int
) -> None:
    length = blocks * multiple
    halo = -(-reach // multiple) * multiple
    tile = 2 * halo + (2 + extra) * multiple
    segments = plan_axis(length, tile=tile, reach=reach, multiple=multiple)
    total = np.zeros(length)
    for segment in segments:
        assert segment.start % multiple == segment.stop % multiple == 0
        assert 0 <= segment.start < segment.stop <= length
        assert segment.stop - segment.start <= max(tile, 0)
        total[segment.start : segment.stop] += segment.weight
        used = np.flatnonzero(segment.weight) + segment.start
        assert segment.start == 0 or used.min() - segment.start >= reach
        assert segment.stop == length or segment.stop - 1 - used.max() >= reach
    np.testing.assert_allclose(total, 1.0, atol=1e-6)


def test_blending_a_method_that_changes_nothing_changes_nothing() -> None:
    plane = np.random.default_rng(0).random((96, 160)).astype(np.float32)
    rows, columns = (plan_axis(n, tile=64, reach=10, multiple=8) for n in plane.shape)
    plan = TilePlan(rows, columns)
    steps: list[int] = []
    result = plan.blend(plane, lambda tile: tile, lambda: steps.append(1))
    np.testing.assert_allclose(result, plane, atol=1e-6)
    assert len(steps) == len(plan) > 4


def test_a_local_method_gives_the_same_in_tiles() -> None:
    from scipy.ndimage import gaussian_filter

    plane = np.random.default_rng(1).random((128, 96)).astype(np.float32)

    def method(tile: np.ndarray) -> np.ndarray:
        return gaussian_filter(tile, 2.0, truncate=4.0, mode="constant")

    rows, columns = (plan_axis(n, tile=48, reach=9, multiple=4) for n in plane.shape)
    np.testing.assert_allclose(
        TilePlan(rows, columns).blend(plane, method), method(plane), atol=1e-6
    )


def test_too_small_tiles_and_odd_lengths_are_explained() -> None:
    with pytest.raises(SettingsError, match="at least 224"):
        plan_axis(1024, tile=128, reach=90, multiple=16)
    with pytest.raises(SettingsError, match="not a multiple"):
        plan_axis(100, tile=64, reach=8, multiple=16)
