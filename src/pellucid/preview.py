"""What ``pellucid simulate --preview`` draws: every specimen as every regime images it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pellucid.assess.contact_sheet import contact_sheet
from pellucid.errors import SettingsError
from pellucid.io.write import check_writable, write_whole
from pellucid.simulate.regimes import named_regime
from pellucid.simulate.shards import LARGEST
from pellucid.simulate.source import ProceduralSource
from pellucid.simulate.stream import PairStream


def write_preview(
    path: Path,
    *,
    regimes: Sequence[str],
    kinds: Sequence[str],
    seed: int = 0,
    size: int = 128,
    overwrite: bool = False,
) -> Path:
    """Draw a sheet with a row a specimen and, a regime, the image and its truth.

    Parameters
    ----------
    path : Path
        The PNG to write.
    regimes, kinds : sequence of str
    seed : int
    size : int
        Side of each image, pixels.
    overwrite : bool
        Replace a file that is already there.

    Raises
    ------
    OutputError
        If the file cannot be written.
    SettingsError
        If a regime or a kind of specimen is not known.
    MissingDependencyError
        If matplotlib is not installed.
    """
    check_writable(path, overwrite=overwrite)
    if seed < 0 or not 1 <= size <= LARGEST:
        raise SettingsError(
            f"A preview needs a seed of zero or more and 1 to {LARGEST} pixels a side, not seed "
            f"{seed} and {size} pixels."
        )
    streams = {
        name: PairStream(
            ProceduralSource(
                needs=named_regime(name).needs,
                seed=seed,
                pixels=size + max(32, size // 4),
                kinds=tuple(kinds),
                others=0.0,
            ),
            regime=named_regime(name),
            seed=seed,
            size=size,
        )
        for name in regimes
    }
    rows = []
    for number in range(len(kinds)):
        pairs = [stream[number] for stream in streams.values()]
        rows.append([image for pair in pairs for image in (pair.image, pair.truth)])
    columns = [f"{name}: {what}" for name in regimes for what in ("image", "truth")]
    sheet = contact_sheet(rows, rows=kinds, columns=columns)
    return write_whole(path, lambda part: part.write_bytes(sheet), overwrite=overwrite)
