"""A part of an image, restored again and again with other values of a setting."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast, final

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import ImageError, SettingsError
from pellucid.imaging.blur import Blur
from pellucid.imaging.intensity import estimate_scale
from pellucid.io.image import Image, Voxel, is_constant
from pellucid.io.known_optics import KnownOptics
from pellucid.optics.microscope import Microscope
from pellucid.restore.measured_noise import measured_noise
from pellucid.restore.methods import METHODS, Job, MethodSettings
from pellucid.solvers.noise_model import NoiseModel
from pellucid.solvers.progress import Callback
from pellucid.solvers.progress import Progress as Iteration
from pellucid.solvers.restoration import Restoration

_HALF_DECADES = tuple(10.0 ** (0.5 * k) for k in range(-3, 4))


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Sweepable:
    """What is varied of a method.

    Attributes
    ----------
    setting : str
        A field of :class:`pellucid.restore.methods.MethodSettings`.
    found_as : str or None
        Where a restoration's settings hold the value that the method chooses by itself; None for
        numbers of iterations, of which one run passes through all.
    values : tuple of float
        Tried if none are given: as they are, or times the value that the method chooses.
    """

    setting: str
    found_as: str | None
    values: tuple[float, ...]


#: Methods with a setting worth trying. They are run as ``pellucid restore`` runs them.
SWEEPABLE: MappingProxyType[str, Sweepable] = MappingProxyType(
    {
        "richardson-lucy": Sweepable(
            setting="iterations", found_as=None, values=(2, 5, 10, 20, 40, 80, 160, 320)
        ),
        "unmatched": Sweepable(setting="iterations", found_as=None, values=(1, 2, 3, 5, 8, 13, 21)),
        "wiener": Sweepable(
            setting="noise_to_signal", found_as="noise_to_signal", values=_HALF_DECADES
        ),
        "tikhonov": Sweepable(setting="strength", found_as="eps", values=_HALF_DECADES),
        "regularised-inverse": Sweepable(setting="strength", found_as="eps", values=_HALF_DECADES),
        "total-variation": Sweepable(
            setting="strength", found_as="strength", values=_HALF_DECADES[1:-1]
        ),
        "hessian-schatten": Sweepable(
            setting="strength", found_as="strength", values=_HALF_DECADES[1:-1]
        ),
        "fista": Sweepable(setting="strength", found_as="strength", values=_HALF_DECADES[1:-1]),
    }
)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """What a user says of optics and camera; None where nothing.

    Attributes
    ----------
    known : KnownOptics
    psf : Path or None
        A measured point spread function instead of a computed one.
    psf_voxel : Voxel or None
        Its sizes where the file has none.
    background : float or None
        Intensity without specimen; estimated if not given.
    gain_electrons_per_count, offset_counts, read_noise_electrons : float or None
        Of the camera; unless gain and offset are given, the noise is measured in the image.
    """

    known: KnownOptics
    psf: Path | None = None
    psf_voxel: Voxel | None = None
    background: float | None = None
    gain_electrons_per_count: float | None = None
    offset_counts: float | None = None
    read_noise_electrons: float | None = None


@final
class Trial:
    """A part of one channel, its blur, background and noise.

    Parameters
    ----------
    image : Image
        One channel at one point in time: axes YX or ZYX.
    part : tuple of slice
        Rows and columns.
    method : str
        One of :data:`SWEEPABLE`.
    stated : Stated

    Attributes
    ----------
    data : ndarray, shape (y, x) or (z, y, x)
        The part.
    what : Sweepable
    operator : Blur
        As ``pellucid restore`` would use it for an image of this size.
    background : float
        Of the whole image.
    noise : NoiseModel
        Measured in the whole image.

    Raises
    ------
    PellucidError
        If the part is uniform, or its optics or noise cannot be told.
    """

    def __init__(
        self, image: Image, part: tuple[slice, slice], method: str, stated: Stated
    ) -> None:
        self.data: NDArray[Any] = image.data[(..., *part)]
        if is_constant(self.data):
            raise ImageError(
                f"Every pixel of the part is {self.data.flat[0]}: there is nothing to restore; "
                "choose another with --crop."
            )
        self.what = SWEEPABLE[method]
        self._method, self._stated = method, stated
        self._known = stated.known.completed_by(image, 0)
        self._voxel = replace(
            image.voxel,
            pixel_size_um=self._known.pixel_size_um,
            pixel_size_y_um=stated.known.pixel_size_um or image.voxel.pixel_size_y_um,
            z_step_um=self._known.z_step_um,
        )
        self._microscope: Microscope | None = None
        self._psf = self._found_psf()
        self.operator = Blur(self._psf, self.data.shape)
        given = stated.background
        self.background = estimate_scale(image.data).background if given is None else given
        self.noise = self._noise(image.data)

    def default_values(self) -> list[float]:
        """Return the values to try, about the one that the method chooses by itself."""
        if self.what.found_as is None:
            return list(self.what.values)
        settings: MethodSettings = {}
        if "iterations" in METHODS[self._method].takes:
            settings["iterations"] = 1
        found = self._run(self.data, self.noise, settings).settings[self.what.found_as]
        return [float(f"{float(found) * factor:.2g}") for factor in self.what.values]

    def restorations(
        self,
        data: NDArray[Any],
        noise: NoiseModel,
        values: Sequence[float],
        teller: Teller,
    ) -> list[NDArray[np.float32]]:
        """Restore the part, or some of its light, with every value.

        Parameters
        ----------
        data : ndarray, shape of the part
        noise : NoiseModel
            Of these data.
        values : sequence of float
        teller : Teller

        Returns
        -------
        list of ndarray of float32, shape of the part
        """
        if self.what.found_as is not None:
            made = []
            for value in values:
                settings = cast("MethodSettings", {self.what.setting: float(value)})
                made.append(np.asarray(self._run(data, noise, settings, teller.tell).image))
                teller.next()
            return made
        kept: dict[int, NDArray[np.float32]] = {}

        def keep(step: Iteration) -> None:
            if step.iteration in values:
                kept[step.iteration] = np.array(step.image)
            teller.tell(step)

        last = int(max(values))
        done = self._run(data, noise, {"iterations": last}, keep)
        kept[last] = np.asarray(done.image)
        teller.next()
        return [kept[int(value)] for value in values]

    def described(self) -> dict[str, Any]:
        """Return what the trial is made with, as JSON can hold it."""
        scope, stated = self._microscope, self._stated
        measured = stated.gain_electrons_per_count is None
        return {
            "background": float(self.background),
            "noise": asdict(self.noise) | {"from": "the image" if measured else "the user"},
            # Numbers travel: no folder is told.
            "psf": "computed from the optics" if stated.psf is None else stated.psf.name,
            "microscope": None if scope is None else json.loads(scope.to_json()),
        }

    def _run(
        self,
        data: NDArray[Any],
        noise: NoiseModel,
        settings: MethodSettings,
        callback: Callback = lambda _: None,
    ) -> Restoration:
        run = METHODS[self._method].run
        if run is None:
            raise ValueError(f"{self._method} is not a classical method")
        return run(
            Job(
                data=data,
                psf=self._psf,
                operator=self.operator,
                microscope=self._microscope,
                voxel_size_um=self._voxel_size_um(),
                background=self.background,
                settings=settings,
                measure_noise=lambda: noise,
                callback=callback,
            )
        )

    def _found_psf(self) -> NDArray[np.float32]:
        """Return the point spread function: measured, or computed from the optics."""
        shape, volume = self.data.shape, self.data.ndim == 3
        data: NDArray[np.float32]
        if self._stated.psf is not None:
            from pellucid.restore.psf_source import read_psf

            data = read_psf(
                self._stated.psf,
                voxel=self._voxel,
                volume=volume,
                image_shape=shape,
                psf_voxel=self._stated.psf_voxel,
            ).data
            return data
        from pellucid.optics.psf import point_spread_function
        from pellucid.optics.support import psf_shape

        self._microscope = self._known.microscope(
            method=f"The method {self._method}", volume=volume
        )
        data = point_spread_function(self._microscope, psf_shape(self._microscope, shape)).data
        return data

    def _voxel_size_um(self) -> tuple[float, ...]:
        """Sides of a voxel along the axes of the part; one where nothing is known."""
        x = self._voxel.pixel_size_um or 1.0
        sides = (self._voxel.z_step_um or 1.0, self._voxel.pixel_size_y_um or x, x)
        return sides[-self.data.ndim :]

    def _noise(self, data: NDArray[Any]) -> NoiseModel:
        stated = self._stated
        gain, offset = stated.gain_electrons_per_count, stated.offset_counts
        read = stated.read_noise_electrons
        if gain is None and offset is None and read is None:
            return self._measured_noise(data)
        if gain is None or offset is None:
            raise SettingsError(
                "The noise of a camera needs both --gain (electrons per count) and --offset "
                "(counts); give both, or none to have the noise measured in the image."
            )
        read = 0.0 if read is None else read
        if not (math.isfinite(gain) and gain > 0 and math.isfinite(offset) and read >= 0):
            raise SettingsError(
                f"A camera has a positive gain and no negative read noise, not {gain:g} electrons "
                f"per count and {read:g} electrons."
            )
        dark = (self.background - offset) / gain + (read / gain) ** 2
        return NoiseModel(photon=1.0 / gain, gaussian=math.sqrt(max(dark, 0.0)))

    def _measured_noise(self, data: NDArray[Any]) -> NoiseModel:
        cutoff = self._known.cutoff_per_pixel
        if cutoff is None:
            raise SettingsError(
                "To tell noise from structure the optics must be known beside the point spread "
                "function: give --na, --emission and --pixel-size, or --gain and --offset of the "
                "camera."
            )
        try:
            return measured_noise(data, cutoff_per_pixel=cutoff, background=self.background)
        except (ImageError, SettingsError) as error:
            raise ImageError(
                f"The noise of the image cannot be measured: {error} Or state --gain and --offset "
                "of the camera."
            ) from error


@final
class Teller:
    """Counts runs, and iterations within one, for a progress bar.

    Parameters
    ----------
    runs : int
        How many there will be.
    progress : callable, optional
        Called with the steps done and the steps in all.
    """

    #: Steps that a run is worth.
    _STEPS = 100

    def __init__(self, runs: int, progress: Callable[[int, int], None] | None) -> None:
        self._runs, self._progress, self._done = runs, progress, 0

    def tell(self, step: Iteration) -> None:
        """Tell how far the present run is."""
        share = min(step.iteration / step.iterations, 1.0)
        self._say(self._done + share)

    def next(self) -> None:
        """Count the present run as done."""
        self._done += 1
        self._say(float(self._done))

    def _say(self, done: float) -> None:
        if self._progress is not None:
            self._progress(round(self._STEPS * done), self._STEPS * self._runs)
