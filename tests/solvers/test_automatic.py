"""Richardson-Lucy that chooses its iterations."""

import numpy as np
import pytest
import torch

from pellucid.assess.metrics import psnr
from pellucid.errors import SettingsError
from pellucid.imaging import Blur
from pellucid.optics import point_spread_function
from pellucid.simulate.cell import simulate_cell
from pellucid.solvers import NoiseModel, richardson_lucy
from pellucid.solvers.automatic import _compared, automatic_richardson_lucy
from pellucid.solvers.progress import CANCELLED, Progress


def recorded(photons: float, seed: int = 5) -> tuple[np.ndarray, np.ndarray, Blur, NoiseModel]:
    """An image in photons above nothing, its truth, its blur and its noise."""
    cell = simulate_cell(seed=seed, pixels=96, peak_photons=1000.0)
    psf = point_spread_function(cell.microscope, (31, 31)).data
    blur = Blur(psf, (96, 96), boundary="reflect")
    truth = cell.truth - cell.truth.min()
    truth *= photons / truth.max()
    clean = blur.apply(truth.astype(np.float32)) + 2.0
    image = np.random.default_rng(seed).poisson(clean).astype(np.float32)
    return image, truth, Blur(psf, (96, 96)), NoiseModel(photon=1.0, gaussian=np.sqrt(2.0))


@pytest.mark.parametrize("photons", [30.0, 300.0, 3000.0])
def test_comes_near_the_best_number_of_iterations(photons: float) -> None:
    image, truth, blur, noise = recorded(photons)
    reached: list[float] = []

    def score(step: Progress) -> None:
        reached.append(psnr(step.image, truth, fit=True))

    richardson_lucy(image, blur, iterations=120, background=2.0, callback=score)
    done = automatic_richardson_lucy(image, blur, noise=noise, iterations=120, background=2.0)
    assert psnr(done.image, truth, fit=True) > max(reached) - 0.4
    assert done.settings["iterations"] == len(done.trace)
    assert f"{len(done.trace)} have the least sum" in done.stopped_because


def test_the_more_light_the_more_iterations() -> None:
    numbers = []
    for photons in (10.0, 100.0, 1000.0):
        image, _, blur, noise = recorded(photons)
        done = automatic_richardson_lucy(image, blur, noise=noise, background=2.0)
        numbers.append(len(done.trace))
    assert numbers[0] < numbers[1] <= numbers[2]


def test_follows_gain_and_offset() -> None:
    image, _, blur, noise = recorded(200.0)
    first = automatic_richardson_lucy(image, blur, noise=noise, iterations=30, background=2.0)
    second = automatic_richardson_lucy(
        4.0 * image + 100.0,
        blur,
        noise=NoiseModel(photon=4.0, gaussian=4.0 * noise.gaussian),
        iterations=30,
        background=108.0,
    )
    assert len(first.trace) == len(second.trace)
    np.testing.assert_allclose(second.image, 4.0 * first.image + 100.0, rtol=1e-3)


def test_torch_gives_what_numpy_gives() -> None:
    image, _, blur, noise = recorded(200.0)
    tensor = torch.from_numpy(image)
    psf = point_spread_function(
        simulate_cell(seed=5, pixels=96, peak_photons=1000.0).microscope, (31, 31)
    ).data
    other = Blur(psf, (96, 96), like=tensor)
    one = automatic_richardson_lucy(image, blur, noise=noise, iterations=20, background=2.0)
    two = automatic_richardson_lucy(tensor, other, noise=noise, iterations=20, background=2.0)
    assert len(one.trace) == len(two.trace)
    np.testing.assert_allclose(two.image.numpy(), one.image, rtol=2e-3, atol=0.02)


def test_tells_how_far_it_is_and_can_be_ended() -> None:
    image, _, blur, noise = recorded(100.0)
    steps: list[Progress] = []

    def note(step: Progress) -> bool:
        steps.append(step)
        return len(steps) == 15

    done = automatic_richardson_lucy(
        image, blur, noise=noise, iterations=10, background=2.0, callback=note
    )
    assert done.stopped_because == CANCELLED
    assert [step.iteration for step in steps] == list(range(1, 16))
    assert {step.iterations for step in steps} == {30}


def test_what_is_compared_ends_with_all() -> None:
    assert _compared(1) == {1}
    assert {1, 2, 3, 10, 200} <= _compared(200)
    assert max(_compared(200)) == 200
    assert len(_compared(200)) < 50


def test_without_noise_there_is_nothing_to_choose_by() -> None:
    image, _, blur, _ = recorded(100.0)
    with pytest.raises(SettingsError, match="needs the noise of the image as a NoiseModel"):
        automatic_richardson_lucy(image, blur, noise=None)  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="at least 1"):
        automatic_richardson_lucy(image, blur, noise=NoiseModel(photon=1.0), iterations=0)
