"""The command line: parse, call, print."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

import typer

from pellucid.errors import PellucidError, PellucidWarning

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from pellucid.io.known_optics import KnownOptics
    from pellucid.restore.batch import Job, OutputType
    from pellucid.restore.restorer import Restorer

app = typer.Typer(
    name="pellucid",
    help="Remove blur from light-microscopy images.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

#: Options of the optics: the same names in every command.
NumericalAperture = Annotated[
    float | None, typer.Option("--na", help="Numerical aperture of the objective.")
]
Emission = Annotated[float | None, typer.Option(help="Emission wavelength, nm.")]
Excitation = Annotated[float | None, typer.Option(help="Excitation wavelength, nm.")]
RefractiveIndex = Annotated[
    float | None,
    typer.Option(help="Refractive index of the immersion medium (oil 1.515, water 1.333)."),
]
PixelSize = Annotated[float | None, typer.Option(help="Size of a pixel in the specimen, um.")]
ZStep = Annotated[float | None, typer.Option(help="Distance between the planes of a stack, um.")]


def _print_version(wanted: bool) -> None:
    if wanted:
        from pellucid import __version__

        typer.echo(f"pellucid {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Remove blur from light-microscopy images."""


@app.command()
def restore(  # noqa: PLR0917  typer passes by name
    sources: Annotated[
        list[Path],
        typer.Argument(metavar="IN...", help="Images (TIFF, OME-TIFF, PNG) or folders of them."),
    ],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Result, or folder for several. [IN-restored.ome.tif]"),
    ] = None,
    method: Annotated[
        str, typer.Option(help="bcr (a trained network), richardson-lucy or wiener.")
    ] = "bcr",
    weights: Annotated[
        str | None, typer.Option(help="For bcr: name of shipped weights or an .onnx file.")
    ] = None,
    iterations: Annotated[
        int | None, typer.Option(help="For richardson-lucy: number of iterations. [20]")
    ] = None,
    background: Annotated[
        float | None,
        typer.Option(help="For richardson-lucy: intensity without specimen. [estimated]"),
    ] = None,
    noise_to_signal: Annotated[
        float | None, typer.Option(help="For wiener: regularisation. [chosen from the image]")
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
        int | None, typer.Option(help="For bcr: pixels a tile reads a side, at most. [2112]")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="Write a page with before, after and all settings.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")] = False,
) -> None:
    """Restore images: remove blur and noise, keep axes, units and metadata."""
    with _one_sentence_errors():
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
            weights=weights,
            microscope=known,
            iterations=iterations,
            background=background,
            noise_to_signal=noise_to_signal,
            tile=tile,
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
        _print_failures(failures, len(jobs))
        raise typer.Exit(1)


@app.command()
def psf(  # noqa: PLR0917  typer passes by name
    output: Annotated[Path, typer.Option("-o", "--output", help="The OME-TIFF to write.")] = Path(
        "psf.ome.tif"
    ),
    na: NumericalAperture = None,
    emission: Emission = None,
    excitation: Excitation = None,
    refractive_index: RefractiveIndex = None,
    pixel_size: PixelSize = None,
    z_step: ZStep = None,
    objective: Annotated[
        str | None, typer.Option(help='Instead of --na and --refractive-index: "63x/1.4 oil".')
    ] = None,
    modality: Annotated[
        str,
        typer.Option(help="widefield, confocal, spinning-disk, light-sheet, two-photon or sted."),
    ] = "widefield",
    pinhole: Annotated[
        float | None, typer.Option(help="Pinhole diameter in the specimen, um.")
    ] = None,
    airy_units: Annotated[
        float | None, typer.Option(help="Pinhole diameter of a confocal in Airy units. [1]")
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
    theory: Annotated[str, typer.Option(help="scalar or vectorial.")] = "scalar",
    size: Annotated[int, typer.Option(help="Pixels along y and x.")] = 129,
    planes: Annotated[int, typer.Option(help="Planes along z; odd, so that one is in focus.")] = 1,
    show: Annotated[
        bool, typer.Option("--show", help="Also write a picture beside it (PNG).")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")] = False,
) -> None:
    """Compute the point spread function of a microscope."""
    with _one_sentence_errors():
        from pellucid.psf_file import describe, write_psf

        microscope = describe(
            objective=objective,
            numerical_aperture=na,
            emission_nm=emission,
            excitation_nm=excitation,
            refractive_index=refractive_index,
            pixel_size_um=pixel_size,
            z_step_um=z_step,
            theory=theory,
            modality=modality,
            pinhole_um=pinhole,
            airy_units=airy_units,
            spacing_um=spacing,
            thickness_um=thickness,
            saturation=saturation,
        )
        done = write_psf(
            microscope, output, size=size, planes=planes, show=show, overwrite=overwrite
        )
    typer.echo(done.sampling)
    typer.echo(f"{100 * done.outside:.2g} % of the light falls beside the grid.")
    for file in done.files:
        typer.echo(str(file))


@app.command()
def demo(
    image: Annotated[
        Path | None, typer.Argument(metavar="[IMAGE]", help="Restore this image instead.")
    ] = None,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="Folder for pictures and results.")
    ] = Path("demo"),
    axes: Annotated[
        str | None, typer.Option(help="Axes of a stack that does not name them, e.g. ZYX.")
    ] = None,
) -> None:
    """Restore a simulated cell, or an image of yours, and write pictures and a report."""
    with _one_sentence_errors():
        from pellucid.demo import show

        with _warnings_as_lines():
            shown = show(output, image=image, axes=axes)
    for name, (decibel, similarity) in shown.scores.items():
        typer.echo(f"{name:42s} PSNR {decibel:6.2f} dB   SSIM {similarity:.3f}")
    if shown.scores:
        typer.echo("(against the truth, after gain-and-offset fit)")
    typer.echo(f"Restored in {shown.seconds:.2f} s. Look at:")
    for file in shown.files:
        typer.echo(f"  {file}")


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

    start = time.perf_counter()
    with _warnings_as_lines() as notes, _Bar(label) as progress:
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


def _console() -> Console:
    from rich.console import Console

    return Console(stderr=True, highlight=False)


@contextmanager
def _one_sentence_errors() -> Iterator[None]:
    """Turn an error of pellucid's into its sentence and exit code 2."""
    try:
        yield
    except PellucidError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None


@contextmanager
def _warnings_as_lines() -> Iterator[list[str]]:
    """Print warnings of pellucid's as lines, others as they come; yield the lines."""
    lines: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", PellucidWarning)
        yield lines
        lines.extend(str(w.message) for w in caught if issubclass(w.category, PellucidWarning))
    for warning in caught:
        if issubclass(warning.category, PellucidWarning):
            typer.echo(f"warning: {warning.message}", err=True)
        else:
            warnings.warn_explicit(
                warning.message, warning.category, warning.filename, warning.lineno
            )


class _Bar:
    """A progress bar on the terminal; nothing where there is none."""

    def __init__(self, label: str) -> None:
        console = _console()
        self._label = label
        self._progress = _columns(console) if console.is_terminal else None

    def __enter__(self) -> Self:
        if self._progress is not None:
            self._progress.add_task(self._label, total=None)
            self._progress.start()
        return self

    def __exit__(self, *details: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    def __call__(self, done: int, total: int) -> None:
        if self._progress is not None:
            self._progress.update(self._progress.task_ids[0], completed=done, total=total)


def _columns(console: Console) -> Progress:
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total}"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )


def _print_failures(failures: dict[Path, str], count: int) -> None:
    """Print what failed and why, as a table on standard error."""
    from rich.table import Table

    table = Table(title=f"{len(failures)} of {count} images failed", title_justify="left")
    table.add_column("image", overflow="fold")
    table.add_column("why", overflow="fold")
    for path, reason in failures.items():
        table.add_row(str(path), reason)
    _console().print(table)


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
