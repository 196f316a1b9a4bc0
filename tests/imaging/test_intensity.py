import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pellucid.imaging import estimate_scale

images = hnp.arrays(
    np.float64,
    hnp.array_shapes(min_dims=2, max_dims=3, max_side=12),
    elements=st.floats(-1e3, 1e3),
)


@given(image=images, gain=st.floats(0.01, 100), offset=st.floats(-1e3, 1e3))
def test_follows_gain_and_offset(image: np.ndarray, gain: float, offset: float) -> None:
    first = estimate_scale(image)
    if np.ptp(image) < 1e-3:
        return
    second = estimate_scale(gain * image + offset)
    size = gain * np.abs(image).max() + abs(offset)
    assert second.background == pytest.approx(gain * first.background + offset, abs=1e-9 * size)
    assert second.span == pytest.approx(gain * first.span, rel=1e-5, abs=1e-9 * size)


@given(image=images)
def test_there_and_back(image: np.ndarray) -> None:
    scale = estimate_scale(image)
    assert scale.span > 0
    back = scale.restore(scale.normalise(image))
    np.testing.assert_allclose(back, image, atol=1e-5 * (np.abs(image).max() + scale.span))


def test_a_constant_image_and_one_with_a_single_bright_pixel_have_a_span() -> None:
    assert estimate_scale(np.full((5, 5), 7)).span == 1.0
    spot = np.zeros((100, 100), dtype=np.uint16)
    spot[3, 4] = 900
    scale = estimate_scale(spot)
    assert (scale.background, scale.span) == (0.0, 900.0)


def test_a_large_image_is_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    image = np.random.default_rng(0).normal(100, 10, (400, 400))
    whole = estimate_scale(image)
    monkeypatch.setattr("pellucid.imaging.intensity._SAMPLE", 10_000)
    part = estimate_scale(image)
    assert part.background == pytest.approx(whole.background, abs=1.5)
    assert part.span == pytest.approx(whole.span, rel=0.1)
