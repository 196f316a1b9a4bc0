from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import j1

from pellucid.errors import OpticsError
from pellucid.optics import Microscope, widefield_otf, widefield_psf
from pellucid.optics.field import intensity
from pellucid.optics.support import psf_shape


def airy(scope: Microscope, shape: tuple[int, int]) -> np.ndarray:
    """The closed form (2 J1(v) / v)^2, with peak one."""
    y, x = np.indices(shape)
    radius = np.hypot(y - shape[0] // 2, x - shape[1] // 2) * scope.pixel_size_um
    v = 2 * np.pi * scope.numerical_aperture * radius / (1e-3 * scope.emission_nm)
    v = np.where(v == 0, 1e-9, v)
    return (2 * j1(v) / v) ** 2


@pytest.mark.parametrize("aperture", [0.4, 0.8, 1.2, 1.45])
@pytest.mark.parametrize("shape", [(64, 64), (65, 65), (33, 128), (1, 1)])
def test_in_focus_is_the_airy_pattern(aperture: float, shape: tuple[int, int]) -> None:
    scope = Microscope(numerical_aperture=aperture, emission_nm=525, pixel_size_um=0.065)
    psf = widefield_psf(scope, shape)
    expected = airy(scope, shape)
    np.testing.assert_allclose(psf / psf.max(), expected, atol=1e-5)
    # Peak of a unit-volume Airy pattern: pi NA^2 / wavelength^2 per area.
    peak = np.pi * (aperture / 0.525) ** 2 * 0.065**2
    assert psf.max() == pytest.approx(peak, rel=1e-5)


def test_sums_to_one_but_for_the_tails(scope: Microscope) -> None:
    def missing(size: int) -> float:
        return 1.0 - float(widefield_psf(scope, (size, size)).sum(dtype=float))

    # Light beyond radius r: about 2 / (pi v), v = 2 pi NA r / wavelength.
    assert 0 < missing(257) < missing(129) < missing(65) < 0.02
    v = 2 * np.pi * 1.4 * 128 * 0.065 / 0.525
    assert missing(257) == pytest.approx(2 / (np.pi * v), rel=0.3)


def test_no_light_beyond_the_cut_off(scope: Microscope) -> None:
    size = 512
    psf = widefield_psf(scope, (size, size)).astype(float)
    transfer = np.abs(np.fft.fft2(psf))
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.fftfreq(size))
    beyond = frequency > scope.cutoff_per_pixel * 1.02
    assert transfer[beyond].max() < 2e-3
    assert transfer[frequency < 0.8 * scope.cutoff_per_pixel].min() > 0.02


def test_transform_of_the_psf_is_the_closed_form_otf(scope: Microscope) -> None:
    size = 512
    psf = np.fft.ifftshift(widefield_psf(scope, (size, size)).astype(float))
    transfer = np.fft.fft2(psf).real
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.fftfreq(size))
    expected = widefield_otf(frequency / scope.cutoff_per_pixel)
    # The field cuts the tails off, which a smooth part of the OTF near zero frequency shows.
    np.testing.assert_allclose(transfer, expected, atol=8e-3)


def test_otf_ends_at_the_cut_off() -> None:
    assert widefield_otf(0.0) == 1.0
    assert widefield_otf(1.0) == 0.0
    assert widefield_otf([1.5, -2.0]).tolist() == [0.0, 0.0]
    assert np.all(np.diff(widefield_otf(np.linspace(0, 1, 50))) < 0)


def test_axial_profile_is_sinc_squared_at_low_aperture() -> None:
    scope = Microscope(
        numerical_aperture=0.05,
        emission_nm=500,
        pixel_size_um=0.5,
        refractive_index=1.0,
        z_step_um=20.0,
    )
    axis = widefield_psf(scope, (41, 1, 1))[:, 0, 0]
    z = (np.arange(41) - 20) * 20.0
    # u / 4 = pi NA^2 z / (2 n wavelength); numpy's sinc holds the pi.
    expected = np.sinc(0.05**2 * z / (2 * 0.5)) ** 2
    np.testing.assert_allclose(axis / axis.max(), expected, atol=1e-3)


def test_energy_is_kept_through_focus() -> None:
    deep = Microscope(
        numerical_aperture=1.2,
        emission_nm=525,
        pixel_size_um=0.1,
        refractive_index=1.515,
        z_step_um=0.3,
    )
    radius = np.arange(0.5, 10_000) * 0.008  # to 80 um
    z = np.array([0.0, 0.3, 1.0, 3.0])
    for theory in ("scalar", "vectorial"):
        profile = intensity(
            replace(deep, theory=theory),
            wavelength_nm=525,
            y_um=np.zeros_like(radius),
            x_um=radius,
            z_um=z,
        )
        planes = (profile * 2 * np.pi * radius * 0.008).sum(axis=1)
        np.testing.assert_allclose(planes, planes[0], rtol=1e-3)
        np.testing.assert_allclose(planes, 1.0, atol=2e-3)


def test_in_focus_plane_of_a_stack_is_the_two_dimensional_psf() -> None:
    scope = Microscope(
        numerical_aperture=1.2,
        emission_nm=525,
        pixel_size_um=0.1,
        refractive_index=1.33,
        z_step_um=0.3,
    )
    stack = widefield_psf(scope, (5, 31, 32))
    np.testing.assert_allclose(5 * stack[2], widefield_psf(scope, (31, 32)), rtol=1e-4, atol=1e-8)


@settings(max_examples=25, deadline=None)
@given(
    aperture=st.floats(0.2, 1.45),
    wavelength=st.floats(400, 800),
    factor=st.floats(0.5, 1.2),
    size=st.integers(3, 40),
)
def test_symmetric_non_negative_and_scales_with_wavelength_over_aperture(
    aperture: float, wavelength: float, factor: float, size: int
) -> None:
    first = Microscope(numerical_aperture=aperture, emission_nm=wavelength, pixel_size_um=0.1)
    psf = widefield_psf(first, (size, size))
    assert psf.min() >= 0
    assert psf.dtype == np.float32
    np.testing.assert_allclose(psf, psf.T, rtol=1e-6)
    if size % 2:
        np.testing.assert_array_equal(psf, psf[::-1, ::-1])
    scaled = Microscope(
        numerical_aperture=aperture,
        emission_nm=min(max(wavelength * factor, 300), 1200),
        pixel_size_um=0.1 * min(max(wavelength * factor, 300), 1200) / wavelength,
    )
    np.testing.assert_allclose(widefield_psf(scaled, (size, size)), psf, rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize(
    ("shape", "word"),
    [((5,), "shape"), ((0, 4), "at least 1"), ((3, 4, 4), "z_step_um")],
)
def test_bad_requests_are_explained(scope: Microscope, shape: tuple[int, ...], word: str) -> None:
    with pytest.raises(OpticsError, match=word):
        widefield_psf(scope, shape)


def test_out_of_focus_asks_for_the_refractive_index() -> None:
    scope = Microscope(numerical_aperture=0.8, emission_nm=525, pixel_size_um=0.1, z_step_um=0.3)
    with pytest.raises(OpticsError, match="refractive_index"):
        widefield_psf(scope, (3, 8, 8))


def test_support_holds_the_light_and_fits_the_image(scope: Microscope) -> None:
    shape = psf_shape(scope, (512, 512))
    assert all(n % 2 == 1 for n in shape)
    assert widefield_psf(scope, shape).sum(dtype=float) > 0.98
    assert psf_shape(scope, (1, 5)) == (1, 9)
