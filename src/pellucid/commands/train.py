"""``pellucid train``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pellucid.commands._options import (
    Emission,
    Excitation,
    NumericalAperture,
    PixelSize,
    RefractiveIndex,
)
from pellucid.commands._terminal import one_sentence_errors, warnings_as_lines
from pellucid.commands._training_bar import TrainingBar

if TYPE_CHECKING:
    from pellucid.optics.microscope import Microscope
    from pellucid.train.run_config import RunConfig


def train(  # noqa: PLR0917  typer passes by name
    config: Annotated[
        Path | None, typer.Option(help="A run described as YAML: network, data, training.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="The trained network, an .onnx file."),
    ] = None,
    na: NumericalAperture = None,
    emission: Emission = None,
    excitation: Excitation = None,
    refractive_index: RefractiveIndex = None,
    pixel_size: PixelSize = None,
    modality: Annotated[
        str,
        typer.Option(help="widefield, confocal, spinning-disk, light-sheet, two-photon or sted."),
    ] = "widefield",
    airy_units: Annotated[
        float | None, typer.Option(help="Pinhole diameter of a confocal in Airy units.")
    ] = None,
    pinhole: Annotated[
        float | None, typer.Option(help="Pinhole diameter in the specimen, um.")
    ] = None,
    spacing: Annotated[
        float | None, typer.Option(help="Distance of a spinning disk's pinholes, um.")
    ] = None,
    thickness: Annotated[
        float | None, typer.Option(help="Full width at half maximum of a light sheet, um.")
    ] = None,
    saturation: Annotated[
        float | None, typer.Option(help="Depletion of STED over its saturation intensity.")
    ] = None,
    pairs: Annotated[
        tuple[Path, Path] | None,
        typer.Option(
            metavar="LOW HIGH", help="Folders of real images and of their truths, same file names."
        ),
    ] = None,
    noisy: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Folder of raw images without truths; give the microscope too to deconvolve.",
        ),
    ] = None,
    axes: Annotated[
        str | None, typer.Option(help="Axes of stacks that do not name them, e.g. ZYX.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Budget of training time; 30 if not given.")
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            help="Weights to go on from; bcrnet-widefield if not given, none: fresh ones."
        ),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(help="Folder of the run; beside the output if not given. Resumed if there."),
    ] = None,
    threads: Annotated[int | None, typer.Option(help="Cores to use; all if not given.")] = None,
    seed: Annotated[int, typer.Option(help="Decides specimens, conditions and noise.")] = 20260,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")] = False,
) -> None:
    """Train a network: for your microscope, on your pairs, or as a file describes."""
    with one_sentence_errors(), warnings_as_lines():
        from pellucid.errors import SettingsError

        optics = {
            "--na": na,
            "--emission": emission,
            "--excitation": excitation,
            "--refractive-index": refractive_index,
            "--pixel-size": pixel_size,
        }
        stated = [option for option, value in optics.items() if value is not None]
        ways = [
            name
            for name, chosen in (
                ("--config", config is not None),
                ("--pairs", pairs is not None),
                ("--noisy", noisy is not None),
                (", ".join(stated), bool(stated) and noisy is None),
            )
            if chosen
        ]
        if len(ways) != 1:
            raise SettingsError(
                "Say what to train for: --config FILE, or --pairs LOW HIGH, or --noisy FOLDER, or "
                "the microscope by --na, --emission and --pixel-size"
                + (f"; these were given together: {' and '.join(ways)}." if ways else ".")
            )
        if threads is not None and threads < 1:
            raise SettingsError(f"--threads must be at least 1, not {threads}.")
        if minutes is not None and not minutes > 0:
            raise SettingsError(f"--minutes must be positive, not {minutes:g}.")
        if seed < 0:
            raise SettingsError(f"--seed must be zero or more, not {seed}.")
        _require_torch()
        if config is not None:
            run = _configured(config, minutes=minutes, start=start)
        else:
            if output is None:
                raise SettingsError(
                    "Name the trained network by -o, such as -o my-microscope.onnx."
                )
            microscope = None
            if stated:
                microscope = _microscope(
                    numerical_aperture=na,
                    emission_nm=emission,
                    excitation_nm=excitation,
                    refractive_index=refractive_index,
                    pixel_size_um=pixel_size,
                    modality=modality,
                    pinhole_um=pinhole,
                    airy_units=airy_units,
                    spacing_um=spacing,
                    thickness_um=thickness,
                    saturation=saturation,
                )
            run = _recipe(
                pairs,
                noisy,
                microscope,
                axes=axes,
                name=output.stem,
                minutes=30.0 if minutes is None else minutes,
                start=_weights(start),
                seed=seed,
            )
        _carry_out(
            run,
            folder=folder or _folder_of(config, output),
            output=output,
            threads=threads or _cores(),
            overwrite=overwrite,
        )


def _recipe(
    pairs: tuple[Path, Path] | None,
    noisy: Path | None,
    microscope: Microscope | None,
    *,
    axes: str | None,
    **shared: Any,
) -> RunConfig:
    from pellucid.train import recipes

    if pairs is not None:
        return recipes.for_pairs(*pairs, axes=axes, **shared)
    if noisy is not None:
        return recipes.for_noisy(noisy, microscope=microscope, axes=axes, **shared)
    if microscope is None:
        raise ValueError("the caller checks that one of the three is given")
    return recipes.for_microscope(microscope, **shared)


def _microscope(**options: Any) -> Microscope:
    """Put the microscope together and say what was assumed."""
    from pellucid.psf_file import describe
    from pellucid.train.recipes import immersed

    told = describe(**options)
    microscope = immersed(told)
    if told.refractive_index is None:
        typer.echo(
            f"Taking the immersion's refractive index as {microscope.refractive_index:g}; "
            "--refractive-index states another."
        )
    return microscope


def _configured(path: Path, *, minutes: float | None, start: str | None) -> RunConfig:
    from pellucid.train.run_config import read_run_config

    run = read_run_config(path)
    if minutes is not None:
        training = run.training.model_copy(update={"minutes": minutes})
        run = run.model_copy(update={"training": training})
    if start is not None:
        run = run.model_copy(update={"start": _weights(start)})
    return run


def _weights(start: str | None) -> str | None:
    from pellucid.train.recipes import DEFAULT_START

    if start is None:
        return DEFAULT_START
    return None if start == "none" else start


def _carry_out(
    run: RunConfig, *, folder: Path, output: Path | None, threads: int, overwrite: bool
) -> None:
    from pellucid.train.parallel import Group
    from pellucid.training import train as carry_out

    leads = Group.rank_of_environment() == 0
    if leads:
        typer.echo(run.to_yaml())
    with TrainingBar(run.name, quiet=not leads) as bar:
        done = carry_out(
            run,
            folder=folder,
            onnx=output,
            threads=threads,
            overwrite=overwrite,
            observer=bar,
            say=bar.say,
        )
    if done is None:
        return
    typer.echo(
        f"{done.pairs_seen} pairs in {done.minutes:.1f} minutes; validation: images "
        f"{done.input_db:.2f} dB, before training {done.before_db:.2f} dB, after "
        f"{done.after_db:.2f} dB"
    )
    for file in (done.onnx, done.card, folder / "log.jsonl"):
        typer.echo(str(file))


def _folder_of(config: Path | None, output: Path | None) -> Path:
    if output is not None:
        return output.with_name(f"{output.stem}-run")
    return Path("runs") / (config.stem if config is not None else "run")


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _require_torch() -> None:
    from importlib.util import find_spec

    from pellucid.errors import require

    for package in ("torch", "onnx", "onnxscript", "yaml", "matplotlib"):
        if find_spec(package) is None:
            raise require(package, extra="train", purpose="train networks")
