"""The terminal: errors as one sentence, warnings as lines, progress, tables."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self, final

import typer

from pellucid.errors import PellucidError, PellucidWarning

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress


def _console() -> Console:
    from rich.console import Console

    return Console(stderr=True, highlight=False)


@contextmanager
def one_sentence_errors() -> Iterator[None]:
    """Turn an error of pellucid's into its sentence and exit code 2."""
    try:
        yield
    except PellucidError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None


@contextmanager
def warnings_as_lines() -> Iterator[list[str]]:
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


@final
class Bar:
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


def print_failures(failures: dict[Path, str], count: int) -> None:
    """Print what failed and why, as a table on standard error."""
    from rich.table import Table

    table = Table(title=f"{len(failures)} of {count} images failed", title_justify="left")
    table.add_column("image", overflow="fold")
    table.add_column("why", overflow="fold")
    for path, reason in failures.items():
        table.add_row(str(path), reason)
    _console().print(table)
