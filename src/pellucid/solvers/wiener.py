"""Wiener deconvolution: least mean squared error of all linear solvers, for a known spectrum."""

from __future__ import annotations

from typing import Any, Literal

from pellucid.errors import SettingsError
from pellucid.imaging.operator import LinearOperator
from pellucid.solvers._linear_penalty import Deviation, Penalty, Unlikely
from pellucid.solvers._linear_solve import Measured, Options, solve
from pellucid.solvers._regularisation import Choice
from pellucid.solvers.noise_model import NoiseModel
from pellucid.solvers.problem import Background
from pellucid.solvers.progress import Callback
from pellucid.solvers.restoration import Restoration, Setting
from pellucid.solvers.signal_spectrum import SignalSpectrum


def wiener(
    image: Any,
    operator: LinearOperator,
    *,
    noise_to_signal: float | None = None,
    choice: Choice = "expected-error",
    spectrum: SignalSpectrum | Literal["fitted", "flat"] = "fitted",
    noise: NoiseModel | None = None,
    background: Background = "estimated",
    voxel_size: tuple[float, ...] | None = None,
    iterations: int = 100,
    tolerance: float = 1e-3,
    callback: Callback | None = None,
) -> Restoration:
    """Deconvolve an image by Wiener's filter, for a scene with a power-law spectrum.

    Returns the scene that minimises ``|K x - y|**2 + noise_to_signal * <x, S^-1 x>``: for white
    noise and a scene of power spectrum `S` the linear estimate with the least mean squared error
    [1]_. `S` is a :class:`~pellucid.solvers.SignalSpectrum` scaled to a mean of one over the
    frequencies of the image. The mean of the scene is not penalised.

    Where the operator's scene is larger than the image (boundary ``extended``), the equations are
    solved on the whole of it, by preconditioned conjugate gradients: the frame does not ring. For
    periodic images the preconditioner is the solution, and one iteration is made.

    Parameters
    ----------
    image : array of real numbers, shape `operator.output_shape`
        Of numpy or torch; two or three axes, or any number.
    operator : LinearOperator
        A blur of any boundary; its images of uniform light must be as bright as the light.
    noise_to_signal : float, optional
        Variance of the noise over variance of the scene within the image, positive. Found by
        `choice` if not given.
    choice : {"expected-error", "gcv", "discrepancy", "l-curve"}
        How it is found; see Notes. Not used if `noise_to_signal` is given.
    spectrum : SignalSpectrum, "fitted" or "flat"
        Fitted to the image's power spectrum together with the noise; or flat, which is
        :func:`~pellucid.solvers.tikhonov`.
    noise : NoiseModel, optional
        Averaged over the image; fitted to the spectrum where it is needed and not given.
    background : float or "estimated"
        Intensity without specimen, which `noise` counts light from; else it changes nothing.
    voxel_size : tuple of float, optional
        Sides of a voxel along every axis, in any one unit; only their ratios count. All alike if
        not given.
    iterations : int
        The most to make.
    tolerance : float
        Relative residual of the equations to stop at; see
        :func:`~pellucid.solvers.conjugate_gradient.conjugate_gradient`.
    callback : callable, optional
        Called after every iteration with a :class:`~pellucid.solvers.progress.Progress`.

    Returns
    -------
    Restoration
        Float32, may be negative. Its mean is that of the image exactly: a constant is added for
        the light that crosses the frame. It follows gain and offset of the image. The trace is
        the relative residual of the equations; the settings hold ``noise_to_signal``,
        ``exponent`` and ``knee_per_pixel``, which repeat the result, unless the image is uniform.

    Raises
    ------
    ImageError
        If the image is no array of real, finite numbers of the operator's shape.
    SettingsError
        If an option is out of its range, or the image tells no regularisation.

    Notes
    -----
    How the regularisation is chosen, here and in :func:`~pellucid.solvers.tikhonov` and
    :func:`~pellucid.solvers.regularised_inverse`:

    - ``expected-error``: a power-law spectrum and white noise are fitted to what of the image the
      optics pass; the mean squared error of the restored scene to be expected of such an image
      is made least. For Wiener's filter that is the ratio of noise and signal itself.
    - ``gcv``: generalised cross-validation [2]_ over the frequencies that the optics pass. It
      makes the error of the *blurred* scene least, which says little of what the optics nearly
      lose: with a penalty that does not know that specimens have little there, as Tikhonov's,
      it lets much noise through.
    - ``discrepancy``: what the scene does not explain is as strong as the noise [3]_.
    - ``l-curve``: the first sharp corner of residual against penalty [4]_; refused where there
      is none.

    Measured on 90 simulated recordings of ten kinds of specimen, 100 to 10,000 photons at the
    peak, with the true point spread function: dB of PSNR, gain and offset fitted, below the best
    regularisation, mean and worst case. Wiener: expected-error 0.02 and 0.2, gcv 0.02 and 0.2,
    discrepancy 0.4 and 1.5, l-curve 0.3 and 2.4; the regularised inverse: much the same.
    Tikhonov: expected-error 0.1 and 1.6, gcv 0.6 and 6.0, discrepancy 0.2 and 1.9, l-curve 0.8
    and 8.2. With 30 photons, up to 1.2 dB for Wiener by expected-error. Images that were smoothed
    after recording have coloured noise, which the model does not know: smooth bodies in few
    photons then keep too much of it.

    References
    ----------
    .. [1] N. Wiener, *Extrapolation, Interpolation, and Smoothing of Stationary Time Series*,
       MIT Press (1949).
    .. [2] G. H. Golub, M. Heath, G. Wahba, "Generalized cross-validation as a method for
       choosing a good ridge parameter", Technometrics 21, 215-223 (1979).
    .. [3] V. A. Morozov, "On the solution of functional equations by the method of
       regularization", Soviet Math. Dokl. 7, 414-417 (1966).
    .. [4] P. C. Hansen, "Analysis of discrete ill-posed problems by means of the L-curve", SIAM
       Review 34, 561-580 (1992).
    """
    if not isinstance(spectrum, SignalSpectrum) and spectrum not in {"fitted", "flat"}:
        raise SettingsError(
            f"There is no spectrum {spectrum!r}; give 'fitted', 'flat' or a SignalSpectrum."
        )

    def penalty(measured: Measured) -> tuple[Penalty, dict[str, Setting]]:
        if spectrum == "flat":
            return Deviation(), {"spectrum": "flat"}
        if isinstance(spectrum, SignalSpectrum):
            known, origin = spectrum, "given"
        else:
            known, origin = measured.fitted().spectrum, "fitted"
        return Unlikely(known, measured.image_shape, measured.scales), {
            "spectrum": origin,
            "exponent": known.exponent,
            "knee_per_pixel": known.knee_per_pixel,
        }

    options = Options(
        eps=noise_to_signal,
        eps_name="noise_to_signal",
        choice=choice,
        noise=noise,
        background=background,
        voxel_size=voxel_size,
        iterations=iterations,
        tolerance=tolerance,
        callback=callback,
    )
    return solve(image, operator, penalty, options)
