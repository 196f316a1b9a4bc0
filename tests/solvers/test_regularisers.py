import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pellucid.bcr import decompose
from pellucid.errors import ImageError, SettingsError
from pellucid.solvers._prox_wavelets import WaveletTransform, padded_shape
from pellucid.solvers.proximal import (
    project_onto_balls,
    project_onto_schatten_balls,
    schatten_norms,
    soft_threshold,
)
from pellucid.solvers.regularisers import (
    HessianSchatten,
    Regulariser,
    TotalVariation,
    WaveletSparsity,
)

from ..adjoint import assert_adjoint

ORDERS = (1, 2, "inf")
seeds = st.integers(0, 2**16)
#: Order of the norm of eigenvalues that numpy calls so.
VECTOR_ORDER = {1: 1, 2: 2, "inf": np.inf}


def matrices(field: NDArray[np.floating]) -> NDArray[np.float64]:
    """The symmetric matrices that components stand for, shape (samples, rows, rows)."""
    rows = {1: 1, 3: 2, 6: 3}[len(field)]
    full = np.zeros((field.shape[1], rows, rows))
    above = zip(*np.triu_indices(rows, 1), strict=True)
    for i in range(rows):
        full[:, i, i] = field[i]
    for component, (i, j) in enumerate(above, start=rows):
        full[:, i, j] = full[:, j, i] = field[component] / np.sqrt(2)
    return full


def degenerate(components: int, rng: np.random.Generator, samples: int) -> NDArray[np.float32]:
    """Matrices with eigenvalues that coincide, nearly or exactly, zero ones among them."""
    rows = {1: 1, 3: 2, 6: 3}[components]
    turns = np.linalg.qr(rng.standard_normal((samples, rows, rows)))[0]
    values = rng.choice([-1.0, 0.0, 1.0, 1.0 + 1e-6], (samples, rows))
    full = (turns * values[:, None, :]) @ turns.transpose(0, 2, 1)
    above = [np.sqrt(2) * full[:, i, j] for i, j in zip(*np.triu_indices(rows, 1), strict=True)]
    return np.array([*(full[:, i, i] for i in range(rows)), *above], dtype=np.float32)


def projected(values: NDArray[np.float64], radius: float, order: object) -> NDArray[np.float64]:
    """Vectors projected on the ball of a vector norm; the l1 ball by bisection."""
    if order == "inf":
        return np.clip(values, -radius, radius)
    if order == 2:
        size = np.linalg.norm(values, axis=1, keepdims=True)
        return values * np.minimum(1.0, radius / np.maximum(size, 1e-300))
    low, high = np.zeros((len(values), 1)), np.abs(values).max(axis=1, keepdims=True)
    for _ in range(60):
        middle = 0.5 * (low + high)
        over = np.maximum(np.abs(values) - middle, 0).sum(axis=1, keepdims=True) > radius
        low, high = np.where(over, middle, low), np.where(over, high, middle)
    inside = np.abs(values).sum(axis=1, keepdims=True) <= radius
    cut = np.where(inside, 0.0, high)
    return np.sign(values) * np.maximum(np.abs(values) - cut, 0)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("components", [1, 3, 6])
@pytest.mark.parametrize("kind", ["random", "degenerate", "tiny"])
def test_schatten_norms_and_balls_against_eigenvectors(
    kind: str, components: int, order: object
) -> None:
    rng = np.random.default_rng(components)
    field = rng.standard_normal((components, 800)).astype(np.float32)
    if kind == "degenerate":
        field = degenerate(components, rng, 800)
    unit = 1e-12 if kind == "tiny" else 1.0
    field *= np.float32(unit)
    values, vectors = np.linalg.eigh(matrices(field))
    expected = np.linalg.norm(values, VECTOR_ORDER[order], axis=1)
    np.testing.assert_allclose(schatten_norms(field, order), expected, rtol=1e-5, atol=2e-6 * unit)
    radius = 0.7 * unit
    found = project_onto_schatten_balls(field, radius, order)
    assert found.dtype == np.float32
    nearest = projected(values / unit, 0.7, order) * unit
    expected = (vectors * nearest[:, None, :]) @ vectors.transpose(0, 2, 1)
    np.testing.assert_allclose(matrices(found), expected, atol=5e-6 * unit)


def test_fields_larger_than_the_cache_are_the_same_in_parts() -> None:
    rng = np.random.default_rng(9)
    field = rng.standard_normal((6, 5, 70, 60)).astype(np.float32)
    each = np.full(field.shape[1:], 0.7, dtype=np.float32)  # arrays are not taken apart
    for order in (1, "inf"):
        whole = project_onto_schatten_balls(field, each, order)
        assert whole.shape == field.shape
        np.testing.assert_allclose(project_onto_schatten_balls(field, 0.7, order), whole, atol=2e-6)
        norms = schatten_norms(field, order)
        assert norms.shape == field.shape[1:]
        few = schatten_norms(field[:, 2], order)
        np.testing.assert_allclose(norms[2], few, rtol=1e-5)


def test_thresholds_and_balls_minimise() -> None:
    x = np.linspace(-3, 3, 13, dtype=np.float32)
    candidates = np.linspace(-4, 4, 8001)
    cost = 0.8 * np.abs(candidates) + 0.5 * (candidates - x[:, None]) ** 2
    best = candidates[cost.argmin(axis=1)]
    np.testing.assert_allclose(soft_threshold(x, 0.8), best, atol=1e-3)
    each = np.linspace(0.1, 1.3, 13, dtype=np.float32)
    np.testing.assert_allclose(
        soft_threshold(x, each), np.sign(x) * np.maximum(np.abs(x) - each, 0), atol=1e-6
    )
    field = np.array([[3.0, 0.3, 0.0], [4.0, 0.4, 0.0]], dtype=np.float32)
    np.testing.assert_allclose(
        project_onto_balls(field, 1.0), [[0.6, 0.3, 0.0], [0.8, 0.4, 0.0]], atol=1e-6
    )


def regularisers() -> dict[str, Regulariser]:
    return {
        "total variation": TotalVariation((8, 12), (0.2, 0.1)),
        "total variation of a volume": TotalVariation((4, 5, 6)),
        **{f"hessian {order}": HessianSchatten((7, 9), order) for order in ORDERS},
        "hessian of a volume": HessianSchatten((4, 5, 6), 1, (0.3, 0.1, 0.1)),
        "wavelets": WaveletSparsity((8, 16), "sym4", 2),
    }


@settings(max_examples=15, deadline=None)
@given(seed=seeds, radius=st.floats(0.05, 3.0))
@pytest.mark.parametrize("name", regularisers())
def test_value_and_projection_are_dual(name: str, seed: int, radius: float) -> None:
    """``radius R = max of <field, q>`` over the balls, which projections of large fields reach."""
    regulariser = regularisers()[name]
    rng = np.random.default_rng(seed)
    field = regulariser.operator.apply(
        rng.standard_normal(regulariser.operator.input_shape).astype(np.float32)
    )
    other = regulariser.project(rng.standard_normal(field.shape).astype(np.float32), radius)
    value = radius * regulariser.value(field)
    assert np.vdot(field, other) <= value * (1 + 1e-5)
    best = regulariser.project(np.float32(1e3 * radius) * field, radius)
    assert np.vdot(field, best) == pytest.approx(value, rel=1e-2)
    np.testing.assert_allclose(regulariser.project(other, radius), other, atol=1e-5)


@settings(max_examples=15, deadline=None)
@given(seed=seeds)
@pytest.mark.parametrize("name", regularisers())
def test_projections_never_spread(name: str, seed: int) -> None:
    regulariser = regularisers()[name]
    rng = np.random.default_rng(seed)
    shape = regulariser.operator.output_shape
    a, b = (rng.standard_normal(shape).astype(np.float32) for _ in range(2))
    apart = np.linalg.norm(regulariser.project(a, 0.8) - regulariser.project(b, 0.8))
    assert apart <= np.linalg.norm(a - b) * (1 + 1e-5)


@pytest.mark.parametrize("name", regularisers())
def test_values_scale_and_ignore_constants(name: str) -> None:
    regulariser = regularisers()[name]
    operator = regulariser.operator
    x = np.random.default_rng(0).random(operator.input_shape).astype(np.float32)
    value = regulariser.value(operator.apply(x))
    assert value > 0
    assert regulariser.value(operator.apply(-3 * x)) == pytest.approx(3 * value, rel=1e-5)
    assert regulariser.value(operator.apply(x + 5)) == pytest.approx(value, rel=1e-3)
    assert operator.norm() <= regulariser.norm_bound * (1 + 1e-5)


@pytest.mark.parametrize("name", regularisers())
def test_torch_agrees(name: str) -> None:
    torch = pytest.importorskip("torch", reason="torch not installed")
    regulariser = regularisers()[name]
    operator = regulariser.operator
    x = np.random.default_rng(1).random(operator.input_shape).astype(np.float32)
    ours, theirs = operator.apply(x), operator.apply(torch.from_numpy(x))
    np.testing.assert_allclose(theirs.numpy(), ours, atol=1e-5)
    assert regulariser.value(theirs) == pytest.approx(regulariser.value(ours), rel=1e-5)
    found = regulariser.project(theirs, 0.3)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.numpy(), regulariser.project(ours, 0.3), atol=1e-5)


@pytest.mark.parametrize("wavelet", ["haar", "sym4", "db7"])
@pytest.mark.parametrize("shape", [(16, 24), (1, 16, 8), (4, 12, 8), (40,), (3, 16)])
def test_the_wavelet_transform_is_orthonormal(shape: tuple[int, ...], wavelet: str) -> None:
    transform = WaveletTransform(padded_shape(shape, 3), wavelet, 3)
    x = np.random.default_rng(2).standard_normal(transform.input_shape).astype(np.float32)
    assert_adjoint(transform)
    np.testing.assert_allclose(transform.adjoint(transform.apply(x)), x, atol=2e-5)
    assert np.linalg.norm(transform.apply(x)) == pytest.approx(np.linalg.norm(x), rel=1e-5)


def test_wavelet_coefficients_are_those_of_the_theory() -> None:
    x = np.random.default_rng(3).standard_normal((32, 16)).astype(np.float32)
    reference = decompose(x, "sym4", 2)
    found = WaveletTransform(x.shape, "sym4", 2).apply(x)
    # Coefficients may be numbered from another one on.
    np.testing.assert_allclose(
        np.sort(found[:8, :4].ravel()), np.sort(reference.approximation.ravel()), atol=1e-5
    )
    details = np.concatenate([d.ravel() for level in reference.details for d in level.values()])
    total = np.abs(details).sum(dtype=np.float64)
    assert WaveletSparsity(x.shape, "sym4", 2).value(found) == pytest.approx(total, rel=1e-5)


def test_short_axes_take_part_in_the_finest_levels_only() -> None:
    assert padded_shape((1, 50, 100), 4) == (1, 64, 112)
    assert padded_shape((3, 5, 9), 4) == (3, 6, 12)
    x = np.random.default_rng(4).standard_normal((16, 16)).astype(np.float32)
    plane = WaveletTransform((16, 16), "sym4", 3).apply(x)
    volume = WaveletTransform((1, 16, 16), "sym4", 3).apply(x[None])
    np.testing.assert_array_equal(volume[0], plane)


def test_bad_input_is_explained() -> None:
    for order in (0, 3, "2", np.inf, True, None):
        with pytest.raises(SettingsError, match="use 1, 2 or 'inf'"):
            HessianSchatten((8, 8), order)
    with pytest.raises(SettingsError, match="1, 3 or 6 components, not 10; use images of up to"):
        HessianSchatten((3, 3, 3, 3)).value(np.ones((10, 3, 3, 3, 3), np.float32))
    with pytest.raises(SettingsError, match="no wavelet 'db99'"):
        WaveletSparsity((8, 8), "db99", 1)
    for levels in (0, -1, 1.5, True):
        with pytest.raises(SettingsError, match="levels must be a whole number"):
            WaveletSparsity((8, 8), "haar", levels)
    with pytest.raises(ImageError, match=r"array of shape \(12, 16\), not \(10, 16\); pad it"):
        WaveletSparsity((10, 16), "haar", 3)
