"""What a restoration chose by itself, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

#: Settings worth telling, and how.
_WORDS = {
    "background": "background {} (first percentile of the image)",
    "noise_photon": "shot noise: {} units a photon, measured above the optics' cut-off",
    "noise_gaussian": "noise in the dark: {} units, measured likewise",
    "noise_to_signal": "noise to signal {}",
    "eps": "regularisation {}",
    "strength": "strength {}",
    "iterations_done": "iterations {}",
    "stopped_because": "because {}",
    "chosen_by": "chosen by {}",
}


def what_was_picked(settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for everything chosen and why, channel by channel.

    Parameters
    ----------
    settings : mapping
        Those of a :class:`pellucid.restore.Restored`.
    """
    count = max((len(v) for v in settings.values() if isinstance(v, list)), default=1)
    for channel in range(count):
        before = f"channel {channel}: " if count > 1 else ""
        for name, words in _WORDS.items():
            values = settings.get(name)
            value = values[channel] if isinstance(values, list) else values
            if value is not None:
                shown = f"{value:.4g}" if isinstance(value, float) else str(value)
                yield before + words.format(shown)
