"""``pellucid sweep``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pellucid.commands._options import (
    Emission,
    Excitation,
    NumericalAperture,
    PixelSize,
    RefractiveIndex,
    ZStep,
)
from pellucid.commands._terminal import Bar, one_sentence_errors, warnings_as_lines


def sweep(  # noqa: PLR0917  typer passes by name
    source: Annotated[Path, typer.Argument(metavar="IN", help="The image.")],
    output: Annotated[
        Path,
        typer.Option("-o", "--output", help="The sheet (PNG); the numbers go beside it as JSON."),
    ] = Path("sweep.png"),
    method: Annotated[
        str,
        typer.Option(
            help="richardson-lucy or unmatched (iterations are tried), wiener (noise to signal), "
            "tikhonov, regularised-inverse, total-variation, hessian-schatten or fista (strength)."
        ),
    ] = "richardson-lucy",
    values: Annotated[
        str | None,
        typer.Option(help="Values to try, e.g. 5,10,20; else about what the method would choose."),
    ] = None,
    crop: Annotated[
        str | None,
        typer.Option(
            metavar="Y,X,SIZE",
            help="Part to restore: first row, first column, side; else where most structure is.",
        ),
    ] = None,
    plane: Annotated[
        int | None, typer.Option(help="Plane of a stack to show, from 0; else the middle one.")
    ] = None,
    channel: Annotated[int, typer.Option(help="Channel to restore, from 0.")] = 0,
    psf: Annotated[
        Path | None, typer.Option(help="A measured point spread function, instead of the optics'.")
    ] = None,
    psf_pixel_size: Annotated[
        float | None, typer.Option(help="Its pixel size, um, if its file does not say.")
    ] = None,
    psf_z_step: Annotated[
        float | None, typer.Option(help="Distance of its planes, um, if its file does not say.")
    ] = None,
    background: Annotated[
        float | None, typer.Option(help="Intensity without specimen; else estimated.")
    ] = None,
    gain: Annotated[
        float | None,
        typer.Option(help="Electrons per count of the camera; else measured in the image."),
    ] = None,
    offset: Annotated[
        float | None, typer.Option(help="Counts of the camera without light, with --gain.")
    ] = None,
    read_noise: Annotated[
        float | None, typer.Option(help="Of the camera, electrons, with --gain; none if not given.")
    ] = None,
    share: Annotated[
        float, typer.Option(help="Share of the light to restore from; the rest judges.")
    ] = 0.8,
    splits: Annotated[
        int, typer.Option(help="How often the light is split; more take longer and are surer.")
    ] = 1,
    seed: Annotated[int, typer.Option(help="Decides how the light is split.")] = 0,
    na: NumericalAperture = None,
    emission: Emission = None,
    excitation: Excitation = None,
    refractive_index: RefractiveIndex = None,
    pixel_size: PixelSize = None,
    z_step: ZStep = None,
    axes: Annotated[
        str | None, typer.Option(help="Axes of a stack that does not name them, e.g. ZYX.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")] = False,
) -> None:
    """Try values of a setting on a part of an image, and find the best without a reference."""
    with one_sentence_errors():
        from pellucid.io.image import Voxel
        from pellucid.io.known_optics import KnownOptics
        from pellucid.restore.trial import Stated
        from pellucid.sweep import sweep as run

        known = KnownOptics(
            numerical_aperture=na,
            emission_nm=emission,
            excitation_nm=excitation,
            refractive_index=refractive_index,
            pixel_size_um=pixel_size,
            z_step_um=z_step,
        )
        psf_voxel = None
        if psf_pixel_size is not None or psf_z_step is not None:
            psf_voxel = Voxel(pixel_size_um=psf_pixel_size, z_step_um=psf_z_step)
        stated = Stated(
            known=known,
            psf=psf,
            psf_voxel=psf_voxel,
            background=background,
            gain_electrons_per_count=gain,
            offset_counts=offset,
            read_noise_electrons=read_noise,
        )
        tried = None if values is None else _numbers(values, "--values", "5,10,20")
        part = None if crop is None else _crop(crop)
        with warnings_as_lines(), Bar(source.name) as progress:
            swept = run(
                source,
                output,
                stated,
                method=method,
                values=tried,
                crop=part,
                plane=plane,
                channel=channel,
                axes=axes,
                share=share,
                splits=splits,
                seed=seed,
                progress=progress,
                overwrite=overwrite,
            )
    typer.echo(f"{source}: {swept.where}")
    typer.echo(f"{swept.setting.replace('_', ' '):>16s}  held-out score (1 is perfect)")
    for number, (value, score) in enumerate(zip(swept.values, swept.scores, strict=True)):
        typer.echo(f"{value:16g}  {score:.4f}{'  best' if number == swept.best else ''}")
    typer.echo("Restore the whole image with:")
    typer.echo(f"  {swept.command}")
    for file in swept.files:
        typer.echo(str(file))


def _numbers(text: str, option: str, example: str) -> list[float]:
    from pellucid.errors import SettingsError

    try:
        return [float(word) for word in text.split(",")]
    except ValueError:
        raise SettingsError(
            f"{option} must be numbers with commas between them, such as {example}, not {text!r}."
        ) from None


def _crop(text: str) -> tuple[int, int, int]:
    from pellucid.errors import SettingsError

    found = _numbers(text, "--crop", "100,200,256")
    if len(found) != 3 or not all(value.is_integer() for value in found):
        raise SettingsError(
            f"--crop must be three whole numbers, first row, first column and side, such as "
            f"100,200,256, not {text!r}."
        )
    return int(found[0]), int(found[1]), int(found[2])
