from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.bcr import WAVELETS, Coefficients, decompose, reconstruct
from pellucid.errors import ImageError, SettingsError

names = st.sampled_from(WAVELETS)


def energy(coefficients: Coefficients) -> float:
    details = (part for level in coefficients.details for part in level.values())
    return float(sum(np.sum(part**2) for part in (coefficients.approximation, *details)))


@settings(max_examples=40, deadline=None)
@given(data=st.data(), name=names, ndim=st.integers(1, 3), levels=st.integers(1, 3))
def test_periodic_transform_is_orthogonal(
    data: st.DataObject, name: str, ndim: int, levels: int
) -> None:
    shape = tuple(2**levels * data.draw(st.integers(1, 4)) for _ in range(ndim))
    x = np.random.default_rng(1).standard_normal(shape)
    coefficients = decompose(x, name, levels)
    assert coefficients.levels == levels
    assert energy(coefficients) == pytest.approx(np.sum(x**2), rel=1e-12)
    np.testing.assert_allclose(reconstruct(coefficients), x, atol=1e-12)
    # An orthogonal transform keeps every scalar product, not only norms.
    y = np.random.default_rng(2).standard_normal(shape)
    both = energy(decompose(x + y, name, levels)) - energy(decompose(x - y, name, levels))
    assert both / 4 == pytest.approx(np.vdot(x, y), rel=1e-9, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(data=st.data(), name=names, ndim=st.integers(1, 3), levels=st.integers(1, 3))
def test_symmetric_transform_is_inverted_for_any_shape(
    data: st.DataObject, name: str, ndim: int, levels: int
) -> None:
    shape = tuple(data.draw(st.integers(1, 13)) for _ in range(ndim))
    x = np.random.default_rng(3).standard_normal(shape)
    restored = reconstruct(decompose(x, name, levels, "symmetric"))
    np.testing.assert_allclose(restored, x, atol=1e-12)


@pytest.mark.parametrize("mode", ["periodic", "symmetric"])
def test_precision_follows_the_input(mode: str) -> None:
    x = np.random.default_rng(4).standard_normal((32, 48))
    for values in (x.astype(np.float32), (1000 * x).astype(np.int16)):
        coefficients = decompose(values, "sym4", 3, mode)
        restored = reconstruct(coefficients)
        assert coefficients.approximation.dtype == restored.dtype == np.float32
        assert np.abs(restored - values).max() <= 1e-5 * np.abs(values).max()
    assert decompose(x, "sym4", 3, mode).details[0]["HH"].dtype == np.float64


@pytest.mark.parametrize("name", WAVELETS)
@pytest.mark.parametrize("shape", [(37,), (20, 33), (9, 16, 21)])
def test_symmetric_mode_agrees_with_pywavelets(name: str, shape: tuple[int, ...]) -> None:
    pywt = pytest.importorskip("pywt")
    x = np.random.default_rng(5).standard_normal(shape)
    level = 2
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("warnings.warn", lambda *_, **__: None)  # of many levels for the size
        expected = pywt.wavedecn(x, name, "symmetric", level)
    found = decompose(x, name, level, "symmetric")
    np.testing.assert_allclose(found.approximation, expected[0], atol=1e-10)
    for ours, theirs in zip(found.details, reversed(expected[1:]), strict=True):
        renamed = {key.replace("a", "L").replace("d", "H"): part for key, part in theirs.items()}
        assert set(ours) == set(renamed)
        for key, part in renamed.items():
            sign = (-1) ** key.count("H")  # that of the wavelet, by Eq. 8
            np.testing.assert_allclose(ours[key], sign * part, atol=1e-10)


@pytest.mark.parametrize("name", WAVELETS)
def test_periodic_mode_agrees_with_pywavelets(name: str) -> None:
    """Up to where each starts to count: it places a filter p - 1 samples earlier."""
    pywt = pytest.importorskip("pywt")
    x = np.random.default_rng(6).standard_normal((24, 16))
    expected, detail = pywt.dwt2(x, name, "periodization")
    found = decompose(x, name, 1)
    p = 1 if name == "haar" else int(name.strip("dbsym"))
    shifted = decompose(np.roll(x, p - 1, axis=(0, 1)), name, 1)
    start = found.wavelet.highpass_start // 2
    np.testing.assert_allclose(shifted.approximation, expected, atol=1e-10)
    mirrored = {"HL": (detail[0], (start, 0)), "LH": (detail[1], (0, start))}
    for key, (part, roll) in mirrored.items():
        np.testing.assert_allclose(
            np.roll(shifted.details[0][key], roll, (0, 1)), -part, atol=1e-10
        )


@pytest.mark.parametrize("name", WAVELETS)
def test_polynomials_vanish_inside(name: str) -> None:
    p = 1 if name == "haar" else int(name.strip("dbsym"))
    x = np.linspace(-1, 1, 128)
    for power in range(p):
        details = decompose(x**power, name, 1).details[0]["H"]
        # The last and first wavelets reach over the joint of the two ends.
        assert np.abs(details[2 * p : 64 - 2 * p]).max() < 1e-10
    beyond = decompose(x**p, name, 1).details[0]["H"]
    assert np.abs(beyond[2 * p : 64 - 2 * p]).min() > 1e-18


def test_haar_by_hand() -> None:
    x = np.array([[1.0, 2.0], [3.0, 6.0]])
    found = decompose(x, "haar", 1)
    assert found.approximation[0, 0] == pytest.approx(6)
    by_hand = {"LH": (2 + 6 - 1 - 3) / 2, "HL": (3 + 6 - 1 - 2) / 2, "HH": (1 + 6 - 2 - 3) / 2}
    assert {key: part[0, 0] for key, part in found.details[0].items()} == pytest.approx(by_hand)


def test_bad_input_is_explained() -> None:
    x = np.zeros((12, 20))
    with pytest.raises(ImageError, match=r"multiples of 8, not \(12, 20\); pad to \(16, 24\)"):
        decompose(x, "haar", 3)
    with pytest.raises(ImageError, match="real numbers, not complex128"):
        decompose(x + 1j, "haar", 1)
    with pytest.raises(ImageError, match="1, 2 or 3 axes"):
        decompose(np.zeros((2, 2, 2, 2)), "haar", 1)
    with pytest.raises(ImageError, match="none of them empty"):
        decompose(np.zeros((0, 4)), "haar", 1)
    with pytest.raises(SettingsError, match="at least 1, not 0"):
        decompose(x, "haar", 0)
    with pytest.raises(SettingsError, match="mode 'zero'"):
        decompose(x, "haar", 1, "zero")
    coefficients = decompose(x, "haar", 2)
    with pytest.raises(ImageError, match=r"level 2 .* not all \(3, 5\)"):
        reconstruct(replace(coefficients, approximation=np.zeros((3, 4))))
