import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import convolve

from pellucid.errors import ImageError, OpticsError
from pellucid.imaging import Blur

from ..adjoint import assert_adjoint

sides = st.integers(1, 12)


@settings(max_examples=40, deadline=None)
@given(data=st.data(), ndim=st.integers(1, 3))
def test_adjoint_is_exact(data: st.DataObject, ndim: int) -> None:
    image = tuple(data.draw(sides) for _ in range(ndim))
    psf = np.random.default_rng(1).random(tuple(data.draw(sides) for _ in range(ndim)))
    assert_adjoint(Blur(psf, image))


@settings(max_examples=20, deadline=None)
@given(image=st.tuples(sides, sides), kernel=st.tuples(sides, sides))
def test_agrees_with_direct_convolution(image: tuple[int, int], kernel: tuple[int, int]) -> None:
    rng = np.random.default_rng(2)
    psf = rng.random(kernel)
    operator = Blur(psf, image)
    scene = rng.random(operator.input_shape).astype(np.float32)
    expected = convolve(scene.astype(float), psf / psf.sum(), mode="valid", method="direct")
    np.testing.assert_allclose(operator.apply(scene), expected, atol=1e-5)


@pytest.mark.parametrize("shape", [(5, 5), (4, 5), (4, 4)])
def test_the_camera_sees_a_point_where_it_is(shape: tuple[int, int]) -> None:
    psf = np.zeros(shape)
    psf[shape[0] // 2, shape[1] // 2] = 1.0
    operator = Blur(psf, (8, 9))
    scene = np.random.default_rng(3).random(operator.input_shape).astype(np.float32)
    np.testing.assert_allclose(operator.apply(scene), scene[operator.camera], atol=1e-6)


def test_nothing_wraps_round() -> None:
    operator = Blur(np.ones((9, 9)), (32, 32))
    scene = np.zeros(operator.input_shape, dtype=np.float32)
    scene[0, 0] = 1.0
    image = operator.apply(scene)
    assert image[0, 0] == pytest.approx(1 / 81, rel=1e-5)
    assert np.abs(image[1:, 1:]).max() < 1e-7


def test_light_of_a_scene_inside_the_camera_is_kept() -> None:
    operator = Blur(np.random.default_rng(4).random((7, 7)), (40, 40))
    scene = np.zeros(operator.input_shape, dtype=np.float32)
    scene[15:30, 15:30] = 1.0
    assert operator.apply(scene).sum() == pytest.approx(scene.sum(), rel=1e-5)


def test_bad_operands_are_named() -> None:
    operator = Blur(np.ones((3, 3)), (8, 8))
    with pytest.raises(ImageError, match=r"\(10, 10\)"):
        operator.apply(np.zeros((8, 8), dtype=np.float32))
    with pytest.raises(ImageError, match=r"\(8, 8\)"):
        operator.adjoint(np.zeros((9, 8), dtype=np.float32))
    with pytest.raises(OpticsError, match="sums to 0"):
        Blur(np.zeros((3, 3)), (8, 8))
    with pytest.raises(OpticsError, match="3 axes"):
        Blur(np.ones((3, 3, 3)), (8, 8))
