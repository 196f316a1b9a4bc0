"""What an informed network is told about a simulated pair."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from torch import nn

from pellucid.errors import SettingsError
from pellucid.restore.told import told_vector
from pellucid.simulate.regime import Pair

#: Standard deviation, relative, of what users know of their optics and noise.
_OPTICS_ERROR, _NOISE_ERROR = 0.03, 0.1


def told_of(pair: Pair, *, exact: bool = False) -> NDArray[np.float32]:
    """Return what a network is told about a pair.

    Parameters
    ----------
    pair : Pair
        Of a regime with a microscope and a camera.
    exact : bool
        Whether to tell the truth. In training the numbers are off by as much as those of users
        are: 3 % for the cut-off, 10 % for the noise; by the same errors whenever the pair comes.

    Returns
    -------
    ndarray of float32, shape (3,)

    Raises
    ------
    SettingsError
        If the pair does not say how it was recorded.
    """
    told = pair.conditions
    try:
        gain, span = float(told["gain_electrons_per_count"]), float(told["span_counts"])
        read, light = float(told["read_noise_electrons"]), float(told["background_photons"])
        cutoff = float(told["cutoff_per_pixel"])
    except KeyError as error:
        raise SettingsError(
            f"An informed network needs pairs that state their {error.args[0]}, which these do "
            "not; train it in the physical, thick or given regime."
        ) from error
    photon, gaussian = 1.0 / (gain * span), math.sqrt(light + read**2) / (gain * span)
    if not exact:
        rng = np.random.default_rng([int(told["seed"]), 3, int(told["index"])])
        errors = np.exp(rng.standard_normal(3) * [_OPTICS_ERROR, 2 * _NOISE_ERROR, _NOISE_ERROR])
        cutoff, photon, gaussian = (
            value * error for value, error in zip((cutoff, photon, gaussian), errors, strict=True)
        )
    return told_vector(cutoff, photon=photon, gaussian=gaussian)


def told_numbers(network: nn.Module) -> int:
    """Return how many numbers a network is told; zero for a blind one."""
    return int(getattr(getattr(network, "design", None), "told", 0))
