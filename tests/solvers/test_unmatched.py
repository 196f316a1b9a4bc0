from typing import Any

import numpy as np
import pytest
import torch

from pellucid import psnr
from pellucid.errors import OpticsError, SettingsError
from pellucid.imaging import Blur
from pellucid.optics import Microscope, widefield_psf
from pellucid.simulate.cell import CellImage, simulate_cell
from pellucid.solvers import (
    Discrepancy,
    NoiseModel,
    WienerButterworth,
    richardson_lucy,
    unmatched_richardson_lucy,
)

from ..adjoint import assert_adjoint

NOISE = NoiseModel(photon=1.0, gaussian=np.sqrt(10.0 + 1.6**2))


@pytest.mark.parametrize("boundary", ["extended", "periodic", "reflect"])
@pytest.mark.parametrize(("shape", "psf"), [((17, 20), (7, 5)), ((5, 9, 12), (3, 5, 4))])
def test_has_an_exact_adjoint(boundary: Any, shape: tuple[int, ...], psf: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    back = WienerButterworth(rng.random(psf), shape, boundary=boundary)
    assert_adjoint(back, rtol=1e-5)
    image = torch.zeros(1)
    assert_adjoint(WienerButterworth(rng.random(psf), shape, boundary=boundary, like=image),
                   rtol=1e-5)  # fmt: skip


def test_is_the_formula_on_a_periodic_grid() -> None:
    rng = np.random.default_rng(1)
    psf = rng.random((5, 5))
    shape, cutoff, wiener, edge, order = (16, 18), (0.3, 0.2), 0.05, 0.2, 3
    back = WienerButterworth(
        psf, shape, wiener=wiener, cutoff_per_pixel=cutoff, edge_gain=edge, order=order,
        boundary="periodic",
    )  # fmt: skip
    grid = np.zeros(shape)
    grid[:5, :5] = psf / psf.sum()
    transfer = np.fft.fft2(np.roll(grid, (-2, -2), (0, 1)))
    fy, fx = np.meshgrid(np.fft.fftfreq(16), np.fft.fftfreq(18), indexing="ij")
    w = (fy / cutoff[0]) ** 2 + (fx / cutoff[1]) ** 2
    gain = (1 + wiener) * transfer.conj() / (np.abs(transfer) ** 2 + wiener)
    gain /= np.sqrt(1 + (edge**-2 - 1) * w**order)
    image = rng.random(shape)
    expected = np.fft.ifft2(np.fft.fft2(image) * gain).real
    np.testing.assert_allclose(back.apply(image), expected, atol=2e-5)
    np.testing.assert_allclose(back.apply(np.ones(shape)), 1.0, rtol=1e-5)


def test_the_cutoff_is_that_of_the_optics_if_not_stated(scope: Microscope) -> None:
    back = WienerButterworth(widefield_psf(scope, (33, 33)), (32, 32))
    np.testing.assert_allclose(back.cutoff_per_pixel, scope.cutoff_per_pixel, rtol=0.08)


@pytest.mark.parametrize(("peak_photons", "short_by_db"), [(300.0, 0.0), (3000.0, 1.5)])
def test_five_iterations_do_the_work_of_many(peak_photons: float, short_by_db: float) -> None:
    cell = simulate_cell(seed=7, pixels=128, peak_photons=peak_photons)
    psf = widefield_psf(cell.microscope, (65, 65))
    operator = Blur(psf, cell.recorded.shape)
    back = WienerButterworth(psf, cell.recorded.shape)
    options: dict[str, Any] = {"background": 110.0, "noise": NOISE}
    few = unmatched_richardson_lucy(cell.recorded, operator, back, **options)
    many = richardson_lucy(cell.recorded, operator, iterations=200, **options)
    as_few = richardson_lucy(cell.recorded, operator, iterations=5, **options)
    quality = [psnr(r.image, cell.truth, fit=True) for r in (few, many, as_few)]
    assert quality[0] > quality[1] - short_by_db
    assert quality[0] > quality[2] + 0.4
    assert few.image.mean() == pytest.approx(cell.recorded.mean(), rel=0.02)
    assert len(few.trace) == 5
    assert few.settings["back_projector"] == "Wiener 0.01, Butterworth 0.1 of order 4"


def test_with_the_transpose_it_is_richardson_and_lucy() -> None:
    rng = np.random.default_rng(0)
    operator = Blur(rng.random((5, 5)), (24, 24), boundary="periodic")
    image = rng.poisson(40.0, (24, 24)).astype(np.float32)
    ours = unmatched_richardson_lucy(image, operator, operator.T, iterations=6, background=3.0)
    plain = richardson_lucy(image, operator, iterations=6, background=3.0)
    np.testing.assert_allclose(ours.image, plain.image, rtol=1e-4)
    assert ours.settings["back_projector"] == "Adjoint"


@pytest.mark.parametrize("boundary", ["extended", "periodic", "reflect"])
def test_keeps_light_and_uniform_images(boundary: Any) -> None:
    rng = np.random.default_rng(0)
    psf = np.outer(np.hanning(11)[1:-1], np.hanning(9)[1:-1])
    image = rng.poisson(30.0, (26, 30)).astype(np.float32)
    operator = Blur(psf, image.shape, boundary=boundary)
    back = WienerButterworth(psf, image.shape, boundary=boundary)
    even = unmatched_richardson_lucy(
        np.full(image.shape, 20.0, dtype=np.float32), operator, back, background=0.0
    )
    np.testing.assert_allclose(even.image, 20.0, rtol=1e-3)
    result = unmatched_richardson_lucy(image, operator, back, background=0.0)
    if boundary == "periodic":
        assert result.image.sum(dtype=float) == pytest.approx(image.sum(), rel=1e-5)
    assert result.image.min() >= 0


def test_follows_gain_in_three_dimensions_and_in_torch() -> None:
    rng = np.random.default_rng(0)
    psf = rng.random((3, 5, 5))
    image = rng.poisson(30.0, (6, 14, 12)).astype(np.float32)

    def restore(gain: float, like: Any = None) -> Any:
        data = gain * (image if like is None else torch.from_numpy(image))
        return unmatched_richardson_lucy(
            data,
            Blur(psf, image.shape, like=like),
            WienerButterworth(psf, image.shape, like=like),
            background=2.0 * gain,
            noise=NoiseModel(photon=gain, gaussian=gain),
        ).image

    once = restore(1.0)
    np.testing.assert_allclose(restore(5.0), 5.0 * once, rtol=2e-3, atol=1e-2)
    np.testing.assert_allclose(restore(1.0, torch.zeros(1)).numpy(), once, rtol=2e-3, atol=1e-2)
    flat = unmatched_richardson_lucy(
        image[:1], Blur(psf[:1], (1, 14, 12)), WienerButterworth(psf[:1], (1, 14, 12))
    )
    plane = unmatched_richardson_lucy(
        image[0], Blur(psf[0], (14, 12)), WienerButterworth(psf[0], (14, 12))
    )
    np.testing.assert_allclose(flat.image[0], plane.image, rtol=1e-3, atol=1e-3)


def test_stops_on_noise_and_when_asked(cell: CellImage) -> None:
    rng = np.random.default_rng(0)
    image = rng.poisson(100.0, (64, 64)).astype(np.float32)
    psf = widefield_psf(cell.microscope, (17, 17))
    operator, back = Blur(psf, image.shape), WienerButterworth(psf, image.shape)
    stopped = unmatched_richardson_lucy(
        image, operator, back, background=0.0, noise=NoiseModel(photon=1.0), stop=Discrepancy(1.05)
    )
    assert len(stopped.trace) == 1
    asked = unmatched_richardson_lucy(
        image, operator, back, callback=lambda progress: progress.iteration == 2
    )
    assert len(asked.trace) == 2
    assert "callback" in asked.stopped_because


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"wiener": 0.0}, "wiener must be a positive number, not 0"),
        ({"edge_gain": 1.0}, "edge_gain must lie between 0 and 1"),
        ({"order": 0}, "order must be at least 1"),
        ({"cutoff_per_pixel": (0.3,)}, "each of the 2 axes"),
        ({"cutoff_per_pixel": (0.3, -0.1)}, "positive number of cycles"),
        ({"boundary": "zero"}, "no boundary 'zero'"),
    ],
)
def test_wrong_back_projectors_are_explained(options: dict[str, Any], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        WienerButterworth(np.ones((3, 3)), (8, 8), **options)


def test_what_does_not_fit_is_explained() -> None:
    operator = Blur(np.ones((3, 3)), (8, 8))
    other = WienerButterworth(np.ones((3, 3)), (8, 8), boundary="periodic")
    with pytest.raises(SettingsError, match="must go from images"):
        unmatched_richardson_lucy(np.ones((8, 8)), operator, other)
    with pytest.raises(SettingsError, match="at least 1, not 0"):
        unmatched_richardson_lucy(np.ones((8, 8)), operator, operator.T, iterations=0)
    with pytest.raises(OpticsError, match="must hold light"):
        WienerButterworth(np.zeros((3, 3)), (8, 8))
