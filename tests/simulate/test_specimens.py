import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.errors import SettingsError
from pellucid.simulate import SPECIMENS, Canvas, mixture
from pellucid.simulate.specimens import to_camera, worm_like_chains

CANVAS = Canvas(pixels=48, pixel_size_um=0.08)


@settings(max_examples=30, deadline=None)
@given(
    y=st.floats(-20, 20), x=st.floats(-20, 20), weight=st.floats(0.1, 10), seed=st.integers(0, 9)
)
def test_a_point_of_light_keeps_its_light_and_place(
    y: float, x: float, weight: float, seed: int
) -> None:
    scene = CANVAS.splat(np.array([[y, x]]), np.array([weight]))
    assert scene.sum() == pytest.approx(weight, rel=1e-5)
    # The centre of mass on the torus, as the angle of the first Fourier coefficient.
    n = CANVAS.samples
    for axis, place in ((0, y), (1, x)):
        mass = scene.sum(axis=1 - axis)
        angle = np.angle(np.sum(mass * np.exp(2j * np.pi * np.arange(n) / n)))
        off = (angle / (2 * np.pi) * CANVAS.side_um - place) / CANVAS.side_um
        assert abs(off - round(off)) < 1e-3


def test_softening_keeps_light_and_has_the_stated_width() -> None:
    scene = CANVAS.splat(np.array([[1.6, 1.6]]), np.array([1.0]))
    soft = CANVAS.soften(scene, 0.1)
    assert soft.sum() == pytest.approx(1.0, rel=1e-4)
    axis = np.arange(CANVAS.samples) * CANVAS.step_um
    variance = float((soft.sum(axis=1) * (axis - 1.6) ** 2).sum())
    assert variance == pytest.approx(0.1**2, rel=0.02)


@pytest.mark.parametrize("kind", SPECIMENS)
def test_every_kind_is_seeded_finite_and_not_negative(kind: str) -> None:
    first, again, other = (
        SPECIMENS[kind](np.random.default_rng(seed), CANVAS) for seed in (5, 5, 6)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert first.shape == (CANVAS.samples, CANVAS.samples)
    assert np.isfinite(first).all()
    assert first.min() > -1e-3 * first.max()
    assert first.max() > 0


def test_filaments_bend_as_much_as_their_persistence_length_says() -> None:
    # <(angle after s)^2> = s / persistence; the end of a chain is drawn, so measure positions.
    canvas = Canvas(pixels=256, pixel_size_um=0.1)
    length, persistence = 2.0, 4.0
    ends = []
    for seed in range(150):
        rng = np.random.default_rng(seed)
        scene = worm_like_chains(
            rng,
            canvas,
            start_um=np.array([[12.8, 12.8]]),
            direction=np.zeros(1),
            length_um=np.array([length]),
            persistence_um=persistence,
            brightness=np.ones(1),
        )
        mass = np.argwhere(scene > 0) * canvas.step_um - 12.8
        ends.append(mass[np.argmax(np.hypot(*mass.T))])
    # Two-dimensional worm-like chain: <R^2> with <cos> = exp(-s / 2P).
    p2 = 2 * persistence
    expected = 2 * p2 * (length - p2 * (1 - np.exp(-length / p2)))
    assert np.mean(np.sum(np.square(ends), axis=1)) == pytest.approx(expected, rel=0.06)


def test_a_mixture_has_the_stated_peaks() -> None:
    scene = mixture(np.random.default_rng(0), CANVAS, {"filaments": 2.0})
    assert np.percentile(to_camera(scene, CANVAS), 99.9) == pytest.approx(2.0, rel=1e-4)


def test_impossible_canvases_are_named() -> None:
    with pytest.raises(SettingsError, match="pixel size"):
        Canvas(pixels=16, pixel_size_um=-1.0)
