"""Checks that the designs of the networks share."""

from __future__ import annotations

from pellucid.errors import SettingsError


def check_whole(owner: str, name: str, value: int, *, least: int) -> None:
    """Refuse a number that is not whole or too small.

    Raises
    ------
    SettingsError
        With the value and what it may be.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise SettingsError(
            f"{name} of the {owner} must be a whole number of at least {least}, not {value!r}."
        )


def check_width(owner: str, name: str, value: int) -> None:
    """Refuse a kernel width that has no centre.

    Raises
    ------
    SettingsError
        If the width is not an odd whole number.
    """
    check_whole(owner, name, value, least=1)
    if value % 2 == 0:
        raise SettingsError(
            f"{name} of the {owner} must be odd, so that kernels have a centre, not {value}."
        )
