import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ive

from pellucid.errors import SettingsError
from pellucid.simulate.canvas import Canvas
from pellucid.simulate.specimens import (
    SKETCHES,
    SPECIMENS,
    mixture,
    to_camera,
    worm_like_chains,
)
from pellucid.simulate.specimens._curves import chain_nodes
from pellucid.simulate.specimens._fields import random_field
from pellucid.simulate.specimens._stamps import stamp
from pellucid.simulate.specimens._surfaces import lay_sheet

SLAB = Canvas(pixels=32, pixel_size_um=0.1, planes=10, z_step_um=0.2)
PLANE = Canvas(pixels=32, pixel_size_um=0.1)


def test_a_slab_has_its_shape_and_depth() -> None:
    assert SLAB.shape == (10, 128, 128)
    assert SLAB.depth_um == pytest.approx(2.0)
    assert PLANE.shape == (128, 128)
    assert PLANE.depth_um == 0
    assert Canvas(pixels=32, pixel_size_um=0.1, z_step_um=0.2).shape == (128, 128)


@settings(max_examples=30, deadline=None)
@given(z=st.floats(0.1, 1.9), y=st.floats(-5, 5), x=st.floats(-5, 5), weight=st.floats(0.1, 10))
def test_a_point_in_the_slab_keeps_its_light_and_depth(
    z: float, y: float, x: float, weight: float
) -> None:
    scene = SLAB.splat(np.array([[z, y, x]]), np.array([weight]))
    assert scene.shape == SLAB.shape
    assert scene.sum() == pytest.approx(weight, rel=1e-5)
    depth = (np.arange(10) + 0.5) * 0.2
    assert scene.sum(axis=(1, 2)) @ depth / weight == pytest.approx(z, abs=1e-4)
    flat = PLANE.splat(np.array([[y, x]]), np.array([weight]))
    np.testing.assert_allclose(scene.sum(axis=0), flat, atol=1e-4 * weight)


@settings(max_examples=30, deadline=None)
@given(z=st.floats(-3.0, 5.0))
def test_light_beyond_the_faces_is_lost_and_does_not_come_in_elsewhere(z: float) -> None:
    scene = SLAB.splat(np.array([[z, 1.0, 1.0]]), np.ones(1))
    # Shares of the planes next to the point, of those that exist.
    kept = np.clip(1 - np.abs((np.arange(10) + 0.5) - z / 0.2), 0, None)
    np.testing.assert_allclose(scene.sum(axis=(1, 2)), kept, atol=1e-4)


def test_softening_a_slab_spreads_over_planes_and_loses_light_at_the_faces() -> None:
    scene = np.zeros(SLAB.shape, dtype=np.float32)
    scene[5, 64, 64] = scene[0, 0, 0] = 1.0
    soft = SLAB.soften(scene, 0.15)
    profile = ive(np.abs(np.arange(10) - 5), (0.15 / 0.2) ** 2)
    middle = np.s_[:, 32:96, 32:96]
    np.testing.assert_allclose(soft[middle].sum(axis=(1, 2)), profile, atol=1e-4)
    at_face = float(soft.sum() - soft[middle].sum())
    lost = ive(np.arange(1, 40), (0.15 / 0.2) ** 2).sum()
    assert at_face == pytest.approx(1 - lost, abs=1e-3)
    sharp = SLAB.soften(scene, 0.15, sigma_z_um=0.0)
    assert sharp[[1, 4, 6]].max() < 1e-6
    np.testing.assert_allclose(soft.sum(axis=0)[32:96, 32:96], sharp[5, 32:96, 32:96], atol=1e-5)


@pytest.mark.parametrize("kind", SPECIMENS)
def test_every_kind_fills_a_slab_seeded_finite_and_not_negative(kind: str) -> None:
    first, again, other = (SPECIMENS[kind](np.random.default_rng(seed), SLAB) for seed in (2, 2, 3))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert first.shape == SLAB.shape
    assert first.dtype == np.float32
    assert np.isfinite(first).all()
    assert first.min() >= 0


@pytest.mark.parametrize("kind", SPECIMENS)
def test_every_kind_has_structure_at_several_depths(kind: str) -> None:
    share = np.zeros(SLAB.planes)
    differ = []
    for seed in range(8):
        light = SKETCHES[kind](np.random.default_rng(seed), SLAB).light
        assert light.sum() > 0
        per_plane = light.sum(axis=(1, 2), dtype=np.float64)
        share += per_plane / per_plane.sum()
        low, high = (light[half].sum(axis=0).ravel() for half in (slice(0, 5), slice(5, 10)))
        differ.append(float(np.dot(low, high) / (np.linalg.norm(low) * np.linalg.norm(high) + 1)))
    assert (share / 8 > 0.01).sum() >= 4
    # Not one plane repeated.
    assert np.mean(differ) < 0.99


def test_filaments_stay_in_the_slab_and_wander_in_it() -> None:
    count = 200
    rng = np.random.default_rng(0)
    nodes = chain_nodes(
        rng,
        SLAB,
        start_um=np.column_stack([rng.uniform(0, 2, count), np.zeros((count, 2))]),
        direction=np.zeros(count),
        length_um=np.full(count, 8.0),
        persistence_um=20.0,
    )
    assert nodes[0].min() >= 0
    assert nodes[0].max() <= SLAB.depth_um
    assert np.median(np.ptp(nodes[0], axis=1)) > 0.5
    length = np.linalg.norm(np.diff(nodes, axis=2), axis=0).sum(axis=1)
    assert length.mean() == pytest.approx((nodes.shape[2] - 1) * 0.1, rel=0.01)


def test_a_filament_keeps_its_light_in_the_slab() -> None:
    scene = worm_like_chains(
        np.random.default_rng(1),
        SLAB,
        start_um=np.array([[1.0, 1.0, 1.0]]),
        direction=np.zeros(1),
        length_um=np.array([2.0]),
        persistence_um=20.0,
        brightness=np.array([3.0]),
    )
    assert scene.sum() == pytest.approx(6.0, rel=0.02)


@pytest.mark.parametrize("wall_um", [0.0, 0.05])
def test_a_ball_within_the_slab_sums_to_its_projection(wall_um: float) -> None:
    place, radius, light = np.array([[1.03, 1.6, 1.57]]), np.array([0.5]), np.array([1.0])
    wall = np.array([wall_um])
    ball = stamp(SLAB, place, radius, light, wall_um=wall)
    assert ball.sum() == pytest.approx(1.0, rel=1e-4)
    depth = (np.arange(10) + 0.5) * 0.2
    per_plane = ball.sum(axis=(1, 2))
    assert per_plane @ depth == pytest.approx(1.03, abs=2e-3)
    # A ball has a second moment of r^2 / 5, a thin shell of about r^2 / 3; a plane adds dz^2 / 12.
    moment = per_plane @ (depth - 1.03) ** 2
    if wall_um:
        outer, inner = 0.5, 0.45
        exact = (outer**5 - inner**5) / (outer**3 - inner**3) / 5
    else:
        exact = 0.5**2 / 5
        flat = stamp(PLANE, place[:, 1:], radius, light)
        np.testing.assert_allclose(ball.sum(axis=0), flat, atol=0.02 * flat.max())
    assert moment == pytest.approx(exact + 0.2**2 / 12, rel=0.04)


def test_half_a_ball_on_the_face_is_lost() -> None:
    ball = stamp(SLAB, np.array([[0.0, 1.6, 1.6]]), np.array([0.4]), np.ones(1))
    assert ball.sum() == pytest.approx(0.5, abs=0.01)
    spot = stamp(SLAB, np.array([[0.0, 1.6, 1.6]]), np.array([0.04]), np.ones(1))
    assert spot.sum() == pytest.approx(0.5, abs=0.01)


def test_a_sheet_lies_at_its_height() -> None:
    height = np.full((128, 128), 0.83, dtype=np.float32)
    sheet = lay_sheet(SLAB, height, np.ones((128, 128), np.float32))
    per_plane = sheet.mean(axis=(1, 2))
    assert per_plane.sum() == pytest.approx(1.0, rel=1e-5)
    assert per_plane @ ((np.arange(10) + 0.5) * 0.2) == pytest.approx(0.83, abs=1e-5)
    steep = lay_sheet(
        SLAB, height, np.ones((128, 128), np.float32), slope=np.full((128, 128), 40.0, np.float32)
    )
    assert (steep[:, 0, 0] > 0).sum() == 6  # a rise of 1 um over a sample crosses 6 planes
    assert steep[:, 0, 0].sum() == pytest.approx(1.0, rel=1e-5)


def test_planes_of_a_field_are_correlated_by_their_distance() -> None:
    canvas = Canvas(pixels=64, pixel_size_um=0.1, oversampling=1, planes=6, z_step_um=0.2)
    found = np.mean(
        [
            [np.mean(field[0] * field[k]) for k in range(6)]
            for field in (
                random_field(np.random.default_rng(seed), canvas, 0.4, smooth=True)
                for seed in range(30)
            )
        ],
        axis=0,
    )
    expected = np.exp(-0.5 * (0.2 * np.arange(6) / 0.4) ** 2)
    np.testing.assert_allclose(found / found[0], expected, atol=0.04)


def test_a_mixture_of_planes_reaches_the_camera_plane_by_plane() -> None:
    scene = mixture(np.random.default_rng(0), SLAB, {"filaments": 1.0, "vesicles": 0.5})
    assert scene.shape == SLAB.shape
    assert scene.min() >= 0
    pixels = to_camera(scene, SLAB)
    assert pixels.shape == (10, 32, 32)
    np.testing.assert_allclose(pixels[3], to_camera(scene[3], PLANE), rtol=1e-6)
    spectrum = SLAB.spectrum(scene)
    np.testing.assert_allclose(SLAB.camera_pixels(spectrum), pixels, atol=1e-5)
    assert SLAB.camera_band(spectrum).shape == (10, 32, 17)


def test_points_of_a_plane_do_not_fit_a_slab() -> None:
    with pytest.raises(SettingsError, match=r"it takes \(n, 3\)"):
        SLAB.splat(np.zeros((4, 2)), np.ones(4))
