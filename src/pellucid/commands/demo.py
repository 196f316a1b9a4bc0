"""``pellucid demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pellucid.commands._terminal import one_sentence_errors, warnings_as_lines


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
    with one_sentence_errors():
        from pellucid.demo import show

        with warnings_as_lines():
            shown = show(output, image=image, axes=axes)
    for name, (decibel, similarity) in shown.scores.items():
        typer.echo(f"{name:42s} PSNR {decibel:6.2f} dB   SSIM {similarity:.3f}")
    if shown.scores:
        typer.echo("(against the truth, after gain-and-offset fit)")
    typer.echo(f"Restored in {shown.seconds:.2f} s. Look at:")
    for file in shown.files:
        typer.echo(f"  {file}")
