from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pellucid.imaging import Blur, SpatiallyVaryingBlur
from pellucid.solvers import regularised_inverse, tikhonov

BOUNDARIES = ("extended", "periodic", "reflect")
EXACT = {"iterations": 2000, "tolerance": 1e-7}


def matrix_of(blur: Blur | SpatiallyVaryingBlur) -> NDArray[np.float64]:
    units = np.eye(int(np.prod(blur.input_shape)), dtype=np.float32)
    return np.stack([blur.apply(u.reshape(blur.input_shape)).ravel() for u in units], 1).astype(
        float
    )


def solved(
    blur: Blur | SpatiallyVaryingBlur, image: NDArray[np.float64], penalty: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The minimiser of ``|K x - y|^2 + <x, P x>`` by elimination, its mean set to the image's."""
    matrix = matrix_of(blur)
    x = np.linalg.solve(matrix.T @ matrix + penalty, matrix.T @ image.ravel())
    seen = x.reshape(blur.input_shape)[blur.camera]
    return np.asarray(seen + (image.mean() - seen.mean()))


def second_differences(n: int, boundary: str) -> NDArray[np.float64]:
    """Neighbours less twice the middle; beyond the ends the sample itself, or the other end."""
    matrix = np.zeros((n, n))
    for here in range(n):
        for there in (here - 1, here + 1):
            other = there % n if boundary == "periodic" else min(max(there, 0), n - 1)
            matrix[here, other] += 1.0
            matrix[here, here] -= 1.0
    return matrix


def laplacian(
    shape: tuple[int, ...], boundary: str, scales: tuple[float, ...]
) -> NDArray[np.float64]:
    total = np.zeros((int(np.prod(shape)),) * 2)
    for axis, scale in enumerate(scales):
        factors = [np.eye(n) for n in shape]
        factors[axis] = scale**2 * second_differences(shape[axis], boundary)
        term = factors[0]
        for factor in factors[1:]:
            term = np.kron(term, factor)
        total += term
    return total


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("eps", [0.003, 0.3])
@pytest.mark.parametrize("shape", [(9, 8), (3, 5, 4)])
def test_tikhonov_agrees_with_elimination(
    boundary: str, eps: float, shape: tuple[int, ...]
) -> None:
    rng = np.random.default_rng(0)
    blur = Blur(rng.random((2, 3, 3)[: len(shape)]), shape, boundary=boundary)
    image = 100.0 * rng.random(shape) + 20.0
    samples = int(np.prod(blur.input_shape))
    deviation = np.eye(samples) - np.full((samples, samples), 1.0 / samples)
    result = tikhonov(image, blur, eps=eps, **EXACT)
    np.testing.assert_allclose(result.image, solved(blur, image, eps * deviation), atol=5e-3)


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("eps", [0.003, 0.3])
@pytest.mark.parametrize(
    ("shape", "voxel"), [((9, 8), None), ((9, 8), (2.0, 1.0)), ((3, 5, 4), (0.3, 0.1, 0.1))]
)
def test_the_regularised_inverse_agrees_with_elimination(
    boundary: str, eps: float, shape: tuple[int, ...], voxel: tuple[float, ...] | None
) -> None:
    rng = np.random.default_rng(1)
    blur = Blur(rng.random((2, 3, 3)[: len(shape)]), shape, boundary=boundary)
    image = 100.0 * rng.random(shape) + 20.0
    sides = (1.0,) * len(shape) if voxel is None else voxel
    scales = tuple(min(sides) / side for side in sides)
    curvature = laplacian(blur.input_shape, boundary, scales)
    result = regularised_inverse(image, blur, eps=eps, voxel_size=voxel, **EXACT)
    expected = solved(blur, image, eps * curvature.T @ curvature)
    np.testing.assert_allclose(result.image, expected, atol=0.02)


def test_blur_that_varies_is_inverted_too() -> None:
    rng = np.random.default_rng(2)
    psfs = [rng.random((3, 3)), rng.random((3, 3))]
    blur = SpatiallyVaryingBlur(psfs, [(4.0, 0.0), (4.0, 8.0)], (9, 8))
    image = 100.0 * rng.random((9, 8)) + 20.0
    samples = int(np.prod(blur.input_shape))
    # About the level that explains the image best, which a varying blur does not keep quite.
    flat = blur.apply(np.ones(blur.input_shape, dtype=np.float32))
    level = image.mean() / flat.mean()
    deviation = np.eye(samples) - np.full((samples, samples), 1.0 / samples)
    expected = solved(blur, image - level * flat, 0.1 * deviation)
    result = tikhonov(image, blur, eps=0.1, background=0.0, **EXACT)
    np.testing.assert_allclose(result.image, expected - expected.mean() + image.mean(), atol=5e-3)


def test_tikhonovs_method_takes_contrast_as_stated() -> None:
    # A wave that the blur passes in full keeps 1 / (1 + eps) of its height.
    wave = np.cos(2 * np.pi * np.arange(64) / 64)
    image = np.broadcast_to(50.0 + wave, (16, 64)).copy()
    still = Blur(np.ones((1, 1)), image.shape, boundary="periodic")
    result = tikhonov(image, still, eps=0.25).image
    expected = np.broadcast_to(50.0 + wave / 1.25, image.shape)
    np.testing.assert_allclose(result, expected, atol=1e-4)


def test_the_curvature_of_coarse_voxels_counts_less() -> None:
    # Waves of the same length in micrometres along z and x are held down alike.
    z, x = np.arange(16), np.arange(64)
    still = Blur(np.ones((1, 1)), (16, 64), boundary="periodic")
    waves = {
        "z": np.cos(2 * np.pi * z / 16)[:, None] * np.ones(64),
        "x": np.ones((16, 1)) * np.cos(2 * np.pi * x / 64),
    }
    kept = {
        axis: float(np.ptp(regularised_inverse(w, still, eps=1e4, voxel_size=(0.4, 0.1)).image))
        for axis, w in waves.items()
    }
    assert kept["z"] == pytest.approx(kept["x"], rel=0.05)
    cubes = regularised_inverse(waves["z"], still, eps=1e4).image
    assert np.ptp(cubes) < 0.1 * kept["z"]
