"""A whole training run: build, train, export, describe. What ``pellucid train`` does."""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from pellucid import __version__
from pellucid.assess.metrics import psnr, ssim
from pellucid.errors import SettingsError
from pellucid.export.onnx import export_onnx
from pellucid.export.reach import measure_reach
from pellucid.imaging.intensity import IntensityScale
from pellucid.io.write import check_writable, write_whole
from pellucid.nets import BCRNet, FusedBCRNet, MinMaxBCRNet
from pellucid.nets.building import build_network, start_from
from pellucid.nets.registry import named_network
from pellucid.optics.psf import point_spread_function
from pellucid.optics.support import psf_shape
from pellucid.restore.network import NetworkPlane
from pellucid.restore.told import TOLD_NAMES
from pellucid.restore.weights import load_weights
from pellucid.simulate.stream import Pairs
from pellucid.train.loop import Observer, Trainer
from pellucid.train.losses_noisy import DataDomain
from pellucid.train.objective import Objective
from pellucid.train.parallel import Group
from pellucid.train.run_config import NoisyData, PictureData, RunConfig, SpecimenData
from pellucid.train.streams import (
    cutoffs,
    stated_microscope,
    training_pairs,
    validation_pairs,
)
from pellucid.train.told import told_numbers, told_of

#: Differences beyond the reach stay below this share of the range of an image.
REACH_TOLERANCE = 5e-4
#: Images the reach is measured on, and their side.
_REACH_IMAGES, _REACH_SIDE = 4, 512


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What a run made.

    Attributes
    ----------
    onnx, card : Path
        The exported network and its description.
    before_db, after_db : float
        PSNR on the validation pairs after gain-and-offset fit, of the network the run started
        from and of the result.
    input_db : float
        Of the images themselves.
    pairs_seen : int
    minutes : float
    """

    onnx: Path
    card: Path
    before_db: float
    after_db: float
    input_db: float
    pairs_seen: int
    minutes: float


def train(
    config: RunConfig,
    *,
    folder: Path,
    onnx: Path | None = None,
    threads: int = 1,
    overwrite: bool = False,
    observer: Observer | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Trained | None:
    """Train a network to the end of its run, export it and write its card.

    A run that was interrupted goes on from its last checkpoint. Started by ``torchrun``, the
    processes train together.

    Parameters
    ----------
    config : RunConfig
    folder : Path
        Of the run: configuration, log, checkpoint, pictures.
    onnx : Path, optional
        The exported network; ``<name>.onnx`` in the folder if not given. The card goes beside
        it, as ``.json``.
    threads : int
        Cores to use.
    overwrite : bool
        Whether an existing `onnx` may be replaced.
    observer : callable, optional
        Told where the run stands after every step.
    say : callable, optional
        Receives lines about what is being done.

    Returns
    -------
    Trained or None
        None in the processes that do not lead.

    Raises
    ------
    PellucidError
        If the configuration cannot be carried out; the message says why.
    """
    target = folder / f"{config.name}.onnx" if onnx is None else onnx
    if target.suffix != ".onnx":
        raise SettingsError(f"The result is an ONNX file, so that {target} must end with .onnx.")
    if target.parent == folder:
        folder.mkdir(parents=True, exist_ok=True)
    for path in (target, target.with_suffix(".json")):
        check_writable(path, overwrite=overwrite)
    group = Group.from_environment()
    torch.set_num_threads(1)
    torch.manual_seed(config.training.seed)
    network = build_network(config.network.kind, config.network.design)
    if config.start is not None:
        network = start_from(network, config.start)
    pairs, validation = training_pairs(config), validation_pairs(config)
    if group.leads:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.yaml").write_text(config.to_yaml(), encoding="utf-8")
    say("drawing specimens")
    pairs.fill(workers=threads)
    validation.fill(workers=threads)
    trainer = Trainer(
        network,
        config.training,
        pairs=pairs,
        validation=validation,
        folder=folder,
        objective=_objective(config),
        threads=threads,
        group=group,
        observer=observer,
    )
    started = record_start(config, folder) if group.leads else {}
    before = trainer.validate() if group.leads and trainer.pairs_seen == 0 else None
    if before is not None:
        started["before_db"] = round(before, 3)
        _write_json(folder / "run.json", started)
    after = trainer.run()
    if not group.leads:
        return None
    say("exporting")
    export(trainer.average, config, target, validation)
    card = describe(trainer, config, target, validation, started)
    write_whole(
        target.with_suffix(".json"),
        lambda path: path.write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8"),
        overwrite=True,
    )
    return Trained(
        onnx=target,
        card=target.with_suffix(".json"),
        before_db=float(started.get("before_db", float("nan"))),
        after_db=after,
        input_db=card["figures"]["validation"]["all"]["input_psnr_db"],
        pairs_seen=trainer.pairs_seen,
        minutes=trainer.seconds / 60.0,
    )


def _objective(config: RunConfig) -> Objective | None:
    """Return the loss of runs that learn to deconvolve from noisy images; None for others."""
    entry = config.data[0]
    if not isinstance(entry, NoisyData) or entry.microscope is None:
        return None
    microscope = stated_microscope(entry.microscope, "microscope")
    # The blur is compared where no light from beyond the patch has reached.
    side = config.training.patch // 4
    psf = point_spread_function(microscope, psf_shape(microscope, (side, side))).data
    return DataDomain(psf, hessian=entry.hessian)


def record_start(config: RunConfig, folder: Path) -> dict[str, Any]:
    """Write what the run started from, once, and return it."""
    path = folder / "run.json"
    if not path.exists():
        _write_json(
            path,
            {
                "commit": _commit(),
                "config": _without_paths(config),
                "versions": {
                    "pellucid": __version__,
                    "torch": torch.__version__,
                    "python": platform.python_version(),
                },
            },
        )
    started: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return started


def export(network: nn.Module, config: RunConfig, target: Path, pairs: Pairs) -> None:
    """Export a trained network as pellucid runs it, its reach measured on images of the run."""
    network = network.cpu().to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    whole = isinstance(network, MinMaxBCRNet)
    runnable, multiple = network, named_network(config.network.kind).multiple
    if isinstance(network, BCRNet):
        runnable, multiple = FusedBCRNet(network), network.design.multiple
    elif isinstance(network, MinMaxBCRNet):
        runnable, multiple = network.fused(), network.design.multiple
    runnable = runnable.eval()
    images = _mosaics(pairs)
    numbers = told_numbers(network)
    told = [torch.from_numpy(told_of(pairs[0], exact=True))[None]] if numbers else []

    def run(image: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            result = runnable(torch.from_numpy(image)[None, None], *told)
        restored: NDArray[np.float32] = result[0, 0].numpy()
        return restored

    metadata = {"name": config.name, **({"told": TOLD_NAMES} if numbers else {})}
    if whole or _scaled_to_range(config):
        metadata["range"] = "minmax"
    reach = 0 if whole else measure_reach(run, images, multiple=multiple, tolerance=REACH_TOLERANCE)
    span = cutoffs(config.data)
    if span is not None:
        metadata["cutoff_per_pixel"] = f"{span[0]:.4g} {span[1]:.4g}"
    temporary = target.with_name(f".{target.name}.part")
    try:
        export_onnx(
            runnable,
            temporary,
            reach_pixels=reach,
            multiple=multiple,
            told=numbers,
            metadata=metadata,
        )
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def describe(
    trainer: Trainer, config: RunConfig, onnx: Path, validation: Pairs, started: dict[str, Any]
) -> dict[str, Any]:
    """Return the card of an exported network."""
    weights = load_weights(onnx)
    return {
        "name": config.name,
        "architecture": {config.network.kind: _design(trainer.average, config)},
        "parameters": sum(p.numel() for p in trainer.average.parameters()),
        "reach_pixels": NetworkPlane(weights).reach,
        "reach_tolerance": REACH_TOLERANCE,
        "pairs_seen": trainer.pairs_seen,
        "training_minutes": round(trainer.seconds / 60, 1),
        "machine": f"{platform.machine()}, {config.training.precision}",
        "date": datetime.now(UTC).date().isoformat(),
        **started,
        "figures": {
            "what": "validation pairs, PSNR (dB) and SSIM after gain-and-offset fit to the truth",
            "validation": figures(onnx, validation, config.training.validation_pairs),
        },
        "sha256": weights.sha256,
    }


def figures(onnx: Path, pairs: Pairs, count: int) -> dict[str, dict[str, float]]:
    """Score an exported network on pairs, as a user would run it; by class and light."""
    network = NetworkPlane(load_weights(onnx))
    groups: dict[str, list[tuple[float, ...]]] = {}
    for index in range(count):
        pair = pairs[index]
        told = told_of(pair, exact=True) if network.told else None
        restored = network.restore(pair.image, IntensityScale(0.0, 1.0), told=told)
        scores = (
            psnr(pair.image, pair.truth, fit=True),
            psnr(restored, pair.truth, fit=True),
            ssim(pair.image, pair.truth, fit=True),
            ssim(restored, pair.truth, fit=True),
        )
        for group in _groups(pair.conditions):
            groups.setdefault(group, []).append(scores)
    names = ("input_psnr_db", "restored_psnr_db", "input_ssim", "restored_ssim")
    table: dict[str, dict[str, float]] = {}
    for group, rows in sorted(groups.items()):
        means = [round(float(mean), 3) for mean in np.mean(rows, axis=0)]
        table[group] = {"images": len(rows), **dict(zip(names, means, strict=True))}
    return table


def _scaled_to_range(config: RunConfig) -> bool:
    """Whether the images of a run are scaled one by one from zero to one."""
    return any(
        isinstance(entry, (SpecimenData, PictureData)) and entry.regime in {"released", "paper"}
        for entry in config.data
    )


def _groups(conditions: dict[str, Any]) -> list[str]:
    groups = ["all"]
    if "kind" in conditions:
        groups.append(str(conditions["kind"]))
    if "peak_photons" in conditions:
        photons = float(conditions["peak_photons"])
        level = "under 200" if photons < 200 else "200 to 1400" if photons < 1400 else "over 1400"
        groups.append(f"{level} photons")
    return groups


def _mosaics(pairs: Pairs) -> list[NDArray[np.float32]]:
    """Return images large enough to measure a reach on, put together from small ones."""
    side = pairs[0].image.shape[0]
    each = -(-_REACH_SIDE // side)
    mosaics = []
    for number in range(_REACH_IMAGES):
        tiles = [pairs[number * each * each + k].image for k in range(each * each)]
        rows = [np.hstack(tiles[row * each : (row + 1) * each]) for row in range(each)]
        mosaics.append(np.ascontiguousarray(np.vstack(rows)[:_REACH_SIDE, :_REACH_SIDE]))
    return mosaics


def _design(network: nn.Module, config: RunConfig) -> dict[str, Any]:
    from dataclasses import asdict, is_dataclass

    design = getattr(network, "design", None)
    if is_dataclass(design) and not isinstance(design, type):
        return asdict(design)
    return dict(config.network.design)


def _without_paths(config: RunConfig) -> dict[str, Any]:
    """Return a configuration whose folders are named, not located: cards travel."""
    values = config.model_dump(mode="json")
    for entry in values["data"]:
        for key in ("folder", "low", "high", "second"):
            if entry.get(key):
                entry[key] = Path(entry[key]).name
    if values["start"] is not None:
        values["start"] = Path(values["start"]).name
    return values


def _commit() -> str:
    """Return the commit of the sources this runs from; "unknown" outside a checkout."""
    git = shutil.which("git")
    if git is None:
        return "unknown"
    done = subprocess.run(  # noqa: S603  fixed arguments
        [git, "-C", str(Path(__file__).parent), "rev-parse", "HEAD"],
        check=False,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip() or "unknown"


def _write_json(path: Path, values: dict[str, Any]) -> None:
    temporary = path.with_suffix(".part")
    temporary.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
    temporary.replace(path)
