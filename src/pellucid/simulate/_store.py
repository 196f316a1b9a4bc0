"""A store of bounded size for what was decoded."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import Generic, TypeVar, final

from pellucid.errors import SettingsError

_Item = TypeVar("_Item")


@final
class ByteStore(Generic[_Item]):
    """Items by key; the least recently used go when their bytes pass a limit.

    An item larger than the limit is not kept. Threads may share a store; a copy sent to
    another process begins empty.

    Parameters
    ----------
    limit_bytes : int
        Not negative; zero keeps nothing.
    """

    def __init__(self, limit_bytes: int) -> None:
        if limit_bytes < 0:
            raise SettingsError(
                f"A store cannot hold {limit_bytes} bytes; give 0 to keep nothing, or more."
            )
        self._limit = limit_bytes
        self._items: OrderedDict[Hashable, tuple[_Item, int]] = OrderedDict()
        self._held = 0
        self._lock = Lock()

    def __reduce__(self) -> tuple[type[ByteStore[_Item]], tuple[int]]:
        return ByteStore, (self._limit,)

    @property
    def held_bytes(self) -> int:
        """Bytes held at present; never more than the limit."""
        return self._held

    def get(self, key: Hashable) -> _Item | None:
        """Return an item, now the most recently used, or None if it is not held."""
        with self._lock:
            if key not in self._items:
                return None
            self._items.move_to_end(key)
            return self._items[key][0]

    def put(self, key: Hashable, item: _Item, size_bytes: int) -> None:
        """Keep an item as the most recently used, and let go of others until all fit."""
        with self._lock:
            if key in self._items:
                self._held -= self._items.pop(key)[1]
            if size_bytes > self._limit:
                return
            self._items[key] = (item, size_bytes)
            self._held += size_bytes
            while self._held > self._limit:
                self._held -= self._items.popitem(last=False)[1][1]
