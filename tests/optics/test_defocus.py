import numpy as np
import pytest

from pellucid.errors import OpticsError
from pellucid.optics import Microscope, widefield_otf
from pellucid.optics.defocus import defocused_otf

DISTANCES = np.array([0.0, 0.3, 1.0, -1.0, 2.5])


def scope(na: float, index: float | None) -> Microscope:
    return Microscope(
        numerical_aperture=na, emission_nm=525, pixel_size_um=0.06, refractive_index=index
    )


def autocorrelation(microscope: Microscope, z_um: float, relative: np.ndarray) -> np.ndarray:
    """The transfer function as the autocorrelation of the pupil, drawn on a fine grid."""
    n, radius = 1024, 256
    k = (np.arange(n) - n // 2) / radius
    rho_squared = k[:, None] ** 2 + k**2
    index, na = microscope.refractive_index, microscope.numerical_aperture
    assert index is not None
    axial = np.sqrt(np.maximum(index**2 - na**2 * rho_squared, 0.0))
    pupil = np.where(rho_squared <= 1, np.exp(2j * np.pi * z_um * axial / 0.525), 0)
    spectrum = np.fft.ifft2(np.abs(np.fft.fft2(pupil)) ** 2).real
    values = spectrum[0, : 2 * radius] / spectrum[0, 0]
    return np.interp(relative, np.arange(2 * radius) / (2 * radius), values, right=0.0)


@pytest.mark.parametrize(("na", "index"), [(1.4, 1.515), (1.2, 1.333), (0.5, 1.0)])
def test_agrees_with_the_autocorrelation_of_the_pupil(na: float, index: float) -> None:
    microscope = scope(na, index)
    relative, transfer = defocused_otf(microscope, DISTANCES)
    for z_um, row in zip(DISTANCES, transfer, strict=True):
        np.testing.assert_allclose(row, autocorrelation(microscope, z_um, relative), atol=1e-3)


def test_in_focus_it_is_the_closed_form_and_both_sides_are_alike() -> None:
    relative, transfer = defocused_otf(scope(1.3, 1.515), DISTANCES)
    np.testing.assert_allclose(transfer[0], widefield_otf(relative), atol=1e-6)
    np.testing.assert_allclose(transfer[2], transfer[3], atol=1e-6)
    np.testing.assert_allclose(transfer[:, 0], 1.0)  # no light is lost out of focus


def test_the_index_must_be_known() -> None:
    with pytest.raises(OpticsError, match="refractive_index"):
        defocused_otf(scope(0.8, None), DISTANCES)
