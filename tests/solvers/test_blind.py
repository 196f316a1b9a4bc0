import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from pellucid import psnr
from pellucid.errors import ImageError, OpticsError, SettingsError
from pellucid.imaging import Blur
from pellucid.optics import Microscope, point_spread_function
from pellucid.simulate.cell import simulate_cell
from pellucid.solvers import NoiseModel, Progress, blind_richardson_lucy, richardson_lucy
from pellucid.solvers._blind_search import Candidate, number_of_candidates, search

#: Ten photons of background in every pixel.
NOISE, BACKGROUND = NoiseModel(photon=1.0, gaussian=np.sqrt(10.0)), 10.0
WATER = Microscope(
    numerical_aperture=1.2, emission_nm=525, pixel_size_um=0.1, refractive_index=1.33, z_step_um=0.3
)

Recording = tuple[NDArray[np.float32], NDArray[np.float32]]


def recording(scene: NDArray[np.float32], operator: Blur, photons: float) -> Recording:
    """Return counts and truth."""
    clean = operator.apply(scene).clip(0)
    scale = np.float32(photons / clean.max())
    counts = np.random.default_rng(1).poisson(clean * scale + BACKGROUND).astype(np.float32)
    return counts, scene[operator.camera] * scale


def plane(scope: Microscope, term: int, waves: float, photons: float) -> Recording:
    """A cell through a microscope with an aberration."""
    psf = point_spread_function(replace(scope, zernike_waves=((term, waves),)), (49, 49)).data
    operator = Blur(psf, (96, 96))
    cell = simulate_cell(seed=1, pixels=144, peak_photons=1000.0)
    scene = (cell.truth - 110.0).clip(0).astype(np.float32)
    return recording(np.ascontiguousarray(scene), operator, photons)


def stack(waves: float) -> Recording:
    """Points on a dim ground, with spherical aberration."""
    psf = point_spread_function(replace(WATER, zernike_waves=((12, waves),)), (15, 25, 25)).data
    operator = Blur(psf, (14, 36, 36))
    rng = np.random.default_rng(0)
    scene = np.full(operator.input_shape, 0.02)
    for _ in range(80):
        scene[tuple(rng.integers(0, n) for n in scene.shape)] += rng.uniform(1, 5)
    return recording(scene.astype(np.float32), operator, 400.0)


@pytest.mark.parametrize(("waves", "photons"), [(0.15, 1000.0), (0.25, 300.0)])
def test_finds_defocus_and_restores_better_than_without(
    scope: Microscope, waves: float, photons: float
) -> None:
    image, truth = plane(scope, 4, waves, photons)
    options: dict[str, Any] = {"noise": NOISE, "background": BACKGROUND, "iterations": 60}
    result = blind_richardson_lucy(image, scope, psf_shape=(49, 49), reach_waves=0.3, **options)
    found = float(result.settings["zernike_waves"])
    assert abs(found) == pytest.approx(waves, abs=0.03)
    right = point_spread_function(replace(scope, zernike_waves=((4, waves),)), (49, 49)).data
    wrong = point_spread_function(scope, (49, 49)).data
    assert np.linalg.norm(result.psf - right) < 0.3 * np.linalg.norm(wrong - right)
    believed = richardson_lucy(image, Blur(wrong, image.shape), **options)
    gained = psnr(result.image, truth, fit=True) - psnr(believed.image, truth, fit=True)
    assert gained > 0.8
    # The result is what the point spread function found gives.
    again = richardson_lucy(image, Blur(result.psf, image.shape), **options)
    np.testing.assert_array_equal(again.image, result.image)
    assert result.trace == again.trace
    stated = Microscope.from_json(str(result.settings["microscope"]))
    assert stated.zernike_waves == ((4, pytest.approx(found, abs=1e-4)),)


def test_leaves_a_microscope_that_is_right_nearly_as_it_is(scope: Microscope) -> None:
    image, _ = plane(scope, 4, 0.0, 300.0)
    result = blind_richardson_lucy(
        image, scope, noise=NOISE, background=BACKGROUND, psf_shape=(49, 49), reach_waves=0.2
    )
    assert abs(float(result.settings["zernike_waves"])) < 0.07


@pytest.mark.parametrize("waves", [-0.12, 0.12])
def test_finds_size_and_sign_of_spherical_aberration_in_a_stack(waves: float) -> None:
    image, truth = stack(waves)
    options: dict[str, Any] = {"noise": NOISE, "background": BACKGROUND, "iterations": 60}
    result = blind_richardson_lucy(
        image, WATER, psf_shape=(15, 25, 25), reach_waves=0.15, **options
    )
    assert result.settings["terms"] == "12"
    assert float(result.settings["zernike_waves"]) == pytest.approx(waves, abs=0.03)
    wrong = point_spread_function(WATER, (15, 25, 25)).data
    believed = richardson_lucy(image, Blur(wrong, image.shape), **options)
    gained = psnr(result.image, truth, fit=True) - psnr(believed.image, truth, fit=True)
    assert gained > 0.8


def test_the_psf_is_that_of_a_pupil(scope: Microscope) -> None:
    """Positive, of unit sum, nothing beyond the cut-off."""
    image, _ = plane(scope, 4, 0.2, 300.0)
    result = blind_richardson_lucy(
        image, scope, noise=NOISE, psf_shape=(49, 49), reach_waves=0.1, boundary="periodic"
    )
    psf = np.asarray(result.psf)
    assert psf.min() >= 0
    assert psf.sum() == pytest.approx(1.0, abs=0.05)
    spectrum = np.abs(np.fft.fft2(psf * np.outer(np.hanning(49), np.hanning(49))))
    frequency = np.fft.fftfreq(49)
    beyond = np.hypot(frequency[:, None], frequency) > scope.cutoff_per_pixel + 0.06
    assert spectrum[beyond].max() < 2e-3 * spectrum.max()


def test_torch_finds_the_same(scope: Microscope) -> None:
    image, _ = plane(scope, 4, 0.2, 500.0)
    image = np.ascontiguousarray(image[:48, :48])
    options: dict[str, Any] = {
        "noise": NOISE,
        "background": BACKGROUND,
        "psf_shape": (33, 33),
        "reach_waves": 0.05,
        "iterations": 5,
    }
    ours = blind_richardson_lucy(image, scope, **options)
    theirs = blind_richardson_lucy(torch.from_numpy(image), scope, **options)
    assert isinstance(theirs.image, torch.Tensor)
    assert float(theirs.settings["zernike_waves"]) == pytest.approx(
        float(ours.settings["zernike_waves"]), abs=0.01
    )


def test_the_callback_counts_candidates_and_iterations_and_may_end_both(
    scope: Microscope,
) -> None:
    image = plane(scope, 4, 0.1, 300.0)[0][:32, :32].copy()
    options: dict[str, Any] = {
        "noise": NOISE,
        "psf_shape": (17, 17),
        "reach_waves": 0.05,
        "iterations": 3,
    }
    seen: list[Progress] = []
    result = blind_richardson_lucy(image, scope, callback=seen.append, **options)
    total = number_of_candidates(1, 0.05) + 3
    assert [p.iteration for p in seen] == list(range(1, total + 1))
    assert {p.iterations for p in seen} == {total}
    assert all(p.image.shape == image.shape for p in seen)
    assert result.settings["candidates"] == total - 3
    early = blind_richardson_lucy(image, scope, callback=lambda p: p.iteration == 2, **options)
    assert "callback" in early.stopped_because
    assert early.trace == ()
    assert early.image.shape == image.shape
    assert early.psf.shape == (17, 17)
    late = blind_richardson_lucy(
        image, scope, callback=lambda p: p.iteration == total - 1, **options
    )
    assert len(late.trace) == 2
    assert "callback" in late.stopped_because


def test_the_search_leaves_valleys_that_are_not_the_deepest_and_counts_right() -> None:
    """A score with a false minimum at the start, in two terms that do not depend on each other."""
    tried: list[tuple[float, ...]] = []

    def score(waves: tuple[float, ...]) -> Candidate:
        tried.append(waves)
        value = sum(
            1.0 - 0.3 * np.exp(-((w / 0.06) ** 2)) - np.exp(-(((w - at) / 0.04) ** 2))
            for w, at in zip(waves, (0.27, -0.13), strict=True)
        )
        psf = np.ones((3, 3), dtype=np.float32)
        return Candidate(float(value), waves, psf, np.zeros((2, 2)), Blur(psf, (2, 2)))

    best, cancelled = search(score, (0.0, 0.0), reach_waves=0.4, told=None)
    assert not cancelled
    np.testing.assert_allclose(best.waves, (0.27, -0.13), atol=0.005)
    assert len(tried) <= number_of_candidates(2, 0.4)
    assert all(abs(w) <= 0.45 for waves in tried for w in waves)


@pytest.mark.parametrize("terms", [1, 2, 3, 5])
def test_the_search_follows_a_valley_aslant(terms: int) -> None:
    """Terms that are only good together, as defocus and astigmatism are."""
    target = np.array([0.11, 0.09, -0.1, 0.05, 0.06])[:terms]
    tried: list[tuple[float, ...]] = []

    def score(waves: tuple[float, ...]) -> Candidate:
        tried.append(waves)
        away = np.array(waves) - target
        across = away - away.mean()
        psf = np.ones((3, 3), dtype=np.float32)
        value = 300.0 * float(away @ away) + 3e4 * float(across @ across)
        return Candidate(value, waves, psf, np.zeros((2, 2)), Blur(psf, (2, 2)))

    best, _ = search(score, (0.0,) * terms, reach_waves=0.3, told=None)
    started = score((0.0,) * terms).score
    assert best.score < (1e-3 if terms == 1 else 0.1) * started
    assert len(tried) - 1 <= number_of_candidates(terms, 0.3)
    assert terms > 1 or len(tried) - 1 == number_of_candidates(terms, 0.3)


def test_aberrations_that_are_not_looked_for_stay(scope: Microscope) -> None:
    image = plane(scope, 4, 0.1, 300.0)[0][:32, :32].copy()
    known = replace(scope, zernike_waves=((12, 0.05), (4, 0.1)))
    result = blind_richardson_lucy(
        image, known, noise=NOISE, psf_shape=(17, 17), reach_waves=0.05, iterations=1
    )
    waves = dict(json.loads(str(result.settings["microscope"]))["zernike_waves"])
    assert waves[12] == 0.05
    assert 0.0 <= waves[4] <= 0.2


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"noise": None}, SettingsError, "give noise, such as"),
        ({"noise": NoiseModel(gaussian=1.0)}, SettingsError, "photon = 0"),
        ({"iterations": 0}, SettingsError, "at least 1, not 0"),
        ({"reach_waves": 0.0}, SettingsError, "reach_waves must lie between 0 and 1, not 0"),
        ({"terms": ()}, SettingsError, "terms must be different"),
        ({"terms": (4, 4)}, SettingsError, "terms must be different"),
        ({"terms": (1, 4)}, SettingsError, "leave out 0, 1, 2"),
        ({"microscope": "oil"}, OpticsError, "needs the Microscope"),
        ({"image": np.ones(9)}, ImageError, "one with 1 axes"),
        ({"image": [[1.0]]}, ImageError, "not list"),
        ({"image": np.full((9, 9), np.nan)}, ImageError, "not finite"),
        ({"image": np.ones((3, 9, 9)), "terms": (4,)}, SettingsError, "leave out 0, 1, 2, 4"),
        ({"image": np.ones((3, 9, 9))}, OpticsError, "z_step_um"),
        ({"boundary": "zero"}, SettingsError, "no boundary 'zero'"),
    ],
)
def test_wrong_input_is_explained(
    scope: Microscope, options: dict[str, Any], kind: type[Exception], words: str
) -> None:
    given: dict[str, Any] = {
        "image": np.ones((9, 9)),
        "microscope": scope,
        "noise": NOISE,
        **options,
    }
    with pytest.raises(kind, match=words):
        blind_richardson_lucy(given.pop("image"), given.pop("microscope"), **given)
