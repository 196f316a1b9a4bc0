"""The command line: parse, call, print."""

from __future__ import annotations

from typing import Annotated

import typer

from pellucid.commands.demo import demo
from pellucid.commands.psf import psf
from pellucid.commands.restore import restore
from pellucid.commands.simulate import simulate
from pellucid.commands.sweep import sweep
from pellucid.commands.train import train

app = typer.Typer(
    name="pellucid",
    help="Remove blur from light-microscopy images.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (restore, psf, sweep, simulate, train, demo):
    app.command()(command)


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


def main() -> None:
    """Run the command line."""
    app()


if __name__ == "__main__":
    main()
