"""Judging a restoration by photons held out: known scores, and the choices it leads to."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import xlogy
from scipy.stats import poisson

from pellucid.assess.held_out import HeldOut, held_out_score, hold_out, noise_deviance
from pellucid.assess.metrics import psnr
from pellucid.errors import ImageError, SettingsError
from pellucid.imaging import Blur, Identity
from pellucid.optics import point_spread_function
from pellucid.optics.support import psf_shape
from pellucid.simulate import PairStream, ProceduralSource, named_regime
from pellucid.simulate.regime import Acquisition
from pellucid.solvers import NoiseModel, richardson_lucy
from pellucid.solvers.progress import Progress

SHAPE = (96, 80)


def scene_of(level: float) -> NDArray[np.float32]:
    y, x = np.indices(SHAPE)
    waves = np.sin(y / 5) * np.sin(x / 7) ** 2
    return (level * (1.2 + waves)).astype(np.float32)


def gaussian_psf(sigma: float = 1.5, radius: int = 6) -> NDArray[np.float32]:
    y, x = np.indices((2 * radius + 1,) * 2) - radius
    return np.exp(-(x**2 + y**2) / (2 * sigma**2)).astype(np.float32)


# The split


@pytest.mark.parametrize("share", [0.5, 0.8])
@pytest.mark.parametrize("read", [0.0, 4.0])
def test_the_parts_have_the_noise_that_is_stated(share: float, read: float) -> None:
    rng = np.random.default_rng(0)
    photon, offset, dark, light = 2.0, 100.0, 6.0, 30.0
    counts = offset + photon * rng.poisson(dark + light, (400, 400))
    counts = counts + read * rng.standard_normal(counts.shape)
    background = offset + photon * dark
    noise = NoiseModel(photon=photon, gaussian=np.sqrt(photon**2 * dark + read**2))
    parts = hold_out(counts, noise, background=background, share=share, seed=1)
    assert isinstance(parts, HeldOut)
    assert parts.exact == (read == 0)
    for part, stated in (
        (parts.shown, parts.noise_shown),
        (parts.held_out, parts.noise_held_out),
    ):
        assert part.dtype == np.float32
        assert part.mean() == pytest.approx(background + photon * light, rel=0.002)
        assert part.var() == pytest.approx(
            float(stated.variance(np.array(photon * light))), rel=0.02
        )
    assert abs(np.corrcoef(parts.shown.ravel(), parts.held_out.ravel())[0, 1]) < 0.01


def test_the_seed_decides_the_split() -> None:
    image = np.random.default_rng(0).poisson(9.0, SHAPE)
    noise = NoiseModel(photon=1.0)
    one, same, other = (hold_out(image, noise, background=0.0, seed=s) for s in (3, 3, 4))
    np.testing.assert_array_equal(one.shown, same.shown)
    assert (one.shown != other.shown).mean() > 0.5


# The score


@pytest.mark.parametrize("mean", [0.0, 1e-5, 0.003, 0.05, 0.3, 1.0, 1.6, 7.0, 49.0, 51.0, 800.0])
def test_the_deviance_of_noise_alone(mean: float) -> None:
    number = np.arange(3000)
    deviance = 2 * (xlogy(number, number / max(mean, 1e-300)) - number + mean)
    expected = (poisson.pmf(number, mean) * deviance).sum()
    assert noise_deviance(mean) == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("photons", [0.4, 3.0, 300.0])
def test_the_truth_scores_one_with_photons(photons: float) -> None:
    scene, operator = scene_of(photons), Blur(gaussian_psf(), SHAPE, boundary="periodic")
    gain, background = 1.7, 50.0
    recorded = background + gain * np.random.default_rng(0).poisson(operator.apply(scene))
    score = held_out_score(
        gain * scene + background,
        operator,
        recorded,
        NoiseModel(photon=gain),
        background=background,
    )
    assert score == pytest.approx(1.0, abs=4 * np.sqrt(2 / scene.size))


def test_the_truth_scores_one_with_read_noise() -> None:
    scene, operator = scene_of(20.0), Blur(gaussian_psf(), SHAPE, boundary="periodic")
    rng = np.random.default_rng(1)
    clean = operator.apply(scene)
    both = rng.poisson(clean) + 5.0 * rng.standard_normal(SHAPE)
    noise = NoiseModel(photon=1.0, gaussian=5.0)
    assert held_out_score(scene, operator, both, noise, background=0.0) == pytest.approx(
        1.0, abs=0.08
    )
    even = clean + 5.0 * rng.standard_normal(SHAPE)
    alone = NoiseModel(gaussian=5.0)
    assert held_out_score(scene, operator, even, alone, background=0.0) == pytest.approx(
        1.0, abs=4 * np.sqrt(2 / scene.size)
    )


def test_an_error_adds_its_square_over_the_variance() -> None:
    recorded = 100.0 + 2.0 * np.random.default_rng(2).standard_normal((300, 300))
    noise = NoiseModel(gaussian=2.0)
    scores = [
        held_out_score(
            np.full(recorded.shape, 100.0 + error), Identity((300, 300)), recorded, noise,
            background=90.0,
        )
        for error in (0.0, 1.0, -3.0)
    ]  # fmt: skip
    assert scores[0] == pytest.approx(np.mean((recorded - 100) ** 2) / 4, rel=1e-5)
    assert scores[1] == pytest.approx(scores[0] + 1 / 4, abs=0.02)
    assert scores[2] == pytest.approx(scores[0] + 9 / 4, abs=0.06)


@settings(max_examples=25, deadline=None)
@given(
    factor=st.one_of(st.floats(0.3, 0.9), st.floats(1.1, 3.0)),
    photons=st.floats(2, 200),
    seed=st.integers(0, 999),
)
def test_no_other_prediction_scores_better_than_the_truth(
    factor: float, photons: float, seed: int
) -> None:
    scene = scene_of(photons)
    recorded = np.random.default_rng(seed).poisson(scene)
    noise, operator = NoiseModel(photon=1.0), Identity(SHAPE)
    true, wrong = (
        held_out_score(f * scene, operator, recorded, noise, background=0.0) for f in (1.0, factor)
    )
    assert wrong > true


@given(gain=st.floats(0.1, 50), offset=st.floats(-100, 1000))
@settings(max_examples=10, deadline=None)
def test_units_do_not_matter(gain: float, offset: float) -> None:
    operator = Blur(gaussian_psf(), SHAPE)
    counts = np.random.default_rng(3).poisson(scene_of(30.0))
    restored = 1.1 * scene_of(30.0)
    score = held_out_score(
        restored, operator, counts, NoiseModel(photon=1.0, gaussian=2.0), background=10.0
    )
    other = held_out_score(
        gain * restored + offset,
        operator,
        gain * counts + offset,
        NoiseModel(photon=gain, gaussian=2.0 * gain),
        background=10.0 * gain + offset,
    )
    assert other == pytest.approx(score, rel=2e-3)


@given(gain=st.floats(0.2, 5), offset=st.floats(-20, 20))
@settings(max_examples=10, deadline=None)
def test_with_a_fit_gain_and_offset_of_a_restoration_do_not_matter(
    gain: float, offset: float
) -> None:
    operator = Blur(gaussian_psf(), SHAPE)
    scene = scene_of(30.0)
    counts = np.random.default_rng(5).poisson(scene)
    noise = NoiseModel(photon=1.0, gaussian=3.0)
    one, other = (
        held_out_score(x, operator, counts, noise, background=0.0, fit=True)
        for x in (scene, gain * scene + offset)
    )
    assert other == pytest.approx(one, rel=1e-4)
    inverted = held_out_score(-scene, operator, counts, noise, background=0.0, fit=True)
    flat = held_out_score(np.ones_like(scene), operator, counts, noise, background=0.0, fit=True)
    assert inverted == pytest.approx(flat, rel=1e-4)
    assert flat > 2 * one


def test_beyond_the_frame_nothing_is_asked_of_an_image() -> None:
    """A restoration as large as the image scores as the whole scene does."""
    operator = Blur(gaussian_psf(), SHAPE)
    y, x = np.indices(operator.input_shape)
    scene = (60 * (1.2 + np.sin(y / 5) * np.sin(x / 7) ** 2)).astype(np.float32)
    recorded = np.random.default_rng(4).poisson(operator.apply(scene))
    noise = NoiseModel(photon=1.0)
    whole = held_out_score(scene, operator, recorded, noise, background=0.0)
    seen = held_out_score(scene[operator.camera], operator, recorded, noise, background=0.0)
    assert whole == pytest.approx(1.0, abs=0.06)
    assert seen == pytest.approx(1.0, abs=0.06)


def test_torch_and_stacks() -> None:
    torch = pytest.importorskip("torch")
    psf = np.stack([0.5 * gaussian_psf(), gaussian_psf(), 0.5 * gaussian_psf()])
    shape = (4, 40, 36)
    scene = np.random.default_rng(0).random(shape, dtype=np.float32) + 5.0
    recorded = np.random.default_rng(1).poisson(scene)
    noise = NoiseModel(photon=1.0)
    one = held_out_score(scene, Blur(psf, shape), recorded, noise, background=0.0)
    tensor = torch.from_numpy(scene)
    operator = Blur(psf, shape, like=tensor)
    assert held_out_score(tensor, operator, recorded, noise, background=0.0) == pytest.approx(
        one, rel=1e-5
    )


# The choice


def physical(count: int, size: int) -> list[Acquisition]:
    regime = named_regime("physical")
    source = ProceduralSource(needs=regime.needs, seed=11, pixels=size + 32)
    stream = PairStream(source, regime=regime, seed=11, size=size)
    return [stream.acquisition(number) for number in range(count)]


NUMBERS = (1, 2, 3, 5, 7, 10, 15, 20, 30, 45, 70, 100, 150)


def iterates(image: NDArray, operator: Blur, background: float) -> list[NDArray[np.float32]]:
    kept = {}

    def keep(step: Progress) -> None:
        if step.iteration in NUMBERS:
            kept[step.iteration] = np.array(step.image)

    richardson_lucy(image, operator, iterations=NUMBERS[-1], background=background, callback=keep)
    return list(kept.values())


def test_the_best_score_is_near_the_best_restoration() -> None:
    """Iterations of Richardson-Lucy chosen without the truth, on ten simulated images."""
    lost = []
    for made in physical(10, 96):
        scope, told = made.microscope, made.conditions
        assert scope is not None
        psf = point_spread_function(scope, psf_shape(scope, (96, 96))).data
        operator = Blur(psf, (96, 96))
        photon = 1.0 / float(told["gain_electrons_per_count"])
        dark = float(told["background_photons"])
        background = float(told["offset_counts"]) + photon * dark
        read = float(told["read_noise_electrons"])
        noise = NoiseModel(photon=photon, gaussian=photon * np.sqrt(dark + read**2))
        quality = [
            psnr(image, made.in_counts, fit=True)
            for image in iterates(made.recorded, operator, background)
        ]
        parts = hold_out(made.recorded, noise, background=background)
        scores = [
            held_out_score(
                image,
                operator,
                parts.held_out,
                parts.noise_held_out,
                background=background,
                fit=True,
            )
            for image in iterates(parts.shown, operator, background)
        ]
        assert 0.9 < min(scores) < 1.2
        lost.append(max(quality) - quality[int(np.argmin(scores))])
    assert np.mean(lost) < 0.3


# Bad input


def test_what_cannot_be_split_is_refused() -> None:
    image, noise = np.ones((8, 8)), NoiseModel(photon=1.0)
    with pytest.raises(SettingsError, match=r"share = 1 leaves one of the two parts"):
        hold_out(image, noise, background=0.0, share=1.0)
    with pytest.raises(SettingsError, match="background must be a finite number, not nan"):
        hold_out(image, noise, background=float("nan"))
    with pytest.raises(SettingsError, match="noise must be a NoiseModel, not float"):
        hold_out(image, 1.0, background=0.0)  # type: ignore[arg-type]
    with pytest.raises(ImageError, match="not finite"):
        hold_out(np.full((8, 8), np.nan), noise, background=0.0)


def test_what_cannot_be_scored_is_refused() -> None:
    image, noise, operator = np.ones((8, 8)), NoiseModel(photon=1.0), Identity((8, 8))

    def score(restored: NDArray, recording: NDArray) -> float:
        return held_out_score(restored, operator, recording, noise, background=0.0)

    with pytest.raises(ImageError, match=r"restoration has the shape \(8, 9\)"):
        score(np.ones((8, 9)), image)
    with pytest.raises(ImageError, match=r"recording has the shape \(9, 8\)"):
        score(image, np.ones((9, 8)))
    with pytest.raises(ImageError, match="restoration holds values that are not finite"):
        score(np.full((8, 8), np.inf), image)
    with pytest.raises(ImageError, match="not finite"):
        score(image, np.full((8, 8), np.nan))
