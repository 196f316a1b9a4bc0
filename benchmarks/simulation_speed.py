"""Pairs a second of every regime, from cached and from fresh specimens, on one core.

python benchmarks/simulation_speed.py
"""

from __future__ import annotations

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import resource
import time

from pellucid.simulate import REGIMES, PairStream, ProceduralSource

PIXELS, SIZE, SCENES = 160, 128, 100


def rate(stream: PairStream, indices: range) -> float:
    """Return pairs a second over the given numbers."""
    start = time.perf_counter()
    for index in indices:
        stream[index]
    return len(indices) / (time.perf_counter() - start)


def main() -> None:
    """Print a row a regime."""
    print(f"{SIZE}x{SIZE} pairs a second from scenes of {PIXELS} pixels at 4x, one process")
    for name, regime in REGIMES.items():
        source = ProceduralSource(needs=regime.needs, seed=1, pixels=PIXELS)
        cached = PairStream(source, regime=regime, seed=1, size=SIZE, scenes=range(SCENES))
        cached.fill()
        rate(cached, range(1500))  # tables of the regime are made once, on first use
        best = max(rate(cached, range(k, k + 400)) for k in (0, 400, 800))
        fresh = PairStream(source, regime=regime, seed=2, size=SIZE)
        count = 30 if name == "thick" else 200
        drawn = max(rate(fresh, range(k, k + count)) for k in (0, count, 2 * count))
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{name:9s} cached {best:6.0f}   fresh {drawn:6.1f}   peak memory {memory:.0f} MB")


if __name__ == "__main__":
    main()
