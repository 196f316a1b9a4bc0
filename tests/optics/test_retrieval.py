from pathlib import Path

import numpy as np
import pytest

from pellucid import read_image
from pellucid.errors import OpticsError
from pellucid.optics import (
    Confocal,
    LightSheet,
    Microscope,
    average_beads,
    find_beads,
    point_spread_function,
    prepare_psf,
)
from pellucid.optics.retrieval import PRIMARY, retrieve

BASE = {
    "emission_nm": 525.0,
    "pixel_size_um": 0.09,
    "refractive_index": 1.515,
    "z_step_um": 0.25,
}


def measured(scope: Microscope, shape: tuple[int, ...], offset: tuple, seed: int) -> np.ndarray:
    """Photons of a bead: shot noise and background."""
    psf = point_spread_function(scope, shape, offset=offset).data
    rng = np.random.default_rng(seed)
    return rng.poisson(4000 * psf / psf.max() + 50).astype(float)


def test_aperture_spherical_aberration_and_position_come_back() -> None:
    truth = Microscope(numerical_aperture=1.25, zernike_waves=((12, 0.07),), **BASE)
    data = measured(truth, (13, 25, 25), (0.6, -0.3, 0.2), 0)
    guess = Microscope(numerical_aperture=1.1, **BASE)
    found = retrieve(data, guess)
    assert found.microscope.numerical_aperture == pytest.approx(1.25, rel=0.02)
    assert dict(found.microscope.zernike_waves)[12] == pytest.approx(0.07, abs=0.01)
    np.testing.assert_allclose(found.offset, (0.6, -0.3, 0.2), atol=0.1)
    # What is left is the noise: shot noise of the mean over the peak.
    assert found.residual < 1.15 * np.sqrt(data.mean()) / data.max()


def test_all_primary_aberrations_come_back() -> None:
    terms = ((3, 0.0), (5, 0.05), (6, 0.0), (7, -0.04), (8, 0.0), (9, 0.0), (12, 0.03))
    truth = Microscope(numerical_aperture=1.2, zernike_waves=terms, **BASE)
    data = measured(truth, (7, 17, 17), (0.0, 0.0, 0.0), 1)
    guess = Microscope(numerical_aperture=1.2, **BASE)
    found = retrieve(data, guess, terms=PRIMARY, fit_aperture=False)
    waves = dict(found.microscope.zernike_waves)
    for index, expected in terms:
        assert waves[index] == pytest.approx(expected, abs=0.012), index
    assert found.microscope.numerical_aperture == 1.2


def test_a_confocal_is_fitted_as_one() -> None:
    common = {**BASE, "excitation_nm": 488.0, "modality": Confocal(airy_units=1.0)}
    truth = Microscope(numerical_aperture=1.3, **common)
    data = measured(truth, (9, 17, 17), (0.0, 0.2, 0.0), 2)
    found = retrieve(data, Microscope(numerical_aperture=1.15, **common), terms=())
    assert found.microscope.numerical_aperture == pytest.approx(1.3, rel=0.03)


def test_what_cannot_be_fitted_is_explained() -> None:
    guess = Microscope(numerical_aperture=1.2, **BASE)
    with pytest.raises(OpticsError, match="at least 3 planes"):
        retrieve(np.ones((2, 9, 9)), guess)
    with pytest.raises(OpticsError, match="constant"):
        retrieve(np.ones((3, 9, 9)), guess)


def test_real_beads_are_explained_by_a_microscope(real_images: Path) -> None:
    """Four confocal beads: a plausible aperture and small aberrations leave 2 % of the peak."""
    stack = read_image(real_images / "psf" / "mpi_confocal_beads_zyx.tif", axes="ZYX").data
    beads = average_beads(stack, find_beads(stack, pixel_size_um=0.0225, z_step_um=0.125))
    small = beads.resampled(pixel_size_um=0.045, shape=(17, 25, 25))
    guess = Microscope(
        numerical_aperture=1.3,
        emission_nm=520,
        excitation_nm=488,
        refractive_index=1.515,
        pixel_size_um=0.045,
        z_step_um=0.125,
        modality=Confocal(airy_units=1.0),
    )
    found = retrieve(small.data, guess)
    assert 1.0 < found.microscope.numerical_aperture < 1.5
    assert abs(dict(found.microscope.zernike_waves)[12]) < 0.1
    assert found.residual < 0.025


def test_a_real_light_sheet_psf_is_explained_by_one(real_images: Path) -> None:
    stack = read_image(real_images / "psf" / "lls_psf_zyx.tif", axes="ZYX").data
    ready = prepare_psf(stack, pixel_size_um=0.102, z_step_um=0.1)
    small = ready.resampled(shape=(15, 15, 15), z_step_um=0.15).data
    plain = {
        "numerical_aperture": 1.1,
        "emission_nm": 520,
        "refractive_index": 1.33,
        "pixel_size_um": 0.102,
        "z_step_um": 0.15,
    }
    widefield = retrieve(small, Microscope(**plain))
    sheet = retrieve(small, Microscope(**plain, modality=LightSheet(thickness_um=0.8)))
    assert sheet.residual < 0.6 * widefield.residual
