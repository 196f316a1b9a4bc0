import numpy as np
import pytest

from pellucid.errors import OpticsError
from pellucid.optics import (
    OBJECTIVES,
    Confocal,
    LightSheet,
    Microscope,
    SpinningDisk,
    Sted,
    TwoPhoton,
    Widefield,
    objective,
    paper_microscope,
    point_spread_function,
    widefield_psf,
)
from pellucid.optics.field import intensity

BASE = {
    "numerical_aperture": 1.2,
    "emission_nm": 525.0,
    "excitation_nm": 488.0,
    "pixel_size_um": 0.06,
    "refractive_index": 1.33,
    "z_step_um": 0.2,
}
ALL = [
    Widefield(),
    Confocal(airy_units=1.0),
    SpinningDisk(pinhole_um=0.4, spacing_um=2.0),
    LightSheet(thickness_um=1.0),
    TwoPhoton(),
    Sted(saturation=10.0),
]


def scope(modality: object, **changes: object) -> Microscope:
    return Microscope(**{**BASE, "modality": modality, **changes})


def excitation(shape: tuple[int, ...], wavelength: float = 488.0) -> np.ndarray:
    """The focused excitation, as a widefield image at its wavelength."""
    return widefield_psf(scope(Widefield(), emission_nm=wavelength), shape).astype(float)


def shape_of(psf: np.ndarray) -> np.ndarray:
    return psf.astype(float) / psf.max()


@pytest.mark.parametrize("modality", ALL, ids=lambda m: type(m).__name__)
def test_every_modality_is_centred_symmetric_and_sums_to_one(modality: object) -> None:
    for shape in ((65, 65), (9, 41, 41)):
        psf = point_spread_function(scope(modality), shape)
        assert psf.data.shape == shape
        assert psf.data.dtype == np.float32
        assert psf.data.min() >= 0
        assert np.unravel_index(psf.data.argmax(), shape) == tuple(n // 2 for n in shape)
        np.testing.assert_allclose(psf.data, psf.data[..., ::-1], atol=1e-5 * psf.data.max())
        np.testing.assert_allclose(
            psf.data, np.swapaxes(psf.data, -1, -2), atol=1e-5 * psf.data.max()
        )
        assert psf.data.sum(dtype=float) + psf.outside == pytest.approx(1.0, abs=1e-5)
        assert psf.outside < 0.2


@pytest.mark.parametrize("modality", ALL, ids=lambda m: type(m).__name__)
def test_the_same_in_torch(modality: object) -> None:
    torch = pytest.importorskip("torch", reason="torch not installed")
    plain = scope(modality)
    aberrated = scope(modality, theory="vectorial", zernike_waves=((5, 0.05), (12, 0.03)))
    for built, shape in ((plain, (3, 15, 16)), (aberrated, (7, 8))):
        ours = point_spread_function(built, shape)
        theirs = point_spread_function(built, shape, like=torch.empty(0))
        assert isinstance(theirs.data, torch.Tensor)
        assert theirs.data.dtype == torch.float32
        peak = ours.data.max()
        np.testing.assert_allclose(theirs.data.numpy(), ours.data, atol=1e-6 * peak)
        assert theirs.outside == pytest.approx(ours.outside, abs=1e-6)
    averaged = point_spread_function(plain, (9, 9), pixel_integration=True, like=torch.empty(0))
    expected = point_spread_function(plain, (9, 9), pixel_integration=True).data
    np.testing.assert_allclose(averaged.data.numpy(), expected, atol=1e-6 * expected.max())


def test_widefield_is_detection_alone() -> None:
    psf = point_spread_function(scope(Widefield()), (33, 33)).data
    np.testing.assert_array_equal(psf, widefield_psf(scope(Widefield()), (33, 33)))


def test_a_point_pinhole_gives_the_product_of_both_waves() -> None:
    shape = (7, 33, 33)
    tiny = point_spread_function(scope(Confocal(pinhole_um=1e-3)), shape).data
    product = excitation(shape) * widefield_psf(scope(Widefield()), shape)
    np.testing.assert_allclose(shape_of(tiny), shape_of(product), atol=1e-3)


def test_a_wide_pinhole_tends_to_the_excitation() -> None:
    shape = (5, 33, 33)
    gaps = []
    for diameter in (0.5, 2.0, 8.0, 1000.0):
        wide = point_spread_function(scope(Confocal(pinhole_um=diameter)), shape).data
        gaps.append(np.abs(shape_of(wide) - shape_of(excitation(shape))).max())
    assert np.all(np.diff(gaps) < 0)
    assert gaps[-1] < 5e-3
    paper = paper_microscope(
        "widefield", numerical_aperture=0.8, excitation_nm=470, emission_nm=520
    )
    psf = point_spread_function(paper, (33, 33)).data
    focused = widefield_psf(
        Microscope(numerical_aperture=0.8, emission_nm=470, pixel_size_um=0.1), (33, 33)
    )
    np.testing.assert_allclose(shape_of(psf), shape_of(focused), atol=0.01)


def test_the_pinhole_is_a_disc_of_the_stated_diameter() -> None:
    """Against a direct sum over the disc's area."""
    diameter = 0.6
    psf = point_spread_function(scope(Confocal(pinhole_um=diameter)), (21, 21)).data
    rng = np.random.default_rng(0)
    inside = rng.uniform(-0.5, 0.5, (40_000, 2)) * diameter
    inside = inside[np.hypot(*inside.T) <= diameter / 2][:12_000]
    row = (np.arange(21) - 10) * 0.06
    expected = np.zeros(21)
    for k, x in enumerate(row):
        values = intensity(
            scope(Widefield()),
            wavelength_nm=525,
            y_um=inside[:, 0],
            x_um=inside[:, 1] + x,
            z_um=np.zeros(1),
        )
        expected[k] = values.mean()
    expected *= excitation((21, 21))[10]
    np.testing.assert_allclose(psf[10] / psf[10, 10], expected / expected[10], atol=0.01)


def test_airy_units_are_those_of_the_emission() -> None:
    one = Confocal(airy_units=1.0).pinhole_diameter_um(1.2, 525.0)
    assert one == pytest.approx(1.22 * 0.525 / 1.2)
    by_unit = point_spread_function(scope(Confocal(airy_units=1.0)), (17, 17)).data
    by_length = point_spread_function(scope(Confocal(pinhole_um=one)), (17, 17)).data
    np.testing.assert_allclose(by_unit, by_length, rtol=1e-6)


def test_optical_sectioning() -> None:
    """Light of planes out of focus: all of it in widefield, little with a pinhole."""

    def far(modality: object) -> float:
        planes = point_spread_function(scope(modality), (21, 65, 65)).data.sum(axis=(1, 2))
        return float(planes[0] / planes[10])

    # The far plane is spread beyond the grid, so that even widefield loses some.
    assert far(Widefield()) > 0.7
    assert far(Confocal(airy_units=1.0)) < 0.1
    assert far(TwoPhoton()) < 0.1
    assert far(Confocal(airy_units=1.0)) < far(SpinningDisk(pinhole_um=0.53, spacing_um=1.5))
    assert far(LightSheet(thickness_um=1.0)) == pytest.approx(2 ** -(4 * 4.0) * far(Widefield()))


def test_a_light_sheet_has_the_stated_thickness() -> None:
    fine = scope(LightSheet(thickness_um=1.6), z_step_um=0.8)
    ratio = point_spread_function(fine, (3, 9, 9)).data / (
        point_spread_function(scope(Widefield(), z_step_um=0.8), (3, 9, 9)).data
    )
    np.testing.assert_allclose(ratio[0] / ratio[1], 0.5, rtol=1e-4)
    waist = 0.488 / (np.pi * 0.1)
    beam = scope(LightSheet(sheet_numerical_aperture=0.1), z_step_um=waist)
    ratio = point_spread_function(beam, (3, 9, 9)).data / (
        point_spread_function(scope(Widefield(), z_step_um=waist), (3, 9, 9)).data
    )
    np.testing.assert_allclose(ratio[0] / ratio[1], np.exp(-2.0), rtol=1e-4)


def test_two_photons_square_the_excitation() -> None:
    psf = point_spread_function(scope(TwoPhoton(), excitation_nm=900.0), (5, 33, 33)).data
    np.testing.assert_allclose(shape_of(psf), shape_of(excitation((5, 33, 33), 900.0)) ** 2,
                               atol=1e-5)  # fmt: skip


def test_a_spinning_disk_with_distant_pinholes_is_a_confocal_with_two() -> None:
    shape = (3, 25, 25)
    lone = point_spread_function(scope(SpinningDisk(pinhole_um=1e-3, spacing_um=6.0)), shape).data
    product = excitation(shape) * widefield_psf(scope(Widefield()), shape)
    np.testing.assert_allclose(shape_of(lone), shape_of(product), atol=0.01)


def test_depletion_narrows_the_focus_and_leaves_the_centre() -> None:
    def width(saturation: float) -> float:
        fine = scope(Sted(saturation=saturation), pixel_size_um=0.01)
        row = point_spread_function(fine, (61, 61)).data[30, 30:]
        return float(np.interp(0.5, (row / row[0])[::-1], np.arange(31)[::-1]))

    none, some, much = width(0.0), width(10.0), width(40.0)
    assert none > some > much
    # About 1 / sqrt(1 + saturation): the usual law, with the doughnut's own curvature.
    assert 0.5 < (some / none) * np.sqrt(11) < 2.0
    assert some / much == pytest.approx(np.sqrt(41 / 11), rel=0.15)


@pytest.mark.parametrize("modality", ALL, ids=lambda m: type(m).__name__)
def test_json_round_trip(modality: object) -> None:
    first = scope(modality, zernike_waves=((5, 0.1), (12, -0.02)), theory="vectorial")
    assert Microscope.from_json(first.to_json()) == first


@pytest.mark.parametrize("text", ["", "[]", '{"modality": {"kind": "Magic"}}', '{"na": 1}'])
def test_json_that_is_no_microscope_is_explained(text: str) -> None:
    with pytest.raises(OpticsError, match="not a microscope in JSON"):
        Microscope.from_json(text)


def bad(kind: type, **values: object) -> tuple[type, dict[str, object]]:
    return kind, values


@pytest.mark.parametrize(
    ("kind", "values", "word"),
    [
        (*bad(Confocal), "exactly one"),
        (*bad(Confocal, pinhole_um=0.0), "pinhole_um"),
        (*bad(Confocal, pinhole_um=1.0, airy_units=1.0), "exactly one"),
        (*bad(SpinningDisk, pinhole_um=1.0, spacing_um=0.5), "overlap"),
        (*bad(LightSheet), "exactly one"),
        (*bad(LightSheet, thickness_um=-1.0), "-1"),
        (*bad(Sted, saturation=-1.0), "-1"),
        (*bad(Sted, saturation=1.0, depletion_nm=0.775), "nm"),
    ],
)
def test_impossible_modalities_are_explained(kind: type, values: dict, word: str) -> None:
    with pytest.raises(OpticsError, match=word):
        kind(**values)


def test_what_needs_excitation_asks_for_it() -> None:
    for modality in (Confocal(airy_units=1.0), TwoPhoton(), Sted(saturation=1.0)):
        with pytest.raises(OpticsError, match="excitation"):
            scope(modality, excitation_nm=None)
    with pytest.raises(OpticsError, match="must be one of"):
        scope("confocal")


def test_presets() -> None:
    assert len(OBJECTIVES) >= 10
    for name, lens in OBJECTIVES.items():
        built = lens.microscope(emission_nm=525)
        assert name.startswith(f"{lens.magnification:g}x/{lens.numerical_aperture:g}")
        assert built.pixel_size_um == pytest.approx(6.5 / lens.magnification)
    assert objective("63x/1.4 oil").refractive_index == 1.515
    with pytest.raises(OpticsError, match="choose one of"):
        objective("1000x")
    confocal = paper_microscope(
        "confocal", numerical_aperture=0.7, excitation_nm=460, emission_nm=500
    )
    assert confocal.modality == Confocal(pinhole_um=0.1)
    assert confocal.refractive_index == 1.33
    with pytest.raises(OpticsError, match="paper's range"):
        paper_microscope("confocal", numerical_aperture=1.2, excitation_nm=460, emission_nm=500)
    with pytest.raises(OpticsError, match="widefield and confocal"):
        paper_microscope("sted", numerical_aperture=0.7, excitation_nm=460, emission_nm=500)
