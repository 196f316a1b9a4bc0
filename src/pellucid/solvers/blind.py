"""Blind deconvolution: the pupil's phase is found along with the image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import array_api_compat

from pellucid.errors import ImageError, OpticsError, SettingsError
from pellucid.imaging._boundary import Boundary
from pellucid.imaging.blur import Blur
from pellucid.imaging.operator import Identity
from pellucid.optics.microscope import Microscope
from pellucid.solvers._blind_search import HeldOut, number_of_candidates, search
from pellucid.solvers._rl_loop import check_iterations
from pellucid.solvers.noise_model import NoiseModel
from pellucid.solvers.photon_split import check_noise
from pellucid.solvers.problem import Background, problem
from pellucid.solvers.progress import CANCELLED, Callback, Progress
from pellucid.solvers.restoration import Restoration, Setting
from pellucid.solvers.richardson_lucy import richardson_lucy

__all__ = ["blind_richardson_lucy"]

#: Terms that only move the image: piston and tilts, and defocus in a stack.
_MOVING = (0, 1, 2)
_DEFOCUS = 4


def blind_richardson_lucy(
    image: Any,
    microscope: Microscope,
    *,
    noise: NoiseModel,
    terms: Sequence[int] | None = None,
    reach_waves: float = 0.4,
    iterations: int = 20,
    background: Background = "estimated",
    boundary: Boundary = "extended",
    psf_shape: tuple[int, ...] | None = None,
    seed: int = 0,
    callback: Callback | None = None,
) -> Restoration:
    """Deconvolve an image whose point spread function is known but for aberrations.

    The point spread function is that of the microscope with a phase in its pupil, of a few
    Zernike terms: it has the band of the optics, is not negative and keeps light, always. What
    remains is to find some numbers. They are not found by maximum likelihood: a scene may be
    blurred by itself, so that a sharper point spread function explains the data at least as
    well, and alternating between scene and point spread function stays where it starts. Instead
    the photons are split by chance into two halves, as for `photon_split_richardson_lucy`.
    Every candidate deconvolves one half, by Richardson-Lucy iterations that are stopped at
    their best prediction, and is scored by the likelihood of the other half, which no scene was
    fitted to [1]_. The best is found term by term, by steps of 0.05 waves over the reach and
    golden sections after that, several terms in rounds; its point spread function then serves to
    restore the image from all photons.

    For one term 23 candidates are tried within the default reach, each with up to 80
    accelerated iterations; for two up to 129, for three up to 191. Point spread functions
    without rotational symmetry take their own time. In a plane the sign of defocus alone, and of
    all even terms together, cannot be told: either gives the same point spread function.

    Parameters
    ----------
    image : array of real numbers, shape (y, x) or (z, y, x)
        Of numpy or torch.
    microscope : Microscope
        As it is thought to be, of any modality; aberrations it states are where the search
        starts. For a stack it must state `z_step_um` and `refractive_index`.
    noise : NoiseModel
        Its `photon` turns intensities into photons.
    terms : sequence of int, optional
        OSA/ANSI indices of the Zernike terms to find; defocus (4) in a plane and primary
        spherical aberration (12) in a stack if not given. Terms that only move the image are
        refused: 0 to 2, and in a stack 4.
    reach_waves : float
        How far from its start a term may lie, root-mean-square waves of the emission; at most 1.
    iterations : int
        Of the final restoration.
    background : float or "estimated"
        As for `richardson_lucy`.
    boundary : {"extended", "periodic", "reflect"}
        As for `Blur`.
    psf_shape : tuple of int, optional
        Large enough for nearly all light if not given.
    seed : int
        Of the split into halves.
    callback : Callback, optional
        Called after every candidate, with its score and the scene from half of the photons, and
        after every iteration of the final restoration; returns True to end with the best so far.

    Returns
    -------
    Restoration
        With the point spread function as `psf`, and the microscope with its aberrations as JSON
        in the settings, for `Microscope.from_json`. The trace is that of the final restoration,
        as for `richardson_lucy`; empty if the search was ended.

    Raises
    ------
    ImageError
        If the image is no plane or stack of finite real numbers.
    OpticsError
        If the microscope is none or lacks a value.
    SettingsError
        If the noise is missing, a term only moves the image or another option is out of range.

    References
    ----------
    .. [1] J. Batson and L. Royer, "Noise2Self: blind denoising by self-supervision", Proc. ICML
       97, 524-533 (2019), for the principle of scoring on independent measurements.
    """
    check_iterations(iterations)
    check_noise(noise)
    shape = _image_shape(image)
    chosen = _terms(terms, len(shape), reach_waves, microscope)
    if len(shape) == 3 and None in (microscope.z_step_um, microscope.refractive_index):
        raise OpticsError(
            "The point spread function of a stack depends on the distance of its planes and on the "
            "immersion medium; give the microscope z_step_um and refractive_index."
        )
    if psf_shape is None:
        from pellucid.optics.support import psf_shape as enough

        psf_shape = enough(microscope, shape)
    task = problem(image, Identity(shape), background)
    score = HeldOut(
        task,
        microscope,
        chosen,
        psf_shape=psf_shape,
        boundary=boundary,
        noise=noise,
        seed=seed,
    )
    stated = dict(microscope.zernike_waves)
    candidates = number_of_candidates(len(chosen), reach_waves)
    total = candidates + int(iterations)

    def tell(done: int, _: int, value: float, light: Any) -> bool:
        if callback is None:
            return False
        return bool(callback(Progress(done, total, value, light + task.background)))

    def tell_later(progress: Progress) -> bool:
        later = replace(progress, iteration=candidates + progress.iteration, iterations=total)
        return bool(callback is not None and callback(later))

    best, cancelled = search(
        score,
        tuple(float(stated.get(term, 0.0)) for term in chosen),
        reach_waves=reach_waves,
        told=tell,
    )
    found: dict[str, Setting] = {
        "terms": " ".join(map(str, chosen)),
        "zernike_waves": " ".join(f"{w:.4f}" for w in best.waves),
        "microscope": score.microscope(best.waves).to_json(),
        "candidates": candidates,
        "seed": seed,
    }
    if cancelled:
        return Restoration(
            image=best.scene[best.operator.camera] + task.background,
            trace=(),
            stopped_because=CANCELLED,
            settings=found | {"background": task.background},
            psf=best.psf,
        )
    restored = richardson_lucy(
        image,
        Blur(best.psf, shape, boundary=boundary, like=task.data),
        iterations=iterations,
        background=task.background,
        noise=noise,
        callback=tell_later,
    )
    return replace(restored, settings=restored.settings | found, psf=best.psf)


def _image_shape(image: Any) -> tuple[int, ...]:
    if not array_api_compat.is_array_api_obj(image) or image.ndim not in (2, 3):
        what = (
            f"one with {image.ndim} axes"
            if array_api_compat.is_array_api_obj(image)
            else type(image).__name__
        )
        raise ImageError(
            f"The image must be an array of numpy or torch with axes (y, x) or (z, y, x), not "
            f"{what}."
        )
    return tuple(image.shape)


def _terms(
    terms: Sequence[int] | None, ndim: int, reach_waves: float, microscope: Any
) -> tuple[int, ...]:
    """Check what is looked for."""
    if not isinstance(microscope, Microscope):
        raise OpticsError(
            f"Blind deconvolution needs the Microscope the image comes from, not "
            f"{type(microscope).__name__}."
        )
    if not (math.isfinite(reach_waves) and 0 < reach_waves <= 1):
        raise SettingsError(f"reach_waves must lie between 0 and 1, not {reach_waves}.")
    if terms is None:
        return (_DEFOCUS,) if ndim == 2 else (12,)
    chosen = tuple(int(term) for term in terms)
    moving = (*_MOVING, _DEFOCUS) if ndim == 3 else _MOVING
    wrong = [term for term in chosen if term < 0 or term in moving]
    if wrong or not chosen or len(set(chosen)) != len(chosen):
        raise SettingsError(
            f"terms must be different OSA/ANSI indices that change the shape of an image with "
            f"{ndim} axes, not {tuple(terms)}; leave out {', '.join(map(str, moving))}."
        )
    return chosen
