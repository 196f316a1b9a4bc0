import numpy as np
import pytest
from skimage.restoration import richardson_lucy as reference

from pellucid import psnr
from pellucid.errors import SettingsError
from pellucid.imaging import Blur
from pellucid.optics import Microscope, widefield_psf
from pellucid.simulate.cell import CellImage
from pellucid.solvers import richardson_lucy


def test_agrees_with_scikit_image_where_nothing_meets_the_frame() -> None:
    rng = np.random.default_rng(0)
    psf = np.outer(np.hanning(9)[1:-1], np.hanning(9)[1:-1])
    psf /= psf.sum()
    truth = np.zeros((48, 48))
    truth[16:32, 16:32] = rng.random((16, 16))
    operator = Blur(psf, truth.shape)
    scene = np.zeros(operator.input_shape, dtype=np.float32)
    scene[operator.camera] = truth
    image = operator.apply(scene) + 1e-3
    ours = richardson_lucy(image, operator, operator.camera, iterations=10, background=0.0)
    theirs = reference(image, psf, num_iter=10, clip=False)
    inner = slice(12, 36)
    np.testing.assert_allclose(ours.image[inner, inner], theirs[inner, inner], rtol=0.02, atol=2e-3)


def test_sharpens_and_keeps_the_mean(cell: CellImage) -> None:
    operator = Blur(widefield_psf(cell.microscope, (65, 65)), cell.recorded.shape)
    result = richardson_lucy(cell.recorded, operator, operator.camera, iterations=20)
    gained = psnr(result.image, cell.truth, fit=True) - psnr(cell.recorded, cell.truth, fit=True)
    assert gained > 1.5
    assert result.image.mean() == pytest.approx(cell.recorded.mean(), rel=0.01)
    assert result.image.dtype == np.float32
    assert len(result.trace) == 20
    assert result.trace[-1] < result.trace[0]
    assert "20 iterations" in result.stopped_because
    assert result.settings["iterations"] == 20


def test_likelihood_never_falls(cell: CellImage, scope: Microscope) -> None:
    image = cell.recorded[:64, :64]
    operator = Blur(widefield_psf(scope, (33, 33)), image.shape)
    floor = 95.0

    def likelihood(iterations: int) -> float:
        whole = (slice(None), slice(None))
        result = richardson_lucy(image, operator, whole, iterations=iterations, background=floor)
        expected = np.maximum(operator.apply(result.image - np.float32(floor)), 1e-6)
        counts = np.clip(image - floor, 0, None)
        return float(np.sum(counts * np.log(expected) - expected))

    values = [likelihood(n) for n in (1, 2, 4, 8, 16)]
    assert np.all(np.diff(values) > 0)


def test_the_frame_does_not_ring(scope: Microscope) -> None:
    # A uniform scene seen through a blur is uniform, up to the very frame.
    image = np.full((40, 44), 50.0, dtype=np.float32)
    operator = Blur(widefield_psf(scope, (33, 33)), image.shape)
    result = richardson_lucy(image, operator, operator.camera, iterations=30, background=0.0)
    np.testing.assert_allclose(result.image, 50.0, rtol=0.02)


def test_iterations_must_be_positive(scope: Microscope) -> None:
    operator = Blur(np.ones((3, 3)), (8, 8))
    with pytest.raises(SettingsError, match="not 0"):
        richardson_lucy(np.ones((8, 8)), operator, operator.camera, iterations=0)
