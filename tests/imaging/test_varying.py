import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pellucid.errors import ImageError, OpticsError, SettingsError
from pellucid.imaging import Blur, SpatiallyVaryingBlur

from ..adjoint import assert_adjoint

BOUNDARIES = ("extended", "periodic", "reflect")


def grid(*nodes: list[float]) -> NDArray[np.float64]:
    return np.stack(np.meshgrid(*nodes, indexing="ij"), axis=-1).reshape(-1, len(nodes))


def random_psfs(count: int, shape: tuple[int, ...]) -> list[NDArray[np.float64]]:
    return list(np.random.default_rng(0).random((count, *shape)))


@settings(max_examples=40, deadline=None)
@given(data=st.data(), ndim=st.integers(1, 3), boundary=st.sampled_from(BOUNDARIES))
def test_adjoint_is_exact_and_weights_sum_to_one(
    data: st.DataObject, ndim: int, boundary: str
) -> None:
    image = tuple(data.draw(st.integers(1, 9)) for _ in range(ndim))
    kernel = tuple(data.draw(st.integers(1, 6)) for _ in range(ndim))
    nodes = [
        data.draw(st.lists(st.floats(-5, 15), min_size=1, max_size=2, unique=True))
        for _ in range(ndim)
    ]
    positions = data.draw(st.permutations([list(p) for p in grid(*nodes)]))
    psfs = random_psfs(len(positions), kernel)
    operator = SpatiallyVaryingBlur(psfs, positions, image, boundary=boundary)
    assert_adjoint(operator)
    weights = np.array([operator.weight(i) for i in range(len(psfs))])
    assert weights.shape[1:] == operator.input_shape
    assert weights.min() >= 0
    np.testing.assert_allclose(weights.sum(axis=0), 1.0, atol=1e-6)


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_equal_psfs_blur_everywhere_alike(boundary: str) -> None:
    psf = np.random.default_rng(1).random((4, 5))
    positions = grid([2.0, 7.5], [0.0, 4.0, 11.0])
    varying = SpatiallyVaryingBlur([psf] * 6, positions, (10, 12), boundary=boundary)
    one = SpatiallyVaryingBlur([psf], [[3.0, 3.0]], (10, 12), boundary=boundary)
    plain = Blur(psf, (10, 12), boundary=boundary)
    assert varying.camera == one.camera == plain.camera
    scene = np.random.default_rng(2).random(plain.input_shape).astype(np.float32)
    image = plain.apply(scene)
    for operator in (varying, one):
        np.testing.assert_allclose(operator.apply(scene), image, atol=1e-6)
        np.testing.assert_allclose(operator.adjoint(image), plain.adjoint(image), atol=1e-6)


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_every_emitter_has_the_psf_of_its_place(boundary: str) -> None:
    psfs = random_psfs(4, (3, 3))
    nodes = ([8.0, 24.0], [10.0, 20.0])
    operator = SpatiallyVaryingBlur(psfs, grid(*nodes), (32, 32), boundary=boundary)
    units = [psf / psf.sum() for psf in psfs]
    for place, shares in (
        ((8, 10), (1, 0, 0, 0)),
        ((24, 20), (0, 0, 0, 1)),
        ((8, 15), (0.5, 0.5, 0, 0)),
        ((12, 10), (0.75, 0, 0.25, 0)),
        ((16, 15), (0.25, 0.25, 0.25, 0.25)),
        ((3, 28), (0, 1, 0, 0)),  # constant beyond the outermost
    ):
        scene = np.zeros(operator.input_shape, dtype=np.float32)
        scene[tuple(c.start + p for c, p in zip(operator.camera, place, strict=True))] = 1.0
        image = operator.apply(scene)
        expected = np.zeros((32, 32))
        around = tuple(slice(p - 1, p + 2) for p in place)
        expected[around] = sum(s * unit for s, unit in zip(shares, units, strict=True))
        np.testing.assert_allclose(image, expected, atol=1e-6)
        assert image.sum() == pytest.approx(1.0, abs=1e-6)  # weights on the image would lose some


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_is_the_sum_of_blurs_of_weighted_scenes(boundary: str) -> None:
    psfs = random_psfs(3, (5, 4, 3))
    operator = SpatiallyVaryingBlur(
        psfs, [[2.0, 1.0, 1.0], [-1.0, 1.0, 1.0], [9.0, 1.0, 1.0]], (4, 6, 5), boundary=boundary
    )
    scene = np.random.default_rng(3).random(operator.input_shape).astype(np.float32)
    parts = [
        Blur(psf, (4, 6, 5), boundary=boundary).apply(operator.weight(i) * scene)
        for i, psf in enumerate(psfs)
    ]
    np.testing.assert_allclose(operator.apply(scene), sum(parts), atol=1e-6)
    # Along axes where the positions agree the weights do not change.
    weight = operator.weight(0)
    np.testing.assert_array_equal(weight, np.broadcast_to(weight[:, :1, :1], weight.shape))


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_numpy_and_torch_agree(boundary: str) -> None:
    torch = pytest.importorskip("torch", reason="torch not installed")
    psfs, positions = random_psfs(4, (5, 6)), grid([3.0, 12.0], [4.0, 15.0])
    ours = SpatiallyVaryingBlur(psfs, positions, (17, 20), boundary=boundary)
    theirs = SpatiallyVaryingBlur(psfs, positions, (17, 20), boundary=boundary, like=torch.empty(0))
    assert_adjoint(theirs)
    for name, shape in (("apply", ours.input_shape), ("adjoint", ours.output_shape)):
        x = np.random.default_rng(4).random(shape).astype(np.float32)
        expected = getattr(ours, name)(x)
        found = getattr(theirs, name)(torch.from_numpy(x)).numpy()
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 * expected.max())
    x = torch.rand(theirs.input_shape, requires_grad=True)
    (0.5 * theirs.apply(x).square().sum()).backward()
    expected = theirs.adjoint(theirs.apply(x.detach()))
    np.testing.assert_allclose(x.grad.numpy(), expected.numpy(), atol=1e-5)
    y = torch.rand(theirs.output_shape, requires_grad=True)
    (0.5 * theirs.adjoint(y).square().sum()).backward()
    expected = theirs.apply(theirs.adjoint(y.detach()))
    np.testing.assert_allclose(y.grad.numpy(), expected.numpy(), atol=1e-5)


def test_bad_input_is_explained() -> None:
    ones = np.ones((3, 3))
    for psfs, positions, message in (
        ([], [], "one shape, not be missing"),
        ([ones, np.ones((5, 5))], [[0, 0], [0, 5]], r"one shape, not \(3, 3\), \(5, 5\); crop"),
        ([ones, -ones], [[0, 0], [0, 5]], "Point spread function 2 has negative values"),
        ([ones, ones], [[0, 0]], r"positions of shape \(2, 2\)"),
        ([ones], [0, 0], r"positions of shape \(1, 2\)"),
        ([ones], "here", r"positions of shape \(1, 2\)"),
        ([ones], [[0, np.nan]], "finite positions"),
        ([ones] * 3, [[0, 0], [0, 5], [5, 0]], "2 x 2 different coordinates .* rectilinear grid"),
        ([ones] * 2, [[0, 0], [0, 0]], "1 x 1 different coordinates"),
        ([ones] * 4, [[0, 0], [0, 0], [5, 5], [5, 0]], "rectilinear grid"),
    ):
        with pytest.raises(OpticsError, match=message):
            SpatiallyVaryingBlur(psfs, positions, (8, 8))
    with pytest.raises(SettingsError, match="no boundary 'zero'"):
        SpatiallyVaryingBlur([ones], [[0, 0]], (8, 8), boundary="zero")
    with pytest.raises(ImageError, match="positive integers"):
        SpatiallyVaryingBlur([ones], [[0, 0]], 8)
    operator = SpatiallyVaryingBlur([ones], [[0, 0]], (8, 8))
    with pytest.raises(ImageError, match=r"a scene of shape \(10, 10\)"):
        operator.apply(np.zeros((8, 8)))
