"""``pellucid psf``."""

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
from pellucid.commands._terminal import one_sentence_errors


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
        float | None,
        typer.Option(help="Pinhole diameter of a confocal in Airy units; 1 if not given."),
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
    with one_sentence_errors():
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
