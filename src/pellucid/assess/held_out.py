"""How good a restoration is without a reference: what it predicts of photons it was not shown."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter
from scipy.special import gammaln, xlogy

from pellucid.errors import ImageError, SettingsError
from pellucid.imaging._arrays import put, to_numpy
from pellucid.imaging.operator import LinearOperator
from pellucid.imaging.thinning import split_by_noise, split_electrons, whole_electrons
from pellucid.io.image import check_intensities
from pellucid.solvers.noise_model import NoiseModel

#: Pixels are compared that get at least this share of their light from within the frame.
_FROM_WITHIN = 0.9
#: No pixel is expected to hold fewer photons: linear solvers may predict less than none.
_LEAST_PHOTONS = 0.05
#: Sigma, in pixels, over which the level of the noise is averaged.
_LEVEL_SIGMA = 2.0
#: Means from which on an expansion serves, and numbers that such a mean never exceeds.
_LARGE_MEAN, _MOST_PHOTONS = 50.0, 150


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """An image in two parts with noise of their own.

    Attributes
    ----------
    shown, held_out : ndarray of float32, shape of the image
        To restore, and to be predicted; in the units of the image, background included.
    noise_shown, noise_held_out : NoiseModel
        Of light above the background.
    background : float
    exact : bool
        Whether whole photons were dealt out, and the parts are independent; otherwise they are
        uncorrelated.
    """

    shown: NDArray[np.float32]
    held_out: NDArray[np.float32]
    noise_shown: NoiseModel
    noise_held_out: NoiseModel
    background: float
    exact: bool


def hold_out(
    image: ArrayLike,
    noise: NoiseModel,
    *,
    background: float,
    share: float = 0.8,
    seed: int = 0,
) -> HeldOut:
    """Split the light of an image into a part to restore and a part to judge the result by.

    As if the light had gone to two cameras, `share` of it to the first, and both images had been
    scaled back: their means are the same, and their variances those of the image divided by
    `share` and by ``1 - share``. Whole photons are dealt out one by one
    (:func:`pellucid.imaging.thinning.split_electrons`); other values are split by noise of the
    right variance (:func:`pellucid.imaging.thinning.split_by_noise`).

    Parameters
    ----------
    image : array_like of real numbers
        Raw, with noise that is independent from pixel to pixel.
    noise : NoiseModel
        Of light above `background`.
    background : float
        Intensity without specimen, in the units of the image.
    share : float
        Of the light to restore from, between 0 and 1. The more, the nearer is the best setting
        for this part to that for the whole; the less, the surer is the judgement.
    seed : int

    Raises
    ------
    ImageError
        If the image is not one of finite real numbers.
    SettingsError
        If the share, the background or the noise is not as described.
    """
    values = np.asarray(image)
    check_intensities(values)
    _check(noise, background)
    if not 0.0 < share < 1.0:
        raise SettingsError(
            f"share = {share:g} leaves one of the two parts without light; give a number between "
            "0 and 1."
        )
    counts = values.astype(np.float64)
    rng = np.random.default_rng(seed)
    whole = None
    if noise.photon > 0:
        # Where the noise vanishes there are no photons.
        offset = background - noise.gaussian**2 / noise.photon
        whole = whole_electrons(counts, photon=noise.photon, offset=offset)
    if whole is not None:
        parts = split_electrons(whole, photon=noise.photon, offset=offset, share=share, rng=rng)
    else:
        intercept = noise.gaussian**2 - noise.photon * background
        parts = split_by_noise(
            counts, slope=noise.photon, intercept=intercept, share=share, rng=rng
        )
    return HeldOut(
        shown=parts[0].astype(np.float32),
        held_out=parts[1].astype(np.float32),
        noise_shown=_of_part(noise, share),
        noise_held_out=_of_part(noise, 1.0 - share),
        background=float(background),
        exact=whole is not None,
    )


def held_out_score(
    restored: Any,
    operator: LinearOperator,
    held_out: ArrayLike,
    noise: NoiseModel,
    *,
    background: float,
    fit: bool = False,
) -> float:
    """Return how far a restoration is from predicting a recording of the same scene.

    The restoration is blurred by the operator, and the recording compared with it: by the
    deviance of the Poisson distribution where the noise has photons (twice the log-likelihood
    that is missing to a perfect fit, read noise by the shifted Poisson distribution [1]_),
    otherwise by the squared difference over the variance. The mean over the pixels is divided by
    what noise alone gives, so that one is a perfect prediction, up to the fluctuation of the
    noise, which is the same for all restorations that are compared. The divisor depends on the
    recording alone: a restoration cannot improve its score but by better prediction. Over
    parts of one image (:func:`hold_out`) this is cross-validation [2]_.

    Beyond the frame the restoration is continued by its outermost pixels; only pixels are
    compared that get nine tenths of their light from within.

    Parameters
    ----------
    restored : array of real numbers, shape of the image or `operator.input_shape`
        Of numpy or torch; background included.
    operator : LinearOperator
        With an attribute `camera` if its scenes are larger than the image.
    held_out : array_like of real numbers, shape `operator.output_shape`
        The recording, whose noise is independent of the restoration.
    noise : NoiseModel
        Of the recording: of light above `background`.
    background : float
        Intensity without specimen.
    fit : bool
        Fit gain and offset of the prediction to the recording first, by weighted least squares:
        only the structure is compared. Solvers that count data below the background as zero
        predict too much light in the dark, by some tenths of the noise, and without the fit the
        slow decay of that error is rewarded where an image is dark.

    Returns
    -------
    float
        Lower is better.

    Raises
    ------
    ImageError
        If shapes do not fit, or a value is not finite.
    SettingsError
        If the noise or the background is not as described.

    References
    ----------
    .. [1] D. L. Snyder et al., J. Opt. Soc. Am. A 12, 272-283 (1995).
    .. [2] M. Stone, "Cross-validatory choice and assessment of statistical predictions", J. R.
       Stat. Soc. B 36, 111-147 (1974).
    """
    _check(noise, background)
    found = np.asarray(held_out)
    check_intensities(found)
    expected, compared = _prediction(restored, operator, background)
    if found.shape != expected.shape:
        raise ImageError(
            f"The recording has the shape {found.shape}, but the operator makes images of shape "
            f"{expected.shape}; build it for this recording."
        )
    light = (found.astype(np.float64) - background)[compared]
    level = gaussian_filter(found.astype(np.float64) - background, _LEVEL_SIGMA)[compared]
    model = expected[compared]
    if fit:
        model = _fitted(model, light, 1.0 / _variance(noise, level))
    if not noise.photon > 0:
        return float(np.mean((light - model) ** 2) / noise.gaussian**2)
    shift = noise.gaussian**2 / noise.photon
    photons = np.maximum((light + shift) / noise.photon, 0.0)
    model = np.maximum((model + shift) / noise.photon, _LEAST_PHOTONS)
    mean = np.maximum((level + shift) / noise.photon, _LEAST_PHOTONS)
    deviance = 2.0 * (xlogy(photons, photons / model) - photons + model)
    return float(deviance.mean() / noise_deviance(mean).mean())


def _variance(noise: NoiseModel, level: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the variance of pixels of a level, at least that of a few hundredths of a photon."""
    return np.maximum(noise.photon * level + noise.gaussian**2, _LEAST_PHOTONS * noise.photon**2)


def _fitted(
    model: NDArray[np.float64], light: NDArray[np.float64], weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return ``a * model + b`` nearest to the recording, with `a` not negative."""
    weight = weight / weight.sum()
    middle, level = float((weight * model).sum()), float((weight * light).sum())
    centred = model - middle
    power = float((weight * centred**2).sum())
    gain = float((weight * centred * (light - level)).sum()) / power if power > 0 else 0.0
    return level + max(gain, 0.0) * centred


def noise_deviance(mean: ArrayLike) -> NDArray[np.float64]:
    """Return the mean deviance of Poisson numbers about their own mean; one for large means.

    Parameters
    ----------
    mean : array_like of real numbers
        Not negative.

    Returns
    -------
    ndarray of float64
        Interpolated between sums over the distribution, to a thousandth; from means of 50 on the
        first two terms of the expansion in their reciprocal.
    """
    values = np.asarray(mean, dtype=np.float64)
    nodes = np.concatenate([[0.0], np.geomspace(1e-4, _LARGE_MEAN, 200)])
    number = np.arange(_MOST_PHOTONS)
    probability = np.exp(xlogy(number, nodes[:, None]) - nodes[:, None] - gammaln(number + 1.0))
    # Twice the mean of n log n - n log m; that of n - m is zero.
    sums = 2.0 * (probability @ xlogy(number, number) - xlogy(nodes, nodes))
    # The root is smoother at zero.
    between = np.interp(np.sqrt(np.minimum(values, _LARGE_MEAN)), np.sqrt(nodes), sums)
    large = np.maximum(values, _LARGE_MEAN)
    expanded = 1.0 + 1.0 / (6.0 * large) + 1.0 / (6.0 * large**2)
    return np.where(values < _LARGE_MEAN, between, expanded)


def _prediction(
    restored: Any, operator: LinearOperator, background: float
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the image of a restoration without background, and the pixels to compare."""
    scene = to_numpy(restored).astype(np.float64) - background
    if not np.isfinite(scene).all():
        raise ImageError("The restoration holds values that are not finite; restore it anew.")
    frame = getattr(operator, "camera", (slice(None),) * len(operator.input_shape))
    compared = np.ones(operator.output_shape, dtype=bool)
    if scene.shape != operator.input_shape:
        if scene.shape != operator.output_shape:
            raise ImageError(
                f"The restoration has the shape {scene.shape}; give one of the image's shape "
                f"{operator.output_shape} or of the scene's, {operator.input_shape}."
            )
        pads = [
            (part.start or 0, n - (part.start or 0) - m)
            for part, n, m in zip(frame, operator.input_shape, scene.shape, strict=True)
        ]
        inside = np.zeros(operator.input_shape, dtype=np.float32)
        inside[frame] = 1.0
        scene = np.pad(scene, pads, mode="edge")
        within = _applied(operator, inside)
        compared = within >= min(_FROM_WITHIN, float(within.max()))
    return _applied(operator, scene.astype(np.float32)), compared


def _applied(operator: LinearOperator, scene: NDArray[np.float32]) -> NDArray[np.float64]:
    like = getattr(operator, "like", None)
    image = operator.apply(scene if like is None else put(scene, like))
    return to_numpy(image).astype(np.float64)


def _of_part(noise: NoiseModel, share: float) -> NoiseModel:
    """Return the noise of a part that was scaled back to the whole."""
    return NoiseModel(photon=noise.photon / share, gaussian=noise.gaussian / math.sqrt(share))


def _check(noise: Any, background: float) -> None:
    if not isinstance(noise, NoiseModel):
        raise SettingsError(
            f"noise must be a NoiseModel, not {type(noise).__name__}; give NoiseModel(photon=..., "
            "gaussian=...)."
        )
    if not math.isfinite(background):
        raise SettingsError(f"background must be a finite number, not {background}.")
