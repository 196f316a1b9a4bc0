"""Libraries that log, kept quiet."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet(logger: str) -> Iterator[None]:
    """Keep a library's log lines off the terminal; what they say comes as an error of ours.

    Parameters
    ----------
    logger : str
        Name of the library's logger.
    """
    target = logging.getLogger(logger)
    before = target.disabled
    target.disabled = True
    try:
        yield
    finally:
        target.disabled = before
