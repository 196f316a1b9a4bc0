"""Errors of pellucid: one base class, and every message says what to do next."""

from __future__ import annotations


class PellucidError(Exception):
    """Base of all errors that a user's input can cause.

    The message is one sentence or two: what is wrong, with the value, and what to do.
    """


class OpticsError(PellucidError):
    """A microscope or a point spread function that cannot exist or lacks a value."""


class ImageError(PellucidError):
    """An array or a file that is not an image pellucid can work on."""


class OutputError(PellucidError):
    """A result that cannot be written."""


class SettingsError(PellucidError):
    """An option or an argument out of its range, or two that contradict each other."""


class WeightsError(PellucidError):
    """A network's weights that are missing, damaged or not what pellucid can run."""


class MissingDependencyError(PellucidError):
    """An optional package that the requested feature needs is not installed."""


def require(package: str, *, extra: str, purpose: str) -> PellucidError:
    """Return the error for an optional package that is not installed.

    Parameters
    ----------
    package : str
        Name of the missing package.
    extra : str
        The extra of pellucid that installs it.
    purpose : str
        What it is needed for, as the end of the sentence "... is needed to".
    """
    return MissingDependencyError(
        f"The package {package!r} is needed to {purpose} and is not installed; "
        f"install it with: pip install 'pellucid[{extra}]'."
    )


class PellucidWarning(UserWarning):
    """Something a user should know about a result that is given all the same."""
