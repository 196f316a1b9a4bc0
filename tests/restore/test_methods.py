"""Every classical method on an image whose truth is known."""

import itertools

import numpy as np
import pytest

from pellucid.assess.metrics import psnr
from pellucid.errors import SettingsError
from pellucid.io.image import Image
from pellucid.restore import Restorer
from pellucid.restore.methods import METHODS, checked_settings
from pellucid.restore.picked import what_was_picked
from pellucid.simulate.cell import CellImage, simulate_cell
from pellucid.solvers import NoiseModel

CLASSICAL = [name for name, method in METHODS.items() if method.run is not None]


@pytest.fixture(scope="module")
def cell() -> CellImage:
    return simulate_cell(seed=3, pixels=96, peak_photons=1000.0)


@pytest.mark.parametrize("method", CLASSICAL)
def test_brings_an_image_nearer_to_the_truth(cell: CellImage, method: str) -> None:
    steps: list[tuple[int, int]] = []
    restorer = Restorer(method, microscope=cell.microscope)
    done = restorer.restore(Image(cell.recorded, "YX"), lambda a, b: steps.append((a, b)))
    assert done.image.data.dtype == np.float32
    before = psnr(cell.recorded, cell.truth, fit=True)
    assert psnr(done.image.data, cell.truth, fit=True) > before + 0.5
    assert done.settings["stopped_because"][0]
    assert done.settings["psf"] == "computed from the optics"
    # Progress rises to its end.
    assert steps[-1][0] == steps[-1][1]
    assert all(a[0] <= b[0] for a, b in itertools.pairwise(steps))


def test_left_to_itself_richardson_lucy_says_what_it_picked(cell: CellImage) -> None:
    restorer = Restorer("richardson-lucy", microscope=cell.microscope, auto=True)
    done = restorer.restore(Image(cell.recorded, "YX"))
    plain = Restorer("richardson-lucy", microscope=cell.microscope, iterations=20)
    usual = plain.restore(Image(cell.recorded, "YX")).image.data
    reached = psnr(done.image.data, cell.truth, fit=True)
    assert reached > psnr(usual, cell.truth, fit=True) - 0.3
    told = "\n".join(what_was_picked(done.settings))
    for word in ("background", "shot noise", "iterations", "least sum of bias and noise"):
        assert word in told


def test_channels_have_their_own_background_and_noise(cell: CellImage) -> None:
    stack = np.stack([cell.recorded, 3.0 * cell.recorded + 50.0]).astype(np.float32)
    restorer = Restorer("photon-split", microscope=cell.microscope, iterations=10)
    done = restorer.restore(Image(stack, "CYX"))
    background, photon = done.settings["background"], done.settings["noise_photon"]
    assert background[1] == pytest.approx(3.0 * background[0] + 50.0, rel=1e-5)
    assert photon[1] == pytest.approx(3.0 * photon[0], rel=1e-3)
    text = list(what_was_picked(done.settings))
    assert any(line.startswith("channel 1: ") for line in text)


def test_noise_that_is_given_is_used(cell: CellImage) -> None:
    noise = NoiseModel(photon=2.0, gaussian=5.0)
    restorer = Restorer("photon-split", microscope=cell.microscope, noise=noise, iterations=3)
    settings = restorer.restore(Image(cell.recorded, "YX")).settings
    assert settings["noise_photon"] == [2.0]
    assert settings["noise_gaussian"] == [5.0]


def test_stopping_rules_by_name(cell: CellImage) -> None:
    image = Image(cell.recorded, "YX")
    for stop, words in (("relative-change", "changed the image"), ("discrepancy", "residual")):
        restorer = Restorer("richardson-lucy", microscope=cell.microscope, stop=stop)
        settings = restorer.restore(image).settings
        assert words in settings["stopped_because"][0]
        assert 1 <= settings["iterations_done"][0] < 200


def test_boundary_changes_the_frame_alone(cell: CellImage) -> None:
    image = Image(cell.recorded, "YX")
    results = [
        Restorer("richardson-lucy", microscope=cell.microscope, boundary=b, iterations=5)
        .restore(image)
        .image.data
        for b in ("extended", "periodic")
    ]
    difference = np.abs(results[0] - results[1])
    assert difference[32:-32, 32:-32].max() < 0.05 * difference.max()


@pytest.mark.parametrize(
    ("method", "settings", "words"),
    [
        ("richardson-lucy", {"stop": "never"}, "stop = 'never' is not known; use one of"),
        ("wiener", {"choice": "best"}, "choice = 'best'"),
        ("richardson-lucy", {"acceleration": "turbo"}, "acceleration = 'turbo'"),
        ("fista", {"boundary": "open"}, "boundary = 'open'"),
        ("wiener", {"iterations": 5}, "belongs to the methods richardson-lucy"),
        ("blind", {"psf": "x.tif"}, "but the method is blind"),
        ("unmatched", {"iterations": 0}, "at least 1, not 0"),
        ("tikhonov", {"noise_to_signal": 1.0}, "belongs to the method wiener"),
    ],
)
def test_mistakes_are_explained(method: str, settings: dict, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        checked_settings(method, settings)


def test_what_is_not_given_is_left_out() -> None:
    assert checked_settings("bcr", {"weights": None, "auto": False, "tile": 320}) == {"tile": 320}
