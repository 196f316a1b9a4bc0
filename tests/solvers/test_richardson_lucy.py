from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from skimage.restoration import richardson_lucy as reference

from pellucid import psnr
from pellucid.errors import ImageError, OpticsError, SettingsError
from pellucid.imaging import Blur, Identity, LinearOperator
from pellucid.optics import Microscope, widefield_psf
from pellucid.simulate.cell import CellImage
from pellucid.solvers import (
    Discrepancy,
    NoiseModel,
    Progress,
    RelativeChange,
    Restoration,
    richardson_lucy,
)
from pellucid.solvers._rl_poisson import PoissonFit
from pellucid.solvers._rl_smoothing import smoothing_matrix
from pellucid.solvers.problem import problem

Options = dict[str, Any]
#: Every kind of iteration, with a noise model or without.
VARIANTS: list[Options] = [
    {},
    {"acceleration": "biggs-andrews"},
    {"acceleration": "heavy-ball"},
    {"total_variation": 0.01},
    {"smoothing": 1.5},
]


def kernel(*sides: int, seed: int | None = None) -> NDArray[np.float32]:
    """A smooth, lopsided point spread function."""
    result = np.ones(())
    for n in sides:
        result = result[..., None] * np.hanning(n + 2)[1:-1]
    if seed is not None:
        result = result * (0.5 + np.random.default_rng(seed).random(sides))
    return (result / result.sum()).astype(np.float32)


def specimen(shape: tuple[int, ...], seed: int = 0) -> NDArray[np.float32]:
    """Points on a dim, uneven ground."""
    rng = np.random.default_rng(seed)
    truth = 1.0 + rng.random(shape)
    truth[rng.random(shape) > 0.97] += 30.0
    return truth.astype(np.float32)


def recorded(
    operator: LinearOperator, scene: NDArray[np.float32], photons: float, seed: int = 0
) -> NDArray[np.float32]:
    clean = operator.apply(scene).clip(0)
    rng = np.random.default_rng(seed)
    return rng.poisson(photons * clean / clean.max()).astype(np.float32)


def log_likelihood(
    operator: LinearOperator, scene: NDArray[np.float32], counts: NDArray[np.float32], light: float
) -> float:
    expected = np.maximum(operator.apply(scene).astype(np.float64) + light, 1e-9)
    return float(np.sum(counts * np.log(expected) - expected))


def test_agrees_with_scikit_image_on_a_periodic_scene() -> None:
    """Its zeros beyond the frame are pushed away by copies of the image all around."""
    shape, psf = (40, 36), kernel(7, 5, seed=1)
    operator = Blur(psf, shape, boundary="periodic")
    image = recorded(operator, specimen(shape), 200.0) + 1.0
    ours = richardson_lucy(
        image, operator, iterations=12, background=0.0, start=np.full(shape, 0.5)
    ).image
    copies = np.pad(image, 48, mode="wrap").astype(np.float64)
    theirs = reference(copies, psf, num_iter=12, clip=False)[48:-48, 48:-48]
    np.testing.assert_allclose(ours, theirs, rtol=1e-4)


def test_sharpens_and_keeps_the_mean(cell: CellImage) -> None:
    operator = Blur(widefield_psf(cell.microscope, (65, 65)), cell.recorded.shape)
    result = richardson_lucy(cell.recorded, operator, iterations=20)
    gained = psnr(result.image, cell.truth, fit=True) - psnr(cell.recorded, cell.truth, fit=True)
    assert gained > 1.5
    assert result.image.mean() == pytest.approx(cell.recorded.mean(), rel=0.01)
    assert result.image.dtype == np.float32
    assert len(result.trace) == 20
    assert result.trace[-1] < result.trace[0]
    assert "20 iterations" in result.stopped_because
    assert result.settings["iterations"] == 20
    assert result.settings["background"] == pytest.approx(np.percentile(cell.recorded, 1))
    assert result.psf is None


@pytest.mark.parametrize("boundary", ["periodic", "reflect", "extended"])
@pytest.mark.parametrize("gaussian", [None, 1.5])
def test_likelihood_never_falls(boundary: Any, gaussian: float | None) -> None:
    operator = Blur(kernel(9, 7, seed=2), (40, 33), boundary=boundary)
    noise = None if gaussian is None else NoiseModel(photon=1.0, gaussian=gaussian)
    light = 0.0 if gaussian is None else gaussian**2
    image = recorded(operator, specimen(operator.input_shape), 60.0)
    task = problem(image, operator, 0.0)
    fit = PoissonFit(task, noise)
    scene, values = fit.start(), []
    for _ in range(40):
        values.append(log_likelihood(operator, scene, np.asarray(fit.counts), light))
        scene = fit.updated(scene)
    assert np.all(np.diff(values) > -1e-5 * abs(values[0]))
    assert values[-1] > values[0] + 10.0


@given(seed=st.integers(0, 1000), shape=st.sampled_from([(24,), (20, 17), (5, 12, 11)]))
@settings(max_examples=12, deadline=None)
def test_light_is_conserved_where_the_scene_is_periodic(seed: int, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(seed)
    operator = Blur(rng.random((3,) * len(shape)), shape, boundary="periodic")
    image = rng.poisson(5.0, shape).astype(np.float32)
    image.flat[0] += 1
    for options in ({"background": 0.0}, {"background": 2.0}, {"smoothing": 1.0, "background": 0}):
        result = richardson_lucy(image, operator, iterations=15, **options).image
        floor = options["background"]
        above = np.clip(image - floor, 0, None).sum(dtype=float)
        assert (result - floor).sum(dtype=float) == pytest.approx(above, rel=2e-5, abs=1e-3)


def test_a_step_follows_the_gradient_of_the_likelihood() -> None:
    """``x - x_next = x / K^T 1 * gradient``, the gradient by finite differences."""
    operator = Blur(kernel(3, 5, seed=3), (7, 8), boundary="extended")
    noise = NoiseModel(photon=1.0, gaussian=2.0)
    scene = 20.0 + 10.0 * specimen(operator.input_shape)
    image = recorded(operator, scene, 400.0)
    fit = PoissonFit(problem(image, operator, 5.0), noise)
    seen = operator.adjoint(np.ones(image.shape, dtype=np.float32))
    moved = (scene - fit.updated(scene)) * seen / scene
    for index in [(3, 3), (0, 6), (8, 2), (5, 11)]:
        step = np.zeros_like(scene)
        step[index] = 0.5
        slope = log_likelihood(operator, scene - step, fit.counts, 4.0) - log_likelihood(
            operator, scene + step, fit.counts, 4.0
        )
        assert moved[index] == pytest.approx(slope, rel=0.02, abs=2e-3)


@pytest.mark.parametrize("boundary", ["periodic", "reflect", "extended"])
def test_converges_to_the_truth_where_blur_is_mild_and_nothing_is_lost(boundary: Any) -> None:
    psf = np.zeros((3, 3), dtype=np.float32)
    psf[1, 1], psf[0, 1], psf[1, 2] = 0.7, 0.2, 0.1
    operator = Blur(psf, (24, 20), boundary=boundary)
    truth = specimen(operator.input_shape)
    image = operator.apply(truth)
    result = richardson_lucy(
        image, operator, iterations=300, background=0.0, acceleration="biggs-andrews"
    )
    inner = (slice(6, -6), slice(6, -6))
    np.testing.assert_allclose(result.image[inner], truth[operator.camera][inner], rtol=2e-3)


@pytest.mark.parametrize("options", VARIANTS)
def test_a_uniform_image_stays_uniform_up_to_the_frame(options: Options) -> None:
    image = np.full((24, 30), 50.0, dtype=np.float32)
    for boundary in ("extended", "reflect", "periodic"):
        operator = Blur(kernel(11, 9), image.shape, boundary=boundary)
        result = richardson_lucy(image, operator, iterations=30, background=10.0, **options)
        np.testing.assert_allclose(result.image, 50.0, rtol=2e-3)


def test_the_frame_does_not_ring(scope: Microscope) -> None:
    # A uniform scene seen through a blur is uniform, up to the very frame.
    image = np.full((40, 44), 50.0, dtype=np.float32)
    operator = Blur(widefield_psf(scope, (33, 33)), image.shape)
    result = richardson_lucy(image, operator, iterations=30, background=0.0)
    np.testing.assert_allclose(result.image, 50.0, rtol=0.02)


@pytest.mark.parametrize("options", VARIANTS)
def test_a_volume_of_one_plane_is_an_image(options: Options) -> None:
    psf, image = kernel(7, 5, seed=4), specimen((21, 26))
    flat = richardson_lucy(image, Blur(psf, image.shape), iterations=8, **options)
    volume = richardson_lucy(
        image[None], Blur(psf[None], (1, *image.shape)), iterations=8, **options
    )
    np.testing.assert_allclose(volume.image[0], flat.image, rtol=1e-4)


@pytest.mark.parametrize("options", VARIANTS)
@pytest.mark.parametrize("with_noise", [False, True])
def test_follows_gain_and_offset(options: Options, with_noise: bool) -> None:
    operator = Blur(kernel(7, 7), (20, 24))
    image = recorded(operator, specimen(operator.input_shape), 300.0).astype(np.float64)

    def restore(gain: float, offset: float) -> NDArray[np.float32]:
        noise = NoiseModel(photon=gain, gaussian=3.0 * gain) if with_noise else None
        return richardson_lucy(
            gain * image + offset,
            operator,
            iterations=12,
            background=5.0 * gain + offset,
            noise=noise,
            **options,
        ).image

    np.testing.assert_allclose(
        restore(3.7, 100.0), 3.7 * restore(1.0, 0.0) + 100.0, rtol=1e-3, atol=0.05
    )


@pytest.mark.parametrize("options", [*VARIANTS, {"stop": Discrepancy()}])
@pytest.mark.parametrize("shape", [(18, 22), (5, 12, 14)])
def test_torch_gives_what_numpy_gives(options: Options, shape: tuple[int, ...]) -> None:
    psf = kernel(*(3 if n < 8 else 7 for n in shape), seed=5)
    noise = NoiseModel(photon=0.5, gaussian=1.0)
    numpy_operator = Blur(psf, shape)
    image = recorded(numpy_operator, specimen(numpy_operator.input_shape), 100.0)
    torch_image = torch.from_numpy(image)
    common = {"iterations": 10, "background": 2.0, "noise": noise, **options}
    ours = richardson_lucy(image, numpy_operator, **common)
    theirs = richardson_lucy(torch_image, Blur(psf, shape, like=torch_image), **common)
    assert isinstance(theirs.image, torch.Tensor)
    assert theirs.image.dtype == torch.float32
    assert theirs.stopped_because == ours.stopped_because
    np.testing.assert_allclose(theirs.image.numpy(), ours.image, rtol=2e-3, atol=0.02)
    np.testing.assert_allclose(theirs.trace, ours.trace, rtol=1e-2, atol=1e-5)


def test_a_noise_model_puts_the_background_into_the_forward_model() -> None:
    """Dark parts of a noisy image keep their mean; without a model they are clipped upwards."""
    operator = Blur(kernel(5, 5), (64, 64), boundary="periodic")
    rng = np.random.default_rng(0)
    scene = np.zeros((64, 64), dtype=np.float32)
    scene[20:30, 20:30] = 100.0
    image = (rng.poisson(operator.apply(scene).clip(0) + 50.0) + 100.0).astype(np.float32)
    dark = (slice(40, 60), slice(40, 60))
    stated = NoiseModel(photon=1.0, gaussian=np.sqrt(50.0))
    plain, told = (
        richardson_lucy(image, operator, iterations=60, background=150.0, noise=noise).image
        for noise in (None, stated)
    )
    assert plain[dark].mean() > 152.5
    assert 150.0 < told[dark].mean() < 151.2
    assert told[dark].std() < 0.5 * plain[dark].std()
    assert told[22:28, 22:28].mean() == pytest.approx(250.0, rel=0.03)


def test_starts_where_another_run_ended() -> None:
    operator = Blur(kernel(7, 5), (30, 28), boundary="periodic")
    image = recorded(operator, specimen((30, 28)), 500.0)
    once = richardson_lucy(image, operator, iterations=12, background=1.0)
    first = richardson_lucy(image, operator, iterations=7, background=1.0)
    second = richardson_lucy(image, operator, iterations=5, background=1.0, start=first.image)
    np.testing.assert_allclose(second.image, once.image, rtol=1e-3, atol=1e-3)
    assert second.settings["start"] == "given"


def test_a_start_may_cover_the_frame_or_the_whole_scene() -> None:
    operator = Blur(kernel(7, 5), (30, 28))
    image = recorded(operator, specimen(operator.input_shape), 500.0)
    whole = np.full(operator.input_shape, float(image.mean()))
    results = [
        richardson_lucy(image, operator, iterations=5, background=0.0, start=start).image
        for start in (None, whole, whole[operator.camera])
    ]
    for other in results[1:]:
        np.testing.assert_allclose(other, results[0], rtol=1e-4)


def test_smoothing_settles_coarse_structure_first(cell: CellImage) -> None:
    operator = Blur(widefield_psf(cell.microscope, (33, 33)), cell.recorded.shape)
    rough, smooth = (
        richardson_lucy(cell.recorded, operator, iterations=40, smoothing=sigma).image
        for sigma in (None, 2.0)
    )
    assert np.abs(np.diff(smooth)).mean() < 0.8 * np.abs(np.diff(rough)).mean()
    assert psnr(smooth, cell.truth, fit=True) > psnr(cell.recorded, cell.truth, fit=True) + 1.0
    unchanged = richardson_lucy(cell.recorded, operator, iterations=1, smoothing=5.0).image
    np.testing.assert_array_equal(
        unchanged, richardson_lucy(cell.recorded, operator, iterations=1).image
    )


@pytest.mark.parametrize("wraps", [False, True])
@pytest.mark.parametrize(("n", "sigma"), [(1, 3.0), (2, 5.0), (9, 0.3), (30, 2.5)])
def test_smoothing_keeps_light_and_constants(n: int, sigma: float, wraps: bool) -> None:
    from scipy.ndimage import gaussian_filter1d

    matrix = smoothing_matrix(n, sigma, wraps=wraps)
    np.testing.assert_allclose(matrix.sum(axis=0), 1.0, rtol=1e-5)
    np.testing.assert_allclose(matrix.sum(axis=1), 1.0, rtol=1e-5)
    values = np.random.default_rng(0).random(n)
    mode = "wrap" if wraps else "reflect"
    expected = gaussian_filter1d(values, sigma, mode=mode, radius=max(1, int(np.ceil(4 * sigma))))
    np.testing.assert_allclose(matrix @ values, expected, rtol=1e-4)


@pytest.mark.parametrize("acceleration", ["none", "biggs-andrews", "heavy-ball"])
def test_the_discrepancy_principle_stops_on_noise_at_once(acceleration: Any) -> None:
    """A uniform scene explains an image of noise alone."""
    rng = np.random.default_rng(0)
    image = (rng.poisson(100.0, (64, 64)) + rng.normal(0.0, 3.0, (64, 64))).astype(np.float32)
    operator = Blur(kernel(9, 9), image.shape)
    result = richardson_lucy(
        image,
        operator,
        iterations=50,
        background=60.0,
        noise=NoiseModel(photon=1.0, gaussian=np.sqrt(60.0 + 9.0)),
        stop=Discrepancy(1.02),
        acceleration=acceleration,
    )
    assert len(result.trace) <= 2
    assert "variance of the noise" in result.stopped_because


def test_the_discrepancy_principle_stops_before_noise_is_fitted(cell: CellImage) -> None:
    operator = Blur(widefield_psf(cell.microscope, (65, 65)), cell.recorded.shape)
    noise = NoiseModel(photon=1.0, gaussian=np.sqrt(10.0 + 1.6**2))
    stopped, long = (
        richardson_lucy(
            cell.recorded, operator, iterations=300, background=110.0, noise=noise, stop=rule,
            acceleration="heavy-ball",
        )
        for rule in (Discrepancy(), None)
    )  # fmt: skip
    assert 3 < len(stopped.trace) < 100
    assert psnr(stopped.image, cell.truth, fit=True) > psnr(long.image, cell.truth, fit=True) + 1.0
    assert stopped.settings["stop"] == "residual within 1 times the noise's variance"


def test_the_relative_change_stops(cell: CellImage) -> None:
    operator = Blur(widefield_psf(cell.microscope, (33, 33)), cell.recorded.shape)
    result = richardson_lucy(cell.recorded, operator, iterations=300, stop=RelativeChange(0.01))
    assert result.trace[-1] < 0.01 <= result.trace[-2]
    assert "changed the image" in result.stopped_because


def test_a_rule_that_needs_the_noise_asks_for_it() -> None:
    image = np.ones((8, 8))
    with pytest.raises(SettingsError, match="give noise="):
        richardson_lucy(image, Blur(kernel(3, 3), (8, 8)), stop=Discrepancy())


def test_the_callback_sees_every_iteration_and_may_end_it() -> None:
    operator = Blur(kernel(5, 5), (16, 16))
    image = recorded(operator, specimen(operator.input_shape), 100.0)
    seen: list[Progress] = []

    def look(progress: Progress) -> bool:
        seen.append(progress)
        return progress.iteration == 4

    result = richardson_lucy(image, operator, iterations=9, background=3.0, callback=look)
    assert [p.iteration for p in seen] == [1, 2, 3, 4]
    assert {p.iterations for p in seen} == {9}
    assert tuple(p.value for p in seen) == result.trace
    assert result.stopped_because == "the callback asked for it"
    np.testing.assert_array_equal(seen[-1].image, result.image)
    four = richardson_lucy(image, operator, iterations=4, background=3.0)
    np.testing.assert_array_equal(four.image, result.image)


@pytest.mark.parametrize("options", VARIANTS)
def test_an_image_without_light_gives_its_background(options: Options) -> None:
    image = np.full((12, 10), 7.0, dtype=np.float32)
    for noise in (None, NoiseModel(photon=1.0, gaussian=1.0)):
        result = richardson_lucy(
            image, Blur(kernel(3, 3), image.shape), iterations=5, background=9.0, noise=noise,
            **options,
        )  # fmt: skip
        np.testing.assert_allclose(result.image, 9.0, rtol=1e-5)
        assert np.isfinite(result.trace).all()


def test_a_psf_larger_than_the_image_works(scope: Microscope) -> None:
    image = specimen((9, 12))
    for boundary in ("extended", "reflect", "periodic"):
        operator = Blur(widefield_psf(scope, (33, 33)), image.shape, boundary=boundary)
        result = richardson_lucy(image, operator, iterations=10, background=0.0)
        assert np.isfinite(result.image).all()
        assert result.image.mean() == pytest.approx(image.mean(), rel=0.1)


def test_integers_and_single_precision_are_the_same_image() -> None:
    operator = Blur(kernel(5, 5), (20, 20))
    image = recorded(operator, specimen(operator.input_shape), 100.0)
    results: list[Restoration] = [
        richardson_lucy(image.astype(kind), operator, iterations=5)
        for kind in (np.uint16, np.float32, np.float64)
    ]
    for other in results[1:]:
        np.testing.assert_array_equal(other.image, results[0].image)


ASKED: dict[str, tuple[Options, type[Exception], str]] = {
    "no iterations": ({"iterations": 0}, SettingsError, "at least 1, not 0"),
    "half an iteration": ({"iterations": 2.5}, SettingsError, "whole number of at least 1"),
    "acceleration": ({"acceleration": "fast"}, SettingsError, "'none', 'biggs-andrews'"),
    "penalty": ({"total_variation": -1.0}, SettingsError, "total_variation must be"),
    "smoothing": ({"smoothing": -1.0}, SettingsError, "smoothing must be a width"),
    "axes of smoothing": ({"smoothing": (1.0,)}, SettingsError, "each of the 2 axes"),
    "background": ({"background": float("nan")}, SettingsError, "background must be"),
    "noise": ({"noise": 3.0}, SettingsError, "must be a NoiseModel, not float"),
    "no photons": (
        {"noise": NoiseModel(gaussian=1.0)},
        SettingsError,
        "the noise given has photon = 0",
    ),
    "rule": ({"stop": 1e-3}, SettingsError, "must be a StoppingRule"),
    "shape of the start": ({"start": np.ones((3, 3))}, ImageError, r"start has the shape \(3, 3\)"),
    "start": ({"start": np.full((8, 8), np.nan)}, ImageError, "start must hold finite"),
    "list as start": ({"start": [1.0]}, ImageError, "start must be an array of numpy"),
}


@pytest.mark.parametrize("name", ASKED)
def test_wrong_options_are_explained(name: str) -> None:
    options, kind, words = ASKED[name]
    with pytest.raises(kind, match=words):
        richardson_lucy(np.ones((8, 8)), Blur(kernel(3, 3), (8, 8)), **options)


BROKEN: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "NaN": (lambda: np.array([[1.0, np.nan]]), ImageError, "1 values that are not finite"),
    "shape": (lambda: np.ones((4, 4)), ImageError, r"shape \(4, 4\)"),
    "dimensions": (lambda: np.ones((1, 1, 2)), ImageError, r"shape \(1, 1, 2\)"),
    "list": (lambda: [[1.0, 2.0]], ImageError, "array of numpy or torch, not list"),
    "complex": (lambda: np.ones((1, 2), dtype=complex), ImageError, "must hold real numbers"),
    "torch": (lambda: torch.ones((1, 2)), ImageError, "build the operator with like="),
}


@pytest.mark.parametrize("name", BROKEN)
def test_wrong_images_are_explained(name: str) -> None:
    make, kind, words = BROKEN[name]
    with pytest.raises(kind, match=words):
        richardson_lucy(make(), Blur(kernel(1, 1), (1, 2)))


@pytest.mark.parametrize(
    ("psf", "words"),
    [
        (np.zeros((3, 3)), "must hold light"),
        (-np.eye(3), "negative values"),
        (np.ones(3), "has 1 axes"),
        (np.full((3, 3), np.nan), "not finite"),
    ],
)
def test_wrong_point_spread_functions_are_explained(psf: Any, words: str) -> None:
    with pytest.raises(OpticsError, match=words):
        Blur(psf, (8, 8))


def test_operators_with_negative_entries_are_refused() -> None:
    with pytest.raises(SettingsError, match="without negative entries"):
        richardson_lucy(np.ones((8, 8)), -1.0 * Identity((8, 8)))
    with pytest.raises(SettingsError, match="lets light through"):
        richardson_lucy(np.ones((8, 8)), 0.0 * Identity((8, 8)))


def test_an_operator_may_pass_more_or_less_than_all_light() -> None:
    image = specimen((16, 16))
    for gain in (0.25, 3.0):
        operator = gain * Blur(kernel(5, 5), image.shape, boundary="periodic")
        once = Blur(kernel(5, 5), image.shape, boundary="periodic")
        result = richardson_lucy(image, operator, iterations=8, background=0.0)
        expected = richardson_lucy(image, once, iterations=8, background=0.0)
        np.testing.assert_allclose(gain * result.image, expected.image, rtol=1e-4)
