"""Restoring files: one or many, each whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, final

from pellucid.errors import ImageError, OutputError, PellucidError, SettingsError
from pellucid.io.image import Image, image_stem
from pellucid.io.provenance import versions
from pellucid.io.read import read_image
from pellucid.io.write import cast, check_writable, write_image
from pellucid.restore.blocks import Progress
from pellucid.restore.restorer import Restored, Restorer

OutputType: TypeAlias = Literal["float32", "same"]

_SUFFIXES = (".tif", ".tiff", ".png", ".mrc", ".dv")
_RESTORED = "-restored.ome.tif"


@final
@dataclass(frozen=True, slots=True)
class Job:
    """A file to restore and the file the result goes to."""

    source: Path
    target: Path


def plan_jobs(sources: Sequence[Path], output: Path | None) -> tuple[Job, ...]:
    """Pair every input file with its output file.

    Parameters
    ----------
    sources : sequence of Path
        Files and folders; of a folder, its TIFF and PNG files that are not results.
    output : Path, optional
        For one file: the result's name, or a folder. For several: a folder, created if
        missing. Without it every result lies beside its source as ``NAME-restored.ome.tif``.

    Raises
    ------
    PellucidError
        If there is nothing to restore, or two results would have the same name.
    """
    files: list[Path] = []
    for source in sources:
        files += _images_in(source) if source.is_dir() else [source]
    several = len(files) > 1 or any(source.is_dir() for source in sources)
    if several and output is not None:
        if output.exists() and not output.is_dir():
            raise OutputError(
                f"{output} is a file, but {len(files)} images are to be restored; give a folder "
                "with -o."
            )
        try:
            output.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"The folder {output} cannot be created: {error.strerror or error}; choose "
                "another with -o."
            ) from error
    jobs = tuple(Job(file, _target(file, output)) for file in files)
    seen: dict[Path, Path] = {}
    for job in jobs:
        if job.target in seen:
            raise OutputError(
                f"{seen[job.target]} and {job.source} would both become {job.target}; restore "
                "them into different folders."
            )
        seen[job.target] = job.source
    return jobs


def run_job(
    job: Job,
    restorer: Restorer,
    *,
    axes: str | None = None,
    dtype: OutputType = "float32",
    overwrite: bool = False,
    progress: Progress | None = None,
) -> tuple[Image, Restored]:
    """Read, restore and write one file; return what was read and what became of it.

    Raises
    ------
    PellucidError
        With nothing written.
    """
    if job.target.exists() and job.source.exists() and job.target.samefile(job.source):
        raise OutputError(f"{job.target} is the input itself; choose another name with -o.")
    check_writable(job.target, overwrite=overwrite)
    image = read_image(job.source, axes=axes)
    try:
        restored = restorer.restore(image, progress)
    except ImageError as error:
        raise ImageError(f"{job.source}: {error}") from error
    result = restored.image if dtype == "float32" else cast(restored.image, image.data.dtype)
    annotation = {"source": job.source.name, "versions": versions(), **restored.settings}
    write_image(result, job.target, overwrite=overwrite, annotation=annotation)
    return image, restored


def run_jobs(
    jobs: Iterable[Job],
    run: Callable[[Job], object],
) -> dict[Path, str]:
    """Run many jobs; a failed one does not stop the rest.

    Returns
    -------
    dict of Path to str
        Source and reason of every failure.
    """
    failures: dict[Path, str] = {}
    for job in jobs:
        try:
            run(job)
        except PellucidError as error:
            failures[job.source] = str(error)
    return failures


def check_output_type(dtype: str) -> OutputType:
    """Return a valid output type or say which there are."""
    if dtype == "float32":
        return "float32"
    if dtype == "same":
        return "same"
    raise SettingsError(f"--dtype {dtype} is not known; use float32 or same (the input's type).")


def _images_in(folder: Path) -> list[Path]:
    found = sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in _SUFFIXES
        and not path.name.endswith(_RESTORED)
        and not path.name.startswith(".")
        and path.is_file()
    )
    if not found:
        raise ImageError(
            f"The folder {folder} holds no image ({', '.join(_SUFFIXES)}) to restore; name another."
        )
    return found


def _target(source: Path, output: Path | None) -> Path:
    name = f"{image_stem(source)}{_RESTORED}"
    if output is None:
        return source.with_name(name)
    return output / name if output.is_dir() else output
