from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.errors import SettingsError
from pellucid.simulate.canvas import Canvas
from pellucid.simulate.specimens import (
    DESCRIPTIONS,
    SKETCHES,
    SPECIMENS,
    mixture,
    mixture_spectrum,
    to_camera,
    worm_like_chains,
)
from pellucid.simulate.specimens._curves import arc_points, chain_nodes, spline_points
from pellucid.simulate.specimens._fields import random_field, refine
from pellucid.simulate.specimens._stamps import stamp
from pellucid.simulate.specimens.mitochondria import _tubes
from pellucid.simulate.specimens.network import polygon_edges

CANVAS = Canvas(pixels=48, pixel_size_um=0.08)


@pytest.mark.parametrize("kind", SPECIMENS)
def test_every_kind_is_seeded_finite_and_not_negative(kind: str) -> None:
    first, again, other = (
        SPECIMENS[kind](np.random.default_rng(seed), CANVAS) for seed in (5, 5, 6)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert first.shape == CANVAS.shape
    assert first.dtype == np.float32
    assert np.isfinite(first).all()
    assert first.min() >= 0
    assert first.max() > 0


@pytest.mark.parametrize("kind", SPECIMENS)
@pytest.mark.parametrize("pixel_size_um", [0.04, 0.2])
def test_every_kind_can_be_drawn_at_every_size(kind: str, pixel_size_um: float) -> None:
    for pixels, oversampling in ((40, 4), (24, 3), (32, 1), (2, 2)):
        canvas = Canvas(pixels=pixels, pixel_size_um=pixel_size_um, oversampling=oversampling)
        for seed in range(4):
            sketch = SKETCHES[kind](np.random.default_rng(seed), canvas)
            assert sketch.light.shape == canvas.shape
            assert sketch.light.dtype == np.float32
            assert np.isfinite(sketch.light).all()
            assert sketch.light.min() >= 0
            assert sketch.light.max() > 0


@pytest.mark.parametrize("kind", SPECIMENS)
def test_a_specimen_is_its_sketch_with_the_width_of_its_label(kind: str) -> None:
    sketch = SKETCHES[kind](np.random.default_rng(3), CANVAS)
    scene = SPECIMENS[kind](np.random.default_rng(3), CANVAS)
    assert scene.sum() == pytest.approx(sketch.light.sum(), rel=1e-3)
    np.testing.assert_array_equal(scene, CANVAS.soften(sketch.light, sketch.label_sigma_um))


def test_every_kind_is_described_in_a_line() -> None:
    assert set(DESCRIPTIONS) == set(SPECIMENS) == set(SKETCHES)
    for name, line in DESCRIPTIONS.items():
        assert line.endswith("."), name
        assert "\n" not in line
    assert len(set(DESCRIPTIONS.values())) == len(DESCRIPTIONS)


def test_filaments_bend_as_much_as_their_persistence_length_says() -> None:
    length, persistence, step = 6.0, 4.0, CANVAS.pixel_size_um
    count = 3000
    nodes = chain_nodes(
        np.random.default_rng(0),
        CANVAS,
        start_um=np.full((count, 2), 1.0),
        direction=np.zeros(count),
        length_um=np.full(count, length),
        persistence_um=persistence,
    )
    begin = 0.5 * (nodes[:, :, 0] + nodes[:, :, 1])
    np.testing.assert_allclose(begin, 1.0, atol=1e-5)
    end = 0.5 * (nodes[:, :, -2] + nodes[:, :, -1])
    drawn = (nodes.shape[2] - 2) * step
    # Two-dimensional worm-like chain: <R^2> with <cos> = exp(-s / 2P).
    p2 = 2 * persistence
    expected = 2 * p2 * (drawn - p2 * (1 - np.exp(-drawn / p2)))
    assert np.mean(np.sum(np.square(end - begin), axis=0)) == pytest.approx(expected, rel=0.03)
    move = np.diff(nodes, axis=2)
    angle = np.unwrap(np.arctan2(move[0], move[1]), axis=1)
    lag = 20
    variance = np.mean((angle[:, lag:] - angle[:, :-lag]) ** 2)
    assert variance == pytest.approx(lag * step / persistence, rel=0.03)


def test_a_filament_has_its_length_and_brightness() -> None:
    scene = worm_like_chains(
        np.random.default_rng(0),
        CANVAS,
        start_um=np.array([[1.0, 0.5], [2.0, 0.5]]),
        direction=np.zeros(2),
        length_um=np.array([2.0, 1.33]),
        persistence_um=1e6,
        brightness=np.array([3.0, 5.0]),
    )
    rows = scene.sum(axis=1)
    near = np.abs(np.arange(CANVAS.samples) * CANVAS.step_um - 1.0) < 0.5
    assert rows[near].sum() == pytest.approx(2.0 * 3.0, rel=1e-3)
    assert rows[~near].sum() == pytest.approx(1.33 * 5.0, rel=1e-3)
    line = scene[near].sum(axis=0)
    lit = np.nonzero(line > 0)[0] * CANVAS.step_um
    assert lit.min() == pytest.approx(0.5, abs=2 * CANVAS.step_um)
    assert lit.max() == pytest.approx(2.5, abs=2 * CANVAS.step_um)
    # Away from the ends the line is even.
    inside = line[(lit.min() + 0.1 < np.arange(len(line)) * CANVAS.step_um)][:60]
    assert inside.std() < 1e-3 * inside.mean()


def test_arcs_have_the_length_of_the_curve() -> None:
    first, control, last = np.array([[0.0, 0.0]]), np.array([[1.0, 2.0]]), np.array([[0.0, 3.0]])
    points, weights, arc = arc_points(first, control, last, np.ones(1), 0.001)
    exact = np.linalg.norm(np.diff(points, axis=0), axis=1).sum()
    assert weights.sum() == pytest.approx(exact, rel=0.03)
    assert set(arc) == {0}
    np.testing.assert_allclose(points[0], first[0], atol=2e-3)
    np.testing.assert_allclose(points[-1], last[0], atol=2e-3)


@settings(max_examples=25, deadline=None)
@given(cells=st.integers(5, 300), seed=st.integers(0, 1000))
def test_tubules_meet_three_by_three(cells: int, seed: int) -> None:
    """Euler on the torus: a tiling with three edges a corner has 2 n corners and 3 n edges."""
    side = 7.0
    first, last = polygon_edges(np.random.default_rng(seed), side, cells)
    assert len(first) == 3 * cells
    ends = np.concatenate([first, last])
    keys = np.round(np.mod(ends, side) / side * 1e7).astype(int) % 10_000_000
    met = Counter(map(tuple, keys))
    # Rounding can split a corner into two keys; that is rare.
    assert len(met) == pytest.approx(2 * cells, abs=2)
    assert sum(count == 3 for count in met.values()) >= 2 * cells - 2


@pytest.mark.parametrize("diameter_um", [0.3, 0.6, 1.0])
def test_a_bead_has_its_diameter(diameter_um: float) -> None:
    """A ball in projection: second moment r^2 / 5 along each axis, peak over mean 1.5."""
    canvas = Canvas(pixels=40, pixel_size_um=0.05)
    place = np.array([[1.003, 0.991]])
    radius = diameter_um / 2
    bead = stamp(canvas, place, np.array([radius]), np.array([2.0])).astype(float)
    assert bead.sum() == pytest.approx(2.0, rel=1e-5)
    axis = np.arange(canvas.samples) * canvas.step_um
    for along, centre in ((1, place[0, 0]), (0, place[0, 1])):
        profile = bead.sum(axis=along) / bead.sum()
        assert profile @ axis == pytest.approx(centre, abs=1e-3)
        assert profile @ (axis - centre) ** 2 == pytest.approx(radius**2 / 5, rel=0.03)
    density = 2.0 / (np.pi * (radius / canvas.step_um) ** 2)
    assert bead.max() == pytest.approx(1.5 * density, rel=0.02)


@pytest.mark.parametrize("radius_um", [0.08, 0.2, 0.45])
def test_a_hollow_vesicle_is_a_ring_of_its_radius(radius_um: float) -> None:
    canvas = Canvas(pixels=40, pixel_size_um=0.05)
    wall = 0.02
    ring = stamp(
        canvas, np.array([[1.0, 1.0]]), np.array([radius_um]), np.ones(1), wall_um=np.array([wall])
    )
    axis = np.arange(canvas.samples) * canvas.step_um
    distance = np.hypot(axis[:, None] - 1.0, axis[None, :] - 1.0)
    mean = float((ring * distance).sum())
    # The mean distance of a ring's light from its middle, to first order in its width.
    assert mean == pytest.approx(radius_um - wall / 2, abs=0.004)
    assert np.sqrt((ring * (distance - mean) ** 2).sum()) < wall
    assert ring[80, 80] == 0


@pytest.mark.parametrize(("membrane", "expected"), [(False, 1 / 4), (True, None)])
def test_a_mitochondrion_has_the_width_of_a_cylinder(
    membrane: bool, expected: float | None
) -> None:
    """Filled, its projection has a second moment of r^2 / 4; a wall in section lies further out."""
    canvas = Canvas(pixels=64, pixel_size_um=0.05)
    nodes = np.stack([np.full((1, 40), 1.6), 0.5 + 0.05 * np.arange(40.0)[None]])
    points, weights, tangents = spline_points(
        nodes.astype(np.float32), np.ones((1, 38), np.float32), canvas.step_um
    )
    radius = np.full(len(weights), 0.25, np.float32)
    cloud, light = _tubes(canvas, points, tangents, weights, radius, membrane=membrane)
    assert light.sum() == pytest.approx(weights.sum(), rel=1e-4)
    across = float((light * (cloud[0] - 1.6) ** 2).sum() / light.sum()) / 0.25**2
    if expected is not None:
        assert across == pytest.approx(expected, rel=0.02)
    else:
        assert 0.6 < across < 1.0
    assert np.abs(cloud[0] - 1.6).max() <= 0.2501


@pytest.mark.parametrize("correlation_um", [0.3, 1.0])
def test_a_smooth_field_keeps_its_value_over_the_stated_length(correlation_um: float) -> None:
    """Covariance exp(-r^2 / 2 l^2), the field's mean taken off."""
    canvas = Canvas(pixels=64, pixel_size_um=0.2, oversampling=2)
    lag = 4
    found = []
    for seed in range(30):
        field = random_field(np.random.default_rng(seed), canvas, correlation_um, smooth=True)
        assert field.std() == pytest.approx(1.0, rel=0.05)
        assert abs(field.mean()) < 1e-4
        found.append(np.mean(field * np.roll(field, lag, axis=1)))
    expected = np.exp(-0.5 * (lag * canvas.step_um / correlation_um) ** 2)
    # A field without a mean on a torus of 12.8 um: the covariance lacks a constant.
    lacks = 2 * np.pi * correlation_um**2 / canvas.side_um**2
    assert np.mean(found) == pytest.approx((expected - lacks) / (1 - lacks), abs=0.03)


def test_refining_interpolates_on_the_torus() -> None:
    values = np.random.default_rng(0).random((6, 8), dtype=np.float32)
    fine = refine(values, 4)
    np.testing.assert_array_equal(fine[::4, ::4], values)
    np.testing.assert_allclose(fine[2, 0], (values[0, 0] + values[1, 0]) / 2, rtol=1e-6)
    np.testing.assert_allclose(fine[0, 31], 0.25 * values[0, 7] + 0.75 * values[0, 0], rtol=1e-6)


def test_a_mixture_has_the_stated_peaks() -> None:
    scene = mixture(np.random.default_rng(0), CANVAS, {"filaments": 2.0})
    assert np.percentile(to_camera(scene, CANVAS), 99.9) == pytest.approx(2.0, rel=1e-4)


def test_a_few_points_in_an_empty_field_do_not_outshine_everything() -> None:
    canvas = Canvas(pixels=128, pixel_size_um=0.1)
    for seed in range(12):
        scene = mixture(np.random.default_rng(seed), canvas, {"points": 1.0})
        assert to_camera(scene, canvas).max() < 10.01


def test_a_mixture_is_the_sum_of_its_parts_and_its_spectrum_the_same() -> None:
    parts = {"network": 1.0, "beads": 0.4}
    scene = mixture(np.random.default_rng(4), CANVAS, parts)
    spectrum = mixture_spectrum(np.random.default_rng(4), CANVAS, parts)
    np.testing.assert_allclose(CANVAS.scene_of(spectrum), scene, atol=1e-6)
    rng = np.random.default_rng(4)
    total = np.zeros(CANVAS.shape)
    for kind, share in parts.items():
        part = SPECIMENS[kind](rng, CANVAS)
        pixels = to_camera(part, CANVAS)
        total += share / max(np.percentile(pixels, 99.9), 0.1 * pixels.max()) * part
    np.testing.assert_allclose(scene, total, atol=1e-5 * total.max())


def test_unknown_kinds_are_named_with_those_there_are() -> None:
    with pytest.raises(SettingsError, match="'unicorns'; choose from filaments, actin"):
        mixture(np.random.default_rng(0), CANVAS, {"unicorns": 1.0})
