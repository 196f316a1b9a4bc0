"""``pellucid simulate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast

import typer

from pellucid.commands._terminal import Bar, one_sentence_errors


def simulate(  # noqa: PLR0917  typer passes by name
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Folder for the pairs; an interrupted one is resumed."),
    ] = None,
    regime: Annotated[
        str | None, typer.Option(help="paper, released, physical or thick; physical if not given.")
    ] = None,
    count: Annotated[int, typer.Option(help="Pairs, over training, validation and test.")] = 57_000,
    seed: Annotated[int, typer.Option(help="Decides specimens, conditions and noise.")] = 0,
    size: Annotated[int, typer.Option(help="Side of an image, pixels.")] = 128,
    kind: Annotated[
        list[str] | None, typer.Option(help="Kind of specimen; may be repeated; all if not given.")
    ] = None,
    images: Annotated[
        Path | None, typer.Option(help="Folder of images to use as specimens instead.")
    ] = None,
    reuse: Annotated[int, typer.Option(help="Pairs that show one specimen.")] = 4,
    shard: Annotated[int, typer.Option(help="Pairs a file.")] = 1000,
    dtype: Annotated[str, typer.Option(help="float32, or float16 for half the space.")] = "float32",
    workers: Annotated[int, typer.Option(help="Processes.")] = 1,
    preview: Annotated[
        Path | None,
        typer.Option(help="Draw every specimen as every regime images it (PNG); alone or with -o."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing preview.")
    ] = False,
) -> None:
    """Simulate training pairs, or show what they look like."""
    with one_sentence_errors():
        from pellucid.errors import SettingsError
        from pellucid.simulate.regimes import REGIMES
        from pellucid.simulate.shards import ShardPlan, ShardType, write_shards
        from pellucid.simulate.specimens import SPECIMENS

        if output is None and preview is None:
            raise SettingsError(
                "Nothing to write: name a folder for pairs with -o, or a picture with --preview."
            )
        if workers < 1:
            raise SettingsError(f"--workers must be at least 1, not {workers}.")
        kinds = tuple(kind or SPECIMENS)
        if preview is not None:
            from pellucid.preview import write_preview

            wanted = (regime,) if regime else tuple(REGIMES)
            typer.echo(
                write_preview(
                    preview, regimes=wanted, kinds=kinds, seed=seed, size=size, overwrite=overwrite
                )
            )
        if output is not None:
            plan = ShardPlan(
                regime=regime or "physical",
                count=count,
                seed=seed,
                size=size,
                reuse=reuse,
                kinds=kinds,
                pictures=None if images is None else str(images),
                shard=shard,
                dtype=cast("ShardType", dtype),
            )
            with Bar("pairs") as progress:
                typer.echo(write_shards(output, plan, workers=workers, progress=progress))
