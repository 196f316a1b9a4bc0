"""Richardson-Lucy iterations: speed beside scikit-image, memory, and iterations saved.

    python benchmarks/richardson_lucy.py            # all of it, a few minutes
    python benchmarks/richardson_lucy.py --quick    # smaller sizes, half a minute

Speed: both in one process, in turn, on the same float32 images with a scene as large as the image
and the same number of iterations; medians of wall-clock and of processor time, the latter hardly
disturbed by other programs. Memory: the most that arrays made by a restoration take up at a time,
the image and the operator apart. Iterations: how many accelerated ones reach the likelihood and
the quality (affine-fitted PSNR to the truth) of 200 plain ones, what five with the
Wiener-Butterworth back projector (WB) reach and how many plain ones that takes, and where photon
splitting ends. The last line needs the demonstration image of deconwolf.
"""

from __future__ import annotations

import argparse
import statistics
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.restoration import richardson_lucy as reference

from pellucid import psnr
from pellucid.imaging import Blur
from pellucid.optics import Microscope, widefield_psf
from pellucid.optics.support import psf_shape
from pellucid.simulate.cell import simulate_cell
from pellucid.solvers import (
    NoiseModel,
    StoppingRule,
    WienerButterworth,
    photon_split_richardson_lucy,
    richardson_lucy,
    unmatched_richardson_lucy,
)

NUCLEUS = Path(__file__).parents[2] / "shared/data/psf/deconwolf_dapi_nucleus_wf_zyx.tif"
PLAIN = 200


@dataclass(frozen=True)
class Case:
    """A recording with its truth."""

    name: str
    recorded: NDArray[np.float32]
    truth: NDArray[np.float32]
    psf: NDArray[np.float32]
    background: float
    noise: NoiseModel


def timed(actions: dict[str, Callable[[], Any]], runs: int) -> dict[str, tuple[float, float]]:
    """Return the median wall-clock and processor seconds of actions run in turn."""
    wall: dict[str, list[float]] = {name: [] for name in actions}
    processor: dict[str, list[float]] = {name: [] for name in actions}
    for run in range(runs + 1):
        for name, action in actions.items():
            start = time.perf_counter(), time.process_time()
            action()
            if run:
                wall[name].append(time.perf_counter() - start[0])
                processor[name].append(time.process_time() - start[1])
    return {
        name: (statistics.median(wall[name]), statistics.median(processor[name]))
        for name in actions
    }


def speed(shape: tuple[int, ...], psf: tuple[int, ...], iterations: int, runs: int) -> None:
    """Print times beside scikit-image, and memory."""
    rng = np.random.default_rng(0)
    image = rng.random(shape, dtype=np.float32) + 0.1
    kernel = np.ones(1, dtype=np.float32)
    for n in psf:
        kernel = kernel[..., None] * np.hanning(n + 2)[1:-1].astype(np.float32)
    kernel = kernel[0] / kernel.sum()
    half = np.full(shape, 0.5, dtype=np.float32)

    def ours(boundary: Any) -> Callable[[], Any]:
        return lambda: richardson_lucy(
            image,
            Blur(kernel, shape, boundary=boundary),
            iterations=iterations,
            background=0.0,
            start=half,
        )

    actions: dict[str, Callable[[], Any]] = {
        "scikit-image": lambda: reference(image, kernel, num_iter=iterations, clip=False),
        "periodic": ours("periodic"),
        "extended": ours("extended"),
    }
    times = timed(actions, runs)
    print(f"\n{iterations} iterations, image {shape}, point spread function {psf}, {runs} runs")
    print(f"{'':14}{'wall s':>9}{'ratio':>8}{'processor s':>13}{'ratio':>8}{'copies':>9}")
    for name, (wall, processor) in times.items():
        ratios = (times["scikit-image"][0] / wall, times["scikit-image"][1] / processor)
        copies = ""
        if name != "scikit-image":
            operator = Blur(kernel, shape, boundary=name)  # type: ignore[arg-type]
            copies = f"{memory(image, operator):9.2f}"
        print(f"{name:14}{wall:9.3f}{ratios[0]:8.2f}{processor:13.3f}{ratios[1]:8.2f}{copies}")


def memory(image: NDArray[np.float32], operator: Blur, **options: Any) -> float:
    """Return the peak of new arrays in a restoration, in float32 copies of the padded image."""
    tracemalloc.start()
    richardson_lucy(image, operator, iterations=3, background=0.0, **options)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return float(peak / (4 * np.prod(operator.grid_shape)))


def cases(pixels: int) -> Iterator[Case]:
    """Yield recordings: a cell at three brightnesses, and a thick field of points and sheets."""
    for seed, peak in ((7, 300.0), (8, 3000.0), (9, 30000.0)):
        cell = simulate_cell(seed=seed, pixels=pixels, peak_photons=peak)
        exposure = cell.exposure
        dark = exposure.background_photons
        noise = NoiseModel(
            photon=1.0, gaussian=float(np.hypot(np.sqrt(dark), exposure.read_noise_electrons))
        )
        psf = widefield_psf(cell.microscope, (65, 65))
        yield Case(f"cell, {peak:g} photons", cell.recorded, cell.truth, psf, 100.0 + dark, noise)
    scope = Microscope(
        numerical_aperture=1.2,
        emission_nm=525,
        pixel_size_um=0.1,
        refractive_index=1.33,
        z_step_um=0.25,
    )
    rng = np.random.default_rng(0)
    psf = widefield_psf(scope, (31, 41, 41))
    operator = Blur(psf, (24, pixels // 2, pixels // 2))
    scene = np.zeros(operator.input_shape, dtype=np.float32)
    for _ in range(300):
        scene[tuple(rng.integers(0, n) for n in scene.shape)] += rng.uniform(1, 5)
    clean = operator.apply(scene).clip(0)
    scale = np.float32(1000.0 / clean.max())
    recorded = rng.poisson(clean * scale + 10).astype(np.float32)
    noise = NoiseModel(photon=1.0, gaussian=float(np.sqrt(10)))
    yield Case("points in a stack", recorded, scene[operator.camera] * scale, psf, 10.0, noise)


def iterations_saved(pixels: int) -> None:
    """Print how many iterations reach what 200 plain ones do."""
    print(f"\niterations to reach {PLAIN} plain ones; PSNR in dB, affine fit")
    for case in cases(pixels):
        operator = Blur(case.psf, case.recorded.shape)
        common: dict[str, Any] = {"background": case.background, "noise": case.noise}
        plain = history(case, operator, PLAIN, "none")
        best = max(range(PLAIN), key=lambda k: plain[k][1])
        print(
            f"{case.name}: plain {plain[-1][1]:.2f} dB, its best {plain[best][1]:.2f} dB at "
            f"{best + 1}"
        )
        for name in ("biggs-andrews", "heavy-ball"):
            fast = history(case, operator, PLAIN // 2, name)
            reached = [first(fast, j, plain[-1][j]) for j in (0, 1)]
            print(
                f"    {name:14} likelihood in {reached[0]}, PSNR in {reached[1]}; best of the "
                f"first 25 {max(row[1] for row in fast[:25]):.2f} dB"
            )
        back = WienerButterworth(case.psf, case.recorded.shape)
        few = unmatched_richardson_lucy(case.recorded, operator, back, **common)
        split = photon_split_richardson_lucy(case.recorded, operator, **common)
        reached_by = first(plain, 1, quality(case, few.image))
        print(
            f"    {'WB, 5':14} {quality(case, few.image):.2f} dB, which plain ones reach in "
            f"{reached_by}\n    {'photon split':14} {quality(case, split.image):.2f} dB in "
            f"{len(split.trace)}"
        )


def first(rows: list[tuple[float, float]], column: int, wanted: float) -> str:
    """Return the first iteration that reaches a value."""
    found = next((k + 1 for k, row in enumerate(rows) if row[column] >= wanted), None)
    return "never" if found is None else str(found)


def history(case: Case, operator: Blur, iterations: int, name: Any) -> list[tuple[float, float]]:
    """Return log-likelihood and quality after every iteration."""
    found: list[tuple[float, float]] = []
    light = case.noise.gaussian**2 / case.noise.photon
    counts = (case.recorded - case.background + light).clip(0).astype(np.float64)

    class Never(StoppingRule):
        """Looks at every scene and goes on."""

        def reason(self, state: Any) -> None:
            expected = operator.apply(state.scene).astype(np.float64) + light
            likelihood = float(np.sum(counts * np.log(expected) - expected))
            image = state.scene[operator.camera]
            found.append((likelihood, quality(case, image)))

        def describe(self) -> str:
            return "never"

    richardson_lucy(
        case.recorded,
        operator,
        iterations=iterations,
        background=case.background,
        noise=case.noise,
        acceleration=name,
        stop=Never(),
    )
    return found


def quality(case: Case, image: NDArray[np.float32]) -> float:
    """Return the affine-fitted PSNR, in dB."""
    return float(psnr(image, case.truth, fit=True))


def nucleus() -> None:
    """Print the time of 30 accelerated iterations on a real stack."""
    import tifffile

    stack = tifffile.imread(NUCLEUS)
    scope = Microscope(
        numerical_aperture=1.45,
        emission_nm=461,
        pixel_size_um=0.13,
        refractive_index=1.512,
        z_step_um=0.3,
    )
    start = time.perf_counter(), time.process_time()
    psf = widefield_psf(scope, psf_shape(scope, stack.shape))
    operator = Blur(psf, stack.shape)
    result = richardson_lucy(stack, operator, iterations=30, acceleration="biggs-andrews")
    wall, processor = time.perf_counter() - start[0], time.process_time() - start[1]
    print(
        f"\n{NUCLEUS.name} {stack.shape}, scene {operator.input_shape}: 30 accelerated iterations "
        f"with the point spread function in {wall:.1f} s ({processor:.1f} s of processor time), "
        f"last change {result.trace[-1]:.2g}"
    )


def main() -> None:
    """Run all parts."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="smaller sizes, fewer runs")
    quick = parser.parse_args().quick
    if quick:
        speed((256, 256), (33, 33), 10, 3)
        speed((32, 64, 64), (17, 17, 17), 4, 3)
    else:
        speed((512, 512), (33, 33), 30, 5)
        speed((512, 512), (9, 9), 30, 5)
        speed((64, 256, 256), (17, 33, 33), 5, 3)
    iterations_saved(96 if quick else 192)
    if NUCLEUS.is_file():
        nucleus()


if __name__ == "__main__":
    main()
