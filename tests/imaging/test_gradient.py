import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.errors import ImageError, SettingsError
from pellucid.imaging import Gradient, Hessian

from ..adjoint import assert_adjoint


@st.composite
def grids(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Shapes, down to one sample an axis, and voxel sizes."""
    shape = draw(st.lists(st.integers(1, 9), min_size=1, max_size=3))
    sizes = [draw(st.floats(0.1, 3.0)) for _ in shape]
    return tuple(shape), tuple(sizes)


@settings(max_examples=40, deadline=None)
@given(grid=grids())
@pytest.mark.parametrize("kind", [Gradient, Hessian])
def test_adjoint_is_exact(kind: type, grid: tuple[tuple[int, ...], tuple[float, ...]]) -> None:
    assert_adjoint(kind(*grid))


@settings(max_examples=30, deadline=None)
@given(grid=grids())
@pytest.mark.parametrize("kind", [Gradient, Hessian])
def test_the_bound_bounds_the_norm(
    kind: type, grid: tuple[tuple[int, ...], tuple[float, ...]]
) -> None:
    operator = kind(*grid)
    assert operator.norm(iterations=50) <= operator.norm_bound * (1 + 1e-5)


@pytest.mark.parametrize("kind", [Gradient, Hessian])
@pytest.mark.parametrize("sizes", [(1.0, 1.0), (0.3, 0.1), (0.5, 0.2, 0.2)])
def test_the_bound_is_close_for_larger_arrays(kind: type, sizes: tuple[float, ...]) -> None:
    operator = kind((24,) * len(sizes), sizes)
    # The largest singular vector alternates along every axis; a start of its kind is found fast.
    x = np.where(np.indices(operator.input_shape).sum(axis=0) % 2, 1.0, -1.0).astype(np.float32)
    gain = np.linalg.norm(operator.apply(x)) / np.linalg.norm(x)
    assert 0.9 * operator.norm_bound < gain <= operator.norm_bound


def test_the_gradient_is_the_difference_of_neighbours_over_their_distance() -> None:
    x = np.random.default_rng(0).random((4, 5, 6)).astype(np.float32)
    gradient = Gradient(x.shape, (0.4, 0.1, 0.2)).apply(x)
    for axis, weight in enumerate((0.25, 1.0, 0.5)):
        expected = np.zeros_like(x)
        inner = tuple(slice(-1) if a == axis else slice(None) for a in range(3))
        expected[inner] = weight * np.diff(x, axis=axis)
        np.testing.assert_allclose(gradient[axis], expected, atol=1e-6)


def test_second_differences_of_a_quadratic_are_its_matrix() -> None:
    y, x = np.indices((7, 8)).astype(np.float32)
    found = Hessian((7, 8)).apply(1.5 * y**2 - 0.5 * x**2 + 0.7 * x * y)
    np.testing.assert_allclose(found[0][1:-1], 3.0, atol=1e-5)
    np.testing.assert_allclose(found[1][:, 1:-1], -1.0, atol=1e-5)
    np.testing.assert_allclose(found[2][1:-1, 1:-1], 0.7 * np.sqrt(2), atol=1e-5)
    # Where a neighbour is missing nothing is claimed.
    assert not found[0][[0, -1]].any()
    assert not found[1][:, [0, -1]].any()


def test_three_axes_have_their_pairs_in_order_and_their_distances() -> None:
    z, y, x = np.indices((5, 5, 5)).astype(np.float32)
    found = Hessian((5, 5, 5), (4.0, 2.0, 1.0)).apply(z * y + 10 * z * x + 100 * y * x + z * z)
    middle = found[:, 2, 2, 2]
    root = np.sqrt(2)
    np.testing.assert_allclose(
        middle, [2 / 16, 0, 0, root / 8, 10 * root / 4, 100 * root / 2], atol=1e-4
    )


@settings(max_examples=20, deadline=None)
@given(slopes=st.lists(st.floats(-2, 2), min_size=1, max_size=3))
def test_constant_slopes_have_no_curvature_even_at_the_frame(slopes: list[float]) -> None:
    shape = (6,) * len(slopes)
    ramp = np.tensordot(slopes, np.indices(shape), axes=1) + 3.0
    assert np.abs(Hessian(shape).apply(ramp)).max() < 1e-5
    assert not Gradient(shape).apply(np.full(shape, 7.0)).any()


def test_a_volume_of_one_plane_is_the_plane() -> None:
    x = np.random.default_rng(1).random((6, 7)).astype(np.float32)
    flat, deep = Gradient((6, 7), (0.2, 0.1)), Gradient((1, 6, 7), (0.5, 0.2, 0.1))
    assert flat.norm_bound == deep.norm_bound
    np.testing.assert_array_equal(deep.apply(x[None])[1:, 0], flat.apply(x))
    assert not deep.apply(x[None])[0].any()
    flat, deep = Hessian((6, 7), (0.2, 0.1)), Hessian((1, 6, 7), (0.5, 0.2, 0.1))
    assert flat.norm_bound == deep.norm_bound
    # Components zz, yy, xx, zy, zx, yx.
    found = deep.apply(x[None])[:, 0]
    np.testing.assert_array_equal(found[[1, 2, 5]], flat.apply(x))
    assert not found[[0, 3, 4]].any()


@pytest.mark.parametrize("kind", [Gradient, Hessian])
def test_torch_agrees(kind: type) -> None:
    torch = pytest.importorskip("torch", reason="torch not installed")
    operator = kind((3, 5, 6), (0.3, 0.1, 0.1))
    assert_adjoint(operator, like=torch.empty(0))
    x = np.random.default_rng(2).random((3, 5, 6)).astype(np.float32)
    np.testing.assert_allclose(
        operator.apply(torch.from_numpy(x)).numpy(), operator.apply(x), atol=1e-6
    )


@pytest.mark.parametrize("kind", [Gradient, Hessian])
def test_bad_input_is_explained(kind: type) -> None:
    for sizes in ((0.1,), (0.1, 0.0), (0.1, -1.0), (0.1, float("nan")), 0.1, "ab"):
        with pytest.raises(SettingsError, match="one positive number for each of the 2 axes"):
            kind((4, 4), sizes)
    with pytest.raises(ImageError, match="positive integers"):
        kind((4, 0))
    with pytest.raises(ImageError, match=r"an array of shape \(4, 4\), not \(5, 4\)"):
        kind((4, 4)).apply(np.zeros((5, 4)))
    with pytest.raises(ImageError, match="of shape"):
        kind((4, 4)).adjoint(np.zeros((4, 4)))
