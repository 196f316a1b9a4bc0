"""Deconvolution of whole images: optics a channel, blocks one after the other."""

from __future__ import annotations

import json
import warnings
from functools import cache
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import PellucidWarning, SettingsError
from pellucid.imaging.blur import Blur
from pellucid.imaging.intensity import estimate_scale
from pellucid.io.image import Image, Voxel
from pellucid.io.known_optics import KnownOptics
from pellucid.optics.microscope import Microscope
from pellucid.restore.blocks import Progress, channel_data
from pellucid.restore.measured_noise import measured_noise
from pellucid.restore.methods import METHODS, Job, MethodSettings
from pellucid.solvers.noise_model import NoiseModel
from pellucid.solvers.progress import Progress as Iteration

#: Steps of the progress that a block is worth.
_STEPS = 100


@final
class ClassicalBlocks:
    """A classical method on planes or stacks; optics, background and noise once a channel."""

    def __init__(self, method: str, settings: MethodSettings, known: KnownOptics) -> None:
        self._method, self._settings, self._known = method, settings, known

    def run(self, image: Image, progress: Progress) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Restore all blocks of an image."""
        run = METHODS[self._method].run
        if run is None:
            raise ValueError(f"{self._method} is not a classical method")
        inner = "ZYX" if image.size("Z") > 1 else "YX"
        blocks = sorted(image.blocks(inner), key=lambda block: block[0])
        result = np.empty(image.data.shape, dtype=np.float32)
        channels = [
            _Channel(
                image,
                number,
                inner=inner,
                method=self._method,
                settings=self._settings,
                known=self._known,
            )
            for number in range(image.size("C"))
        ]
        made: list[dict[str, Any]] = [{} for _ in channels]
        for done, (number, index) in enumerate(blocks):
            block = image.data[index]

            def tell(step: Iteration, done: int = done) -> None:
                share = min(step.iteration / step.iterations, 1.0)
                progress(round(_STEPS * (done + share)), _STEPS * len(blocks))

            restoration = run(channels[number].job(block, tell))
            result[index] = restoration.image
            # Of several blocks the last that was not uniform speaks for the channel.
            made[number] |= {
                **restoration.settings,
                "iterations_done": len(restoration.trace),
                "stopped_because": restoration.stopped_because,
            }
            progress(_STEPS * (done + 1), _STEPS * len(blocks))
        return result, {
            **_by_channel(made),
            "microscope": [
                None if one.microscope is None else json.loads(one.microscope.to_json())
                for one in channels
            ],
            "psf": _name_of(self._settings.get("psf")),
            "auto": bool(self._settings.get("auto")),
        }


@final
class _Channel:
    """What is known of a channel, found out when it is first needed."""

    def __init__(
        self,
        image: Image,
        number: int,
        *,
        inner: str,
        method: str,
        settings: MethodSettings,
        known: KnownOptics,
    ) -> None:
        self._data = channel_data(image, number)
        self._settings = settings
        completed = known.completed_by(image, number)
        shape = tuple(image.size(axis) for axis in inner)
        self.microscope: Microscope | None = None
        file = settings.get("psf")
        if file:
            self._psf = _measured_psf(
                file, _stated_voxel(completed), settings, volume=inner == "ZYX", shape=shape
            )
            self._cutoff = completed.cutoff_per_pixel
        else:
            self.microscope = completed.microscope(
                method=f"The method {method}", volume=inner == "ZYX"
            )
            self._psf = _computed_psf(self.microscope, shape)
            self._cutoff = self.microscope.cutoff_per_pixel
        background = settings.get("background")
        self._background = (
            estimate_scale(self._data).background if background is None else background
        )
        self._voxel_um = _voxel_size_um(image, self.microscope, inner)
        self._kept: dict[str, Any] = {}
        self._operators = cache(self._operator)
        self._noise: NoiseModel | None = settings.get("noise")

    def job(self, block: NDArray[Any], callback: Any) -> Job:
        """Return a block with all that a method asks for."""
        return Job(
            data=block,
            psf=self._psf,
            operator=self._operators(block.shape),
            microscope=self.microscope,
            voxel_size_um=self._voxel_um,
            background=self._background,
            settings=self._settings,
            measure_noise=self._measure_noise,
            callback=callback,
            kept=self._kept,
        )

    def _operator(self, shape: tuple[int, ...]) -> Blur:
        boundary: Any = self._settings.get("boundary") or "extended"
        return Blur(self._psf, shape, boundary=boundary)

    def _measure_noise(self) -> NoiseModel:
        if self._noise is None:
            if self._cutoff is None:
                raise SettingsError(
                    "To tell noise from structure the optics must be known too: give --na, "
                    "--emission and --pixel-size beside the point spread function, or the noise."
                )
            self._noise = measured_noise(
                self._data, cutoff_per_pixel=self._cutoff, background=self._background
            )
        return self._noise


def _computed_psf(microscope: Microscope, shape: tuple[int, ...]) -> NDArray[np.float32]:
    from pellucid.optics.psf import point_spread_function
    from pellucid.optics.support import psf_shape
    from pellucid.optics.transfer import lateral_cutoff_per_um

    cutoff_per_um = lateral_cutoff_per_um(microscope)
    if cutoff_per_um * microscope.pixel_size_um > 0.5:
        warnings.warn(
            f"Pixels of {microscope.pixel_size_um:g} um are too large for the optics; "
            f"{0.5 / cutoff_per_um:.3g} um or less would record all detail.",
            PellucidWarning,
            stacklevel=6,
        )
    psf: NDArray[np.float32] = point_spread_function(microscope, psf_shape(microscope, shape)).data
    return psf


def _measured_psf(
    file: str | Path,
    voxel: Voxel,
    settings: MethodSettings,
    *,
    volume: bool,
    shape: tuple[int, ...],
) -> NDArray[np.float32]:
    from pellucid.restore.psf_source import read_psf

    pixel, step = settings.get("psf_pixel_size_um"), settings.get("psf_z_step_um")
    own = None
    if pixel is not None or step is not None:
        own = Voxel(pixel_size_um=pixel, pixel_size_y_um=pixel, z_step_um=step)
    prepared = read_psf(file, voxel=voxel, volume=volume, image_shape=shape, psf_voxel=own)
    data: NDArray[np.float32] = prepared.data
    return data


def _stated_voxel(known: KnownOptics) -> Voxel:
    """Return the image's voxel, what the user states first."""
    return Voxel(
        pixel_size_um=known.pixel_size_um,
        pixel_size_y_um=known.pixel_size_um,
        z_step_um=known.z_step_um,
    )


def _voxel_size_um(image: Image, microscope: Microscope | None, axes: str) -> tuple[float, ...]:
    """Sides of a voxel along the axes of a block; one where nothing is known."""
    if microscope is not None:
        y = x = microscope.pixel_size_um
        z = microscope.z_step_um
    else:
        x = image.voxel.pixel_size_um or 1.0
        y, z = image.voxel.pixel_size_y_um or x, image.voxel.z_step_um
    sides = {"Z": z or 1.0, "Y": y, "X": x}
    return tuple(sides[axis] for axis in axes)


def _by_channel(made: list[dict[str, Any]]) -> dict[str, Any]:
    """Return settings as lists, one entry a channel, or one value where all agree on a word."""
    names = dict.fromkeys(name for one in made for name in one)
    return {name: [one.get(name) for one in made] for name in names}


def _name_of(psf: Any) -> str:
    """Name the point spread function: results travel, so that no folder is told."""
    return Path(psf).name if psf else "computed from the optics"
