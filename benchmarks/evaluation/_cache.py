"""Results that are never computed twice, in a file that only ever grows."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, final


def key_of(*parts: str) -> str:
    """Return the key of what depends on the given words and on nothing else."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


@final
class Cache:
    """Values by key, one line of JSON each, appended as they come.

    A run that is interrupted loses what it was computing and no more: a line that was not
    written to its end is passed over.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._values: dict[str, Any] = {}
        self._ends_whole = True
        if path.exists():
            text = path.read_text("utf-8")
            self._ends_whole = not text or text.endswith("\n")
            for line in text.splitlines():
                try:
                    record = json.loads(line)
                    self._values[record["key"]] = record["value"]
                except (ValueError, KeyError, TypeError):
                    continue

    def __contains__(self, key: str) -> bool:
        """Whether there is a value."""
        return key in self._values

    def __getitem__(self, key: str) -> Any:
        """Return the value of a key."""
        return self._values[key]

    def put(self, key: str, value: Any) -> None:
        """Keep a value that JSON can hold."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps({"key": key, "value": value}) + "\n"
        with self._path.open("a", encoding="utf-8") as stream:
            stream.write(line if self._ends_whole else "\n" + line)
        self._ends_whole = True
        self._values[key] = value
