import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pellucid.errors import ImageError, SettingsError
from pellucid.imaging import (
    Adjoint,
    Binning,
    Blur,
    Composition,
    Crop,
    Identity,
    LinearOperator,
    Mask,
    Scaled,
    Sum,
)

from ..adjoint import assert_adjoint

RNG = np.random.default_rng(0)
PSF = RNG.random((3, 4))


def matrix(operator: LinearOperator) -> NDArray[np.float64]:
    """The operator written out, column by column."""
    n = int(np.prod(operator.input_shape))
    units = np.eye(n, dtype=np.float32).reshape(n, *operator.input_shape)
    return np.array([operator.apply(unit).ravel() for unit in units], dtype=np.float64).T


def operators() -> dict[str, LinearOperator]:
    blur = Blur(PSF, (8, 6))
    periodic = Blur(PSF, (8, 6), boundary="periodic")
    weights = RNG.random((8, 6)) > 0.3
    return {
        "identity": Identity((8, 6)),
        "crop": Crop(blur.camera, blur.input_shape),
        "mask": Mask(weights),
        "transpose": blur.T,
        "composition": Binning(2, (8, 6)) @ Mask(weights) @ blur,
        "there and back": blur.T @ blur,
        "scaled": -2.5 * blur,
        "sum": periodic + 0.5 * Identity((8, 6)),
        "difference": periodic - Identity((8, 6)) * 2,
        "transpose of a composition": (Binning(2, (8, 6)) @ blur).T,
    }


@pytest.mark.parametrize("name", operators())
def test_adjoint_is_exact(name: str) -> None:
    operator = operators()[name]
    assert_adjoint(operator)
    np.testing.assert_allclose(matrix(operator.T), matrix(operator).T, atol=1e-6)


def test_operators_combine_like_their_matrices() -> None:
    a = Blur(PSF, (5, 4), boundary="reflect")
    b = Blur(PSF[::-1, :2], (5, 4), boundary="periodic")
    ma, mb = matrix(a), matrix(b)
    for operator, expected in (
        (a @ b, ma @ mb),
        (a + b, ma + mb),
        (a - b, ma - mb),
        (3 * a, 3 * ma),
        (np.float64(0.5) * a, 0.5 * ma),
        (a * np.float32(0.5), 0.5 * ma),
        (-a, -ma),
        (a.T, ma.T),
        ((a @ b).T, mb.T @ ma.T),
    ):
        np.testing.assert_allclose(matrix(operator), expected, atol=1e-6)
    assert a.T.T is a
    kinds = (type(a @ b), type(a + b), type(3 * a), type(a.T))
    assert kinds == (Composition, Sum, Scaled, Adjoint)


def test_crop_and_mask_do_what_they_say() -> None:
    x = RNG.random((4, 5)).astype(np.float32)
    crop = Crop((slice(1, 3), slice(None)), x.shape)
    np.testing.assert_array_equal(crop.apply(x), x[1:3])
    np.testing.assert_array_equal(crop.adjoint(x[1:3]), np.pad(x[1:3], ((1, 1), (0, 0))))
    np.testing.assert_array_equal(Mask(x > 0.5).apply(x), np.where(x > 0.5, x, 0))


@settings(max_examples=15, deadline=None)
@given(shape=st.tuples(st.integers(1, 9), st.integers(1, 9)), seed=st.integers(0, 9))
def test_norm_is_the_largest_singular_value(shape: tuple[int, int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    operator = Blur(rng.random((3, 2)), shape) - 0.1 * Crop(
        Blur(np.ones((3, 2)), shape).camera, (shape[0] + 2, shape[1] + 1)
    )
    exact = np.linalg.svd(matrix(operator), compute_uv=False)[0]
    found = operator.norm(iterations=1000, tol=1e-5)
    assert found == pytest.approx(exact, rel=1e-4)
    assert found <= exact * (1 + 1e-5)


def test_norms_that_are_known() -> None:
    psf = RNG.random((9, 7))
    transfer = np.fft.fft2(psf / psf.sum(), (32, 33))
    periodic = Blur(psf, (32, 33), boundary="periodic")
    assert periodic.norm() == pytest.approx(np.abs(transfer).max(), rel=1e-5)
    # Without the mean the largest gain is the next one of the transfer function.
    rest = np.abs(transfer.ravel()[1:]).max()
    average = Binning((32, 33), (32, 33), mean=True)
    without_mean = Identity((32, 33)) - Binning((32, 33), (32, 33)).T @ average
    assert (periodic @ without_mean).norm(iterations=500) == pytest.approx(rest, rel=1e-3)
    assert Binning(2, (8, 8, 8)).norm() == pytest.approx(np.sqrt(2**3), rel=1e-5)
    assert Binning((1, 4), (8, 8), mean=True).norm() == pytest.approx(0.5, rel=1e-5)
    assert (-3.0 * Identity((7,))).norm() == pytest.approx(3.0, rel=1e-6)
    assert (0.0 * Identity((7,))).norm() == 0.0


def test_the_norm_is_repeatable_and_stops_by_its_rule() -> None:
    operator = Blur(PSF, (20, 20))
    assert operator.norm(seed=3) == operator.norm(seed=3)
    rough, fine = operator.norm(iterations=1), operator.norm(iterations=400, tol=1e-6)
    assert rough < fine <= 1 + 1e-6  # from below
    calls = Counting(operator)
    calls.norm(tol=0.5)
    few, calls.applied = calls.applied, 0
    calls.norm(tol=1e-5)
    assert 1 <= few < calls.applied <= 100
    for wrong in ({"iterations": 0}, {"tol": 0.0}, {"tol": float("nan")}):
        with pytest.raises(SettingsError, match="iterations of at least 1"):
            operator.norm(**wrong)


class Counting(LinearOperator):
    """Counts how often another operator is applied; stands for one written elsewhere."""

    def __init__(self, inner: LinearOperator) -> None:
        self.inner, self.applied = inner, 0
        self.input_shape, self.output_shape = inner.input_shape, inner.output_shape

    def apply(self, x: Any) -> Any:
        self.applied += 1
        return self.inner.apply(x)

    def adjoint(self, y: Any) -> Any:
        return self.inner.adjoint(y)


def test_other_real_types_are_converted_and_anything_else_is_refused() -> None:
    identity = Identity((2, 3))
    for dtype in (np.uint16, np.float64, bool):
        assert identity.apply(np.ones((2, 3), dtype=dtype)).dtype == np.float32
    with pytest.raises(ImageError, match=r"of shape \(2, 3\), not \(3, 2\)"):
        identity.apply(np.ones((3, 2)))
    with pytest.raises(ImageError, match="real numbers, not complex128"):
        identity.apply(np.ones((2, 3), dtype=complex))
    with pytest.raises(ImageError, match="not list"):
        identity.apply([[1.0, 2.0, 3.0]] * 2)


def test_operators_that_do_not_fit_are_refused_in_a_sentence() -> None:
    blur = Blur(PSF, (8, 6))
    with pytest.raises(ImageError, match=r"returns arrays of shape \(8, 6\) .* takes \(10, 9\)"):
        blur @ blur
    with pytest.raises(ImageError, match="cannot be added"):
        blur + Identity((8, 6))
    with pytest.raises(SettingsError, match="finite numbers only, not inf"):
        np.inf * blur
    for combine in (lambda: blur @ 2.0, lambda: blur + 2.0, lambda: blur - 1, lambda: "a" * blur):
        with pytest.raises(TypeError):
            combine()
    for region in ((slice(0, 3),), (slice(0, 3), slice(-2, 5)), (slice(0, 3), slice(2, 2)), (1, 2)):
        with pytest.raises(ImageError, match="not a box of samples"):
            Crop(region, (3, 5))
    for shape in ((), (0, 3), None, "ab"):
        with pytest.raises(ImageError, match="tuple of positive integers"):
            Identity(shape)
    with pytest.raises(ImageError, match="weights of real numbers"):
        Mask(np.ones(3, dtype=complex))


def test_torch_operands_stay_in_torch() -> None:
    torch = pytest.importorskip("torch", reason="torch not installed")
    like = torch.empty(0)
    blur = Blur(PSF, (8, 6), like=like)
    weights = torch.from_numpy(RNG.random((8, 6)).astype(np.float32))
    operator = 2.0 * (Binning(2, (8, 6)) @ Mask(weights) @ blur)
    for one in (operator, operator.T, blur.T @ blur, Identity((3, 2)), Crop(blur.camera, (10, 9))):
        assert_adjoint(one, like=like)
    assert operator.norm() == pytest.approx(
        (2.0 * (Binning(2, (8, 6)) @ Mask(weights.numpy()) @ Blur(PSF, (8, 6)))).norm(), rel=1e-5
    )
    with pytest.raises(ImageError, match="numpy on cpu and torch on cpu"):
        Blur(PSF, (8, 6)) + blur
    with pytest.raises(ImageError, match=r"built for arrays of torch.*numpy; build .* like="):
        blur.apply(np.zeros(blur.input_shape, dtype=np.float32))


def test_torch_differentiates_through_operators() -> None:
    torch = pytest.importorskip("torch", reason="torch not installed")
    like = torch.empty(0)
    for operator in (
        Blur(PSF, (8, 6), like=like),
        Blur(PSF, (8, 6), boundary="reflect", like=like),
        Binning(2, (8, 6)) @ Blur(PSF, (8, 6), boundary="periodic", like=like),
        Crop((slice(1, 4), slice(2, 5)), (8, 6)),
        Identity((8, 6)) + Binning(2, (8, 6)).T @ Binning(2, (8, 6)),
    ):
        for one in (operator, operator.T):
            x = torch.rand(one.input_shape, requires_grad=True)
            (0.5 * one.apply(x).square().sum()).backward()
            expected = one.adjoint(one.apply(x.detach()))
            np.testing.assert_allclose(x.grad.numpy(), expected.numpy(), atol=1e-5)


def test_the_intensity_scale_loads_no_transforms() -> None:
    code = (
        "import sys, pellucid.imaging.intensity\nfrom pellucid.imaging import estimate_scale\n"
        "assert not [m for m in sys.modules if m.startswith(('scipy', 'array_api'))]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
