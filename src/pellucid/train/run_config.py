"""A whole training run as one YAML file: network, data, loop."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeAlias

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from pellucid.errors import SettingsError
from pellucid.simulate.specimens import SPECIMENS
from pellucid.train.config import TrainingConfig


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NetworkConfig(_Part):
    """Which network.

    Attributes
    ----------
    kind : str
        A name of :data:`pellucid.nets.registry.NETWORKS`.
    design : dict
        The numbers that shape it, for kinds that have a design: those of
        :class:`pellucid.nets.BCRNetDesign` for ``bcrnet``. What is left out has its default.
    """

    kind: str = "bcrnet"
    design: dict[str, Any] = Field(default_factory=dict)


class _Simulated(_Part):
    """What both kinds of simulated pairs have.

    Attributes
    ----------
    share : float
        How often pairs are taken from here, relative to the other entries.
    regime : {"physical", "thick", "released", "paper", "given"}
        How an image comes about. "given" is one microscope.
    settings : dict
        Ranges that differ from the regime's own: its parameters by name, with ``instrument`` and
        ``preparation`` as dicts of theirs, and ``microscope`` for "given".
    scenes : int
        Specimens drawn once and imaged again and again under new conditions.
    scene_pixels : int
        Side of a specimen in camera pixels, at least that of a patch.
    seed : int
    """

    share: float = Field(default=1.0, gt=0)
    regime: Literal["physical", "thick", "released", "paper", "given"] = "physical"
    settings: dict[str, Any] = Field(default_factory=dict)
    scenes: int = Field(default=2000, ge=1)
    scene_pixels: int = Field(default=192, ge=32)
    seed: int = Field(default=20260, ge=0)


class SpecimenData(_Simulated):
    """Procedural specimens, imaged.

    Attributes
    ----------
    kinds : tuple of str
        Kinds of specimen, taken in turn; one named twice comes twice as often.
    others, veil : float
        See :class:`pellucid.simulate.ProceduralSource`.
    """

    kind: Literal["specimens"] = "specimens"
    kinds: tuple[str, ...] = tuple(SPECIMENS)
    others: float = Field(default=0.08, ge=0)
    veil: float = Field(default=0.0, ge=0, le=1)


class PictureData(_Simulated):
    """Pictures as specimens, imaged.

    Attributes
    ----------
    folder : Path
        Relative to the configuration file.
    leave_out : tuple of str
        Patterns of file names that are not used.
    """

    kind: Literal["pictures"] = "pictures"
    folder: Path
    leave_out: tuple[str, ...] = ()


class PairedData(_Part):
    """Real pairs: a folder of images and one of their truths, matched by name.

    Attributes
    ----------
    low, high : Path
        Relative to the configuration file.
    axes : str, optional
        Axes of stacks that do not name them.
    share : float
    seed : int
    """

    kind: Literal["pairs"] = "pairs"
    low: Path
    high: Path
    axes: str | None = None
    share: float = Field(default=1.0, gt=0)
    seed: int = Field(default=20260, ge=0)


class NoisyData(_Part):
    """Noisy images alone, without truths.

    Attributes
    ----------
    folder : Path
        Relative to the configuration file.
    method : {"recorrupted", "noise2noise"}
        "recorrupted": every image is split into two of independent noise. "noise2noise": the
        folder holds time series of fields at rest, whose frames are compared with each other;
        or `second` other recordings of the same fields.
    second : Path, optional
    microscope : dict, optional
        With "recorrupted": fields of :class:`pellucid.optics.Microscope`. The network then learns
        to deconvolve, as what it restores is blurred before it is compared; without, to
        remove noise.
    hessian : float
        With a microscope: weight of the mean absolute second differences, which keeps what the
        optics do not pass from growing.
    axes : str, optional
    share : float
    seed : int
    """

    kind: Literal["noisy"] = "noisy"
    folder: Path
    method: Literal["recorrupted", "noise2noise"] = "recorrupted"
    second: Path | None = None
    microscope: dict[str, Any] | None = None
    hessian: float = Field(default=0.02, ge=0)
    axes: str | None = None
    share: float = Field(default=1.0, gt=0)
    seed: int = Field(default=20260, ge=0)

    @model_validator(mode="after")
    def _belongs(self) -> Self:
        if self.method == "noise2noise" and self.microscope is not None:
            raise ValueError("noise2noise removes noise alone and takes no microscope")
        if self.method == "recorrupted" and self.second is not None:
            raise ValueError("second belongs to the method noise2noise")
        return self


DataConfig: TypeAlias = Annotated[
    SpecimenData | PictureData | PairedData | NoisyData, Field(discriminator="kind")
]


class RunConfig(_Part):
    """A training run.

    Attributes
    ----------
    name : str
        Name of the weights it makes.
    network : NetworkConfig
    start : str, optional
        Weights to go on from: a shipped name, an ``.onnx`` file or the folder of a finished run.
    data : tuple of DataConfig
    training : TrainingConfig
    """

    name: str = Field(default="network", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    network: NetworkConfig = NetworkConfig()
    start: str | None = None
    data: tuple[DataConfig, ...] = (SpecimenData(),)
    training: TrainingConfig = TrainingConfig()

    @model_validator(mode="after")
    def _has_data(self) -> Self:
        if not self.data:
            raise ValueError("a run needs at least one entry under data")
        for entry in self.data:
            if isinstance(entry, (SpecimenData, PictureData)) and (
                entry.scene_pixels < self.training.patch
            ):
                raise ValueError(
                    f"scene_pixels = {entry.scene_pixels} is smaller than training.patch = "
                    f"{self.training.patch}; draw larger scenes"
                )
        told = {str(getattr(entry, "microscope", None)) for entry in self.data}
        if len(told) > 1:
            raise ValueError(
                "a run that learns to deconvolve from noisy images takes no other data, and one "
                "microscope"
            )
        return self

    def to_yaml(self) -> str:
        """Return the whole configuration, defaults included."""
        text: str = yaml.safe_dump(
            self.model_dump(mode="json"), sort_keys=False, default_flow_style=None, width=100
        )
        return text


def read_run_config(path: Path) -> RunConfig:
    """Read a configuration file; folders in it are relative to it.

    Raises
    ------
    SettingsError
        If it cannot be read, is no YAML, or says what cannot be; the message says where.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(
            f"The configuration {path} cannot be read ({error.strerror or error}); give the path "
            "of a YAML file."
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        where = " ".join(str(error).split())
        raise SettingsError(
            f"The configuration {path} is not YAML ({where}); repair it."
        ) from error
    if not isinstance(values, dict):
        raise SettingsError(
            f"The configuration {path} must be a YAML mapping such as 'name: my-weights', not "
            f"{type(values).__name__}."
        )
    try:
        config = RunConfig.model_validate(values)
    except ValidationError as error:
        raise SettingsError(
            f"The configuration {path} cannot be used: {'; '.join(_sentences(error))}."
        ) from error
    return _beside(config, path.parent)


def _sentences(error: ValidationError) -> Iterator[str]:
    for item in error.errors():
        where = ".".join(str(part) for part in item["loc"])
        what = item["msg"].removeprefix("Value error, ")
        given = "" if item["type"] == "value_error" else f" (it is {item['input']!r})"
        yield f"{where}: {what}{given}" if where else f"{what}{given}"


def _beside(config: RunConfig, folder: Path) -> RunConfig:
    """Make the folders of a configuration absolute."""
    data: list[DataConfig] = []
    for entry in config.data:
        if isinstance(entry, PictureData):
            data.append(entry.model_copy(update={"folder": folder / entry.folder}))
        elif isinstance(entry, PairedData):
            data.append(
                entry.model_copy(update={"low": folder / entry.low, "high": folder / entry.high})
            )
        elif isinstance(entry, NoisyData):
            second = None if entry.second is None else folder / entry.second
            data.append(
                entry.model_copy(update={"folder": folder / entry.folder, "second": second})
            )
        else:
            data.append(entry)
    return config.model_copy(update={"data": tuple(data)})
