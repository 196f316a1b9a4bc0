import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import issparse

from pellucid.bcr import (
    WAVELETS,
    NonstandardForm,
    airy_blur_matrix,
    decompose,
    gaussian_blur_matrix,
    regularised_inverse,
    singular_integral_matrix,
)
from pellucid.errors import ImageError, SettingsError


@settings(max_examples=30, deadline=None)
@given(name=st.sampled_from(WAVELETS), levels=st.integers(1, 3), blocks=st.integers(1, 4))
def test_the_form_is_the_matrix(name: str, levels: int, blocks: int) -> None:
    n = blocks * 2**levels
    rng = np.random.default_rng(1)
    matrix, x = rng.standard_normal((n, n)), rng.standard_normal((n, 3))
    form = NonstandardForm.of(matrix, name, levels)
    assert form.size == n
    np.testing.assert_allclose(form.to_dense(), matrix, atol=1e-12)
    np.testing.assert_allclose(form.apply(x), matrix @ x, atol=1e-11)
    np.testing.assert_allclose(form.apply(x[:, 0]), matrix @ x[:, 0], atol=1e-11)


def test_blocks_are_those_of_eq_12() -> None:
    matrix = np.random.default_rng(2).standard_normal((32, 32))
    analysis = [decompose(row, "db3", 1) for row in np.eye(32)]
    low = np.stack([c.approximation for c in analysis], axis=1)
    high = np.stack([c.details[0]["H"] for c in analysis], axis=1)
    form = NonstandardForm.of(matrix, "db3", 1)
    level = form.levels[0]
    np.testing.assert_allclose(level.alpha, high @ matrix @ high.T, atol=1e-12)
    np.testing.assert_allclose(level.beta, high @ matrix @ low.T, atol=1e-12)
    np.testing.assert_allclose(level.gamma, low @ matrix @ high.T, atol=1e-12)
    np.testing.assert_allclose(form.coarse, low @ matrix @ low.T, atol=1e-12)


@pytest.mark.parametrize("name", ["haar", "db2", "sym4"])
def test_a_singular_integral_fades_as_the_theorem_says(name: str) -> None:
    """Blocks of 1 / (i - j) fall as the distance to the power p + 1, alpha as 2 p + 1."""
    n = 512
    form = NonstandardForm.of(singular_integral_matrix(n), name, 1)
    p = form.wavelet.vanishing_moments
    level, middle = form.levels[0], n // 8
    # Near enough that the power is not lost in rounding, far enough to be one.
    lags = np.array([16, 24]) if p < 4 else np.array([9, 12])
    for block, power in ((level.alpha, 2 * p + 1), (level.beta, p + 1), (level.gamma, p + 1)):
        values = np.abs(block[middle, middle + lags])
        slope = np.log(values[1] / values[0]) / np.log(lags[1] / lags[0])
        assert slope == pytest.approx(-power, abs=0.15 * power)


def test_entries_grow_with_the_size_not_its_square() -> None:
    counts = {}
    for n in (64, 128, 256):
        matrix = singular_integral_matrix(n)
        form = NonstandardForm.of(matrix, "db4", n.bit_length() - 5).compress(1e-4)
        counts[n] = form.nonzeros
        error = form.error(matrix)
        assert error.spectral < 1e-3
        assert error.frobenius < 1e-3
    assert counts[256] < 0.2 * 256**2
    assert counts[128] / counts[64] < 2.7
    assert counts[256] / counts[128] < 2.5


def test_bands_of_a_blur_and_of_its_inverse() -> None:
    blur = airy_blur_matrix(128, 0.3)
    inverse = regularised_inverse(blur, 0.05)
    for matrix, limits in ((blur, (0.04, 0.006)), (inverse, (0.4, 0.04))):
        form = NonstandardForm.of(matrix, "haar", 3)
        errors = [form.band(width).error(matrix).frobenius for width in (3, 5, 7, 9)]
        assert errors == sorted(errors, reverse=True)
        assert errors[0] < limits[0]
        assert errors[-1] < limits[1]


def test_compressed_forms_are_sparse_and_say_so() -> None:
    matrix = gaussian_blur_matrix(64, 1.5)
    form = NonstandardForm.of(matrix, "db2", 2)
    assert form.nonzeros > 0.9 * (3 * 32**2 + 3 * 16**2 + 16**2)
    banded = form.band(5)
    assert banded.widths == ((5, 5, 5), (5, 5, 5))
    assert all(issparse(block) for level in banded.levels for block in level.blocks)
    assert banded.nonzeros == 3 * 5 * (32 + 16) + np.count_nonzero(form.coarse)
    x = np.random.default_rng(3).standard_normal(64)
    np.testing.assert_allclose(banded.apply(x), banded.to_dense() @ x, atol=1e-13)

    compressed = form.compress(1e-3)
    assert compressed.nonzeros < 0.25 * form.nonzeros
    entries = np.concatenate([block.toarray().ravel() for block in compressed.levels[0].blocks])
    largest = np.abs(form.coarse).max()
    assert np.abs(entries[entries != 0]).min() >= 1e-3 * largest
    np.testing.assert_allclose(compressed.apply(x), compressed.to_dense() @ x, atol=1e-13)
    # Frobenius: the norm of what was dropped, since the transform is orthogonal.
    dropped = form.nonzeros - compressed.nonzeros
    error = compressed.error(matrix)
    assert 0 < error.frobenius * np.linalg.norm(matrix) <= 1e-3 * largest * np.sqrt(dropped)
    assert form.error(matrix).spectral < 1e-14
    assert form.compress(0).error(matrix).spectral < 1e-14
    assert NonstandardForm.of(np.eye(16), "haar", 1).band(1).widths == ((1, 0, 0),)


def test_single_precision_stays() -> None:
    form = NonstandardForm.of(gaussian_blur_matrix(32, 2.0).astype(np.float32), "sym5", 2)
    assert form.apply(np.ones(32)).dtype == np.float64
    assert form.apply(np.ones(32, dtype=np.float32)).dtype == np.float32
    np.testing.assert_allclose(form.apply(np.ones(32, dtype=np.float32)), 1, atol=1e-5)


def test_bad_input_is_explained() -> None:
    with pytest.raises(ImageError, match=r"square matrix, not of an array of shape \(8, 4\)"):
        NonstandardForm.of(np.zeros((8, 4)), "haar", 1)
    with pytest.raises(ImageError, match="not finite"):
        NonstandardForm.of(np.full((8, 8), np.nan), "haar", 1)
    with pytest.raises(ImageError, match="multiples of 8"):
        NonstandardForm.of(np.zeros((12, 12)), "haar", 3)
    form = NonstandardForm.of(np.eye(8), "haar", 1)
    with pytest.raises(SettingsError, match="odd number such as 5 to have a middle, not 4"):
        form.band(4)
    with pytest.raises(SettingsError, match="below 1, the largest entry, not 1"):
        form.compress(1)
    with pytest.raises(ImageError, match="8 columns"):
        form.apply(np.zeros(7))
    with pytest.raises(ImageError, match=r"shape \(4, 4\)"):
        form.error(np.eye(4))
