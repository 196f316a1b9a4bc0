"""Every method of restoration by name: what it is, what it can be told, how it is run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, TypedDict, final, get_args

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import SettingsError
from pellucid.imaging.blur import Blur
from pellucid.optics.microscope import Microscope
from pellucid.solvers.noise_model import NoiseModel
from pellucid.solvers.progress import Callback
from pellucid.solvers.restoration import Restoration
from pellucid.solvers.stopping import Discrepancy, RelativeChange, StoppingRule

#: When an iterative method ends: after its iterations, or before them by a rule.
StopName: TypeAlias = Literal["iterations", "relative-change", "discrepancy"]
#: Ways to choose the regularisation of a linear method from the image.
ChoiceName: TypeAlias = Literal["expected-error", "gcv", "discrepancy", "l-curve"]


class MethodSettings(TypedDict, total=False):
    """What a method can be told; None where nothing is.

    Attributes
    ----------
    weights : str or Path
        Name of shipped weights or path of an ONNX file.
    tile : int
        Pixels a tile of the network reads a side, at most.
    iterations : int
        The most an iterative method makes.
    background : float
        Intensity without specimen, camera offset included; estimated if not given.
    noise_to_signal : float
        Regularisation of ``wiener``; chosen from the image if not given.
    strength : float
        Regularisation of the other methods that have one; chosen from the image if not given. For
        ``richardson-lucy`` the weight of total variation, none if not given.
    choice : str
        How a linear method chooses its regularisation.
    acceleration : str
        Of ``richardson-lucy``: none, biggs-andrews, heavy-ball.
    stop : str
        When an iterative method ends: iterations, relative-change, discrepancy.
    boundary : str
        What is beyond the frame: extended, reflect, periodic.
    psf : Path
        A measured point spread function, instead of one computed from the optics.
    psf_pixel_size_um, psf_z_step_um : float
        Its voxels, where its file does not state them.
    noise : NoiseModel
        Measured in the image where a method needs it, if not given.
    auto : bool
        Leave everything not given to the image.
    """

    weights: str | Path | None
    tile: int | None
    iterations: int | None
    background: float | None
    noise_to_signal: float | None
    strength: float | None
    choice: str | None
    acceleration: str | None
    stop: str | None
    boundary: str | None
    psf: Path | str | None
    psf_pixel_size_um: float | None
    psf_z_step_um: float | None
    noise: NoiseModel | None
    auto: bool | None


@final
@dataclass(kw_only=True, slots=True)
class Job:
    """One block to deconvolve, and what is known of its channel.

    Attributes
    ----------
    data : ndarray, shape (y, x) or (z, y, x)
    psf : ndarray of float32
    operator : Blur
        By that point spread function.
    microscope : Microscope or None
        None where only a measured point spread function is known.
    voxel_size_um : tuple of float
    background : float
    settings : MethodSettings
    measure_noise : callable
        Returns the channel's noise, as given or measured.
    kept : dict
        What the first block of a channel chose, for the others.
    callback : callable
    """

    data: NDArray[Any]
    psf: NDArray[np.float32]
    operator: Blur
    microscope: Microscope | None
    voxel_size_um: tuple[float, ...]
    background: float
    settings: MethodSettings
    measure_noise: Callable[[], NoiseModel]
    callback: Callback
    kept: dict[str, Any] = field(default_factory=dict)

    def stop_rule(self) -> StoppingRule | None:
        """Return the rule the settings name."""
        name = self.settings.get("stop")
        if name == "relative-change":
            return RelativeChange()
        return Discrepancy() if name == "discrepancy" else None

    def noise_for(self, rule: StoppingRule | None) -> NoiseModel | None:
        """Return the noise where it is given, or a rule needs it."""
        if self.settings.get("noise") is not None or isinstance(rule, Discrepancy):
            return self.measure_noise()
        return None


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """A method of restoration.

    Attributes
    ----------
    summary : str
        One line.
    takes : tuple of str
        Settings it uses.
    run : callable or None
        Deconvolves one block; None for the network.
    """

    summary: str
    takes: tuple[str, ...]
    run: Callable[[Job], Restoration] | None


def _richardson_lucy(job: Job) -> Restoration:
    from pellucid.solvers.richardson_lucy import richardson_lucy

    told = job.settings
    if told.get("auto"):
        return _automatic_richardson_lucy(job)
    rule = job.stop_rule()
    acceleration: Any = told.get("acceleration") or "none"
    return richardson_lucy(
        job.data,
        job.operator,
        iterations=told.get("iterations") or (20 if rule is None else 200),
        background=job.background,
        noise=job.noise_for(rule),
        stop=rule,
        acceleration=acceleration,
        total_variation=told.get("strength") or 0.0,
        callback=job.callback,
    )


def _automatic_richardson_lucy(job: Job) -> Restoration:
    from pellucid.solvers.automatic import automatic_richardson_lucy

    return automatic_richardson_lucy(
        job.data,
        job.operator,
        noise=job.measure_noise(),
        iterations=job.settings.get("iterations") or 200,
        background=job.background,
        callback=job.callback,
    )


def _photon_split(job: Job) -> Restoration:
    from pellucid.solvers.photon_split import photon_split_richardson_lucy

    return photon_split_richardson_lucy(
        job.data,
        job.operator,
        noise=job.measure_noise(),
        iterations=job.settings.get("iterations") or 300,
        background=job.background,
        callback=job.callback,
    )


def _unmatched(job: Job) -> Restoration:
    from pellucid.solvers.back_projector import WienerButterworth
    from pellucid.solvers.unmatched import unmatched_richardson_lucy

    rule = job.stop_rule()
    if "projector" not in job.kept:
        boundary: Any = job.settings.get("boundary") or "extended"
        job.kept["projector"] = WienerButterworth(job.psf, job.data.shape, boundary=boundary)
    return unmatched_richardson_lucy(
        job.data,
        job.operator,
        job.kept["projector"],
        iterations=job.settings.get("iterations") or 5,
        background=job.background,
        noise=job.noise_for(rule),
        stop=rule,
        callback=job.callback,
    )


def _blind(job: Job) -> Restoration:
    from pellucid.solvers.blind import blind_richardson_lucy

    if job.microscope is None:
        raise SettingsError(
            "The method blind looks for the point spread function and starts from the optics; give "
            "them instead of psf."
        )
    boundary: Any = job.settings.get("boundary") or "extended"
    return blind_richardson_lucy(
        job.data,
        job.microscope,
        noise=job.measure_noise(),
        iterations=job.settings.get("iterations") or 20,
        background=job.background,
        boundary=boundary,
        callback=job.callback,
    )


def _wiener(job: Job) -> Restoration:
    from pellucid.solvers.signal_spectrum import SignalSpectrum
    from pellucid.solvers.wiener import wiener

    choice: Any = job.settings.get("choice") or "expected-error"
    done = wiener(
        job.data,
        job.operator,
        noise_to_signal=job.kept.get("ratio", job.settings.get("noise_to_signal")),
        choice=choice,
        spectrum=job.kept.get("spectrum", "fitted"),
        noise=job.settings.get("noise"),
        voxel_size=job.voxel_size_um,
        callback=job.callback,
    )
    # The first block that is not uniform sets the channel's filter.
    if "ratio" not in job.kept and "noise_to_signal" in done.settings:
        job.kept["ratio"] = float(done.settings["noise_to_signal"])
        job.kept["spectrum"] = SignalSpectrum(
            exponent=float(done.settings["exponent"]),
            knee_per_pixel=float(done.settings["knee_per_pixel"]),
        )
    return done


def _linear(name: Literal["tikhonov", "regularised_inverse"], job: Job) -> Restoration:
    from pellucid.solvers import linear

    choice: Any = job.settings.get("choice") or "expected-error"
    more = {} if name == "tikhonov" else {"voxel_size": job.voxel_size_um}
    done: Restoration = getattr(linear, name)(
        job.data,
        job.operator,
        eps=job.kept.get("eps", job.settings.get("strength")),
        choice=choice,
        noise=job.settings.get("noise"),
        callback=job.callback,
        **more,
    )
    if "eps" in done.settings:
        job.kept.setdefault("eps", float(done.settings["eps"]))
    return done


def _tikhonov(job: Job) -> Restoration:
    return _linear("tikhonov", job)


def _regularised_inverse(job: Job) -> Restoration:
    return _linear("regularised_inverse", job)


def _proximal(name: str, job: Job) -> Restoration:
    from pellucid import solvers

    more: dict[str, Any] = {} if name == "fista" else {"voxel_size": job.voxel_size_um}
    if job.settings.get("iterations") is not None:
        more["iterations"] = job.settings["iterations"]
    if job.settings.get("stop") is not None:
        more["stop"] = job.stop_rule()
    done: Restoration = getattr(solvers, name)(
        job.data,
        job.operator,
        strength=job.settings.get("strength"),
        background=job.background,
        noise=job.measure_noise(),
        callback=job.callback,
        **more,
    )
    return done


def _fista(job: Job) -> Restoration:
    return _proximal("fista", job)


def _total_variation(job: Job) -> Restoration:
    return _proximal("total_variation", job)


def _hessian_schatten(job: Job) -> Restoration:
    return _proximal("hessian_schatten", job)


_SHARED = ("psf", "psf_pixel_size_um", "psf_z_step_um", "boundary", "noise", "auto")
_ITERATIVE = ("iterations", "background", *_SHARED)
_CHOSEN = ("strength", "choice", *_SHARED)

METHODS: MappingProxyType[str, Method] = MappingProxyType(
    {
        "bcr": Method(
            summary="a trained network; needs no optics, plane by plane",
            takes=("weights", "tile"),
            run=None,
        ),
        "richardson-lucy": Method(
            summary="maximum likelihood for photon noise",
            takes=(*_ITERATIVE, "strength", "acceleration", "stop"),
            run=_richardson_lucy,
        ),
        "photon-split": Method(
            summary="the same, stopped pixel by pixel where halves of the photons disagree",
            takes=_ITERATIVE,
            run=_photon_split,
        ),
        "unmatched": Method(
            summary="the same in few iterations, by a Wiener-Butterworth back projector",
            takes=(*_ITERATIVE, "stop"),
            run=_unmatched,
        ),
        "blind": Method(
            summary="the same, with aberrations of the optics looked for",
            takes=("iterations", "background", "boundary", "noise", "auto"),
            run=_blind,
        ),
        "wiener": Method(
            summary="linear, against the spectrum of image and noise",
            takes=("noise_to_signal", "choice", *_SHARED),
            run=_wiener,
        ),
        "tikhonov": Method(
            summary="the regularised inverse of the paper's Eq. 5", takes=_CHOSEN, run=_tikhonov
        ),
        "regularised-inverse": Method(
            summary="linear, with a penalty on the Laplacian",
            takes=_CHOSEN,
            run=_regularised_inverse,
        ),
        "total-variation": Method(
            summary="few edges, Poisson-Gaussian noise",
            takes=(*_ITERATIVE, "strength", "stop"),
            run=_total_variation,
        ),
        "hessian-schatten": Method(
            summary="few ridges and kinks, Poisson-Gaussian noise",
            takes=(*_ITERATIVE, "strength", "stop"),
            run=_hessian_schatten,
        ),
        "fista": Method(
            summary="few wavelet coefficients, Poisson-Gaussian noise",
            takes=(*_ITERATIVE, "strength", "stop"),
            run=_fista,
        ),
    }
)


def checked_settings(method: str, settings: MethodSettings) -> MethodSettings:
    """Return the settings that were given, after checking that the method uses them.

    Raises
    ------
    SettingsError
        If the method is unknown, does not use a setting, or a setting is out of its range.
    """
    if method not in METHODS:
        raise SettingsError(f"There is no method {method!r}; choose one of {', '.join(METHODS)}.")
    given = {k: v for k, v in settings.items() if v is not None and v is not False}
    for name, value in given.items():
        if name not in METHODS[method].takes:
            owners = [other for other, one in METHODS.items() if name in one.takes]
            raise SettingsError(
                f"{name} = {value} belongs to {_either(owners)}, but the method is {method}; leave "
                f"it out or choose {_either(owners)}."
            )
    for name, legal in (
        ("stop", get_args(StopName)),
        ("choice", get_args(ChoiceName)),
        ("acceleration", ("none", "biggs-andrews", "heavy-ball")),
        ("boundary", ("extended", "reflect", "periodic")),
    ):
        if given.get(name, legal[0]) not in legal:
            raise SettingsError(
                f"{name} = {given[name]!r} is not known; use one of {', '.join(legal)}."
            )
    iterations = given.get("iterations")
    if isinstance(iterations, int) and iterations < 1:
        raise SettingsError(f"iterations must be at least 1, not {iterations}.")
    checked: MethodSettings = given  # type: ignore[assignment]
    return checked


def _either(names: list[str]) -> str:
    if len(names) == 1:
        return f"the method {names[0]}"
    return f"the methods {', '.join(names[:-1])} or {names[-1]}"
