"""The pairs a run trains on and is validated with, from its configuration."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, Literal, TypeVar

from pellucid.errors import OpticsError, SettingsError
from pellucid.optics.microscope import Microscope
from pellucid.simulate.given import GivenRegime
from pellucid.simulate.images import ImageFolder
from pellucid.simulate.physical import Instrument, Preparation
from pellucid.simulate.pictures import PictureSource
from pellucid.simulate.regime import Regime
from pellucid.simulate.regimes import named_regime
from pellucid.simulate.source import ProceduralSource, SceneSource
from pellucid.simulate.stream import MixedPairs, Pairs, PairStream
from pellucid.train.run_config import (
    DataConfig,
    NoisyData,
    PairedData,
    PictureData,
    RunConfig,
    SpecimenData,
)

#: Number of the first specimen of validation: far beyond those trained on.
VALIDATION_FROM = 1_000_000
#: Pictures kept for validation, as a share of the files.
_PICTURES_HELD = 0.1
#: Memory the scenes of one entry may take.
_CACHE_BYTES = 5 << 30

_Settings = TypeVar("_Settings", Instrument, Preparation)


def training_pairs(config: RunConfig) -> MixedPairs:
    """Return the stream a run trains on; :meth:`~pellucid.simulate.Pairs.fill` draws its scenes.

    Raises
    ------
    SettingsError
        If an entry asks for what cannot be.
    ImageError
        If a folder holds no images that can be used.
    """
    return MixedPairs(
        [_stream(config, number, held_out=False) for number in range(len(config.data))],
        shares=[entry.share for entry in config.data],
        seed=config.training.seed,
    )


def validation_pairs(config: RunConfig) -> MixedPairs:
    """Return pairs of specimens, files or fields of their own, never trained on."""
    return MixedPairs(
        [_stream(config, number, held_out=True) for number in range(len(config.data))],
        shares=[entry.share for entry in config.data],
        seed=config.training.seed + 1,
    )


def regime_of(name: str, settings: Mapping[str, Any]) -> Regime:
    """Return a regime with some of its ranges replaced.

    Parameters
    ----------
    name : str
        A named regime or "given".
    settings : mapping
        As in :class:`~pellucid.train.run_config.SpecimenData`.

    Raises
    ------
    SettingsError
        If a setting is unknown, or the regime "given" lacks its microscope.
    """
    values = {key: _tuples(value) for key, value in settings.items()}
    if "instrument" in values:
        values["instrument"] = _changed(Instrument(), values["instrument"], "instrument")
    if "preparation" in values:
        values["preparation"] = _changed(Preparation(), values["preparation"], "preparation")
    if name == "given":
        if "microscope" not in values:
            raise SettingsError("The regime 'given' needs settings.microscope; describe it there.")
        values["microscope"] = stated_microscope(settings["microscope"], "settings.microscope")
        _check_names(name, GivenRegime, values)
        return GivenRegime(**values)
    regime = named_regime(name)
    _check_names(name, type(regime), values)
    changed: Regime = replace(regime, **values)  # type: ignore[type-var]  # regimes are data classes
    return changed


def _stream(config: RunConfig, number: int, *, held_out: bool) -> Pairs:
    entry, size = config.data[number], config.training.patch
    if isinstance(entry, PairedData):
        return _paired(entry, size, held_out=held_out)
    if isinstance(entry, NoisyData):
        return _noisy(entry, size, held_out=held_out)
    regime = regime_of(entry.regime, entry.settings)
    count = max(64, config.training.validation_pairs // 4) if held_out else entry.scenes
    first = number * 10_000_000 + (VALIDATION_FROM if held_out else 0)
    return PairStream(
        _source(entry, regime, held_out=held_out),
        regime=regime,
        seed=entry.seed + 1000 * number + (500 if held_out else 0),
        size=size,
        scenes=range(first, first + count),
        cache_bytes=_CACHE_BYTES,
    )


def _source(entry: SpecimenData | PictureData, regime: Regime, *, held_out: bool) -> SceneSource:
    if isinstance(entry, SpecimenData):
        return ProceduralSource(
            needs=regime.needs,
            seed=entry.seed,
            pixels=entry.scene_pixels,
            kinds=entry.kinds,
            others=entry.others,
            veil=entry.veil,
        )
    folder = ImageFolder(entry.folder, leave_out=entry.leave_out)
    files = len({name.partition("#")[0] for name in folder.names})
    if files < 2:
        raise SettingsError(
            f"{entry.folder} holds one picture file, and training needs at least two, one of them "
            "for validation; add pictures."
        )
    border = 1.0 - max(1, round(_PICTURES_HELD * files)) / files
    share = (border, 1.0) if held_out else (0.0, border)
    return PictureSource(
        folder, needs=regime.needs, seed=entry.seed, pixels=entry.scene_pixels, share=share
    )


def _paired(entry: PairedData, size: int, *, held_out: bool) -> Pairs:
    from pellucid.train.real_pairs import RealPairs

    return RealPairs(
        entry.low,
        entry.high,
        size=size,
        seed=entry.seed,
        part="validation" if held_out else "training",
        axes=entry.axes,
    )


def _noisy(entry: NoisyData, size: int, *, held_out: bool) -> Pairs:
    from pellucid.train.noisy_only import Noise2NoisePairs, RecorruptedPairs

    part: Literal["training", "validation"] = "validation" if held_out else "training"
    if entry.method == "noise2noise":
        return Noise2NoisePairs(
            entry.folder, entry.second, size=size, seed=entry.seed, part=part, axes=entry.axes
        )
    if entry.microscope is None:
        return RecorruptedPairs(
            entry.folder, size=size, seed=entry.seed, part=part, axes=entry.axes
        )
    microscope = stated_microscope(entry.microscope, "microscope")
    return RecorruptedPairs(
        entry.folder,
        size=size,
        seed=entry.seed,
        part=part,
        axes=entry.axes,
        cutoff_per_pixel=min(max(microscope.cutoff_per_pixel, 0.1), 0.5),
        # Aberrations may have a direction, which is not turned with the patches.
        turn=not microscope.zernike_waves,
    )


def stated_microscope(fields: Mapping[str, Any], where: str) -> Microscope:
    """Return the microscope a configuration describes.

    Raises
    ------
    SettingsError
        If it cannot be.
    """
    try:
        return Microscope.from_json(json.dumps(dict(fields)))
    except OpticsError as error:
        raise SettingsError(f"{where} cannot be used: {error}") from error


def _tuples(value: Any) -> Any:
    """Turn lists, which is all YAML has, into tuples."""
    if isinstance(value, list):
        return tuple(_tuples(item) for item in value)
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return value


def _changed(start: _Settings, values: Any, name: str) -> _Settings:
    if not isinstance(values, dict):
        raise SettingsError(f"settings.{name} must be a mapping of its ranges, not {values!r}.")
    _check_names(name, type(start), values)
    return replace(start, **values)


def _check_names(owner: str, kind: type, values: Mapping[str, Any]) -> None:
    legal = [field.name for field in fields(kind)]
    unknown = sorted(set(values) - set(legal))
    if unknown:
        raise SettingsError(f"{owner} has no setting {unknown[0]!r}; it has {', '.join(legal)}.")


def cutoffs(data: tuple[DataConfig, ...]) -> tuple[float, float] | None:
    """Return the range of cut-offs, in cycles per pixel, that a run sees; None if unknown."""
    spans: list[tuple[float, float]] = []
    for entry in data:
        if isinstance(entry, (PairedData, NoisyData)) or entry.regime in {"released", "paper"}:
            return None
        regime = regime_of(entry.regime, entry.settings)
        if isinstance(regime, GivenRegime):
            one = regime.microscope.cutoff_per_pixel
            spans.append((0.9 * one, 1.1 * one))
        else:
            instrument: Instrument = regime.instrument  # type: ignore[attr-defined]
            spans.append(instrument.cutoff_per_pixel)
    return min(low for low, _ in spans), max(high for _, high in spans)
