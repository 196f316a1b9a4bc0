"""Which parts of BCRNet earn their cost: variants trained on one stream for one budget.

    python benchmarks/bcrnet_ablation.py runs/ablation            # every variant, one seed
    python benchmarks/bcrnet_ablation.py runs/ablation --only graded --seeds 1 2 3
    python benchmarks/bcrnet_ablation.py runs/ablation --table    # the table, as Markdown

Every variant sees the same 24,000 pairs of the physical regime (as the default weights are
trained) in the same order, with the same optimiser; validation specimens are its own. A run that
was interrupted goes on; a finished one is not repeated.
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d, relu

from pellucid.bcr import Wavelet, nonstandard_wiener
from pellucid.nets.cost import multiply_adds
from pellucid.optics import Microscope, widefield_psf
from pellucid.simulate import (
    Instrument,
    Pair,
    PairStream,
    PhysicalRegime,
    Preparation,
    ProceduralSource,
)
from pellucid.train import Trainer, TrainingConfig

REGIME = PhysicalRegime(
    instrument=Instrument(peak_photons=(30.0, 10_000.0), attenuation=(0.0, 1.0)),
    preparation=Preparation(
        smoothing_pixels=(-2.0, 0.8), haze_fraction=(-0.5, 0.5), offset_error=(-0.05, 0.25)
    ),
)
PAIRS, BATCH, SCENES, VALIDATION = 24_000, 32, 1500, 300
_VALIDATION_FROM = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One network of the comparison; the defaults are the starting design."""

    channels: int = 8
    widths: tuple[int, ...] = (36, 36, 36, 36, 36)
    up_widths: tuple[int, ...] = ()  # of the second operators; as the first if not given
    coarse: int = 32
    residual: bool = False  # bands carry corrections, added to what went down
    wavelet: str = "haar"
    trained_wavelet: bool = True
    strict: bool = False  # the first operator changes details only, as in the theory
    physics: bool = False  # linear bands from the nonstandard Wiener inverse
    branches: bool = False  # a 1x1 branch beside each first 3x3, merged after training
    passes: int = 1
    conditioned: bool = False  # told cut-off and noise level


START = Variant()
GRADED = Variant(residual=True, widths=(16, 32, 48, 64), coarse=64)
VARIANTS = {
    "start": START,
    "four levels": Variant(widths=(36, 36, 36, 36)),
    "residual": Variant(residual=True),
    "residual, four levels": Variant(residual=True, widths=(36, 36, 36, 36)),
    "graded": GRADED,
    "graded, five levels": Variant(residual=True, widths=(16, 32, 48, 48, 48), coarse=48),
    "wide": Variant(residual=True, widths=(32, 32, 48, 64), coarse=48),
    "asymmetric": Variant(
        residual=True, widths=(16, 32, 48, 64), up_widths=(32, 32, 48, 64), coarse=48
    ),
    "even 32": Variant(residual=True, widths=(32, 32, 32, 32), coarse=64),
    "graded, fixed Haar": Variant(**{**GRADED.__dict__, "trained_wavelet": False}),
    "graded, db2": Variant(**{**GRADED.__dict__, "wavelet": "db2"}),
    "graded, strict": Variant(**{**GRADED.__dict__, "strict": True}),
    "graded, physics": Variant(**{**GRADED.__dict__, "physics": True}),
    "graded, branches": Variant(**{**GRADED.__dict__, "branches": True}),
    "graded, two passes": Variant(**{**GRADED.__dict__, "passes": 2}),
    "graded, told": Variant(**{**GRADED.__dict__, "conditioned": True}),
}


class Operator(nn.Module):
    """3x3, ReLU, 3x3; starts at zero. With a condition each hidden channel has a gain."""

    def __init__(self, variant: Variant, channels: int, width: int, hidden: int = 1) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        self.branch = nn.Conv2d(channels, width, 1, bias=False) if variant.branches else None
        self.middle = nn.ModuleList(
            nn.Conv2d(width, width, 3, padding=1, bias=False) for _ in range(hidden - 1)
        )
        self.last = nn.Conv2d(width, channels, 3, padding=1, bias=False)
        self.gain = nn.Linear(16, width) if variant.conditioned else None
        nn.init.zeros_(self.last.weight)
        if self.gain is not None:
            nn.init.zeros_(self.gain.weight)
            nn.init.zeros_(self.gain.bias)

    def forward(self, x: Tensor, told: Tensor | None) -> Tensor:
        """Return the change of (batch, channels, y, x)."""
        y = self.first(x)
        if self.branch is not None:
            y = y + self.branch(x)
        y = relu(y)
        if self.gain is not None and told is not None:
            y = y * (1 + self.gain(told))[:, :, None, None]
        for layer in self.middle:
            y = relu(layer(y))
        return self.last(y)


class Trial(nn.Module):
    """A network of the family, in the plain form the algorithm is written in."""

    def __init__(self, variant: Variant) -> None:
        super().__init__()
        self.variant, a = variant, variant.channels
        self.lift = nn.Conv2d(1, a, 3, padding=1, bias=False)
        low = np.array(Wavelet.named(variant.wavelet).lowpass)
        high = np.array(Wavelet.named(variant.wavelet).highpass)
        pairs = [np.outer(y, x) for y in (low, high) for x in (low, high)]
        kernel = torch.tensor(np.stack(pairs), dtype=torch.float32)
        if variant.trained_wavelet:
            self.wavelet = nn.Parameter(kernel)
        else:
            self.register_buffer("wavelet", kernel)
        self.down = nn.ModuleList(Operator(variant, 4 * a, m) for m in variant.widths)
        self.up = nn.ModuleList(
            Operator(variant, 4 * a, m) for m in variant.up_widths or variant.widths
        )
        self.coarse = Operator(variant, a, variant.coarse, hidden=2)
        self.project = nn.Conv2d(a, 1, 3, padding=1, bias=False)
        self.told = nn.Sequential(nn.Linear(2, 16), nn.ReLU()) if variant.conditioned else None
        nn.init.normal_(self.lift.weight, std=1.0 / math.sqrt(9 * a))
        if variant.residual:  # its operators start at nothing, so that it is the identity anyhow
            nn.init.normal_(self.project.weight, std=1.0 / math.sqrt(9 * a))
        else:
            nn.init.zeros_(self.project.weight)
        if variant.physics:
            self._use_physics()

    def forward(self, image: Tensor) -> Tensor:
        """Restore images; with a condition it comes as two more planes."""
        if image.ndim == 5:
            image = image[:, 0]
        told = None if self.told is None else self.told(image[:, 1:, 0, 0])
        x = image[:, :1]
        for _ in range(self.variant.passes):
            x = self._pass(x, told)
        return x

    def _pass(self, image: Tensor, told: Tensor | None) -> Tensor:
        a, kernel = self.variant.channels, self._kernel()
        side = self.wavelet.shape[-1]
        pad = side // 2 - 1
        v = self.lift(image)
        kept = []
        for operator in self.down:
            b = conv2d(v, kernel, stride=2, padding=pad)
            change = operator(b, told)
            if self.variant.strict:
                change = torch.cat([torch.zeros_like(change[:, :a]), change[:, a:]], dim=1)
            kept.append((b, b + change))
            v = (b + change)[:, :a]
        delta = self.coarse(v, told)
        if self.variant.physics:
            delta = delta + self._linear(v, self.coarse_bands)
        u = delta if self.variant.residual else v + delta
        for level in range(len(self.up) - 1, -1, -1):
            b, after = kept[level]
            if self.variant.residual:
                t = torch.cat([after[:, :a] + u, after[:, a:]], dim=1)
                if self.variant.physics:
                    t = t + self._linear(b, self.bands[level])
                t = t + self.up[level](t, told)
                u = conv_transpose2d(t - b, kernel, stride=2, padding=pad)
            else:
                t = torch.cat([u, after[:, a:]], dim=1)
                t = t + self.up[level](t, told)
                u = conv_transpose2d(t, kernel, stride=2, padding=pad)
        return image + self.project(u)

    def _kernel(self) -> Tensor:
        a, side = self.variant.channels, self.wavelet.shape[-1]
        kernel = self.wavelet[:, None, None] * torch.eye(a)[None, :, :, None, None]
        return kernel.reshape(4 * a, a, side, side)

    def _linear(self, x: Tensor, kernel: Tensor) -> Tensor:
        """Apply one small linear operator between sub-bands to each of the parallel channels."""
        batch, channels, h, w = x.shape
        a = self.variant.channels
        x = (
            x.reshape(batch, channels // a, a, h, w)
            .transpose(1, 2)
            .reshape(-1, channels // a, h, w)
        )
        y = conv2d(x, kernel, padding=kernel.shape[-1] // 2)
        return y.reshape(batch, a, -1, h, w).transpose(1, 2).reshape(batch, channels, h, w)

    def _use_physics(self) -> None:
        """Start as the banded Wiener inverse of a middling microscope, copied to every channel."""
        scope = Microscope(numerical_aperture=0.9, emission_nm=550, pixel_size_um=0.085)
        psf = widefield_psf(scope, (128, 128))
        form = nonstandard_wiener(
            psf, 3e-2, levels=len(self.variant.widths), band=5, wavelet="haar", shape=(128, 128)
        )
        names = ("LL", "LH", "HL", "HH")
        self.bands = nn.ParameterList()
        for blocks in form.kernels:
            k = torch.zeros(4, 4, 5, 5)
            for i, s in enumerate(names):
                for j, t in enumerate(names):
                    if (s, t) in blocks and (s, t) != ("LL", "LL"):
                        k[i, j] = torch.from_numpy(np.flip(blocks[s, t], (0, 1)).copy())
                if i:
                    k[i, i, 2, 2] -= 1.0
            self.bands.append(nn.Parameter(k))
        rest = np.fft.fftshift(np.fft.ifft2(form.banded.coarse).real)
        middle = rest.shape[0] // 2
        taps = rest[middle - 2 : middle + 3, middle - 2 : middle + 3][::-1, ::-1]
        coarse = torch.from_numpy(taps.copy()).float()[None, None]
        coarse[0, 0, 2, 2] -= 1.0
        self.coarse_bands = nn.Parameter(coarse)
        with torch.no_grad():
            lift = self.lift.weight
            self.project.weight.copy_(lift.flip(2, 3).transpose(0, 1) / lift.square().sum())


class Told:
    """A stream whose images carry the cut-off and the noise level as two more planes."""

    def __init__(self, stream: PairStream) -> None:
        self._stream = stream

    def __getitem__(self, index: int) -> Pair:
        """Return a pair with the two planes."""
        pair = self._stream[index]
        c = {k: v for k, v in pair.conditions.items() if not isinstance(v, str)}
        variance = c["background_photons"] + c["read_noise_electrons"] ** 2
        noise = math.sqrt(variance) / (c["peak_photons"] + 1)
        planes = np.empty((3, *pair.image.shape), np.float32)
        planes[0] = pair.image
        planes[1] = 4 * (c["cutoff_per_pixel"] - 0.28)
        planes[2] = math.log10(noise) + 1
        return Pair(planes, pair.truth, pair.conditions)

    def batch(self, start: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Return images with their planes, and truths."""
        pairs = [self[i] for i in range(start, start + count)]
        return np.stack([p.image for p in pairs]), np.stack([p.truth for p in pairs])[:, None]


def streams(config: TrainingConfig) -> tuple[PairStream, PairStream]:
    """Return the stream every variant is trained on and the one it is scored on."""
    source = ProceduralSource(needs=REGIME.needs, seed=7, pixels=160)
    pairs = PairStream(source, regime=REGIME, seed=7, size=config.patch, scenes=range(SCENES))
    held_out = range(_VALIDATION_FROM, _VALIDATION_FROM + VALIDATION)
    return pairs, PairStream(source, regime=REGIME, seed=8, size=config.patch, scenes=held_out)


def train(name: str, seed: int, folder: Path, data: tuple[PairStream, PairStream]) -> None:
    """Train one variant with one seed, unless that was done before."""
    variant = VARIANTS[name]
    where = folder / f"{name.replace(', ', '-').replace(' ', '-')}-{seed}"
    if (where / "result.json").exists():
        return
    config = TrainingConfig(
        seed=seed,
        pairs=PAIRS,
        batch=BATCH,
        validation_pairs=VALIDATION,
        optimiser="adamw",
        pictures=0,
    )
    torch.manual_seed(seed)
    network = Trial(variant)
    shape = (1, 3 if variant.conditioned else 1, 128, 128)
    cost = multiply_adds(network, shape)
    pairs, validation = (Told(s) if variant.conditioned else s for s in data)
    trainer = Trainer(network, config, pairs=pairs, validation=validation, folder=where)
    score = trainer.run()
    result = {
        "name": name,
        "seed": seed,
        "parameters": sum(p.numel() for p in network.parameters()),
        "multiply_adds": cost,
        "validation_db": score,
        "seconds": trainer.seconds,
    }
    (where / "result.json").write_text(json.dumps(result) + "\n")
    print(json.dumps(result), flush=True)


def table(folder: Path) -> str:
    """Return the results as Markdown, best first."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(folder.glob("*/result.json")):
        result = json.loads(path.read_text())
        rows.setdefault(result["name"], []).append(result)
    lines = [
        "| variant | parameters | M multiply-adds | validation, dB | seeds |",
        "| --- | --- | --- | --- | --- |",
    ]
    mean = {name: float(np.mean([r["validation_db"] for r in rows[name]])) for name in rows}
    for name in sorted(rows, key=lambda n: -mean[n]):
        found = rows[name]
        score = f"{mean[name]:.2f}"
        if len(found) > 1:
            score += " ± {:.2f}".format(np.std([r["validation_db"] for r in found], ddof=1))
        cost = found[0]["multiply_adds"] / 1e6
        lines.append(
            f"| {name} | {found[0]['parameters']:,} | {cost:.0f} | {score} | {len(found)} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Train what is asked for, or print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="*", default=list(VARIANTS), choices=list(VARIANTS))
    parser.add_argument("--seeds", nargs="*", type=int, default=[1])
    parser.add_argument("--table", action="store_true")
    arguments = parser.parse_args()
    if not arguments.table:
        torch.set_num_threads(1)
        data = streams(TrainingConfig())
        for seed in arguments.seeds:
            for name in arguments.only:
                train(name, seed, arguments.folder, data)
    print(table(arguments.folder))


if __name__ == "__main__":
    main()
