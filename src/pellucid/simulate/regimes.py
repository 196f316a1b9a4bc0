"""The regimes by name."""

from __future__ import annotations

from types import MappingProxyType

from pellucid.errors import SettingsError
from pellucid.simulate.physical import PhysicalRegime, ThickRegime
from pellucid.simulate.published import PaperRegime, ReleasedRegime
from pellucid.simulate.regime import Regime

#: Every regime by its name.
REGIMES: MappingProxyType[str, Regime] = MappingProxyType(
    {
        "paper": PaperRegime(),
        "released": ReleasedRegime(),
        "physical": PhysicalRegime(),
        "thick": ThickRegime(),
    }
)


def named_regime(name: str) -> Regime:
    """Return a regime by its name.

    Raises
    ------
    SettingsError
        If there is none of that name.
    """
    if name not in REGIMES:
        raise SettingsError(f"There is no regime {name!r}; choose one of {', '.join(REGIMES)}.")
    return REGIMES[name]
