"""What an iterative solver tells its caller after every iteration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias, final


@final
@dataclass(frozen=True, slots=True)
class Progress:
    """Where an iterative solver stands.

    Attributes
    ----------
    iteration : int
        Iterations done, from one.
    iterations : int
        The most that will be made.
    value : float
        The latest figure of the trace.
    image : array of float32
        The image so far, in the units of the image given and background included.
    """

    iteration: int
    iterations: int
    value: float
    image: Any


#: Called after every iteration; returns True to end there, with the image so far as the result.
Callback: TypeAlias = Callable[[Progress], bool | None]

#: Why a solver ended that its callback told to.
CANCELLED = "the callback asked for it"
