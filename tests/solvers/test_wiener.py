from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from pellucid import Image, Restorer, psnr
from pellucid.errors import ImageError, SettingsError
from pellucid.imaging import Blur, Identity
from pellucid.optics import Microscope, widefield_psf
from pellucid.optics.psf import point_spread_function
from pellucid.optics.support import psf_shape
from pellucid.simulate import PairStream, ProceduralSource
from pellucid.simulate.cell import CellImage
from pellucid.simulate.physical import Instrument, PhysicalRegime
from pellucid.simulate.regime import Acquisition
from pellucid.solvers import Restoration, SignalSpectrum, regularised_inverse, tikhonov, wiener
from pellucid.solvers.noise_model import NoiseModel

SOLVERS: dict[str, tuple[Callable[..., Restoration], str]] = {
    "wiener": (wiener, "noise_to_signal"),
    "tikhonov": (tikhonov, "eps"),
    "regularised_inverse": (regularised_inverse, "eps"),
}
BOUNDARIES = ("extended", "periodic", "reflect")
SIZE = 64


@pytest.fixture(scope="module")
def recordings() -> list[tuple[Acquisition, Blur]]:
    """Specimens of three kinds, 100 and 1000 photons each, and their blur."""
    made = []
    for photons in (100.0, 1000.0):
        regime = PhysicalRegime(instrument=Instrument(peak_photons=(photons, 1.001 * photons)))
        kinds = ("filaments", "nuclei", "diffuse")
        source = ProceduralSource(needs=regime.needs, seed=5, kinds=kinds)
        stream = PairStream(source, regime=regime, seed=5, size=SIZE)
        for number in range(len(kinds)):
            one = stream.acquisition(number)
            assert one.microscope is not None
            shape = psf_shape(one.microscope, (SIZE, SIZE))
            psf = point_spread_function(one.microscope, shape).data
            made.append((one, Blur(psf, (SIZE, SIZE))))
    return made


def losses(
    recordings: list[tuple[Acquisition, Blur]],
    name: str,
    recorded: Callable[[Acquisition], NDArray[np.float32]] = lambda one: one.recorded,
    **chosen_by: object,
) -> list[float]:
    """dB by which a choice falls short of the best of regularisations around it."""
    solver, key = SOLVERS[name]
    found = []
    for one, blur in recordings:

        def quality(image: NDArray[np.float32], one: Acquisition = one) -> float:
            return psnr(image, one.truth, fit=True)

        image = recorded(one)
        chosen = solver(image, blur, tolerance=4e-3, **chosen_by)
        around = [
            solver(image, blur, tolerance=4e-3, **{key: chosen.settings[key] * 4.0**power}).image
            for power in (-2, -1, 1, 2)
        ]
        own = quality(chosen.image)
        found.append(max(0.0, max(map(quality, around)) - own))
    return found


def test_sharpens_with_a_ratio_near_the_best(cell: CellImage) -> None:
    blur = Blur(widefield_psf(cell.microscope, (65, 65)), cell.recorded.shape)
    chosen = wiener(cell.recorded, blur)
    quality = psnr(chosen.image, cell.truth, fit=True)
    best = max(
        psnr(wiener(cell.recorded, blur, noise_to_signal=eps).image, cell.truth, fit=True)
        for eps in np.logspace(-4, 0, 9)
    )
    assert quality > psnr(cell.recorded, cell.truth, fit=True) + 1.0
    assert quality > best - 0.05
    assert chosen.settings["chosen_by"] == "least expected error"
    # A power law knows more of specimens than a flat spectrum does.
    assert quality > psnr(tikhonov(cell.recorded, blur).image, cell.truth, fit=True)


@pytest.mark.parametrize(
    ("name", "most"), [("wiener", 0.35), ("tikhonov", 2.0), ("regularised_inverse", 0.35)]
)
def test_the_expected_error_is_near_the_best(
    recordings: list[tuple[Acquisition, Blur]], name: str, most: float
) -> None:
    found = losses(recordings, name)
    assert max(found) < most
    assert np.mean(found) < 0.4 * most


@pytest.mark.parametrize(("choice", "most"), [("gcv", 0.5), ("discrepancy", 2.5)])
def test_other_choices_stay_within_what_is_known_of_them(
    recordings: list[tuple[Acquisition, Blur]], choice: str, most: float
) -> None:
    assert max(losses(recordings, "wiener", choice=choice)) < most


def test_the_l_curve_is_used_where_it_has_a_corner(
    recordings: list[tuple[Acquisition, Blur]],
) -> None:
    cornered = []
    for one, blur in recordings:
        # test_regularisation says what becomes of the others.
        with suppress(SettingsError):
            wiener(one.recorded, blur, choice="l-curve", iterations=1)
            cornered.append((one, blur))
    # Its corner is blunt in images of smooth bodies, which it makes too smooth.
    found = losses(cornered, "wiener", choice="l-curve")
    assert len(found) >= 4
    assert max(found) < 6.0
    assert np.median(found) < 2.0


def test_smoothed_images_are_not_restored_into_noise(
    recordings: list[tuple[Acquisition, Blur]],
) -> None:
    # Above the cut-off a smoothed image has next to no noise: taken for the noise within, that
    # loses up to 11 dB.
    found = losses(recordings, "wiener", lambda one: gaussian_filter(one.recorded, 0.6))
    assert max(found) < 3.0
    assert np.mean(found) < 1.0


def spectrum_matrix(
    shape: tuple[int, ...], spectrum: SignalSpectrum, image_shape: tuple[int, ...], boundary: str
) -> NDArray[np.float64]:
    """S^-1 written out: waves of a torus, or cosines of a scene mirrored at its edges."""
    columns, frequencies = [], []
    for n in shape:
        j, k = np.arange(n), np.arange(n)
        if boundary == "periodic":
            columns.append(np.exp(2j * np.pi * np.outer(j, k) / n) / np.sqrt(n))
            frequencies.append(np.minimum(k, n - k) / n)
        else:
            wave = np.cos(np.pi * np.outer(j + 0.5, k) / n)
            columns.append(wave / np.linalg.norm(wave, axis=0))
            frequencies.append(k / (2 * n))
    basis = np.kron(columns[0], columns[1])
    square = np.add.outer(frequencies[0] ** 2, frequencies[1] ** 2).ravel()
    small = np.add.outer(*[(np.arange(n) / (2 * n)) ** 2 for n in image_shape]).ravel()[1:]
    inverse = np.mean(spectrum.power(small)) / spectrum.power(square)
    inverse[0] = 0.0
    matrix: NDArray[np.float64] = ((basis * inverse) @ basis.conj().T).real
    return matrix


def matrix_of(blur: Blur) -> NDArray[np.float64]:
    units = np.eye(int(np.prod(blur.input_shape)), dtype=np.float32)
    return np.stack([blur.apply(u.reshape(blur.input_shape)).ravel() for u in units], 1).astype(
        float
    )


def solved(
    blur: Blur, image: NDArray[np.float64], penalty: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The minimiser of ``|K x - y|^2 + <x, P x>`` by elimination, its mean set to the image's."""
    matrix = matrix_of(blur)
    x = np.linalg.solve(matrix.T @ matrix + penalty, matrix.T @ image.ravel())
    seen = x.reshape(blur.input_shape)[blur.camera]
    return np.asarray(seen + (image.mean() - seen.mean()))


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("ratio", [0.003, 0.3])
def test_agrees_with_elimination(boundary: str, ratio: float) -> None:
    rng = np.random.default_rng(0)
    blur = Blur(rng.random((4, 5)), (9, 8), boundary=boundary)
    image = 100.0 * rng.random((9, 8)) + 20.0
    spectrum = SignalSpectrum(exponent=2.3, knee_per_pixel=0.05)
    penalty = spectrum_matrix(blur.input_shape, spectrum, (9, 8), boundary)
    result = wiener(
        image,
        blur,
        noise_to_signal=ratio,
        spectrum=spectrum,
        iterations=1000,
        tolerance=1e-7,
    )
    np.testing.assert_allclose(result.image, solved(blur, image, ratio * penalty), atol=0.02)
    if boundary == "periodic":
        assert len(result.trace) <= 2


def test_a_periodic_image_needs_one_iteration_however_lopsided_the_blur() -> None:
    rng = np.random.default_rng(1)
    blur = Blur(rng.random((5, 2)), (32, 33), boundary="periodic")
    result = wiener(rng.random((32, 33)), blur)
    assert len(result.trace) == 1
    assert result.trace[0] < 1e-4


def test_follows_gain_and_offset_and_keeps_the_mean(cell: CellImage) -> None:
    blur = Blur(widefield_psf(cell.microscope, (33, 33)), cell.recorded.shape)
    image = cell.recorded.astype(float)
    first = wiener(image, blur).image
    second = wiener(3.0 * image + 500.0, blur).image
    assert first.dtype == np.float32
    assert first.mean(dtype=float) == pytest.approx(image.mean(), rel=1e-6)
    np.testing.assert_allclose(second, 3.0 * first + 500.0, rtol=1e-4)


@settings(max_examples=15, deadline=None)
@given(
    gain=st.floats(1e-3, 1e3),
    offset=st.floats(-10.0, 10.0),
    name=st.sampled_from(sorted(SOLVERS)),
    boundary=st.sampled_from(BOUNDARIES),
    choice=st.sampled_from(["expected-error", "gcv", "discrepancy"]),
)
def test_gain_and_offset_whatever_is_chosen_and_how(
    gain: float, offset: float, name: str, boundary: str, choice: str
) -> None:
    rng = np.random.default_rng(2)
    psf = np.outer(np.hanning(7), np.hanning(7))[1:-1, 1:-1]
    image = gaussian_filter(rng.random((24, 20)), 1.5) + 0.02 * rng.standard_normal((24, 20))
    blur = Blur(psf, image.shape, boundary=boundary)
    solver, _ = SOLVERS[name]
    first = solver(image, blur, choice=choice).image.astype(float)
    second = solver(gain * (image + offset), blur, choice=choice).image.astype(float)
    np.testing.assert_allclose(second / gain - offset, first, atol=2e-3)
    assert second.mean() == pytest.approx(gain * (image.mean() + offset), abs=1e-4 * gain)


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("level", [0.0, 50.0])
def test_a_flat_image_stays_flat_up_to_the_frame(
    scope: Microscope, name: str, boundary: str, level: float
) -> None:
    image = np.full((20, 24), level, dtype=np.float32)
    blur = Blur(widefield_psf(scope, (15, 33)), image.shape, boundary=boundary)
    for background in ("estimated", 0.0):
        result = SOLVERS[name][0](image, blur, background=background)
        np.testing.assert_allclose(result.image, level, rtol=1e-5)
        assert "uniform" in result.stopped_because


def test_a_flat_noisy_image_is_no_noisier_at_the_frame(scope: Microscope) -> None:
    rng = np.random.default_rng(3)
    image = rng.poisson(1000.0, (64, 64)).astype(np.float32)
    blur = Blur(widefield_psf(scope, (33, 33)), image.shape)
    deviation = np.abs(wiener(image, blur, noise_to_signal=0.1).image - 1000.0)
    inner = deviation[16:-16, 16:-16]
    assert deviation[:2].max() < 1.5 * inner.max()
    assert deviation[:, -2:].max() < 1.5 * inner.max()


@pytest.mark.parametrize("name", SOLVERS)
def test_bright_structure_cut_by_the_frame_does_not_ring(cell: CellImage, name: str) -> None:
    """A part of an image is restored as the same part within a larger field is."""
    solver, key = SOLVERS[name]
    psf = widefield_psf(cell.microscope, (65, 65))
    whole = cell.truth.copy()
    whole[100:140, 60:120] += 20.0 * (cell.truth.max() - cell.truth.min())
    clear = Blur(psf, whole.shape, boundary="periodic").apply(whole)
    part = (slice(96, 160), slice(80, 150))  # cuts the bright block twice
    eps = {key: 1e-2}
    large = solver(clear, Blur(psf, clear.shape), **eps).image[part]
    image = np.ascontiguousarray(clear[part])
    extended = solver(image, Blur(psf, image.shape), **eps).image
    periodic = solver(image, Blur(psf, image.shape, boundary="periodic"), **eps).image

    def apart(result: NDArray[np.float32]) -> float:
        return float(np.std(result - large) / np.std(large))

    assert apart(extended) < 0.06
    assert apart(extended) < 0.3 * apart(periodic)


def test_a_uniform_gradient_does_not_ring_at_the_frame(scope: Microscope) -> None:
    image = np.linspace(100, 200, 60)[:, None] * np.ones(50)
    blur = Blur(widefield_psf(scope, (33, 33)), image.shape)
    for name in ("wiener", "regularised_inverse"):
        solver, key = SOLVERS[name]
        result = solver(image, blur, **{key: 1e-3}).image
        assert np.abs(result - image).max() < 0.05 * np.ptp(image)


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("name", SOLVERS)
def test_a_volume_of_one_plane_is_the_plane(cell: CellImage, boundary: str, name: str) -> None:
    solver, key = SOLVERS[name]
    psf = widefield_psf(cell.microscope, (17, 17))
    plane = cell.recorded[100:140, 100:148]
    flat = solver(plane, Blur(psf, plane.shape, boundary=boundary))
    volume = solver(plane[None], Blur(psf[None], (1, *plane.shape), boundary=boundary))
    assert volume.settings[key] == pytest.approx(flat.settings[key], rel=1e-3)
    np.testing.assert_allclose(volume.image[0], flat.image, atol=2e-3 * np.ptp(flat.image))


def test_a_stack_is_restored_in_three_dimensions() -> None:
    scope = Microscope(
        numerical_aperture=1.2,
        emission_nm=525,
        pixel_size_um=0.1,
        refractive_index=1.33,
        z_step_um=0.3,
    )
    blur = Blur(widefield_psf(scope, (9, 21, 21)), (8, 32, 32))
    rng = np.random.default_rng(4)
    scene = np.zeros(blur.input_shape, dtype=np.float32)
    for _ in range(60):
        scene[tuple(rng.integers(0, n) for n in scene.shape)] += 3e4
    scene = gaussian_filter(scene, (0.4, 1.0, 1.0))
    image = rng.poisson(blur.apply(scene).clip(0) + 10).astype(np.float32)
    result = wiener(image, blur, voxel_size=(0.3, 0.1, 0.1))
    truth = scene[blur.camera]
    assert psnr(result.image, truth, fit=True) > psnr(image, truth, fit=True) + 1.0
    best = max(
        psnr(
            wiener(
                image,
                blur,
                noise_to_signal=float(result.settings["noise_to_signal"]) * factor,
                voxel_size=(0.3, 0.1, 0.1),
            ).image,
            truth,
            fit=True,
        )
        for factor in (0.1, 0.3, 3.0, 10.0)
    )
    assert psnr(result.image, truth, fit=True) > best - 0.2


@pytest.mark.parametrize("name", SOLVERS)
@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_torch_does_what_numpy_does(cell: CellImage, name: str, boundary: str) -> None:
    torch = pytest.importorskip("torch", reason="torch not installed")
    solver, _ = SOLVERS[name]
    psf = widefield_psf(cell.microscope, (17, 19))
    image = cell.recorded[100:147, 100:140]
    ours = solver(image, Blur(psf, image.shape, boundary=boundary))
    tensor = torch.from_numpy(image.copy())
    theirs = solver(tensor, Blur(psf, image.shape, boundary=boundary, like=tensor))
    assert isinstance(theirs.image, torch.Tensor)
    assert theirs.image.dtype == torch.float32
    # The noise-to-signal ratio is found from the same spectrum; iterations end alike.
    np.testing.assert_allclose(theirs.image.numpy(), ours.image, atol=2e-3 * np.ptp(ours.image))


def test_the_settings_repeat_the_result(cell: CellImage) -> None:
    image = cell.recorded[:64, :64]
    blur = Blur(widefield_psf(cell.microscope, (33, 33)), image.shape)
    first = wiener(image, blur)
    assert json.loads(json.dumps(first.settings)) == first.settings
    spectrum = SignalSpectrum(
        exponent=float(first.settings["exponent"]),
        knee_per_pixel=float(first.settings["knee_per_pixel"]),
    )
    ratio = float(first.settings["noise_to_signal"])
    second = wiener(image, blur, noise_to_signal=ratio, spectrum=spectrum)
    np.testing.assert_array_equal(first.image, second.image)
    assert second.settings["chosen_by"] == "the user"


def test_a_series_is_restored_by_the_filter_of_its_first_image(cell: CellImage) -> None:
    part = cell.recorded[96:144, 96:144]
    dark = np.full_like(part, 100.0)
    series = Image(np.stack([dark, part, part[::-1]]), "TYX")
    result = Restorer("wiener", microscope=cell.microscope).restore(series)
    alone = Restorer("wiener", microscope=cell.microscope).restore(Image(part, "YX"))
    # A dark image tells nothing of the noise, and is left as it is.
    np.testing.assert_array_equal(result.image.data[0], dark)
    np.testing.assert_array_equal(result.image.data[1], alone.image.data)
    for name in ("noise_to_signal", "exponent", "knee_per_pixel"):
        assert result.settings[name] == alone.settings[name]
        assert len(result.settings[name]) == 1
    channels = Image(np.stack([dark, part]), "CYX")
    both = Restorer("wiener", microscope=cell.microscope).restore(channels)
    assert both.settings["noise_to_signal"] == [None, *alone.settings["noise_to_signal"]]


def test_a_flat_spectrum_is_tikhonovs_method(cell: CellImage) -> None:
    image = cell.recorded[:64, :64]
    blur = Blur(widefield_psf(cell.microscope, (33, 33)), image.shape)
    flat = wiener(image, blur, noise_to_signal=0.02, spectrum="flat").image
    np.testing.assert_array_equal(flat, tikhonov(image, blur, eps=0.02).image)
    level = SignalSpectrum(exponent=0.0, knee_per_pixel=0.1)
    same = wiener(image, blur, noise_to_signal=0.02, spectrum=level).image
    np.testing.assert_allclose(same, flat, rtol=1e-5)
    fitted = wiener(image, blur, noise_to_signal=0.02).image
    assert np.abs(fitted - flat).max() > 0.01 * np.ptp(flat)


def test_the_trace_falls_and_ends_for_the_reason_stated(cell: CellImage) -> None:
    image = cell.recorded[96:160, 96:160]
    blur = Blur(widefield_psf(cell.microscope, (33, 33)), image.shape)
    done = wiener(image, blur, tolerance=2e-3)
    assert done.trace[-1] <= 2e-3 < done.trace[-2]
    assert "not above 0.002" in done.stopped_because
    short = wiener(image, blur, tolerance=1e-6, iterations=3)
    assert len(short.trace) == short.settings["iterations"] == 3
    assert "most iterations, 3, were made" in short.stopped_because


def test_a_callback_sees_the_image_and_can_end_it(cell: CellImage) -> None:
    image = cell.recorded[96:160, 96:160]
    blur = Blur(widefield_psf(cell.microscope, (33, 33)), image.shape)
    seen = []

    def look(progress: object) -> bool:
        seen.append(progress)
        return len(seen) == 2

    result = wiener(image, blur, tolerance=1e-6, callback=look)
    assert [p.iteration for p in seen] == [1, 2]
    assert [p.value for p in seen] == list(result.trace)
    np.testing.assert_array_equal(seen[-1].image, result.image)
    assert result.stopped_because == "the callback asked for it"


def test_more_noise_stated_means_more_regularisation(cell: CellImage) -> None:
    image = cell.recorded[:96, :96]
    blur = Blur(widefield_psf(cell.microscope, (33, 33)), image.shape)
    for choice in ("expected-error", "discrepancy"):
        ratios = [
            float(
                wiener(
                    image,
                    blur,
                    choice=choice,
                    noise=NoiseModel(photon=1.0, gaussian=sigma),
                    background=110.0,
                ).settings["noise_to_signal"]
            )
            for sigma in (2.0, 6.0, 15.0)
        ]
        assert ratios == sorted(ratios)
        assert ratios[-1] > 2.0 * ratios[0]


def test_handles_an_image_smaller_than_the_psf(scope: Microscope) -> None:
    image = np.random.default_rng(0).random((3, 5))
    result = wiener(image, Blur(widefield_psf(scope, (5, 9)), image.shape))
    assert result.image.shape == (3, 5)
    assert np.isfinite(result.image).all()
    assert result.image.mean() == pytest.approx(image.mean(), rel=1e-5)


def test_an_operator_that_does_not_blur_gives_the_image_back() -> None:
    image = np.random.default_rng(1).random((16, 12)).astype(np.float32)
    result = wiener(image, Identity((16, 12)), noise_to_signal=1e-6)
    np.testing.assert_allclose(result.image, image, atol=1e-4)


@pytest.mark.parametrize("ratio", [0.0, -1.0, float("nan"), float("inf")])
def test_the_ratio_must_be_positive(ratio: float) -> None:
    blur = Blur(np.ones((3, 3)), (4, 4))
    for name, (solver, key) in SOLVERS.items():
        with pytest.raises(SettingsError, match=f"{key} must be a positive number, not"):
            solver(np.ones((4, 4)), blur, **{key: ratio})
        assert name in SOLVERS


@pytest.mark.parametrize("name", SOLVERS)
def test_bad_input_is_explained(name: str) -> None:
    solver, _ = SOLVERS[name]
    rng = np.random.default_rng(0)
    blur = Blur(np.ones((3, 3)), (16, 16))
    image = rng.random((16, 16))
    with pytest.raises(SettingsError, match="'gcv', 'discrepancy', 'l-curve'"):
        solver(image, blur, choice="best")
    with pytest.raises(ImageError, match=r"shape \(16, 15\), but the operator makes .*\(16, 16\)"):
        solver(image[:, 1:], blur)
    broken = image.copy()
    broken[3, 4] = np.nan
    with pytest.raises(ImageError, match="1 values that are not finite"):
        solver(broken, blur)
    with pytest.raises(ImageError, match="real numbers"):
        solver(image + 1j, blur)
    with pytest.raises(SettingsError, match="iterations must be at least 1, not 0"):
        solver(image, blur, iterations=0)
    with pytest.raises(SettingsError, match="tolerance must be a positive number, not 0"):
        solver(image, blur, tolerance=0.0)
    with pytest.raises(SettingsError, match=r"image of mean 3, .* scale the operator"):
        solver(image, 3.0 * Blur(np.ones((3, 3)), (16, 16), boundary="periodic"))


def test_what_cannot_be_chosen_is_explained() -> None:
    tiny = np.array([[1.0, 2.0, 4.0]])
    blur = Blur(np.ones((1, 3)), (1, 3))
    for choice in ("expected-error", "gcv", "discrepancy", "l-curve"):
        with pytest.raises(SettingsError, match="too small or too uniform"):
            tikhonov(tiny, blur, choice=choice)
    assert tikhonov(tiny, blur, eps=0.1).image.shape == (1, 3)
    with pytest.raises(SettingsError, match="the spectrum for wiener"):
        wiener(tiny, blur, noise_to_signal=0.1)
    with pytest.raises(SettingsError, match="no spectrum 'pink'; give 'fitted', 'flat'"):
        wiener(tiny, blur, spectrum="pink")


@pytest.mark.parametrize("sides", [(1.0,), (1.0, 0.0), (1.0, float("nan"))])
def test_voxels_need_sides(sides: tuple[float, ...]) -> None:
    image = np.random.default_rng(0).random((16, 16))
    for solver in (wiener, regularised_inverse):
        with pytest.raises(SettingsError, match="positive number for each of the image's 2 axes"):
            solver(image, Blur(np.ones((3, 3)), (16, 16)), voxel_size=sides)


@pytest.mark.parametrize(
    ("exponent", "knee", "words"),
    [(-1.0, 0.1, "exponent .* from 0 to 8"), (9.0, 0.1, "not at 9"), (2.0, 0.0, "knee_per_pixel")],
)
def test_impossible_spectra_are_named(exponent: float, knee: float, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        SignalSpectrum(exponent=exponent, knee_per_pixel=knee)
