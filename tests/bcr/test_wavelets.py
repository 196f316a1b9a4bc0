import numpy as np
import pytest

from pellucid.bcr import WAVELETS, Wavelet
from pellucid.errors import SettingsError


@pytest.mark.parametrize("name", WAVELETS)
def test_filters_are_those_of_pywavelets(name: str) -> None:
    """Convention: its reconstruction filters, our wavelet with the sign of Eq. 8."""
    oracle = pytest.importorskip("pywt").Wavelet(name)
    wavelet = Wavelet.named(name)
    np.testing.assert_allclose(wavelet.lowpass, oracle.rec_lo, rtol=0, atol=1e-10)
    np.testing.assert_allclose(wavelet.highpass, np.negative(oracle.rec_hi), rtol=0, atol=1e-10)
    assert wavelet.vanishing_moments == oracle.vanishing_moments_psi


@pytest.mark.parametrize("name", WAVELETS)
def test_filters_are_orthonormal_with_vanishing_moments(name: str) -> None:
    wavelet = Wavelet.named(name)
    h, g, p = np.array(wavelet.lowpass), np.array(wavelet.highpass), wavelet.vanishing_moments
    assert len(h) == len(g) == 2 * p
    for shift in range(p):
        later = slice(2 * shift, None)
        sooner = slice(None, 2 * p - 2 * shift)
        assert h[later] @ h[sooner] == pytest.approx(float(shift == 0), abs=1e-12)
        assert g[later] @ g[sooner] == pytest.approx(float(shift == 0), abs=1e-12)
        assert h[later] @ g[sooner] == pytest.approx(0, abs=1e-12)
        assert g[later] @ h[sooner] == pytest.approx(0, abs=1e-12)
    assert h.sum() == pytest.approx(np.sqrt(2), rel=1e-14)
    # About the middle and in units of the half length, so that powers do not blow up.
    position = (np.arange(2 * p) - p + 0.5) / p
    moments = [np.sum(g * position**power) for power in range(p + 1)]
    np.testing.assert_allclose(moments[:p], 0, atol=1e-10)
    assert abs(moments[p]) > 1e-6


@pytest.mark.parametrize("name", WAVELETS)
def test_eq_8_up_to_an_even_shift(name: str) -> None:
    wavelet = Wavelet.named(name)
    h, p = wavelet.lowpass, wavelet.vanishing_moments
    eq_8 = [(-1.0) ** (1 - i) * h[1 - i] for i in range(2 - 2 * p, 2)]
    np.testing.assert_array_equal(wavelet.highpass, eq_8)
    assert wavelet.highpass_start % 2 == 0
    index = np.arange(2 * p)
    here = index @ np.square(h)
    there = wavelet.highpass_start + index @ np.square(wavelet.highpass)
    assert abs(here - there) <= 1 + 1e-9


def test_known_filters() -> None:
    root = np.sqrt(3)
    expected = np.array([1 + root, 3 + root, 3 - root, 1 - root]) / (4 * np.sqrt(2))
    np.testing.assert_allclose(Wavelet.named("db2").lowpass, expected, atol=1e-15)
    haar = Wavelet.named("haar")
    np.testing.assert_allclose(haar.lowpass, np.sqrt([0.5, 0.5]), atol=1e-15)
    np.testing.assert_allclose(haar.highpass, [-np.sqrt(0.5), np.sqrt(0.5)], atol=1e-15)
    assert haar == Wavelet.named("haar")


def bend_of_phase(lowpass: tuple[float, ...]) -> float:
    """Return the rms distance of the phase from a straight line, where the filter passes."""
    w = np.linspace(0, 0.8 * np.pi, 400)
    transfer = np.exp(-1j * np.outer(w, np.arange(len(lowpass)))) @ lowpass
    phase = np.unwrap(np.angle(transfer))
    return float(np.std(phase - w * (w @ phase) / (w @ w)))


@pytest.mark.parametrize("moments", range(4, 9))
def test_symlets_have_a_straighter_phase_than_daubechies_wavelets(moments: int) -> None:
    least, extremal = (Wavelet.named(f"{kind}{moments}").lowpass for kind in ("sym", "db"))
    assert bend_of_phase(least) < 0.4 * bend_of_phase(extremal)
    # Both have the same gain: only the phase was chosen.
    gains = [np.abs(np.fft.fft(h, 64)) for h in (least, extremal)]
    np.testing.assert_allclose(*gains, atol=1e-11)


@pytest.mark.parametrize("name", ["db1", "db11", "sym3", "coif2", ""])
def test_unknown_wavelets_are_named(name: str) -> None:
    with pytest.raises(SettingsError, match=f"wavelet {name!r}; use haar"):
        Wavelet.named(name)
