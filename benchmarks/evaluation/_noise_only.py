"""What networks make of noise alone: a flat field, where there is nothing to find."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from benchmarks.evaluation._cache import Cache, key_of
from benchmarks.evaluation._restorers import Restorer
from numpy.typing import NDArray

from pellucid.assess.bootstrap import bootstrap_interval
from pellucid.imaging.camera import Camera

#: Side of the images, their number, and what the camera sees.
SIDE, IMAGES, PHOTONS = 256, 20, 100.0
CAMERA = Camera(
    gain_electrons_per_count=0.5, offset_counts=100.0, read_noise_electrons=2.0, bit_depth=16
)
#: What an informed network is told.
CUTOFF_PER_PIXEL = 0.25
_SEED, _VERSION = 71_006, "noise-1"


def flat_field(number: int) -> NDArray[np.float32]:
    """Return a recording of even light, shape (SIDE, SIDE), counts."""
    rng = np.random.default_rng([_SEED, number])
    even = np.full((SIDE, SIDE), PHOTONS, dtype=np.float32)
    return np.asarray(CAMERA.record(even, rng), dtype=np.float32)


def noise_figures(networks: Sequence[Restorer], cache: Cache) -> dict[str, Any]:
    """Return the standard deviation of every network's output as a share of its input's.

    Returns
    -------
    dict
        By name of the network: mean share and the ends of its 95 % interval.
    """
    fields = [flat_field(number) for number in range(IMAGES)]
    figures = {}
    for network in networks:
        key = key_of(_VERSION, network.identity, f"{SIDE} {IMAGES} {PHOTONS} {CAMERA}")
        if key not in cache:
            print(f"  noise alone: {network.name}", flush=True)
            cache.put(
                key,
                [
                    float(network.restore(field, CUTOFF_PER_PIXEL).std() / field.std())
                    for field in fields
                ],
            )
        found = bootstrap_interval(cache[key], seed=_SEED)
        figures[network.name] = [round(v, 4) for v in (found.mean, found.low, found.high)]
    return figures
