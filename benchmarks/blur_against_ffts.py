"""How much a blur costs beside the bare Fourier transforms it cannot do without.

    python benchmarks/blur_against_ffts.py --shape 64 512 512 --psf 33 65 65 --runs 7

Bare are one forward and one inverse real transform by scipy, in float32 and with as many
threads, of an array that fills the grid the blur works on. All are run in turn, so that a busy
machine slows all alike. Memory is the largest amount of new arrays at a time, results included.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import fft

from pellucid.imaging import Blur

Action = Callable[[], Any]


def seconds(actions: dict[str, Action], runs: int) -> dict[str, list[float]]:
    """Time actions in turn; one run that is not counted goes before."""
    times: dict[str, list[float]] = {name: [] for name in actions}
    for run in range(runs + 1):
        for name, action in actions.items():
            start = time.perf_counter()
            action()
            if run:
                times[name].append(time.perf_counter() - start)
    return times


def peak_mebibytes(action: Action) -> float:
    """Return the most memory that arrays made by an action take up at a time."""
    tracemalloc.start()
    action()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 2**20


def report(
    boundary: Any, image: tuple[int, ...], psf_shape: tuple[int, ...], runs: int, workers: int
) -> None:
    """Print a table for one boundary."""
    rng = np.random.default_rng(0)
    operator = Blur(rng.random(psf_shape), image, boundary=boundary)
    scene = rng.random(operator.input_shape, dtype=np.float32)
    recorded = rng.random(operator.output_shape, dtype=np.float32)
    grid = rng.random(operator.grid_shape, dtype=np.float32)

    def bare() -> Any:
        return fft.irfftn(fft.rfftn(grid, workers=workers), grid.shape, workers=workers)

    actions: dict[str, Action] = {
        "bare transforms": bare,
        "apply": lambda: operator.apply(scene),
        "adjoint": lambda: operator.adjoint(recorded),
    }
    times = seconds(actions, runs)
    print(f"\n{boundary}: scene {operator.input_shape}, grid {operator.grid_shape}")
    print(f"{'':18}{'median ms':>11}{'ratio':>8}{'best ms':>11}{'ratio':>8}{'memory MiB':>12}")
    for name, taken in times.items():
        median, best = statistics.median(taken), min(taken)
        ratio = median / statistics.median(times["bare transforms"])
        best_ratio = best / min(times["bare transforms"])
        memory = peak_mebibytes(actions[name])
        print(
            f"{name:18}{1e3 * median:11.1f}{ratio:8.2f}{1e3 * best:11.1f}{best_ratio:8.2f}"
            f"{memory:12.0f}"
        )


def main() -> None:
    """Read the options and print one table a boundary."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--shape", type=int, nargs="+", default=[64, 512, 512])
    parser.add_argument("--psf", type=int, nargs="+", default=[33, 65, 65])
    parser.add_argument(
        "--boundary", nargs="+", default=["periodic", "extended", "reflect"], metavar="NAME"
    )
    parser.add_argument("--runs", type=int, default=7)
    options = parser.parse_args()
    workers = os.cpu_count() or 1
    print(
        f"image {tuple(options.shape)}, point spread function {tuple(options.psf)}, "
        f"{workers} threads, {options.runs} runs"
    )
    for boundary in options.boundary:
        report(boundary, tuple(options.shape), tuple(options.psf), options.runs, workers)


if __name__ == "__main__":
    main()
