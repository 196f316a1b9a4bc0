"""Options that several commands share: the same names everywhere."""

from __future__ import annotations

from typing import Annotated

import typer

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
PixelSize = Annotated[
    float | None,
    typer.Option("--pixel-size", "--pixel", help="Size of a pixel in the specimen, um."),
]
ZStep = Annotated[float | None, typer.Option(help="Distance between the planes of a stack, um.")]
