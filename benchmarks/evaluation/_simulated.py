"""The simulated sets, row by row: what every restorer reaches on every image."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias, final

import numpy as np
from benchmarks.evaluation._cache import Cache, key_of
from benchmarks.evaluation._oracle import ensemble_power
from benchmarks.evaluation._pool import spread
from benchmarks.evaluation._restorers import Restorer
from benchmarks.evaluation._scores import IDENTITIES, LMMSE, Job, Scores, run
from benchmarks.evaluation._sets import Case, SimulatedSet
from numpy.typing import NDArray

#: Changes when scores are computed in another way.
_VERSION = "scores-1"

#: Set, folder of natural pictures or none, number.
_Place: TypeAlias = tuple[str, str | None, int]


@final
@dataclass(frozen=True, slots=True)
class Scored:
    """Every image of a set with the scores of every row.

    Attributes
    ----------
    cases : sequence of Case
    rows : dict
        By the name of a row: the scores of every image, None for those it was not run on.
    """

    cases: Sequence[Case]
    rows: dict[str, list[Scores | None]]

    @property
    def fingerprint(self) -> str:
        """Hash of all images and truths: whether two runs scored the same set."""
        return hashlib.sha256("".join(c.sha256 for c in self.cases).encode()).hexdigest()[:16]


def draw(
    name: str, *, specimens: int, pictures: int, folder: Path | None, processes: int
) -> list[Case]:
    """Return the first images of a set: procedural specimens, then natural pictures.

    Parameters
    ----------
    name : {"physical", "released"}
    specimens, pictures : int
        How many of each.
    folder : Path, optional
        Of natural pictures; without it there are none.
    processes : int
    """
    places: list[_Place] = [(name, None, index) for index in range(specimens)]
    if folder is not None:
        places += [(name, str(folder), index) for index in range(pictures)]
    made = dict(spread(_draw, places, processes=processes, what=f"{name}: images drawn"))
    return [made[place] for place in places]


def score(
    cases: Sequence[Case],
    networks: Mapping[Restorer, frozenset[str] | None],
    cache: Cache,
    *,
    processes: int,
    what: str,
) -> Scored:
    """Score every image by every classical row and every network.

    Parameters
    ----------
    cases : sequence of Case
    networks : mapping of Restorer to set of str
        Classes of specimen a network is run on; None for all.
    cache : Cache
        What is there is not computed again.
    processes : int
    what : str
        The set in a word, for the progress lines.
    """
    powers = _mean_spectra(cases)
    keys = [_keys(case, networks, powers[_ensemble(case)]) for case in cases]
    jobs = [
        job
        for case, (classical, wanted) in zip(cases, keys, strict=True)
        if (job := _job(case, classical, wanted, powers[_ensemble(case)], cache)) is not None
    ]
    for _, found in spread(run, jobs, processes=processes, what=f"{what}: images scored"):
        for key, rows in found.items():
            cache.put(key, rows)
    by_row: dict[str, list[Scores | None]] = defaultdict(lambda: [None] * len(cases))
    for index, (classical, wanted) in enumerate(keys):
        for key in classical.values():
            for row, scores in cache[key].items():
                by_row[row][index] = scores
        for network, key in wanted.items():
            # The same weights may go by another name than when they were scored.
            (scores,) = cache[key].values()
            by_row[network.name][index] = scores
    return Scored(cases, dict(by_row))


def _ensemble(case: Case) -> str:
    return str(case.conditions["kind"])


def _mean_spectra(cases: Sequence[Case]) -> dict[str, NDArray[np.float32]]:
    """Return the mean power spectrum of every kind of specimen."""
    groups: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        groups[_ensemble(case)].append(case)
    return {kind: ensemble_power(group) for kind, group in groups.items()}


def _keys(
    case: Case,
    networks: Mapping[Restorer, frozenset[str] | None],
    power: NDArray[np.float32],
) -> tuple[dict[str, str], dict[Restorer, str]]:
    content = case.sha256
    classical = {
        row: key_of(
            _VERSION,
            identity,
            content,
            hashlib.sha256(power.tobytes()).hexdigest() if row == LMMSE else "",
        )
        for row, identity in IDENTITIES.items()
    }
    wanted = {
        network: key_of(_VERSION, network.identity, content)
        for network, classes in networks.items()
        if classes is None or case.specimen_class in classes
    }
    return classical, wanted


def _job(
    case: Case,
    classical: Mapping[str, str],
    wanted: Mapping[Restorer, str],
    power: NDArray[np.float32],
    cache: Cache,
) -> Job | None:
    """Return what is still to be done for an image."""
    classical = {row: key for row, key in classical.items() if key not in cache}
    wanted = {network: key for network, key in wanted.items() if key not in cache}
    if not classical and not wanted:
        return None
    return Job(case, classical, wanted, power if LMMSE in classical else None)


def _draw(place: _Place) -> Case:
    name, folder, index = place
    return _set(name, folder)[index]


@lru_cache(maxsize=4)
def _set(name: str, folder: str | None) -> SimulatedSet:
    return SimulatedSet(name, None if folder is None else Path(folder))
