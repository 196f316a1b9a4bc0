"""Ready-made runs: for a microscope, for real pairs, for noisy images alone."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from pellucid.errors import SettingsError
from pellucid.nets.unfused import bcrnet_of_weights
from pellucid.optics.microscope import Microscope
from pellucid.train.config import TrainingConfig
from pellucid.train.run_config import NetworkConfig, NoisyData, PairedData, RunConfig, SpecimenData

#: Immersion media by their index, and the largest aperture their lenses have.
_MEDIA = ((1.0, 0.95), (1.333, 1.27), (1.406, 1.35), (1.515, 1.49))
#: What cameras and owners do to images, as the shipped weights are trained.
_INSTRUMENT = {"peak_photons": [30.0, 50_000.0], "attenuation": [0.0, 0.7]}
_PREPARATION = {
    "smoothing_pixels": [-2.0, 0.8],
    "offset_error": [-0.05, 0.5],
    "unevenness": [-0.5, 0.5],
}
#: Shipped weights that training goes on from.
DEFAULT_START = "bcrnet-widefield"
#: Peak of the schedule when going on from trained weights.
_GENTLE = 1e-3


def immersed(microscope: Microscope) -> Microscope:
    """Return the microscope with its immersion medium, guessed from the aperture if not stated.

    Raises
    ------
    SettingsError
        If no usual medium allows the aperture.
    """
    if microscope.refractive_index is not None:
        return microscope
    for index, largest in _MEDIA:
        if microscope.numerical_aperture <= largest:
            return replace(microscope, refractive_index=index)
    raise SettingsError(
        f"A numerical aperture of {microscope.numerical_aperture:g} is beyond the usual media; "
        "state the refractive index of the immersion."
    )


def for_microscope(
    microscope: Microscope,
    *,
    name: str,
    minutes: float,
    start: str | None = DEFAULT_START,
    seed: int = 20260,
) -> RunConfig:
    """Return a run that trains for one microscope from simulation alone.

    Parameters
    ----------
    microscope : Microscope
        Of any modality; with its refractive index, see :func:`immersed`.
    name : str
        Of the weights to make.
    minutes : float
        Budget of training time.
    start : str or None
        Weights to go on from; fresh ones for None.
    seed : int
    """
    settings: dict[str, Any] = {
        "microscope": json.loads(microscope.to_json()),
        "instrument": _INSTRUMENT,
        "preparation": _PREPARATION,
    }
    specimens = SpecimenData(
        regime="given",
        settings=settings,
        # Drawing takes its time, and a short run sees few of them.
        scenes=int(min(1500, max(100, 40 * minutes))),
        veil=0.3,
        seed=seed,
    )
    return RunConfig(
        name=name,
        network=_network(start),
        start=start,
        data=(specimens,),
        training=_training(minutes, start, seed),
    )


def for_pairs(
    low: Path,
    high: Path,
    *,
    name: str,
    minutes: float,
    axes: str | None = None,
    start: str | None = DEFAULT_START,
    seed: int = 20260,
) -> RunConfig:
    """Return a run that trains on real pairs.

    Parameters
    ----------
    low, high : Path
        Folders of images and of their truths, matched by file name.
    name, minutes, start, seed
        As in :func:`for_microscope`.
    axes : str, optional
        Axes of stacks that do not name them.
    """
    return RunConfig(
        name=name,
        network=_network(start),
        start=start,
        data=(PairedData(low=low, high=high, axes=axes, seed=seed),),
        training=_training(minutes, start, seed),
    )


def for_noisy(
    folder: Path,
    *,
    name: str,
    minutes: float,
    microscope: Microscope | None = None,
    axes: str | None = None,
    start: str | None = DEFAULT_START,
    seed: int = 20260,
) -> RunConfig:
    """Return a run that trains on noisy images alone, each split into two.

    Parameters
    ----------
    folder : Path
        Of raw recordings.
    name, minutes, axes, start, seed
        As in :func:`for_pairs`.
    microscope : Microscope, optional
        With it the network learns to deconvolve, without to remove noise.
    """
    known = None if microscope is None else json.loads(microscope.to_json())
    return RunConfig(
        name=name,
        network=_network(start),
        start=start,
        data=(NoisyData(folder=folder, microscope=known, axes=axes, seed=seed),),
        training=_training(minutes, start, seed).model_copy(update={"loss": "mse"}),
    )


def _network(start: str | None) -> NetworkConfig:
    """Return the network the weights belong to."""
    if start is None:
        return NetworkConfig()
    return NetworkConfig(design=asdict(bcrnet_of_weights(start).design))


def _training(minutes: float, start: str | None, seed: int) -> TrainingConfig:
    config = TrainingConfig(
        seed=seed,
        minutes=minutes,
        validation_pairs=100,
        checkpoint_minutes=min(3.0, max(0.25, minutes / 6)),
    )
    return config if start is None else config.model_copy(update={"learning_rate": _GENTLE})
