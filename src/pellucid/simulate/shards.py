"""A fixed set of training pairs on disk: shards, a manifest with hashes, resumable."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, final, get_args

import numpy as np

from pellucid.errors import OutputError, SettingsError
from pellucid.io.provenance import versions
from pellucid.io.write import write_whole
from pellucid.simulate.images import ImageFolder
from pellucid.simulate.pictures import PictureSource
from pellucid.simulate.regimes import named_regime
from pellucid.simulate.source import ProceduralSource, SceneSource
from pellucid.simulate.specimens import SPECIMENS
from pellucid.simulate.stream import PairStream

#: Parts of the set and their shares, as in the paper.
SPLIT = MappingProxyType({"train": 0.8, "validation": 0.1, "test": 0.1})
ShardType: TypeAlias = Literal["float32", "float16"]

#: Largest side of an image, in pixels: at 4 times the sampling a plane of it takes about 0.4 GB.
LARGEST = 2048

_MANIFEST = "manifest.json"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ShardPlan:
    """What a set of pairs is made of; with the version of pellucid it decides every byte.

    Parameters
    ----------
    regime : str
        Name of a regime.
    count : int
        Pairs, over all parts.
    seed : int
    size : int
        Side of an image, pixels.
    reuse : int
        Pairs that show one specimen, under conditions of their own; they never fall into
        different parts.
    kinds : tuple of str
        Kinds of procedural specimen.
    pictures : str or None
        Folder of pictures to use instead of procedural specimens; every picture belongs to one
        part alone.
    shard : int
        Pairs a file.
    dtype : {"float32", "float16"}
        Of the images in the files.
    """

    regime: str
    count: int
    seed: int = 0
    size: int = 128
    reuse: int = 4
    kinds: tuple[str, ...] = tuple(SPECIMENS)
    pictures: str | None = None
    shard: int = 1000
    dtype: ShardType = "float32"

    def __post_init__(self) -> None:
        named_regime(self.regime)
        for name in ("count", "size", "reuse", "shard"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} must be at least 1, not {getattr(self, name)}.")
        if self.seed < 0:
            raise SettingsError(f"seed must be zero or more, not {self.seed}.")
        if self.size > LARGEST:
            raise SettingsError(
                f"size = {self.size} is beyond {LARGEST} pixels a side, for which specimens are "
                "drawn; make smaller pairs."
            )
        if self.dtype not in get_args(ShardType):
            raise SettingsError(
                f"Pairs are stored as {' or '.join(get_args(ShardType))}, not {self.dtype!r}."
            )

    @property
    def parts(self) -> dict[str, range]:
        """Numbers of the pairs of each part; cut between specimens."""
        first = self._whole(self.count * SPLIT["train"])
        second = self._whole(self.count * (SPLIT["train"] + SPLIT["validation"]))
        return {
            "train": range(first),
            "validation": range(first, second),
            "test": range(second, self.count),
        }

    @property
    def shards(self) -> dict[str, range]:
        """Numbers of the pairs in each file, by the file's name within the folder."""
        return {
            f"{part}/{number:05d}.npz": numbers[start : start + self.shard]
            for part, numbers in self.parts.items()
            for number, start in enumerate(range(0, len(numbers), self.shard))
        }

    @property
    def nbytes(self) -> int:
        """Size of the images on disk."""
        return 2 * self.count * self.size**2 * np.dtype(self.dtype).itemsize

    def stream(self, part: str) -> PairStream:
        """Return the stream a part of the set is read from."""
        regime = named_regime(self.regime)
        pixels = self.size + max(32, self.size // 4)
        source: SceneSource
        if self.pictures is None:
            source = ProceduralSource(
                needs=regime.needs, seed=self.seed, pixels=pixels, kinds=self.kinds
            )
        else:
            shares = list(SPLIT)
            low = sum(SPLIT[name] for name in shares[: shares.index(part)])
            source = PictureSource(
                Path(self.pictures),
                needs=regime.needs,
                seed=self.seed,
                pixels=pixels,
                share=(low, low + SPLIT[part]),
            )
        return PairStream(
            source, regime=regime, seed=self.seed, size=self.size, reuse=self.reuse, cache_bytes=0
        )

    def _whole(self, count: float) -> int:
        return min(round(count / self.reuse) * self.reuse, self.count)


def write_shards(
    folder: Path,
    plan: ShardPlan,
    *,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write a set of pairs, or go on with one that was interrupted.

    Every file ``train/00000.npz`` ... holds ``w`` (images) and ``gt`` (truths), both (n, y, x),
    and ``conditions``, one JSON text a pair. ``manifest.json`` holds the plan, versions and the
    SHA-256 of each file, and is kept up to date after each. Files that are there and have their
    hash are kept; the rest is made anew, to the same bytes.

    Parameters
    ----------
    folder : Path
        Created if it is not there.
    plan : ShardPlan
    workers : int
        Processes; the files do not depend on how many.
    progress : callable, optional
        Receives the pairs done and the pairs in all after every file.

    Returns
    -------
    Path
        The manifest.

    Raises
    ------
    SettingsError
        If the folder holds a set made by another plan.
    OutputError
        If the folder holds something else, or the disk is full.
    """
    folder = Path(folder)
    plan.stream("train")  # impossible plans fail before anything is written
    _check_space(folder, plan)
    manifest = _open_manifest(folder, plan)
    done: dict[str, dict[str, Any]] = manifest["shards"]
    missing = {name: numbers for name, numbers in plan.shards.items() if name not in done}
    finished = sum(len(numbers) for name, numbers in plan.shards.items() if name in done)
    if progress is not None:
        progress(finished, plan.count)
    for name, digest in _made(folder, plan, missing, workers):
        done[name] = {"pairs": len(missing[name]), "first": missing[name].start, "sha256": digest}
        manifest["shards"] = dict(sorted(done.items()))
        _write_manifest(folder, manifest)
        finished += len(missing[name])
        if progress is not None:
            progress(finished, plan.count)
    return folder / _MANIFEST


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, as hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _sha256_of_pictures(folder: str) -> str:
    """Return one hash of the names and contents of all pictures of a folder."""
    listed = json.dumps(ImageFolder(folder).sha256(), sort_keys=True)
    return hashlib.sha256(listed.encode()).hexdigest()


def _made(
    folder: Path, plan: ShardPlan, missing: dict[str, range], workers: int
) -> Iterator[tuple[str, str]]:
    """Make files, on several processes if asked; yield each name and hash as it is done."""
    if workers <= 1:
        for name, numbers in missing.items():
            yield name, _write_shard(folder, plan, name, numbers)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        names: dict[Future[str], str] = {
            pool.submit(_write_shard, folder, plan, name, numbers): name
            for name, numbers in missing.items()
        }
        for future in as_completed(names):
            yield names[future], future.result()


def _write_shard(folder: Path, plan: ShardPlan, name: str, numbers: range) -> str:
    pairs = list(plan.stream(name.partition("/")[0]).pairs(numbers))
    images = np.stack([pair.image for pair in pairs]).astype(plan.dtype)
    truths = np.stack([pair.truth for pair in pairs]).astype(plan.dtype)
    conditions = np.array([json.dumps(pair.conditions) for pair in pairs])

    def write(temporary: Path) -> None:
        with temporary.open("wb") as stream:
            np.savez(stream, w=images, gt=truths, conditions=conditions)

    return sha256_of(write_whole(folder / name, write, overwrite=True))


def _open_manifest(folder: Path, plan: ShardPlan) -> dict[str, Any]:
    """Return the manifest of a folder as far as its files bear it out."""
    made_by = {
        **asdict(plan),
        "kinds": list(plan.kinds),
        "pictures_sha256": None if plan.pictures is None else _sha256_of_pictures(plan.pictures),
    }
    path = folder / _MANIFEST
    if not path.exists():
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise OutputError(
                f"{folder} is there already and holds no {_MANIFEST} of a set of pairs; name a new "
                "or empty folder."
            )
        manifest = {"plan": made_by, "versions": versions(), "shards": {}}
        for part in SPLIT:
            (folder / part).mkdir(parents=True, exist_ok=True)
        _write_manifest(folder, manifest)
        return manifest
    try:
        manifest = json.loads(path.read_text("utf-8"))
        other = {k: v for k, v in made_by.items() if manifest["plan"].get(k) != v}
    except (ValueError, KeyError, AttributeError) as error:
        raise OutputError(
            f"{path} is damaged ({error}); remove it and the files beside it to start anew."
        ) from error
    if other:
        name, value = next(iter(other.items()))
        raise SettingsError(
            f"{folder} holds pairs made with {name} = {manifest['plan'].get(name)}, not {value}; "
            "repeat its settings to go on with it, or name another folder."
        )
    if manifest["versions"].get("pellucid") != versions()["pellucid"]:
        raise SettingsError(
            f"{folder} was begun with pellucid {manifest['versions'].get('pellucid')}, this is "
            f"{versions()['pellucid']}, whose pairs may differ; name another folder."
        )
    for part in SPLIT:
        (folder / part).mkdir(exist_ok=True)
        for leftover in (folder / part).glob(".*.part"):
            leftover.unlink()
    manifest["shards"] = {
        name: entry
        for name, entry in manifest["shards"].items()
        if (folder / name).is_file() and sha256_of(folder / name) == entry["sha256"]
    }
    return dict(manifest)


def _check_space(folder: Path, plan: ShardPlan) -> None:
    there = sum(path.stat().st_size for path in folder.glob("*/*.npz"))
    home = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    needed, free = plan.nbytes - there, shutil.disk_usage(home).free
    if needed > free:
        raise OutputError(
            f"The pairs still to be made need {needed / 1e9:.1f} GB, but {home} has "
            f"{free / 1e9:.1f} GB free; choose another disk, fewer pairs or --dtype float16."
        )


def _write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    text = json.dumps(manifest, indent=1) + "\n"
    write_whole(
        folder / _MANIFEST, lambda part: part.write_text(text, encoding="utf-8"), overwrite=True
    )
