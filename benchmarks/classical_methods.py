"""Classical methods on simulated images with their true point spread function.

    python benchmarks/classical_methods.py                # 100 images of the physical regime
    python benchmarks/classical_methods.py --images 10

Every method sees the image, the point spread function and the noise measured in the image. Those
marked "best" are tuned by the truth, image by image: Richardson-Lucy over 1 to 200 iterations, the
others over factors of the strength they choose themselves. PSNR after gain-and-offset fit.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid import solvers
from pellucid.assess.metrics import psnr
from pellucid.imaging import Blur
from pellucid.imaging.intensity import estimate_scale
from pellucid.optics import point_spread_function
from pellucid.optics.support import psf_shape
from pellucid.restore.measured_noise import measured_noise
from pellucid.simulate import PairStream, ProceduralSource, named_regime
from pellucid.simulate.regime import Acquisition

SEED, FIRST, SIDE = 91, 600_000, 128
MOST = 200
FACTORS = (0.1, 0.3, 1.0, 3.0, 10.0)
#: Methods that choose a strength by themselves, and the name of it.
CHOOSING: dict[str, Callable[..., solvers.Restoration]] = {
    "total variation": solvers.total_variation,
    "Hessian-Schatten": solvers.hessian_schatten,
    "wavelets (FISTA)": solvers.fista,
}
LINEAR: dict[str, Callable[..., solvers.Restoration]] = {
    "Wiener": solvers.wiener,
    "Tikhonov": solvers.tikhonov,
    "regularised inverse": solvers.regularised_inverse,
}


def scores(made: Acquisition) -> dict[str, float]:
    """Return the PSNR of every method on one image, dB."""
    image, microscope = made.recorded, made.microscope
    if microscope is None:
        raise ValueError("the physical regime states its microscope")
    shape = psf_shape(microscope, image.shape)
    operator = Blur(point_spread_function(microscope, shape).data, image.shape)
    background = estimate_scale(image).background
    noise = measured_noise(
        image, cutoff_per_pixel=microscope.cutoff_per_pixel, background=background
    )

    def score(result: NDArray[Any]) -> float:
        return psnr(result, made.truth, fit=True)

    found = {"image": score(image)}
    track: list[float] = []
    plain = partial(solvers.richardson_lucy, image, operator, background=background)
    plain(iterations=MOST, callback=lambda step: track.append(score(step.image)))
    found["Richardson-Lucy, best"] = max(track)
    found["Richardson-Lucy, 20"] = track[19]
    told = {"noise": noise, "background": background}
    automatic = solvers.automatic_richardson_lucy(image, operator, iterations=MOST, **told)
    found["Richardson-Lucy, automatic"] = score(automatic.image)
    split = solvers.photon_split_richardson_lucy(image, operator, **told)
    found["photon split"] = score(split.image)
    for name, linear in LINEAR.items():
        found[name] = score(linear(image, operator).image)
    for name, method in CHOOSING.items():
        chosen = method(image, operator, **told)
        found[name] = score(chosen.image)
        strength = float(chosen.settings["strength"])
        tried = [
            found[name]
            if factor == 1.0
            else score(method(image, operator, strength=factor * strength, **told).image)
            for factor in FACTORS
        ]
        found[f"{name}, best"] = max(tried)
    return found


def main() -> None:
    """Score and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100)
    count = parser.parse_args().images
    regime = named_regime("physical")
    source = ProceduralSource(needs=regime.needs, seed=SEED, pixels=192)
    stream = PairStream(source, regime=regime, seed=SEED + 1, size=SIDE, first=FIRST)
    rows: dict[str, list[float]] = {}
    for index in range(count):
        for name, value in scores(stream.acquisition(index)).items():
            rows.setdefault(name, []).append(value)
        print(f"{index + 1} of {count}", end="\r", flush=True)
    best = np.array(rows["Richardson-Lucy, best"])
    print("| method | PSNR, dB | against the best Richardson-Lucy, dB | worst |")
    print("| --- | --- | --- | --- |")
    for name, values in rows.items():
        against = np.array(values) - best
        print(f"| {name} | {np.mean(values):.2f} | {against.mean():+.2f} | {against.min():+.2f} |")


if __name__ == "__main__":
    main()
