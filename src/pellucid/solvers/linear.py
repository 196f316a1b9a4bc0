"""Linear solvers that hold the scene's deviations or its curvature small."""

from __future__ import annotations

from typing import Any

from pellucid.imaging.operator import LinearOperator
from pellucid.solvers._linear_penalty import Curvature, Deviation, Penalty
from pellucid.solvers._linear_solve import Measured, Options, solve
from pellucid.solvers._regularisation import Choice
from pellucid.solvers.noise_model import NoiseModel
from pellucid.solvers.problem import Background
from pellucid.solvers.progress import Callback
from pellucid.solvers.restoration import Restoration, Setting


def tikhonov(
    image: Any,
    operator: LinearOperator,
    *,
    eps: float | None = None,
    choice: Choice = "expected-error",
    noise: NoiseModel | None = None,
    background: Background = "estimated",
    iterations: int = 100,
    tolerance: float = 1e-3,
    callback: Callback | None = None,
) -> Restoration:
    """Deconvolve an image by Tikhonov's regularised inverse ``(K^T K + eps I)^-1 K^T`` [1]_.

    Returns the scene that minimises ``|K x - y|**2 + eps * |x - mean(x)|**2``. The penalty is on
    deviations from the mean, so that the level of an image is kept. Contrast falls as `eps`
    rises, to ``1 / (1 + eps)`` of what the optics pass in full.

    Parameters
    ----------
    image, operator, choice, noise, background, iterations, tolerance, callback
        As for :func:`~pellucid.solvers.wiener`.
    eps : float, optional
        Positive; found by `choice` if not given.

    Returns
    -------
    Restoration
        As :func:`~pellucid.solvers.wiener` returns it; the settings hold ``eps``.

    Raises
    ------
    ImageError
        If the image is no array of real, finite numbers of the operator's shape.
    SettingsError
        If an option is out of its range, or the image tells no regularisation.

    References
    ----------
    .. [1] A. N. Tikhonov, "Solution of incorrectly formulated problems and the regularization
       method", Soviet Math. Dokl. 4, 1035-1038 (1963).
    """

    def penalty(_: Measured) -> tuple[Penalty, dict[str, Setting]]:
        return Deviation(), {}

    options = Options(
        eps=eps,
        eps_name="eps",
        choice=choice,
        noise=noise,
        background=background,
        voxel_size=None,
        iterations=iterations,
        tolerance=tolerance,
        callback=callback,
    )
    return solve(image, operator, penalty, options)


def regularised_inverse(
    image: Any,
    operator: LinearOperator,
    *,
    eps: float | None = None,
    choice: Choice = "expected-error",
    noise: NoiseModel | None = None,
    background: Background = "estimated",
    voxel_size: tuple[float, ...] | None = None,
    iterations: int = 100,
    tolerance: float = 1e-3,
    callback: Callback | None = None,
) -> Restoration:
    """Deconvolve an image by the smooth inverse ``(K^T K + eps L^T L)^-1 K^T`` [1]_ [2]_.

    `L` is the discrete Laplacian of the scene, in pixels, mirrored at the scene's edges or, for a
    periodic scene, wrapped round. It costs uniform light nothing, and fine detail most.

    Parameters
    ----------
    image, operator, choice, noise, background, iterations, tolerance, callback
        As for :func:`~pellucid.solvers.wiener`.
    eps : float, optional
        Positive; found by `choice` if not given.
    voxel_size : tuple of float, optional
        Sides of a voxel along every axis, in any one unit: second differences are divided by the
        square of the side, relative to the smallest. All alike if not given.

    Returns
    -------
    Restoration
        As :func:`~pellucid.solvers.wiener` returns it; the settings hold ``eps``.

    Raises
    ------
    ImageError
        If the image is no array of real, finite numbers of the operator's shape.
    SettingsError
        If an option is out of its range, or the image tells no regularisation.

    References
    ----------
    .. [1] D. L. Phillips, "A technique for the numerical solution of certain integral equations
       of the first kind", J. ACM 9, 84-97 (1962).
    .. [2] B. R. Hunt, "The application of constrained least squares estimation to image
       restoration by digital computer", IEEE Trans. Comput. C-22, 805-812 (1973).
    """

    def penalty(_: Measured) -> tuple[Penalty, dict[str, Setting]]:
        return Curvature(), {}

    options = Options(
        eps=eps,
        eps_name="eps",
        choice=choice,
        noise=noise,
        background=background,
        voxel_size=voxel_size,
        iterations=iterations,
        tolerance=tolerance,
        callback=callback,
    )
    return solve(image, operator, penalty, options)
