"""Vectorial theory, aberrations and layers against independent oracles and known answers."""

import numpy as np
import pytest
from scipy.integrate import trapezoid
from scipy.special import j0

from pellucid.errors import OpticsError
from pellucid.optics import Layers, Microscope, widefield_psf
from pellucid.optics.aberration import zernike, zernike_orders
from pellucid.optics.field import intensity
from pellucid.optics.psf import point_spread_function

APERTURES = [(0.4, 1.0), (0.8, 1.0), (1.2, 1.33), (1.45, 1.515)]


def width_of_focus(scope: Microscope) -> float:
    profile = widefield_psf(scope, (1, 401))[0, 200:]
    profile = profile / profile[0]
    first = int(np.argmax(profile < 0.5))
    exact = first - 1 + (profile[first - 1] - 0.5) / (profile[first - 1] - profile[first])
    return float(2 * exact * scope.pixel_size_um)


def test_known_widths_at_aperture_one() -> None:
    common = {
        "numerical_aperture": 1.0,
        "emission_nm": 500.0,
        "pixel_size_um": 0.0025,
        "refractive_index": 1.33,
    }
    scalar = Microscope(**common, apodisation="aplanatic")
    vectorial = Microscope(**common, theory="vectorial")
    assert width_of_focus(scalar) == pytest.approx(0.253, abs=5e-4)
    assert width_of_focus(vectorial) == pytest.approx(0.271, abs=5e-4)


@pytest.mark.parametrize(("aperture", "index"), APERTURES)
@pytest.mark.parametrize("theory", ["scalar", "vectorial"])
def test_agrees_with_psf_generator(aperture: float, index: float, theory: str) -> None:
    propagators = pytest.importorskip("psf_generator", reason="oracle not installed").propagators
    n = 33
    kind, polarised = {
        "scalar": (propagators.ScalarSphericalPropagator, {}),
        "vectorial": (propagators.VectorialSphericalPropagator, {"e0x": 1.0, "e0y": 0.0}),
    }[theory]
    oracle = kind(
        n_pix_pupil=513, n_pix_psf=n, wavelength=500, na=aperture, pix_size=50,
        defocus_step=200, n_defocus=5, apod_factor=True, n_i=index, n_i0=index, n_s=index,
        **polarised,
    )  # fmt: skip
    theirs = (np.abs(oracle.compute_focus_field().numpy()) ** 2).sum(axis=1)
    if theory == "vectorial":  # average over the polarisations x and y
        theirs = 0.5 * (theirs + theirs.transpose(0, 2, 1))
    scope = Microscope(
        numerical_aperture=aperture,
        emission_nm=500,
        pixel_size_um=0.05 * n / (n - 1),  # its pixels span the field end to end
        refractive_index=index,
        z_step_um=0.25,  # and its planes from -n step // 2 to n step // 2
        theory=theory,
        apodisation="aplanatic",
    )
    ours = widefield_psf(scope, theirs.shape)
    np.testing.assert_allclose(ours / ours.max(), theirs / theirs.max(), atol=1e-4)


@pytest.mark.parametrize(("aperture", "index"), APERTURES)
def test_richards_wolf_integrals_agree_with_the_package_psf(aperture: float, index: float) -> None:
    """That package weights the axial field by 4 where the average over polarisations has 2.

    On the axis, where it vanishes, intensities agree directly; off the axis they do with its
    weight.
    """
    psf = pytest.importorskip("psf", reason="oracle not installed")
    oracle = psf.PSF(
        psf.ISOTROPIC | psf.EXCITATION,
        shape=(33, 33),
        dims=(2.0, 1.6),
        ex_wavelen=500,
        num_aperture=aperture,
        refr_index=index,
        underfilling=1e-3,
    )
    theirs = np.asarray(oracle.data) / np.asarray(oracle.data)[0, 0]
    scope = Microscope(
        numerical_aperture=aperture,
        emission_nm=500,
        pixel_size_um=0.05,
        refractive_index=index,
        theory="vectorial",
    )
    radius, depth = np.arange(33) * 1.6 / 32, np.arange(33) * 2.0 / 32
    ours = intensity(scope, wavelength_nm=500, y_um=np.zeros(33), x_um=radius, z_um=depth)
    np.testing.assert_allclose(ours[:, 0] / ours[0, 0], theirs[:, 0], atol=1e-3)
    axial = axial_field(scope, radius, depth)
    weighted = ours + 2.0 * axial
    np.testing.assert_allclose(weighted / weighted[0, 0], theirs, atol=0.01)


def axial_field(scope: Microscope, radius: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """|I1|^2 in the units of `intensity`, shape (z, r)."""
    from pellucid.optics._library import library_of
    from pellucid.optics.field import _Rings
    from pellucid.optics.pupil import sample_pupil

    pupil = sample_pupil(scope, wavelength_nm=500, radius_um=1.6, defocus_um=2.0)
    sine = np.sqrt(1 - pupil.cosine**2)
    (wave,) = _Rings(pupil, radius, library_of()).waves(1, [pupil.wave * sine / 2], depth)
    return np.abs(wave) ** 2 / pupil.energy_per_um2


@pytest.mark.parametrize("aperture", [0.8, 1.2, 1.4])
@pytest.mark.parametrize("theory", ["scalar", "vectorial"])
def test_gibson_lanni_agrees_with_psf_generator(aperture: float, theory: str) -> None:
    propagators = pytest.importorskip("psf_generator", reason="oracle not installed").propagators
    n, index = 33, 1.515
    kind, polarised = {
        "scalar": (propagators.ScalarSphericalPropagator, {}),
        "vectorial": (propagators.VectorialSphericalPropagator, {"e0x": 1.0, "e0y": 0.0}),
    }[theory]
    oracle = kind(
        n_pix_pupil=2049, n_pix_psf=n, wavelength=500, na=aperture, pix_size=50,
        defocus_step=400, n_defocus=5, apod_factor=True, gibson_lanni=True, z_p=0.0,
        n_s=index, n_i=index, n_i0=index, n_g=1.53, n_g0=1.515, t_g=175e3, t_g0=170e3,
        t_i0=150e3, **polarised,
    )  # fmt: skip
    theirs = (np.abs(oracle.compute_focus_field().numpy()) ** 2).sum(axis=1)
    if theory == "vectorial":
        theirs = 0.5 * (theirs + theirs.transpose(0, 2, 1))
    scope = Microscope(
        numerical_aperture=aperture,
        emission_nm=500,
        pixel_size_um=0.05 * n / (n - 1),
        refractive_index=index,
        z_step_um=0.5,
        theory=theory,
        apodisation="aplanatic",
        layers=Layers(specimen_index=index, coverslip_um=175.0, coverslip_index=1.53),
    )
    ours = widefield_psf(scope, theirs.shape)
    np.testing.assert_allclose(ours / ours.max(), theirs / theirs.max(), atol=1e-3)


def test_depth_in_a_thinner_medium_against_the_integral_itself() -> None:
    layers = Layers(specimen_index=1.33, depth_um=8.0)
    scope = Microscope(
        numerical_aperture=1.25,
        emission_nm=520,
        pixel_size_um=0.07,
        refractive_index=1.515,
        z_step_um=0.3,
        layers=layers,
    )
    ours = widefield_psf(scope, (15, 1, 21)).astype(float)[:, 0]
    s = np.linspace(0, 1.25, 20001)
    path = 8.0 * np.sqrt(1.33**2 - s**2) - 1.515 / 1.33 * 8.0 * np.sqrt(1.515**2 - s**2)
    r, z = (np.arange(21) - 10) * 0.07, (np.arange(15) - 7) * 0.3
    k = 2 * np.pi / 0.52
    expected = np.zeros((15, 21))
    for i, dz in enumerate(z):
        wave = np.exp(1j * k * (path + dz * np.sqrt(1.515**2 - s**2))) * s
        for j, dr in enumerate(r):
            expected[i, j] = abs(trapezoid(wave * j0(k * s * dr), s)) ** 2
    np.testing.assert_allclose(ours / ours.max(), expected / expected.max(), atol=1e-4)
    # Looking deeper into a thinner medium stretches and shifts the focus: not symmetric.
    assert abs(np.argmax(ours[:, 10]) - 7) >= 1


def test_vectorial_tends_to_scalar_at_low_aperture() -> None:
    def pair(aperture: float) -> float:
        common = {
            "numerical_aperture": aperture,
            "emission_nm": 500,
            "pixel_size_um": 0.1 / aperture,
            "refractive_index": 1.33,
        }
        scalar = widefield_psf(Microscope(**common), (33, 33))
        vectorial = widefield_psf(Microscope(**common, theory="vectorial"), (33, 33))
        return float(np.abs(vectorial - scalar).max() / scalar.max())

    gaps = [pair(aperture) for aperture in (0.8, 0.4, 0.2, 0.1)]
    assert np.all(np.diff(gaps) < 0)
    assert gaps[-1] < 2e-3


def test_zernike_polynomials_are_orthonormal_in_the_standard_order() -> None:
    assert [zernike_orders(j) for j in (0, 1, 2, 3, 4, 5, 7, 8, 12)] == [
        (0, 0), (1, -1), (1, 1), (2, -2), (2, 0), (2, 2), (3, -1), (3, 1), (4, 0),
    ]  # fmt: skip
    node, weight = np.polynomial.legendre.leggauss(40)
    rho, angle = 0.5 * (node + 1), np.arange(64) * 2 * np.pi / 64
    area = (0.5 * weight * rho)[:, None] * (2 * np.pi / 64) / np.pi
    values = np.stack([zernike(j, rho[:, None], angle[None, :]) for j in range(15)])
    gram = np.einsum("jra,kra,ra->jk", values, values, area * np.ones((1, 64)))
    np.testing.assert_allclose(gram, np.eye(15), atol=1e-12)
    with pytest.raises(OpticsError, match="-1"):
        zernike(-1, rho)


@pytest.mark.parametrize("theory", ["scalar", "vectorial"])
def test_tilt_moves_the_image(theory: str) -> None:
    """Zernike 2, 2 rho cos(angle), of a waves moves the focus by 2 a wavelength / NA along x."""
    common = {
        "numerical_aperture": 1.2,
        "emission_nm": 525.0,
        "pixel_size_um": 0.08,
        "refractive_index": 1.33,
        "theory": theory,
    }
    waves = 0.08 * 3 * 1.2 / (2 * 0.525)  # three pixels
    straight = widefield_psf(Microscope(**common), (25, 25))
    for index, axis in ((2, 1), (1, 0)):
        tilted = widefield_psf(Microscope(**common, zernike_waves=((index, waves),)), (25, 25))
        moved = [np.roll(straight, shift, axis)[4:-4, 4:-4] for shift in (3, -3)]
        gaps = [np.abs(tilted[4:-4, 4:-4] - m).max() / straight.max() for m in moved]
        assert min(gaps) < 1e-3


def test_defocus_as_an_aberration_is_defocus() -> None:
    """At low aperture Zernike 4 and a paraxial displacement are the same."""
    scope = Microscope(
        numerical_aperture=0.2,
        emission_nm=500,
        pixel_size_um=0.5,
        refractive_index=1.0,
        z_step_um=4.0,
    )
    displaced = widefield_psf(scope, (3, 33, 33))[2] * 3
    # NA^2 z / (2 n wavelength) waves at the edge, over 2 sqrt(3) for the rms coefficient.
    waves = 0.2**2 * 4.0 / (2 * 0.5) / (2 * np.sqrt(3))
    aberrated = widefield_psf(
        Microscope(
            numerical_aperture=0.2, emission_nm=500, pixel_size_um=0.5, zernike_waves=((4, waves),)
        ),
        (33, 33),
    )
    np.testing.assert_allclose(aberrated, displaced, atol=2e-3 * displaced.max())


def test_a_vanishing_asymmetric_term_changes_nothing() -> None:
    """The expansion in harmonics agrees with the symmetric shortcut, doughnut included."""
    common = {
        "numerical_aperture": 1.3,
        "emission_nm": 525.0,
        "pixel_size_um": 0.07,
        "refractive_index": 1.515,
        "z_step_um": 0.2,
        "theory": "vectorial",
    }
    points = np.random.default_rng(0).uniform(-1, 1, (2, 40))
    for doughnut in (False, True):
        one, two = (
            intensity(
                Microscope(**common, zernike_waves=terms),
                wavelength_nm=525,
                y_um=points[0],
                x_um=points[1],
                z_um=np.array([-0.3, 0.0, 0.5]),
                doughnut=doughnut,
            )
            for terms in ((), ((5, 1e-9),))
        )
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-6 * one.max())


def test_strehl_ratio_of_a_small_aberration() -> None:
    """Marechal: exp(-(2 pi rms)^2), whatever the term."""
    common = {"numerical_aperture": 0.5, "emission_nm": 525.0, "pixel_size_um": 0.1}
    perfect = widefield_psf(Microscope(**common), (1, 1))[0, 0]
    for index in (4, 5, 7, 11, 12):
        scope = Microscope(**common, zernike_waves=((index, 0.03),))
        ratio = widefield_psf(scope, (1, 1))[0, 0] / perfect
        assert ratio == pytest.approx(np.exp(-((2 * np.pi * 0.03) ** 2)), rel=2e-3)


@pytest.mark.parametrize("terms", [((12, 0.1),), ((7, 0.1), (5, 0.05))])
def test_aberrations_and_theories_conserve_energy(terms: tuple) -> None:
    scope = Microscope(
        numerical_aperture=1.2,
        emission_nm=525,
        pixel_size_um=0.1,
        refractive_index=1.33,
        z_step_um=0.5,
        theory="vectorial",
        zernike_waves=terms,
    )
    planes = widefield_psf(scope, (3, 301, 301)).sum(axis=(1, 2), dtype=float) * 3
    np.testing.assert_allclose(planes, 1.0, atol=8e-3)


def test_sub_pixel_offset_moves_the_centre() -> None:
    scope = Microscope(numerical_aperture=1.2, emission_nm=525, pixel_size_um=0.08)
    psf = point_spread_function(scope, (32, 33), offset=(0.25, -0.5))
    assert psf.centre == (16.25, 15.5)
    y, x = np.indices((32, 33))
    window = psf.data.astype(float) ** 2  # squared, so that the tails do not matter
    assert (y * window).sum() / window.sum() == pytest.approx(16.25, abs=0.02)
    assert (x * window).sum() / window.sum() == pytest.approx(15.5, abs=0.02)
    with pytest.raises(OpticsError, match="one finite number for each axis"):
        point_spread_function(scope, (8, 8), offset=(1.0,))


def test_pixel_integration_is_the_average_over_the_pixel() -> None:
    scope = Microscope(numerical_aperture=1.2, emission_nm=525, pixel_size_um=0.1)
    fine = Microscope(numerical_aperture=1.2, emission_nm=525, pixel_size_um=0.1 / 9)
    whole = point_spread_function(scope, (15, 15), pixel_integration=True).data
    parts = point_spread_function(fine, (135, 135)).data
    expected = parts.reshape(15, 9, 15, 9).sum(axis=(1, 3))
    np.testing.assert_allclose(whole, expected, atol=1e-3 * whole.max())


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"theory": "magic"}, "scalar, vectorial"),
        ({"apodisation": "sine"}, "none, aplanatic"),
        ({"theory": "vectorial", "refractive_index": None}, "refractive_index"),
        ({"layers": Layers(specimen_index=1.33), "refractive_index": None}, "layers"),
        ({"zernike_waves": ((-3, 0.1),)}, "-3"),
        ({"zernike_waves": ((4, float("nan")),)}, "nan"),
    ],
)
def test_bad_theories_are_explained(change: dict, word: str) -> None:
    good = {
        "numerical_aperture": 1.2,
        "emission_nm": 525.0,
        "pixel_size_um": 0.1,
        "refractive_index": 1.33,
    }
    with pytest.raises(OpticsError, match=word):
        Microscope(**{**good, **change})


@pytest.mark.parametrize(
    "bad", [{"specimen_index": 0.5}, {"specimen_index": 1.3, "depth_um": -1.0}]
)
def test_bad_layers_are_explained(bad: dict) -> None:
    with pytest.raises(OpticsError, match=r"0\.5|-1\.0"):
        Layers(**bad)
