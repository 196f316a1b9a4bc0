import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid.errors import ImageError, SettingsError
from pellucid.imaging import Binning

from ..adjoint import assert_adjoint


@settings(max_examples=30, deadline=None)
@given(
    blocks=st.lists(st.tuples(st.integers(1, 4), st.integers(1, 4)), min_size=1, max_size=3),
    mean=st.booleans(),
)
def test_sums_or_means_of_blocks_with_an_exact_adjoint(
    blocks: list[tuple[int, int]], mean: bool
) -> None:
    shape = tuple(n * f for n, f in blocks)
    operator = Binning(tuple(f for _, f in blocks), shape, mean=mean)
    assert operator.output_shape == tuple(n for n, _ in blocks)
    assert_adjoint(operator)
    x = np.random.default_rng(0).random(shape).astype(np.float32)
    binned = operator.apply(x)
    for index in np.ndindex(binned.shape):
        block = x[tuple(slice(i * f, i * f + f) for i, (_, f) in zip(index, blocks, strict=True))]
        assert binned[index] == pytest.approx(block.mean() if mean else block.sum(), rel=1e-5)
    if mean:
        np.testing.assert_allclose(operator.apply(np.ones(shape)), 1.0, rtol=1e-6)
    else:
        assert binned.sum() == pytest.approx(x.sum(), rel=1e-5)


def test_one_factor_serves_all_axes() -> None:
    x = np.arange(16, dtype=np.float32).reshape(4, 4)
    for factor in (2, np.int64(2)):
        np.testing.assert_array_equal(Binning(factor, (4, 4)).apply(x), [[10, 18], [42, 50]])


def test_torch_is_binned_alike() -> None:
    torch = pytest.importorskip("torch", reason="torch not installed")
    operator = Binning((1, 2, 3), (3, 4, 6), mean=True)
    assert_adjoint(operator, like=torch.empty(0))
    x = np.random.default_rng(0).random((3, 4, 6)).astype(np.float32)
    np.testing.assert_allclose(
        operator.apply(torch.from_numpy(x)).numpy(), operator.apply(x), rtol=1e-6
    )


def test_bad_factors_are_explained() -> None:
    with pytest.raises(ImageError, match=r"\(8, 9\) cannot be binned by 2; crop it"):
        Binning(2, (8, 9))
    for factor in (0, -2, 2.0, (2,), (2, 2, 2), (2, 0), None, "2"):
        with pytest.raises(SettingsError, match="positive integer"):
            Binning(factor, (8, 8))
    with pytest.raises(ImageError, match=r"a binned array of shape \(4, 4\), not \(8, 8\)"):
        Binning(2, (8, 8)).adjoint(np.zeros((8, 8)))
