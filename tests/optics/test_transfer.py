import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import trapezoid

from pellucid.errors import OpticsError
from pellucid.optics import (
    Confocal,
    Microscope,
    Sted,
    TwoPhoton,
    airy_psfs,
    check_sampling,
    otf,
    otf_support,
    widefield_otf,
    widefield_psf,
)
from pellucid.optics.transfer import axial_cutoff_per_um, lateral_cutoff_per_um

SCOPE = Microscope(
    numerical_aperture=1.2,
    emission_nm=525,
    pixel_size_um=0.07,
    refractive_index=1.33,
    z_step_um=0.15,
)


def test_otf_is_one_at_zero_frequency_and_real_for_a_symmetric_psf() -> None:
    for shape in ((64, 64), (63, 65), (9, 32, 33)):
        transfer = otf(widefield_psf(SCOPE, shape))
        middle = tuple(n // 2 for n in shape)
        assert transfer[middle] == pytest.approx(1.0)
        assert np.abs(transfer).max() == pytest.approx(1.0)
    odd = otf(widefield_psf(SCOPE, (63, 63)))
    assert np.abs(odd.imag).max() < 1e-5
    even = widefield_psf(SCOPE, (9, 32, 33))
    np.testing.assert_allclose(otf(as_torch(even)).numpy(), otf(even), atol=1e-6)
    with pytest.raises(OpticsError, match="not 1"):
        otf(np.ones(5))


def test_parseval() -> None:
    psf = widefield_psf(SCOPE, (128, 128)).astype(float)
    transfer = otf(psf) * psf.sum()
    assert (np.abs(transfer) ** 2).mean() == pytest.approx((psf**2).sum(), rel=1e-5)
    # In the continuum the same integral is that of the closed form over its disc.
    rho = np.linspace(0, 1, 20_001)
    disc = trapezoid(2 * np.pi * rho * widefield_otf(rho) ** 2, rho)
    expected = disc * (SCOPE.cutoff_per_um * 0.07) ** 2
    assert (psf**2).sum() == pytest.approx(expected, rel=1e-3)


def test_cut_offs_have_their_closed_forms() -> None:
    assert lateral_cutoff_per_um(SCOPE) == pytest.approx(2 * 1.2 / 0.525)
    expected = (1.33 - np.sqrt(1.33**2 - 1.2**2)) / 0.525
    assert axial_cutoff_per_um(SCOPE) == pytest.approx(expected)
    common = {
        "numerical_aperture": 1.2,
        "emission_nm": 525,
        "excitation_nm": 488,
        "pixel_size_um": 0.05,
        "refractive_index": 1.33,
    }
    confocal = Microscope(**common, modality=Confocal(airy_units=0.1))
    assert lateral_cutoff_per_um(confocal) == pytest.approx(2.4 / 0.525 + 2.4 / 0.488)
    assert axial_cutoff_per_um(confocal) > axial_cutoff_per_um(SCOPE)
    two = Microscope(**common, modality=TwoPhoton())
    assert lateral_cutoff_per_um(two) == pytest.approx(4.8 / 0.488)
    sted = Microscope(**common, modality=Sted(saturation=8.0))
    assert lateral_cutoff_per_um(sted) == pytest.approx(3 * 2.4 / 0.488)


def test_axial_cut_off_shows_in_the_psf() -> None:
    """Power of the axial line through the PSF ends at (n - sqrt(n^2 - NA^2)) / wavelength."""
    line = widefield_psf(SCOPE, (1025, 1, 1))[:, 0, 0].astype(float)
    power = np.abs(np.fft.rfft(line * np.hanning(1025))) ** 2
    frequency = np.fft.rfftfreq(1025, 0.15)
    limit = axial_cutoff_per_um(SCOPE)
    assert power[frequency > 1.03 * limit].max() < 1e-5 * power.max()
    assert power[(frequency > 0.9 * limit) & (frequency < 0.98 * limit)].min() > 1e-5 * power.max()


def test_support_holds_nearly_all_of_the_transfer_function() -> None:
    flat = otf_support(SCOPE, (128, 128))
    transfer = otf(widefield_psf(SCOPE, (128, 128)))
    power = np.abs(transfer) ** 2
    assert power[~flat].sum() < 1e-3 * power.sum()
    assert flat.mean() == pytest.approx(np.pi * SCOPE.cutoff_per_pixel**2, rel=0.02)
    torus = otf_support(SCOPE, (65, 65, 65))
    assert torus[32, 32, 32]
    assert not torus[33, 32, 32]  # the missing cone
    np.testing.assert_array_equal(torus, torus[::-1, ::-1, ::-1])
    # A wide grid, faded at its ends, so that its own edges leave little outside.
    window = np.hanning(67)[1:-1]
    stack = widefield_psf(SCOPE, (65, 65, 65)) * window[:, None, None]
    stack = stack * np.hanning(67)[None, 1:-1, None] * np.hanning(67)[None, None, 1:-1]
    power = np.abs(otf(stack)) ** 2
    from scipy.ndimage import binary_dilation

    near = binary_dilation(torus, iterations=2)
    assert power[~near].sum() < 1e-3 * power.sum()
    with pytest.raises(OpticsError, match="z_step_um and refractive_index"):
        otf_support(Microscope(numerical_aperture=1, emission_nm=500, pixel_size_um=0.1), (3, 4, 4))


def test_sampling_is_judged_in_one_sentence() -> None:
    assert check_sampling(SCOPE).sufficient
    coarse = Microscope(
        numerical_aperture=1.4,
        emission_nm=525,
        pixel_size_um=0.2,
        refractive_index=1.515,
        z_step_um=0.5,
    )
    check = check_sampling(coarse)
    assert not check.sufficient
    assert check.pixel_size_um == pytest.approx(0.525 / 4 / 1.4)
    assert "at most 0.0938 um" in check.sentence
    assert "at most 0.28 um apart" in check.sentence
    unknown = Microscope(numerical_aperture=0.5, emission_nm=525, pixel_size_um=0.1)
    assert check_sampling(unknown).z_step_um is None
    assert check_sampling(unknown).sufficient


def as_torch(values: np.ndarray) -> object:
    return pytest.importorskip("torch", reason="torch not installed").from_numpy(values)


@settings(max_examples=20, deadline=None)
@given(
    cutoffs=st.lists(st.floats(0.05, 0.9), min_size=1, max_size=5),
    shape=st.tuples(st.integers(1, 24), st.integers(1, 24)),
)
def test_batches_are_the_single_ones_in_any_library(
    cutoffs: list[float], shape: tuple[int, int]
) -> None:
    values = np.array(cutoffs)
    many = airy_psfs(values, shape)
    assert many.dtype == np.float32
    for cutoff, psf in zip(cutoffs, many, strict=True):
        scope = Microscope(numerical_aperture=1.0, emission_nm=500, pixel_size_um=cutoff * 0.25)
        np.testing.assert_allclose(psf, widefield_psf(scope, shape), atol=2e-6)
    in_torch = airy_psfs(as_torch(values), shape)
    assert type(in_torch).__module__ == "torch"
    np.testing.assert_allclose(in_torch.numpy(), many, atol=1e-6)
    frequency = np.linspace(-1.5, 1.5, 31)
    np.testing.assert_allclose(
        widefield_otf(as_torch(frequency)).numpy(), widefield_otf(frequency), atol=1e-12
    )


def test_bad_batches_are_explained() -> None:
    with pytest.raises(OpticsError, match="positive"):
        airy_psfs(np.array([0.3, -0.1]), (8, 8))
    with pytest.raises(OpticsError, match=r"\(batch,\)"):
        airy_psfs(np.ones((2, 2)), (8, 8))
