from typing import Any

import numpy as np
import pytest
import torch

from pellucid import psnr
from pellucid.errors import ImageError, SettingsError
from pellucid.imaging import Blur
from pellucid.optics import widefield_psf
from pellucid.simulate.cell import simulate_cell
from pellucid.solvers import NoiseModel, Progress, photon_split_richardson_lucy, richardson_lucy
from pellucid.solvers._rl_thinning import Thinning

NOISE = NoiseModel(photon=1.0, gaussian=np.sqrt(10.0 + 1.6**2))


@pytest.mark.parametrize(
    ("gain", "read_noise", "exact"), [(1.0, 0.0, True), (0.37, 0.0, True), (2.5, 1.5, False)]
)
def test_halves_of_a_recording_are_independent_recordings(
    gain: float, read_noise: float, exact: bool
) -> None:
    """Means, variances and covariance of many recordings of the same light."""
    rng = np.random.default_rng(0)
    light, repeats = np.array([5.0, 40.0, 900.0]), 40_000
    photons = rng.poisson(light, (repeats, 3)).astype(float)
    dark = (read_noise / gain) ** 2
    counts = gain * (photons + dark + rng.normal(0.0, read_noise / gain, photons.shape))
    counts = np.clip(counts, 0, None).astype(np.float32)
    coins = Thinning(counts, gain, seed=1)
    assert coins.exact is exact
    first, second = (half.astype(float) for half in coins.halves())
    np.testing.assert_allclose(first + second, counts, rtol=1e-5)
    assert min(first.min(), second.min()) >= 0
    half_mean = 0.5 * gain * (light + dark)
    for half in (first, second):
        np.testing.assert_allclose(half.mean(axis=0), half_mean, rtol=0.02)
        np.testing.assert_allclose(half.var(axis=0), gain * half_mean, rtol=0.04)
    together = ((first - first.mean(0)) * (second - second.mean(0))).mean(0)
    np.testing.assert_allclose(together / (gain * half_mean), 0.0, atol=0.03)


def test_every_pair_of_halves_is_new_and_a_seed_repeats_them() -> None:
    counts = np.full((8, 8), 50.0, dtype=np.float32)
    coins, again, other = Thinning(counts, 1.0, 3), Thinning(counts, 1.0, 3), Thinning(counts, 1, 4)
    first = coins.halves()[0]
    np.testing.assert_array_equal(first, again.halves()[0])
    assert not np.array_equal(first, coins.halves()[0])
    assert not np.array_equal(first, other.halves()[0])


@pytest.mark.parametrize(("peak_photons", "short_by_db"), [(30.0, 0.8), (300.0, 1.2)])
def test_stops_by_itself_near_the_best(peak_photons: float, short_by_db: float) -> None:
    cell = simulate_cell(seed=7, pixels=128, peak_photons=peak_photons)
    operator = Blur(widefield_psf(cell.microscope, (33, 33)), cell.recorded.shape)
    options: dict[str, Any] = {"background": 110.0, "noise": NOISE}
    quality: list[float] = []

    def look(progress: Progress) -> None:
        quality.append(psnr(progress.image, cell.truth, fit=True))

    richardson_lucy(cell.recorded, operator, iterations=200, callback=look, **options)
    result = photon_split_richardson_lucy(cell.recorded, operator, **options)
    found = psnr(result.image, cell.truth, fit=True)
    assert "halves of the photons agree" in result.stopped_because
    assert 5 < len(result.trace) < 150
    assert found > max(quality) - short_by_db
    if peak_photons == 30.0:
        assert found > quality[-1] + 1.0
    assert result.image.mean() == pytest.approx(cell.recorded.mean(), rel=0.02)


@pytest.mark.parametrize("shape", [(64, 64), (8, 24, 24)])
def test_leaves_noise_alone(shape: tuple[int, ...]) -> None:
    """An image of noise alone stays nearly uniform; plain iterations make points of it."""
    rng = np.random.default_rng(0)
    image = rng.poisson(100.0, shape).astype(np.float32)
    psf = np.ones(())
    for n in shape:
        psf = psf[..., None] * np.hanning(min(n, 9) + 2)[1:-1]
    operator = Blur(psf, shape)
    noise = NoiseModel(photon=1.0)
    result = photon_split_richardson_lucy(image, operator, noise=noise, background=0.0)
    plain = richardson_lucy(image, operator, noise=noise, background=0.0, iterations=100)
    assert "agree" in result.stopped_because
    assert result.settings["split"] == "binomial"
    assert result.image.std() < 0.35 * plain.image.std()
    assert result.image.mean() == pytest.approx(100.0, rel=0.02)


def test_the_same_seed_gives_the_same_result_in_torch_too() -> None:
    rng = np.random.default_rng(0)
    psf = rng.random((5, 5))
    image = (2.0 * rng.poisson(50.0 + 100.0 * (rng.random((20, 22)) > 0.9)) + 7).astype(np.float32)
    tensor = torch.from_numpy(image)
    options: dict[str, Any] = {
        "noise": NoiseModel(photon=2.0, gaussian=3.0),
        "background": 7.0,
        "iterations": 8,
        "seed": 5,
    }
    ours, again = (
        photon_split_richardson_lucy(image, Blur(psf, image.shape), **options) for _ in range(2)
    )
    theirs = photon_split_richardson_lucy(tensor, Blur(psf, image.shape, like=tensor), **options)
    np.testing.assert_array_equal(ours.image, again.image)
    # Pixels on the edge of agreement may fall to either side of it.
    close = np.isclose(theirs.image.numpy(), ours.image, rtol=1e-2)
    assert close.mean() > 0.98


def test_follows_gain() -> None:
    rng = np.random.default_rng(0)
    operator = Blur(rng.random((5, 5)), (24, 24))
    image = rng.poisson(40.0, (24, 24)).astype(np.float32)
    once, four_times = (
        photon_split_richardson_lucy(
            gain * image,
            operator,
            noise=NoiseModel(photon=gain, gaussian=gain),
            background=2.0 * gain,
            iterations=6,
        ).image
        for gain in (1.0, 4.0)
    )
    np.testing.assert_allclose(four_times, 4.0 * once, rtol=1e-4)


def test_a_volume_of_one_plane_is_an_image() -> None:
    rng = np.random.default_rng(0)
    psf, image = rng.random((5, 5)), rng.poisson(40.0, (20, 24)).astype(np.float32)
    options: dict[str, Any] = {"noise": NoiseModel(photon=1.0), "iterations": 6, "background": 0.0}
    flat = photon_split_richardson_lucy(image, Blur(psf, image.shape), **options)
    volume = photon_split_richardson_lucy(image[None], Blur(psf[None], (1, 20, 24)), **options)
    np.testing.assert_allclose(volume.image[0], flat.image, rtol=1e-3)


def test_may_be_ended_by_the_caller() -> None:
    result = photon_split_richardson_lucy(
        np.random.default_rng(0).poisson(1000.0, (16, 16)).astype(np.float32),
        Blur(np.ones((3, 3)), (16, 16)),
        noise=NoiseModel(photon=1.0),
        callback=lambda _: True,
    )
    assert len(result.trace) == 1
    assert "callback" in result.stopped_because


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"noise": None}, SettingsError, "give noise, such as"),
        ({"noise": 1.0}, SettingsError, "must be a NoiseModel"),
        ({"noise": NoiseModel(gaussian=2.0)}, SettingsError, "photon = 0"),
        ({"iterations": 0}, SettingsError, "at least 1, not 0"),
        ({"start": np.ones((2, 2))}, ImageError, "start has the shape"),
    ],
)
def test_wrong_options_are_explained(
    options: dict[str, Any], kind: type[Exception], words: str
) -> None:
    given: dict[str, Any] = {"noise": NoiseModel(photon=1.0), **options}
    with pytest.raises(kind, match=words):
        photon_split_richardson_lucy(np.ones((8, 8)), Blur(np.ones((3, 3)), (8, 8)), **given)
