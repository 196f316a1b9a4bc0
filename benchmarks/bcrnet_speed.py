"""BCRNet against the released m-rBCR graph in ONNX Runtime, side by side in one process.

    python benchmarks/bcrnet_speed.py [--threads 2] [--profile] [--other "32,32,32,32"]

Prints, for 128x128 at batch 1 and 16 and for 1024x1024, the best time of each (runs of both
alternate), their ratio, the multiply-adds a second BCRNet reaches, and what a chain of wide
convolutions reaches in the same runtime: the floor that arithmetic sets. With --profile, where
the time goes.
"""

from __future__ import annotations

import argparse
import json
import logging
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch

from pellucid.export.onnx import export_onnx
from pellucid.nets import BCRNet, BCRNetDesign, FusedBCRNet, MRBCRReleased, multiply_adds

SHAPES = ((1, 1, 128, 128), (16, 1, 128, 128), (1, 1, 1024, 1024))


def session(
    network: torch.nn.Module, multiple: int, threads: int, profile: Path | None = None
) -> ort.InferenceSession:
    """Export a network and open it in ONNX Runtime."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "network.onnx"
        export_onnx(network, path, reach_pixels=0, multiple=multiple)
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        if profile is not None:
            options.enable_profiling = True
            options.profile_file_prefix = str(profile)
        return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def seconds(run: Callable[[], object]) -> float:
    """Return the wall time of one call."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def floor_macs(threads: int) -> float:
    """Return the multiply-adds a second of plain 3x3 convolutions of 64 channels, in one chain."""
    chain = [torch.nn.Conv2d(64, 64, 3, padding=1, bias=False) for _ in range(8)]
    first, last = (torch.nn.Conv2d(*c, 1, bias=False) for c in ((1, 64), (64, 1)))
    network = torch.nn.Sequential(first, *chain, last).eval()
    opened = session(network, 1, threads)
    image = np.zeros(SHAPES[0], dtype=np.float32)
    spent = min(seconds(lambda: opened.run(None, {"image": image})) for _ in range(30))
    return multiply_adds(network, SHAPES[0]) / spent


def profile(network: torch.nn.Module, multiple: int, threads: int) -> None:
    """Print the share of each kind of operator for 1024x1024."""
    with tempfile.TemporaryDirectory() as folder:
        opened = session(network, multiple, threads, Path(folder) / "profile")
        image = np.random.default_rng(0).random(SHAPES[2], dtype=np.float32)
        for _ in range(5):
            opened.run(None, {"image": image})
        events = json.loads(Path(opened.end_profiling()).read_text())
    total: dict[str, float] = defaultdict(float)
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            total[event["args"]["op_name"]] += event["dur"]
    whole = sum(total.values())
    for name, spent in sorted(total.items(), key=lambda item: -item[1]):
        print(f"  {name:20s} {100 * spent / whole:5.1f} %")


def compare(
    shape: tuple[int, ...], runs: dict[str, ort.InferenceSession], reference: str
) -> dict[str, float]:
    """Return the best time of each network for one shape, in seconds; their runs alternate."""
    image = np.random.default_rng(0).random(shape, dtype=np.float32)
    best: dict[str, float] = {}
    for number in range(16 if shape == SHAPES[0] else 5):
        for name, run in runs.items():
            if name == reference and number % 4:
                continue  # so slow that few runs will do

            def once(run: ort.InferenceSession = run) -> object:
                return run.run(None, {"image": image})

            once()  # brings its memory back after the others' runs
            fastest = min(seconds(once) for _ in range(2 if name == reference else 6))
            best[name] = min(best.get(name, fastest), fastest)
    return best


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--other", action="append", default=[], help="widths of further designs")
    arguments = parser.parse_args()
    logging.disable(logging.WARNING)  # the exporter speaks of packages nobody needs here
    threads = arguments.threads
    designs = {"bcrnet": BCRNetDesign()}
    for text in arguments.other:
        widths = tuple(int(width) for width in text.split(","))
        designs[text] = BCRNetDesign(widths=widths, up_widths=widths)
    nets = {name: BCRNet(design).eval() for name, design in designs.items()}
    multiple = designs["bcrnet"].multiple
    floor = floor_macs(threads)
    print(f"{threads} threads; 64-channel convolutions reach {floor / 1e9:.0f} G multiply-adds/s")
    reference = "released m-rBCR"
    runs = {
        reference: session(MRBCRReleased().eval(), 1, threads),
        **{
            name: session(FusedBCRNet(net), net.design.multiple, threads)
            for name, net in nets.items()
        },
        "bcrnet, not fused": session(nets["bcrnet"], multiple, threads),
    }
    for shape in SHAPES:
        best = compare(shape, runs, reference)
        print(f"{shape[0]} x {shape[2]}x{shape[3]}:")
        for name, spent in best.items():
            line = f"  {name:20s} {1e3 * spent:8.2f} ms  {best[reference] / spent:5.1f} times"
            if name in nets:
                done = multiply_adds(nets[name], shape) / spent
                line += f"  {done / 1e9:4.0f} G/s ({100 * done / floor:.0f} % of that)"
            print(line)
    if arguments.profile:
        print("where the time goes, 1024x1024:")
        profile(FusedBCRNet(nets["bcrnet"]), multiple, threads)


if __name__ == "__main__":
    main()
