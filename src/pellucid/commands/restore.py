"""``pellucid restore``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pellucid.commands._options import (
    Emission,
    Excitation,
    NumericalAperture,
    PixelSize,
    RefractiveIndex,
    ZStep,
)
from pellucid.commands._terminal import (
    Bar,
    one_sentence_errors,
    print_failures,
    warnings_as_lines,
)

if TYPE_CHECKING:
    from pellucid.io.known_optics import KnownOptics
    from pellucid.restore.batch import Job, OutputType
    from pellucid.restore.restorer import Restorer


def restore(  # noqa: PLR0917  typer passes by name
    sources: Annotated[
        list[Path],
        typer.Argument(metavar="IN...", help="Images (TIFF, OME-TIFF, PNG) or folders of them."),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="Result, or folder for several; IN-restored.ome.tif if not given.",
        ),
    ] = None,
    method: Annotated[
        str,
        typer.Option(
            help="bcr (a trained network), richardson-lucy, photon-split, unmatched, blind, "
            "wiener, tikhonov, regularised-inverse, total-variation, hessian-schatten or fista."
        ),
    ] = "bcr",
    auto: Annotated[
        bool,
        typer.Option("--auto", help="Measure noise and background, choose the rest, and say what."),
    ] = False,
    weights: Annotated[
        str | None, typer.Option(help="For bcr: name of shipped weights or an .onnx file.")
    ] = None,
    iterations: Annotated[
        int | None,
        typer.Option(help="The most an iterative method makes; else its own number."),
    ] = None,
    background: Annotated[
        float | None,
        typer.Option(help="Intensity without specimen, camera offset included; else estimated."),
    ] = None,
    strength: Annotated[
        float | None, typer.Option(help="Regularisation; else chosen (richardson-lucy: none).")
    ] = None,
    noise_to_signal: Annotated[
        float | None, typer.Option(help="For wiener: regularisation; else chosen from the image.")
    ] = None,
    choice: Annotated[
        str | None,
        typer.Option(
            help="How a linear method chooses: expected-error (default), gcv, discrepancy, l-curve."
        ),
    ] = None,
    acceleration: Annotated[
        str | None, typer.Option(help="Of richardson-lucy: none, biggs-andrews or heavy-ball.")
    ] = None,
    stop: Annotated[
        str | None,
        typer.Option(help="When to end: iterations, relative-change or discrepancy."),
    ] = None,
    boundary: Annotated[
        str | None,
        typer.Option(help="What is beyond the frame: extended (default), reflect, periodic."),
    ] = None,
    psf: Annotated[
        Path | None, typer.Option(help="A measured point spread function (TIFF).")
    ] = None,
    psf_pixel_size: Annotated[
        float | None, typer.Option(help="Its pixels, um, where its file does not state them.")
    ] = None,
    psf_z_step: Annotated[
        float | None, typer.Option(help="Its planes' distance, um, where its file does not.")
    ] = None,
    na: NumericalAperture = None,
    emission: Emission = None,
    excitation: Excitation = None,
    refractive_index: RefractiveIndex = None,
    pixel_size: PixelSize = None,
    z_step: ZStep = None,
    axes: Annotated[
        str | None, typer.Option(help="Axes of a stack that does not name them, e.g. ZYX.")
    ] = None,
    dtype: Annotated[
        str, typer.Option(help="Type of the result: float32, or same as the input.")
    ] = "float32",
    tile: Annotated[
        int | None,
        typer.Option(help="For bcr: pixels a tile reads a side, at most; 2112 if not given."),
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Write a page with before, after and all settings.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")] = False,
) -> None:
    """Restore images: remove blur and noise, keep axes, units and metadata."""
    with one_sentence_errors():
        from pellucid.errors import SettingsError
        from pellucid.io.known_optics import KnownOptics
        from pellucid.io.write import check_writable
        from pellucid.restore.batch import check_output_type, plan_jobs, run_jobs
        from pellucid.restore.restorer import Restorer

        checked_dtype = check_output_type(dtype)
        known = KnownOptics(
            numerical_aperture=na,
            emission_nm=emission,
            excitation_nm=excitation,
            refractive_index=refractive_index,
            pixel_size_um=pixel_size,
            z_step_um=z_step,
        )
        jobs = plan_jobs(sources, output)
        if report is not None:
            if len(jobs) > 1:
                raise SettingsError(
                    f"--report shows one image, but {len(jobs)} are to be restored; leave it out "
                    "or name a single file."
                )
            check_writable(report, overwrite=overwrite)
            from pellucid.assess.report import check_available

            check_available()
        restorer = Restorer(
            method,
            microscope=known,
            weights=weights,
            tile=tile,
            auto=auto,
            iterations=iterations,
            background=background,
            strength=strength,
            noise_to_signal=noise_to_signal,
            choice=choice,
            acceleration=acceleration,
            stop=stop,
            boundary=boundary,
            psf=psf,
            psf_pixel_size_um=psf_pixel_size,
            psf_z_step_um=psf_z_step,
        )

        def run(job: Job) -> None:
            _restore_one(
                job,
                restorer,
                axes=axes,
                dtype=checked_dtype,
                report=report,
                known=known,
                overwrite=overwrite,
                label=f"{jobs.index(job) + 1}/{len(jobs)} {job.source.name}",
            )

        if len(jobs) == 1 and not sources[0].is_dir():
            run(jobs[0])
            return
        failures = run_jobs(jobs, run)
    if failures:
        print_failures(failures, len(jobs))
        raise typer.Exit(1)


def _restore_one(
    job: Job,
    restorer: Restorer,
    *,
    axes: str | None,
    dtype: OutputType,
    report: Path | None,
    known: KnownOptics,
    overwrite: bool,
    label: str,
) -> None:
    """Restore one file under a progress bar, print what became of it, write its report."""
    from pellucid.restore.batch import run_job
    from pellucid.restore.picked import what_was_picked

    start = time.perf_counter()
    with warnings_as_lines() as notes, Bar(label) as progress:
        image, restored = run_job(
            job,
            restorer,
            axes=axes,
            dtype=dtype,
            overwrite=overwrite,
            progress=progress,
        )
    total = time.perf_counter() - start
    typer.echo(f"{job.source} -> {job.target} ({restored.seconds:.2f} s)")
    if restored.settings.get("auto"):
        for line in what_was_picked(restored.settings):
            typer.echo(f"  {line}")
    if report is not None:
        from pellucid.assess.report import write_report

        write_report(
            report,
            before=image,
            restored=restored,
            source=job.source.name,
            seconds={
                "restoring": restored.seconds,
                "reading and writing": total - restored.seconds,
            },
            notes=tuple(notes),
            cutoff_per_pixel=known.completed_by(image, 0).cutoff_per_pixel,
            overwrite=overwrite,
        )
        typer.echo(f"report: {report}")
