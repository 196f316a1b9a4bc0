import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.signal import convolve

from pellucid.errors import ImageError, OpticsError, SettingsError
from pellucid.imaging import Blur

from ..adjoint import assert_adjoint

BOUNDARIES = ("extended", "periodic", "reflect")
boundaries = st.sampled_from(BOUNDARIES)
sides = st.integers(1, 12)


@st.composite
def shapes(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Shapes of an image and of a point spread function, which may be the larger."""
    ndim = draw(st.integers(1, 3))
    small = st.integers(1, 8 if ndim == 3 else 12)
    return tuple(draw(small) for _ in range(ndim)), tuple(draw(small) for _ in range(ndim))


def sample(shape: tuple[int, ...], seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).random(shape).astype(np.float32)


def valid(scene: NDArray[np.float64], psf: NDArray[np.float64]) -> NDArray[np.float64]:
    """Convolution where the kernel lies within the scene, written out, in float64."""
    # scipy swaps the two where the second is the larger one along every axis.
    assert all(n >= k for n, k in zip(scene.shape, psf.shape, strict=True))
    return convolve(scene.astype(float), psf / psf.sum(), mode="valid", method="direct")


@settings(max_examples=80, deadline=None)
@given(shapes=shapes(), boundary=boundaries)
def test_adjoint_is_exact(shapes: tuple[tuple[int, ...], tuple[int, ...]], boundary: str) -> None:
    image, kernel = shapes
    assert_adjoint(Blur(sample(kernel, 1), image, boundary=boundary))


@settings(max_examples=30, deadline=None)
@given(shapes=shapes())
def test_extended_agrees_with_direct_convolution(
    shapes: tuple[tuple[int, ...], tuple[int, ...]],
) -> None:
    image, kernel = shapes
    psf = np.random.default_rng(2).random(kernel)
    operator = Blur(psf, image)
    scene = sample(operator.input_shape)
    np.testing.assert_allclose(operator.apply(scene), valid(scene, psf), atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(shapes=shapes())
def test_periodic_agrees_with_circular_convolution(
    shapes: tuple[tuple[int, ...], tuple[int, ...]],
) -> None:
    image, kernel = shapes
    psf = np.random.default_rng(3).random(kernel)
    operator = Blur(psf, image, boundary="periodic")
    assert operator.input_shape == operator.output_shape == image
    assert operator.camera == tuple(slice(0, n) for n in image)
    # Each sample of the kernel goes where it belongs, modulo the image.
    wrapped = np.zeros(image)
    for index in np.ndindex(*kernel):
        to = tuple((i - k // 2) % n for i, k, n in zip(index, kernel, image, strict=True))
        wrapped[to] += psf[index] / psf.sum()
    scene = sample(image)
    expected = np.fft.ifftn(np.fft.fftn(scene.astype(float)) * np.fft.fftn(wrapped)).real
    np.testing.assert_allclose(operator.apply(scene), expected, atol=1e-6)
    assert operator.apply(scene).sum() == pytest.approx(scene.sum(), rel=1e-6)


@settings(max_examples=40, deadline=None)
@given(shapes=shapes())
def test_reflect_agrees_with_numpys_symmetric_padding(
    shapes: tuple[tuple[int, ...], tuple[int, ...]],
) -> None:
    image, kernel = shapes
    psf = np.random.default_rng(4).random(kernel)
    operator = Blur(psf, image, boundary="reflect")
    assert operator.input_shape == operator.output_shape == image
    assert operator.camera == tuple(slice(0, n) for n in image)
    scene = sample(image)
    # numpy reflects as often as the margins need.
    margins = [(k - 1 - k // 2, k // 2) for k in kernel]
    padded = np.pad(scene, margins, mode="symmetric")
    np.testing.assert_allclose(operator.apply(scene), valid(padded, psf), atol=1e-6)


def test_reflect_keeps_the_light_of_symmetric_psfs_and_what_is_uniform() -> None:
    psf = np.random.default_rng(5).random((5, 7))
    psf = psf + psf[::-1]
    psf = psf + psf[:, ::-1]
    for shape in ((16, 20), (3, 2)):  # smaller than the point spread function as well
        operator = Blur(psf, shape, boundary="reflect")
        scene = sample(shape)
        assert operator.apply(scene).sum() == pytest.approx(scene.sum(), rel=1e-6)
    uneven = Blur(np.random.default_rng(6).random((4, 9)), (10, 11), boundary="reflect")
    np.testing.assert_allclose(uneven.apply(np.ones((10, 11))), 1.0, atol=1e-6)


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("shape", [(5, 5), (4, 5), (4, 4)])
def test_the_camera_sees_a_point_where_it_is(shape: tuple[int, int], boundary: str) -> None:
    psf = np.zeros(shape)
    psf[shape[0] // 2, shape[1] // 2] = 1.0
    operator = Blur(psf, (8, 9), boundary=boundary)
    scene = sample(operator.input_shape)
    np.testing.assert_allclose(operator.apply(scene), scene[operator.camera], atol=1e-6)


def test_nothing_wraps_round() -> None:
    operator = Blur(np.ones((9, 9)), (32, 32))
    scene = np.zeros(operator.input_shape, dtype=np.float32)
    scene[0, 0] = 1.0
    image = operator.apply(scene)
    assert image[0, 0] == pytest.approx(1 / 81, rel=1e-5)
    assert np.abs(image[1:, 1:]).max() < 1e-7


def test_light_of_a_scene_inside_the_camera_is_kept() -> None:
    operator = Blur(sample((7, 7)), (40, 40))
    scene = np.zeros(operator.input_shape, dtype=np.float32)
    scene[15:30, 15:30] = 1.0
    assert operator.apply(scene).sum() == pytest.approx(scene.sum(), rel=1e-6)


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_boundaries_agree_far_from_the_frame(boundary: str) -> None:
    psf = sample((5, 6))
    scene = np.zeros((30, 31), dtype=np.float32)
    scene[10:20, 12:18] = sample((10, 6), 1)
    operator = Blur(psf, scene.shape, boundary=boundary)
    whole = np.zeros(operator.input_shape, dtype=np.float32)
    whole[operator.camera] = scene
    expected = convolve(scene.astype(float), psf / psf.sum(), mode="full", method="direct")
    np.testing.assert_allclose(operator.apply(whole), expected[2:32, 3:34], atol=1e-6)


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize(
    ("image", "kernel"), [((7, 30, 31), (3, 6, 5)), ((4, 9), (9, 30)), ((40,), (9,))]
)
def test_numpy_and_torch_agree(
    image: tuple[int, ...], kernel: tuple[int, ...], boundary: str
) -> None:
    torch = pytest.importorskip("torch", reason="torch not installed")
    psf = sample(kernel, 7)
    ours = Blur(psf, image, boundary=boundary)
    theirs = Blur(torch.from_numpy(psf), image, boundary=boundary, like=torch.empty(0))
    assert_adjoint(theirs)
    assert theirs.camera == ours.camera
    for name, shape in (("apply", ours.input_shape), ("adjoint", ours.output_shape)):
        x = sample(shape, 8)
        expected = getattr(ours, name)(x)
        found = getattr(theirs, name)(torch.from_numpy(x)).numpy()
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 * expected.max())


def test_a_psf_of_any_library_serves_any_other() -> None:
    torch = pytest.importorskip("torch", reason="torch not installed")
    psf = torch.rand((3, 3), requires_grad=True)
    operator = Blur(psf, (5, 5))
    x = sample(operator.input_shape)
    np.testing.assert_array_equal(operator.apply(x), Blur(psf.detach().numpy(), (5, 5)).apply(x))


def test_results_are_compact_and_may_be_written() -> None:
    for boundary in BOUNDARIES:
        operator = Blur(sample((3, 4, 5)), (6, 8, 9), boundary=boundary)
        image = operator.apply(sample(operator.input_shape))
        for result in (image, operator.adjoint(image)):
            assert result.flags.c_contiguous
            assert result.flags.writeable


def test_a_wide_dynamic_range_of_the_psf_is_scaled_safely() -> None:
    tiny = np.full((3, 3), 1e-40, dtype=np.float32)
    huge = np.full((3, 3), 1e38, dtype=np.float32)
    counts = np.full((3, 3), 60_000, dtype=np.uint16)
    x = sample((10, 10))
    for psf in (tiny, huge, counts):
        np.testing.assert_allclose(
            Blur(psf, (8, 8)).apply(x), Blur(np.ones((3, 3)), (8, 8)).apply(x), rtol=1e-4
        )


def test_bad_operands_are_named() -> None:
    operator = Blur(np.ones((3, 3)), (8, 8))
    with pytest.raises(ImageError, match=r"a scene of shape \(10, 10\)"):
        operator.apply(np.zeros((8, 8), dtype=np.float32))
    with pytest.raises(ImageError, match=r"an image of shape \(8, 8\)"):
        operator.adjoint(np.zeros((9, 8), dtype=np.float32))


def test_bad_point_spread_functions_are_explained() -> None:
    spoilt = np.ones((3, 3))
    spoilt[0, 0] = np.nan
    negative = np.ones((3, 3))
    negative[0, 0] = -2e-6
    for psf, message in (
        (np.zeros((3, 3)), "sums to 0; it must hold light"),
        (np.ones((3, 3, 3)), "3 axes and cannot blur an image with 2"),
        (spoilt, "not finite; repair"),
        (np.full((3, 3), np.inf), "not finite; repair"),
        (negative, "negative values, down to -2e-06 .* clip it at zero"),
        (-np.ones((3, 3)), "negative values, down to -1"),
        (np.ones((3, 3), dtype=complex), "real numbers, not ndarray of complex128"),
        (np.ones((0, 3)), "has no samples"),
        ("airy", "real numbers, not str"),
    ):
        with pytest.raises(OpticsError, match=message):
            Blur(psf, (8, 8))
    # Rounding is forgiven, and no longer there.
    negative[0, 0] = -5e-7
    operator = Blur(negative, (8, 8))
    scene = np.zeros((10, 10), dtype=np.float32)
    scene[5, 5] = 1.0
    assert operator.apply(scene).min() > -1e-7


def test_bad_settings_are_explained() -> None:
    with pytest.raises(SettingsError, match=r"'mirror'.* 'extended', 'periodic', 'reflect'"):
        Blur(np.ones((3, 3)), (8, 8), boundary="mirror")
    with pytest.raises(ImageError, match=r"positive integers such as .* not \(8, 0\)"):
        Blur(np.ones((3, 3)), (8, 0))
    with pytest.raises(ImageError, match="like must be an array of numpy or torch, not str"):
        Blur(np.ones((3, 3)), (8, 8), like="torch")
