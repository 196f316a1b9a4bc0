import itertools
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.bcr import (
    WAVELETS,
    NonstandardForm,
    SymbolForm,
    convolution_matrix,
    decompose,
    kernel_symbol,
)
from pellucid.errors import ImageError, OpticsError, SettingsError

names = st.sampled_from(WAVELETS)


def random_symbol(*shape: int) -> np.ndarray:
    return np.fft.fftn(np.random.default_rng(0).standard_normal(shape))


@settings(max_examples=30, deadline=None)
@given(data=st.data(), name=names, ndim=st.integers(1, 3), levels=st.integers(1, 3))
def test_the_cascade_is_the_convolution(
    data: st.DataObject, name: str, ndim: int, levels: int
) -> None:
    shape = tuple(2**levels * data.draw(st.integers(1, 3)) for _ in range(ndim))
    x = np.random.default_rng(1).standard_normal(shape)
    form = SymbolForm.of(random_symbol(*shape), name, levels)
    expected = np.fft.ifftn(form.symbol * np.fft.fftn(x)).real
    scale = np.abs(expected).max()
    np.testing.assert_allclose(form.exact(x), expected, atol=1e-12 * scale)
    np.testing.assert_allclose(form.apply(x), expected, atol=1e-11 * scale)
    single = form.apply(x.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, expected, atol=2e-6 * scale)


@pytest.mark.parametrize("name", ["haar", "db3", "sym5"])
@pytest.mark.parametrize("shape", [(40,), (8, 12), (2, 4, 4)])
def test_bands_wider_than_the_grid_hold_all(name: str, shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(6).standard_normal(shape)
    form = SymbolForm.of(random_symbol(*shape), name, 1)
    whole = form.band(max(shape) // 2 + 1 + max(shape) // 2 % 2)
    np.testing.assert_allclose(
        whole.apply(x), form.exact(x), atol=1e-11 * np.abs(form.exact(x)).max()
    )


@pytest.mark.parametrize("name", ["haar", "db2", "db5", "sym4", "sym7"])
def test_blocks_in_one_dimension_are_those_of_the_matrix(name: str) -> None:
    symbol = random_symbol(48)
    closed = SymbolForm.of(symbol, name, 3)
    dense = NonstandardForm.of(convolution_matrix(symbol), name, 3)
    for blocks, level in zip(closed.blocks, dense.levels, strict=True):
        for pair, block in zip((("H", "H"), ("H", "L"), ("L", "H")), level.blocks, strict=True):
            np.testing.assert_allclose(convolution_matrix(blocks[pair]), block, atol=1e-12)
    np.testing.assert_allclose(convolution_matrix(closed.coarse), dense.coarse, atol=1e-11)
    x = np.random.default_rng(2).standard_normal(48)
    for width in (1, 3, 7):
        expected = dense.band(width).apply(x)
        np.testing.assert_allclose(closed.band(width).apply(x), expected, atol=1e-11)


@pytest.mark.parametrize("name", ["haar", "db3"])
def test_blocks_in_two_dimensions_are_those_of_the_matrix(name: str) -> None:
    shape = (8, 12)
    symbol = random_symbol(*shape)
    units = np.eye(96).reshape(96, *shape)
    matrix = np.stack([np.fft.ifft2(symbol * np.fft.fft2(u)).real.ravel() for u in units], axis=1)
    bands = [decompose(u, name, 1) for u in units]
    analysis = {
        key: np.stack([c.details[0][key].ravel() for c in bands], axis=1)
        for key in ("LH", "HL", "HH")
    }
    analysis["LL"] = np.stack([c.approximation.ravel() for c in bands], axis=1)
    form = SymbolForm.of(symbol, name, 1)
    blocks = {**form.blocks[0], ("LL", "LL"): form.coarse}
    assert len(blocks) == 16
    quarter = np.eye(24).reshape(24, 4, 6)
    for (s, t), block in blocks.items():
        expected = analysis[s] @ matrix @ analysis[t].T
        columns = [np.fft.ifft2(block * np.fft.fft2(u)).real.ravel() for u in quarter]
        np.testing.assert_allclose(np.stack(columns, axis=1), expected, atol=1e-11)


def test_closed_form_by_hand() -> None:
    """The second difference, (-1, 2, -1), in Haar wavelets, (-1, 1) / sqrt(2)."""
    n = 64
    w = 2 * np.pi * np.fft.fftfreq(n)
    form = SymbolForm.of(2 - 2 * np.cos(w), "haar", 1)
    half = np.pi * np.arange(n // 2) / (n // 2)
    b, folded = 2 - 2 * np.cos(half), 2 + 2 * np.cos(half)
    sine, cosine = np.sin(half / 2) ** 2, np.cos(half / 2) ** 2
    np.testing.assert_allclose(form.coarse, b * cosine + folded * sine, atol=1e-14)
    alpha = form.blocks[0]["H", "H"]
    np.testing.assert_allclose(alpha, b * sine + folded * cosine, atol=1e-14)
    kernel = form.band(3).kernels[0]
    np.testing.assert_allclose(kernel["H", "H"], [0.5, 3, 0.5], atol=1e-14)
    np.testing.assert_allclose(kernel["H", "L"], [-0.5, 0, 0.5], atol=1e-14)
    np.testing.assert_allclose(kernel["L", "H"], [0.5, 0, -0.5], atol=1e-14)


def test_kernels_are_the_middle_of_the_blocks() -> None:
    form = SymbolForm.of(random_symbol(32, 16), "db2", 2)
    banded = form.band(5)
    assert banded.taps == 2 * 15 * 25
    for blocks, kernels in zip(form.blocks, banded.kernels, strict=True):
        for pair, symbol in blocks.items():
            whole = np.fft.fftshift(np.fft.ifft2(symbol).real)
            y, x = (n // 2 for n in whole.shape)
            if x >= 3:
                expected = whole[y - 2 : y + 3, x - 2 : x + 3]
                np.testing.assert_allclose(kernels[pair], expected, atol=1e-12)
            else:  # four samples are fewer than five taps
                assert np.all(kernels[pair][:, -1] == 0)
    np.testing.assert_array_equal(banded.coarse, form.coarse)
    cut = np.fft.fftshift(np.fft.ifft2(form.band(3, coarse_width=3).coarse).real)
    assert np.count_nonzero(np.abs(cut) > 1e-12) == 9


@pytest.mark.parametrize("name", ["haar", "db2", "sym5"])
@pytest.mark.parametrize("coarse_width", [None, 3])
def test_constants_and_means_can_be_kept(name: str, coarse_width: int | None) -> None:
    form = SymbolForm.of(random_symbol(32, 24), name, 2)
    kept = form.band(3, coarse_width=coarse_width, keep_constants=True)
    gain = form.symbol[0, 0].real
    np.testing.assert_allclose(kept.apply(np.ones((32, 24))), gain, atol=1e-10)
    x = np.random.default_rng(7).standard_normal((32, 24))
    assert kept.apply(x).mean() == pytest.approx(gain * x.mean(), abs=1e-10)
    plain = form.band(3, coarse_width=coarse_width)
    assert np.ptp(plain.apply(np.ones((32, 24)))) > 1e-3
    for changed, cut in zip(kept.kernels, plain.kernels, strict=True):
        for pair, kernel in cut.items():
            # The nearest kernel with that sum: all taps change alike.
            assert np.ptp(changed[pair] - kernel) < 1e-12


@pytest.mark.parametrize("name", ["haar", "sym4"])
def test_errors_are_those_of_the_matrix(name: str) -> None:
    symbol = np.exp(-30 * np.fft.fftfreq(64) ** 2) + 0.1
    form = SymbolForm.of(symbol, name, 3)
    found = form.error_of(form.band(3))
    matrix = convolution_matrix(symbol)
    expected = NonstandardForm.of(matrix, name, 3).band(3).error(matrix)
    assert found.frobenius == pytest.approx(expected.frobenius, rel=1e-9)
    assert found.spectral == pytest.approx(expected.spectral, rel=0.01)
    assert found.spectral <= expected.spectral * (1 + 1e-9)
    exact = form.error_of(form.band(65))
    assert exact.spectral < 1e-12
    assert exact.frobenius < 1e-12


def test_bands_make_it_commute_with_coarse_shifts_only() -> None:
    form = SymbolForm.of(np.exp(-30 * np.fft.fftfreq(64) ** 2), "haar", 3)
    banded = form.band(1)
    x = np.random.default_rng(4).standard_normal(64)
    moved = banded.apply(np.roll(x, 8))
    np.testing.assert_allclose(moved, np.roll(banded.apply(x), 8), atol=1e-12)
    assert np.abs(banded.apply(np.roll(x, 1)) - np.roll(banded.apply(x), 1)).max() > 1e-3


def test_a_kernel_and_its_symbol() -> None:
    kernel = np.zeros((5, 4))
    kernel[2, 2] = 1
    np.testing.assert_allclose(kernel_symbol(kernel, (8, 8)), 1, atol=1e-14)
    wide = np.random.default_rng(5).random((11, 3))
    assert kernel_symbol(wide, (4, 4))[0, 0] == pytest.approx(wide.sum())
    with pytest.raises(OpticsError, match="2 axes cannot act on a grid with 1"):
        kernel_symbol(wide, (4,))


def slope_of_time() -> float:
    """Fit the power of N in the processor time over four octaves, best of several runs."""
    seconds = []
    for octave in range(16, 21):
        n = 2**octave
        banded = SymbolForm.of(np.exp(-40 * np.fft.fftfreq(n) ** 2), "haar", 5).band(5)
        x = np.ones(n, dtype=np.float32)
        times = []
        for _ in range(5):
            start = time.thread_time()
            banded.apply(x)
            times.append(time.thread_time() - start)
        seconds.append(min(times))
    return float(np.polyfit(np.arange(5), np.log2(seconds), 1)[0])


def test_banded_forms_take_time_in_proportion_to_the_size() -> None:
    # Another program that runs at the same time can spoil a measurement, not make it better.
    distances = (abs(slope_of_time() - 1.0) for _ in range(4))
    assert any(distance < 0.1 for distance in distances)


def test_bad_input_is_explained() -> None:
    with pytest.raises(SettingsError, match="complex operator"):
        SymbolForm.of(np.array([0, 1, 0, 0]), "haar", 1)
    with pytest.raises(SettingsError, match="not finite"):
        SymbolForm.of(np.full(4, np.nan), "haar", 1)
    with pytest.raises(SettingsError, match="1, 2 or 3 axes, not 4"):
        SymbolForm.of(np.ones((2, 2, 2, 2)), "haar", 1)
    with pytest.raises(ImageError, match="multiples of 8"):
        SymbolForm.of(np.ones(12), "haar", 3)
    form = SymbolForm.of(np.ones(16), "haar", 1)
    with pytest.raises(ImageError, match=r"shape \(16,\), not \(8,\)"):
        form.apply(np.zeros(8))
    with pytest.raises(ImageError, match=r"shape \(16,\), not \(8,\)"):
        form.band(3).apply(np.zeros(8))
    for width in (0, 2, -1, 2.5, True):
        with pytest.raises(SettingsError, match="odd number"):
            form.band(width)
    with pytest.raises(SettingsError, match="odd number"):
        form.band(3, coarse_width=2)
    with pytest.raises(SettingsError, match="no relative error"):
        form.error_of(SymbolForm.of(np.ones(16), "db2", 1).band(3))
    with pytest.raises(SettingsError, match="no relative error"):
        replace(form, symbol=np.zeros(16)).error_of(form.band(3))
    assert list(itertools.chain(*form.blocks)) == [("L", "H"), ("H", "L"), ("H", "H")]
