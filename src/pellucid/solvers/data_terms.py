"""How well a scene explains the data: negative log-likelihoods as convex functions of its image."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any, Literal, TypeAlias, final, get_args

import array_api_compat

from pellucid.errors import SettingsError
from pellucid.imaging._arrays import to_numpy
from pellucid.solvers.noise_model import NoiseModel

#: Names of data terms as solvers take them.
DataName: TypeAlias = Literal["gaussian", "poisson", "poisson-gaussian"]

#: Expected photons below this share of the brightest pixel's count as this share.
_DARK = 1e-6
#: What a divisor is at least: far below any light, within the range of float32.
_TINY = 1e-37


class DataTerm(ABC):
    """A convex function ``f`` of the expected image ``z``, which is free of background.

    A scene ``x`` is judged by ``f(K x)``. The unit is that of a log-likelihood, so that ``f`` does
    not depend on the gain of the camera.

    Attributes
    ----------
    lipschitz : float or None
        Lipschitz constant of the gradient; None if it has none.
    """

    __slots__ = ()

    @property
    @abstractmethod
    def lipschitz(self) -> float | None:
        """Lipschitz constant of the gradient."""

    @abstractmethod
    def value(self, z: Any) -> float:
        """Return ``f(z)``, summed in float64; infinite where data could not come from ``z``."""

    @abstractmethod
    def gradient(self, z: Any) -> Any:
        """Return the gradient of ``f`` at ``z``."""

    @abstractmethod
    def prox(self, v: Any, step: float) -> Any:
        """Return the ``z`` that minimises ``step f(z) + |z - v|^2 / 2``."""

    @final
    def prox_conjugate(self, v: Any, step: float) -> Any:
        """Return the proximal map of ``step f*``, by Moreau's identity.

        ``f*(p) = max over z of <p, z> - f(z)`` is the convex conjugate.
        """
        return v - step * self.prox(v / step, 1.0 / step)


@final
class Gaussian(DataTerm):
    """Least squares weighted by the variance: ``sum (z - y)^2 / (2 variance)``.

    Parameters
    ----------
    data : array of float32
        ``y``, the image less its background.
    variance : float or array like `data`
        Of the noise of every pixel, image units squared; positive.

    Raises
    ------
    SettingsError
        If a variance is not positive.
    """

    __slots__ = ("_data", "_weight", "_xp")

    def __init__(self, data: Any, variance: Any) -> None:
        self._xp = array_api_compat.array_namespace(data)
        smallest = float(variance if isinstance(variance, (int, float)) else variance.min())
        if not smallest > 0:
            raise SettingsError(
                f"Every pixel's noise needs a positive variance, not {smallest:g}; state the noise "
                "of the camera."
            )
        self._data = data
        self._weight: Any = 1.0 / variance

    @property
    def lipschitz(self) -> float:
        """The largest weight, one over the smallest variance."""
        return float(self._weight if isinstance(self._weight, float) else self._weight.max())

    def value(self, z: Any) -> float:
        """Return half the weighted sum of squares."""
        error = z - self._data
        return 0.5 * _sum(self._weight * error * error)

    def gradient(self, z: Any) -> Any:
        """Return ``(z - y) / variance``."""
        return self._weight * (z - self._data)

    def prox(self, v: Any, step: float) -> Any:
        """Return the mean of ``v`` and ``y``, weighted."""
        weight = step * self._weight
        return (v + weight * self._data) / (1.0 + weight)


@final
class Poisson(DataTerm):
    """Photon noise over a background: Kullback-Leibler's divergence of expected and found photons.

    With ``u = (z + background) / photon`` photons expected and ``n`` found, ``sum u - n + n log(n
    / u)``: the negative log-likelihood but for a constant [1]_. Negative ``n`` count as zero. The
    divergence has no Lipschitz constant.

    Parameters
    ----------
    data : array of float32
        The image less its background.
    photon : float
        Image units a photon-electron gives, positive.
    background : float
        Light without specimen, in image units, not negative: its photons are in the image too.

    Raises
    ------
    SettingsError
        If `photon` is not positive or the background negative.

    References
    ----------
    .. [1] M. Bertero, P. Boccacci, G. Desidera and G. Vicidomini, "Image deblurring with Poisson
       data: from cells to galaxies", Inverse Problems 25, 123006 (2009).
    """

    __slots__ = ("_background", "_dark", "_found", "_photon", "_xp")

    def __init__(self, data: Any, photon: float, background: float = 0.0) -> None:
        if not (math.isfinite(photon) and photon > 0 and background >= 0):
            raise SettingsError(
                "Photon noise needs a positive photon and a background that is not negative, not "
                f"{photon} and {background}."
            )
        self._xp = array_api_compat.array_namespace(data)
        self._photon, self._background = float(photon), float(background)
        #: Photons found, in image units.
        self._found = self._xp.clip(data + self._background, 0.0, math.inf)
        self._dark = _DARK * float(self._found.max())

    @property
    def lipschitz(self) -> None:
        """None: the gradient grows beyond all bounds where little light is expected."""
        return None

    def value(self, z: Any) -> float:
        """Return the divergence; infinite if light expected is negative beyond rounding."""
        xp = self._xp
        # Nearly all of the terms cancels.
        light = xp.astype(z, xp.float64) + self._background
        if float(light.min()) < -self._dark:
            return math.inf
        light, found = self._lit(light), xp.astype(self._found, xp.float64)
        ratio = xp.clip(found / light, _TINY, math.inf)
        return _sum(light - found + found * xp.log(ratio)) / self._photon

    def gradient(self, z: Any) -> Any:
        """Return ``(1 - n / u) / photon``."""
        return (1.0 - self._found / self._lit(z + self._background)) / self._photon

    def prox(self, v: Any, step: float) -> Any:
        """Return the root of a quadratic equation, in the form that does not cancel."""
        xp, step = self._xp, step / self._photon
        half = 0.5 * (v + (self._background - step))
        product = step * self._found
        root = xp.sqrt(half * half + product)
        size = xp.abs(half) + root
        small = product / xp.clip(size, _TINY, math.inf)
        return xp.where(half > 0, size, small) - self._background

    def _lit(self, light: Any) -> Any:
        """Return light that is not quite dark, so that it can be divided by."""
        return self._xp.clip(light, max(self._dark, _TINY), math.inf)


def data_term(name: DataName, data: Any, noise: NoiseModel) -> DataTerm:
    """Return a data term for an image with known noise.

    Parameters
    ----------
    name : {"poisson-gaussian", "poisson", "gaussian"}
        * ``poisson-gaussian``: photon noise and a Gaussian of ``sigma = noise.gaussian``, by the
          shifted Poisson distribution [1]_: ``y + sigma^2 / photon`` has mean and variance of a
          Poisson variable with the background ``sigma^2 / photon``. That is `Poisson` with this
          background. Least squares if there is no photon noise.
        * ``poisson``: photon noise alone, whatever Gaussian noise is stated.
        * ``gaussian``: least squares with one variance for all pixels, that of the mean light.
    data : array of float32
        The image less its background.
    noise : NoiseModel

    Raises
    ------
    SettingsError
        If there is no such data term, or photon noise is asked for and none stated.

    References
    ----------
    .. [1] D. L. Snyder, A. M. Hammoud and R. L. White, "Image recovery from data acquired with a
       charge-coupled-device camera", J. Opt. Soc. Am. A 10, 1014-1023 (1993).
    """
    if name not in get_args(DataName):
        raise SettingsError(
            f"There is no data term {name!r}; it is one of "
            f"{', '.join(repr(one) for one in get_args(DataName))}."
        )
    if name == "gaussian" or (name == "poisson-gaussian" and noise.photon == 0):
        return Gaussian(data, noise_level(data, noise) ** 2)
    if noise.photon == 0:
        raise SettingsError(
            "The Poisson data term needs photon noise, but the noise stated has photon=0; state it "
            "or use data='gaussian'."
        )
    shift = noise.gaussian**2 / noise.photon if name == "poisson-gaussian" else 0.0
    return Poisson(data, noise.photon, shift)


def noise_level(data: Any, noise: NoiseModel) -> float:
    """Return the root of the mean variance of an image's noise, in its units: one sigma for all.

    Parameters
    ----------
    data : array of float32
        The image less its background.
    noise : NoiseModel
    """
    return math.sqrt(noise.photon * mean_light(data) + noise.gaussian**2)


def mean_light(data: Any) -> float:
    """Return the mean of an image less its background, negative pixels counted as dark."""
    light = array_api_compat.array_namespace(data).clip(data, 0.0, math.inf)
    return _sum(light) / float(math.prod(data.shape))


def _sum(x: Any) -> float:
    """Sum in float64."""
    return float(to_numpy(x).sum(dtype="float64"))
