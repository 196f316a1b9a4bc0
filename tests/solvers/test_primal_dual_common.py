"""What total variation, Hessian-Schatten norms and wavelet sparsity have in common."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pellucid import psnr
from pellucid.errors import ImageError, SettingsError
from pellucid.imaging import Blur, Crop
from pellucid.optics import Microscope, widefield_psf
from pellucid.solvers import Restoration, fista, hessian_schatten, total_variation
from pellucid.solvers.noise_model import NoiseModel
from pellucid.solvers.progress import Progress
from pellucid.solvers.stopping import Discrepancy, RelativeChange

Solver = Callable[..., Restoration]

SCOPE = Microscope(numerical_aperture=1.2, emission_nm=525, pixel_size_um=0.1)
PSF = widefield_psf(SCOPE, (15, 15))
NOISE = NoiseModel(photon=0.5, gaussian=2.0)
FLOOR = 100.0

SOLVERS: dict[str, tuple[Solver, dict[str, Any]]] = {
    "total variation": (total_variation, {"of": "intensity"}),
    "nuclear norm": (hessian_schatten, {"of": "intensity", "order": 1}),
    "nuclear norm of the root": (hessian_schatten, {"of": "square root", "order": 1}),
    "spectral norm of the root": (hessian_schatten, {"of": "square root", "order": "inf"}),
    "wavelets": (fista, {"shifts": 4}),
    "wavelets, one shift": (fista, {"shifts": 1}),
}
each = pytest.mark.parametrize("name", SOLVERS)


def solve(name: str, image: Any, operator: Any, **kwargs: Any) -> Restoration:
    solver, options = SOLVERS[name]
    settings = {"background": FLOOR, "noise": NOISE, "strength": 0.1, "iterations": 20}
    return solver(image, operator, **{**settings, **options, **kwargs})


def truth(shape: tuple[int, ...] = (40, 36)) -> NDArray[np.float32]:
    """A disc, a ring and a few points."""
    y, x = np.indices(shape)
    radius = np.hypot(y - 0.6 * shape[0], x - 0.4 * shape[1])
    scene = 60.0 * (radius < 8) + 40.0 * (np.abs(radius - 13) < 1)
    scene[5, 7] = scene[9, -6] = 400.0
    return scene.astype(np.float32)


def recorded(operator: Blur, scene: NDArray[np.float32], seed: int = 0) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    full = np.zeros(operator.input_shape, dtype=np.float32)
    full[operator.camera] = scene
    expected = np.clip(operator.apply(full), 0, None)
    noisy = NOISE.photon * rng.poisson(expected / NOISE.photon) + rng.normal(
        0, NOISE.gaussian, scene.shape
    )
    return (noisy + FLOOR).astype(np.float32)


@each
def test_noise_goes_and_structure_comes(name: str) -> None:
    operator = Blur(PSF, truth().shape)
    image = recorded(operator, truth())
    result = solve(name, image, operator, iterations=60, strength=None)
    gained = psnr(result.image, truth(), fit=True) - psnr(image, truth(), fit=True)
    assert gained > 2.0
    assert result.image.dtype == np.float32
    assert result.image.shape == image.shape
    assert result.image.min() >= FLOOR - 1e-3
    assert result.image.mean() == pytest.approx(image.mean(), rel=0.02)
    assert len(result.trace) == result.settings["iterations"]
    assert result.settings["strength_from"] == "the image"
    assert result.settings["photon"] == NOISE.photon


@each
@pytest.mark.parametrize("boundary", ["extended", "periodic", "reflect"])
def test_a_flat_image_stays_flat(name: str, boundary: str) -> None:
    operator = Blur(PSF, (20, 23), boundary=boundary)
    image = np.full((20, 23), FLOOR + 50.0, dtype=np.float32)
    for data in ("poisson-gaussian", "gaussian"):
        result = solve(name, image, operator, data=data)
        np.testing.assert_allclose(result.image, image, rtol=2e-5)


@each
def test_a_dark_image_stays_dark(name: str) -> None:
    operator = Blur(PSF, (20, 23))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for level in (FLOOR, FLOOR - 5):
            image = np.full((20, 23), level, dtype=np.float32)
            result = solve(name, image, operator, strength=None)
            np.testing.assert_allclose(result.image, FLOOR, atol=1e-3)


@each
@pytest.mark.parametrize("gain", [8.0, 0.37])
def test_results_follow_the_gain(name: str, gain: float) -> None:
    operator = Blur(PSF, truth().shape)
    image = recorded(operator, truth())
    scaled = NoiseModel(photon=gain * NOISE.photon, gaussian=gain * NOISE.gaussian)
    for strength in (None, 0.2):
        once = solve(name, image, operator, strength=strength, iterations=8)
        again = solve(
            name,
            (gain * image.astype(np.float64)).astype(np.float32),
            operator,
            strength=strength,
            iterations=8,
            background=gain * FLOOR,
            noise=scaled,
        )
        assert again.settings["strength"] == pytest.approx(once.settings["strength"], rel=1e-4)
        np.testing.assert_allclose(again.image / gain, once.image, atol=0.02)


@each
def test_a_volume_of_one_plane_is_the_plane(name: str) -> None:
    shape = (24, 22)
    operator = Blur(PSF, shape)
    image = recorded(operator, truth(shape))
    deep = Blur(PSF[None], (1, *shape))
    size = {} if "wavelets" in name else {"voxel_size": (0.3, 0.1, 0.1)}
    plane, volume = solve(name, image, operator), solve(name, image[None], deep, **size)
    np.testing.assert_allclose(volume.image[0], plane.image, rtol=1e-4)
    assert volume.settings["strength"] == plane.settings["strength"]


@each
def test_volumes_are_restored(name: str) -> None:
    z = np.exp(-0.5 * (np.arange(-2, 3) / 1.2) ** 2)
    psf = (z[:, None, None] * PSF).astype(np.float32)
    scene = np.zeros((7, 24, 22), dtype=np.float32)
    scene[2:5] = truth((24, 22))
    operator = Blur(psf, scene.shape)
    image = recorded(operator, scene)
    result = solve(name, image, operator, iterations=30, strength=None)
    assert psnr(result.image, scene, fit=True) > psnr(image, scene, fit=True) + 0.5


@each
def test_numpy_and_torch_agree(name: str) -> None:
    torch = pytest.importorskip("torch", reason="torch not installed")
    shape = (24, 22)
    image = recorded(Blur(PSF, shape), truth(shape))
    ours = solve(name, image, Blur(PSF, shape), iterations=15)
    theirs = solve(
        name, torch.from_numpy(image), Blur(PSF, shape, like=torch.empty(0)), iterations=15
    )
    assert theirs.image.dtype == torch.float32
    np.testing.assert_allclose(theirs.image.numpy(), ours.image, rtol=2e-4)
    np.testing.assert_allclose(theirs.trace, ours.trace, rtol=2e-4)


@each
@pytest.mark.parametrize("data", ["gaussian", "poisson-gaussian"])
def test_light_is_kept_where_the_model_keeps_it(name: str, data: str) -> None:
    """Constants are not penalised: at the optimum the weighted residual sums to zero.

    The root of a scene is penalised less if it is darker, which costs a little light.
    """
    operator = Blur(PSF, (24, 22), boundary="periodic")
    image = recorded(operator, truth((24, 22)) + 40.0)
    result = solve(name, image, operator, data=data, iterations=200, stop=None)
    rel = 5e-3 if data != "gaussian" else 1e-3 if "root" in name else 1e-4
    assert (result.image - FLOOR).sum() == pytest.approx((image - FLOOR).sum(), rel=rel)


@each
def test_solvers_stop_when_little_changes(name: str) -> None:
    operator = Blur(PSF, (24, 22))
    image = recorded(operator, truth((24, 22)))
    result = solve(name, image, operator, iterations=2000, stop=RelativeChange(2e-2))
    assert 1 < len(result.trace) < 200
    assert "changed the image by" in result.stopped_because
    assert "relative change below 0.02, or 2000 iterations" in str(result.settings["stop"])


@each
def test_solvers_stop_within_the_noise(name: str) -> None:
    operator = Blur(PSF, (24, 22))
    image = recorded(operator, truth((24, 22)))
    result = solve(name, image, operator, strength=0.02, iterations=500, stop=Discrepancy(1.05))
    assert "times the variance of the noise" in result.stopped_because
    # The same ends nowhere on noise alone that no scene explains.
    rough = image + 30 * np.where(np.indices(image.shape).sum(axis=0) % 2, 1, -1)
    result = solve(name, rough.astype(np.float32), operator, iterations=30, stop=Discrepancy(1.05))
    assert result.stopped_because == "the requested 30 iterations were done"


@each
def test_a_callback_sees_every_iteration_and_can_cancel(name: str) -> None:
    operator = Blur(PSF, (24, 22))
    image = recorded(operator, truth((24, 22)))
    seen: list[Progress] = []

    def watch(progress: Progress) -> bool:
        seen.append(progress)
        return progress.iteration == 5

    result = solve(name, image, operator, callback=watch)
    assert [p.iteration for p in seen] == [1, 2, 3, 4, 5]
    assert result.stopped_because == "the callback asked for it"
    assert result.trace == tuple(p.value for p in seen)
    assert seen[-1].image.shape == image.shape
    assert seen[-1].iterations == 20


@each
def test_the_noise_is_estimated_where_it_is_not_stated(name: str) -> None:
    operator = Blur(PSF, (96, 96))
    scene = truth((96, 96)) * 20 + np.linspace(0, 400, 96, dtype=np.float32)
    image = recorded(operator, scene)
    result = solve(name, image, operator, noise=None, iterations=3)
    assert result.settings["noise_from"] == "the image"
    assert result.settings["photon"] == pytest.approx(NOISE.photon, rel=0.25)
    with pytest.raises(SettingsError, match=r"cannot be estimated: .* Or state it: noise="):
        solve(name, image[:20, :20], Blur(PSF, (20, 20)), noise=None)


@each
def test_operators_need_not_be_blurs(name: str) -> None:
    """Composed ones have no camera, and serve where scene and image have one shape."""
    blur = Blur(PSF, (20, 23), boundary="reflect")
    image = recorded(blur, truth((20, 23)))
    both = 0.5 * blur + 0.5 * blur
    np.testing.assert_allclose(
        solve(name, image, both).image, solve(name, image, blur).image, rtol=1e-3
    )
    with pytest.raises(SettingsError, match="does not say which part the camera sees"):
        solve(name, image[:5], Crop((slice(0, 5), slice(None)), (20, 23)) @ blur)


@each
def test_bad_input_is_explained(name: str) -> None:
    operator = Blur(PSF, (20, 23))
    image = np.full((20, 23), 150.0, dtype=np.float32)
    spoilt = image.copy()
    spoilt[3, 4] = np.nan
    for wrong, message in ((spoilt, "1 values that are not finite"), (image[1:], "shape")):
        with pytest.raises(ImageError, match=message):
            solve(name, wrong, operator)
    for options, message in (
        ({"strength": 0.0}, "strength must be a positive number, not 0"),
        ({"strength": float("nan")}, "strength must be a positive number"),
        ({"iterations": 0}, "iterations must be a whole number of at least 1, not 0"),
        ({"iterations": 2.5}, "iterations must be a whole number"),
        ({"stop": 1e-3}, "stop must be a StoppingRule"),
        ({"noise": 2.0}, "noise must be a NoiseModel, not float"),
        ({"data": "poison"}, "'gaussian', 'poisson', 'poisson-gaussian'"),
        ({"data": "poisson", "noise": NoiseModel(gaussian=1.0)}, "data='gaussian'"),
        ({"background": float("inf")}, "background must be a finite number"),
    ):
        with pytest.raises(SettingsError, match=message):
            solve(name, image, operator, **options)
