"""The array library a result is wanted in: numpy, torch or another that follows the array API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import array_api_compat
import numpy as np
from numpy.typing import NDArray


@final
@dataclass(frozen=True, slots=True)
class Library:
    """An array namespace and the device its arrays live on.

    Attributes
    ----------
    xp : namespace
        With the functions of the array API.
    device : object
        None for the library's default.
    """

    xp: Any
    device: Any = None

    def array(self, values: NDArray[Any]) -> Any:
        """Bring a numpy array to the library and device."""
        return self.xp.asarray(values, device=self.device)


def library_of(like: Any = None) -> Library:
    """Return the library and device of an array; numpy for None."""
    if like is None:
        like = np.empty(0)
    return Library(array_api_compat.array_namespace(like), array_api_compat.device(like))
