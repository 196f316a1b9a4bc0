"""Regimes that follow the physics: emission, photons, a camera; plane or thick specimens."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from pellucid.errors import SettingsError
from pellucid.imaging.camera import Camera
from pellucid.imaging.intensity import IntensityScale, estimate_scale
from pellucid.optics.microscope import Microscope
from pellucid.simulate._preparation import bin_mean, enlarge, uneven_field
from pellucid.simulate.regime import (
    Acquisition,
    Conditions,
    Pair,
    Regime,
    SceneNeeds,
    Span,
    draw_window,
    log_uniform,
)
from pellucid.simulate.scene import DrawnScene, blur, blur_planes, soft_copy

#: Immersion media by their index, and the largest aperture their lenses have.
_MEDIA = ((1.0, 0.95), (1.333, 1.27), (1.406, 1.35), (1.515, 1.49))


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """Which microscopes and cameras there are; every range ``(low, high)``.

    Parameters
    ----------
    pixel_size_um : tuple of float
        Camera pixels in the specimen, log-uniform.
    cutoff_per_pixel : tuple of float
        Cut-off 2 NA / wavelength in cycles per pixel, uniform as far as lenses and colours allow.
    numerical_aperture, emission_nm : tuple of float
        Uniform where the cut-off leaves a choice.
    peak_photons : tuple of float
        Detected photons at the 99.9th percentile of the clean image, log-uniform.
    background_fraction : tuple of float
        Even background light as a fraction of the peak, uniform.
    read_noise_electrons, offset_counts : tuple of float
        Uniform.
    gain_electrons_per_count : tuple of float
        Log-uniform.
    attenuation : tuple of float
        Mid-frequency loss of real objectives, see :func:`pellucid.simulate.scene.blur`; uniform.
    """

    pixel_size_um: Span = (0.04, 0.20)
    cutoff_per_pixel: Span = (0.12, 0.45)
    numerical_aperture: Span = (0.4, 1.45)
    emission_nm: Span = (450.0, 680.0)
    peak_photons: Span = (100.0, 10_000.0)
    background_fraction: Span = (0.0, 0.3)
    read_noise_electrons: Span = (1.0, 5.0)
    offset_counts: Span = (90.0, 500.0)
    gain_electrons_per_count: Span = (0.2, 1.0)
    attenuation: Span = (0.0, 0.0)

    def draw_microscope(
        self, rng: np.random.Generator, pixel_size_um: float, z_step_um: float | None = None
    ) -> Microscope:
        """Draw a microscope with pixels of a given size.

        Raises
        ------
        SettingsError
            If no lens and colour of the ranges gives a cut-off in the range at this pixel size.
        """
        apertures, colours = self.numerical_aperture, self.emission_nm
        low = max(self.cutoff_per_pixel[0], 2e3 * apertures[0] / colours[1] * pixel_size_um)
        high = min(self.cutoff_per_pixel[1], 2e3 * apertures[1] / colours[0] * pixel_size_um)
        if low > high:
            raise SettingsError(
                f"No lens of NA {apertures[0]:g} to {apertures[1]:g} gives a cut-off of "
                f"{self.cutoff_per_pixel[0]:g} to {self.cutoff_per_pixel[1]:g} cycles per pixel "
                f"with pixels of {pixel_size_um:g} um; change one of the ranges."
            )
        per_um = float(rng.uniform(low, high)) / pixel_size_um
        emission = float(
            rng.uniform(
                max(colours[0], 2e3 * apertures[0] / per_um),
                min(colours[1], 2e3 * apertures[1] / per_um),
            )
        )
        aperture = 5e-4 * per_um * emission
        media = [index for index, largest in _MEDIA if aperture <= largest]
        return Microscope(
            numerical_aperture=aperture,
            emission_nm=emission,
            pixel_size_um=pixel_size_um,
            refractive_index=float(media[int(rng.integers(len(media)))]),
            z_step_um=z_step_um,
        )

    def draw_camera(self, rng: np.random.Generator) -> Camera:
        """Draw a camera of 16 bit; photons are detected ones, quantum efficiency included."""
        return Camera(
            gain_electrons_per_count=log_uniform(rng, self.gain_electrons_per_count),
            offset_counts=float(rng.uniform(*self.offset_counts)),
            read_noise_electrons=float(rng.uniform(*self.read_noise_electrons)),
            bit_depth=16,
        )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """What else real images and their owners do; nothing of it by default.

    Parameters
    ----------
    smoothing_pixels : tuple of float
        Sigma of a Gaussian over the recorded image, noise included, uniform, none below zero:
        many images were interpolated or filtered before they are restored.
    haze_fraction, haze_sigma_pixels : tuple of float
        Peak of a strongly blurred copy of the scene that lies over image and truth alike, as a
        fraction of the image's peak, uniform, none below zero; and its sigma.
    offset_error : tuple of float
        Shifts image and truth together, as a fraction of the signal's span, uniform: a whole
        image's background need not be that of the patch.
    haze_kept : bool
        Whether the haze belongs to the truth too, or is to be removed.
    unevenness : tuple of float
        Standard deviation of the logarithm of a smooth field that image and truth are multiplied
        by, uniform, none below zero: illumination and labelling are not even.
    upsampled : float
        Probability that the image was recorded with pixels twice as large and enlarged
        afterwards, as structured illumination software does with its raw images; only where the
        larger pixels still sample the cut-off.
    """

    smoothing_pixels: Span = (-1.0, 0.0)
    haze_fraction: Span = (-1.0, 0.0)
    haze_sigma_pixels: Span = (3.0, 12.0)
    offset_error: Span = (0.0, 0.0)
    haze_kept: bool = True
    unevenness: Span = (-1.0, 0.0)
    upsampled: float = 0.0


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PhysicalRegime(Regime):
    """A plane in focus, imaged by the emission point spread function onto a camera.

    The scene is drawn at 4 times the camera's sampling on a torus larger than the image, so
    that light comes in from beyond the frame; photon shot noise, read noise, gain, offset,
    16 bit. The truth is the light of every camera pixel in photons, background included: the
    network learns to undo blur and noise, not to judge what is worth showing.

    Parameters
    ----------
    instrument : Instrument
        100 to 10,000 photons at the peak and 1 to 5 electrons of read noise by default, as
        scientific cameras have them.
    preparation : Preparation
    """

    instrument: Instrument = Instrument()
    preparation: Preparation = Preparation()

    @property
    def needs(self) -> SceneNeeds:
        """Planes, with the instrument's pixels."""
        return SceneNeeds(pixel_size_um=self.instrument.pixel_size_um)

    def acquire(self, rng: np.random.Generator, drawn: DrawnScene, size: int) -> Acquisition:
        """Draw a microscope and a camera and record the scene; see :class:`Regime`."""
        microscope = self.instrument.draw_microscope(rng, drawn.pixel_size_um)
        attenuation = float(rng.uniform(*self.instrument.attenuation))
        clean = blur(drawn.scene, microscope.cutoff_per_pixel, attenuation=attenuation)
        truth = drawn.scene.truth
        haze = float(rng.uniform(*self.preparation.haze_fraction))
        sigma = float(rng.uniform(*self.preparation.haze_sigma_pixels))
        if haze > 0:
            veil = soft_copy(drawn.scene, sigma)
            veil *= np.float32(haze * clean.max() / (float(veil.max()) or 1.0))
            clean = clean + veil
            truth = truth + veil if self.preparation.haze_kept else truth
        extra: Conditions = {
            "attenuation": attenuation,
            "haze_fraction": max(haze, 0.0),
            "haze_sigma_pixels": sigma,
        }
        imaged = Imaged(microscope, clean, truth, extra)
        return record(rng, (self.instrument, self.preparation), drawn, size, imaged)

    def scaled(self, rng: np.random.Generator, acquisition: Acquisition) -> Pair:
        """Scale image and truth alike, by the image's background and peak."""
        return scaled_alike(rng, self.preparation, acquisition)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ThickRegime(Regime):
    """A thin volume, each plane blurred by its distance from focus; camera as `physical`.

    The truth is the light from within the depth of field: planes weighted by a Gaussian over
    their distance from focus whose full width at half maximum is ``n wavelength / NA^2`` (the
    Rayleigh depth of field). What lies beyond is haze, and is to be removed.

    Parameters
    ----------
    instrument : Instrument
    preparation : Preparation
    planes : int
        Planes a volume is drawn in.
    depth_um : tuple of float
        Depth of the volume, log-uniform.
    focus : tuple of float
        Where the focus lies, as a fraction of the depth, uniform.
    """

    instrument: Instrument = Instrument()
    preparation: Preparation = Preparation()
    planes: int = 12
    depth_um: Span = (1.0, 6.0)
    focus: Span = (0.15, 0.85)

    @property
    def needs(self) -> SceneNeeds:
        """Thin volumes, with the instrument's pixels."""
        return SceneNeeds(
            pixel_size_um=self.instrument.pixel_size_um, planes=self.planes, depth_um=self.depth_um
        )

    def acquire(self, rng: np.random.Generator, drawn: DrawnScene, size: int) -> Acquisition:
        """Draw a microscope, a focus and a camera and record the volume; see :class:`Regime`."""
        if drawn.z_step_um is None:
            raise SettingsError(
                f"The thick regime images volumes, but the specimen {drawn.name!r} is a plane; "
                "draw it on a canvas with several planes."
            )
        microscope = self.instrument.draw_microscope(rng, drawn.pixel_size_um, drawn.z_step_um)
        attenuation = float(rng.uniform(*self.instrument.attenuation))
        planes = len(drawn.scene.truth)
        focus_um = float(rng.uniform(*self.focus)) * planes * drawn.z_step_um
        distance_um = (np.arange(planes) + 0.5) * drawn.z_step_um - focus_um
        clean = blur_planes(drawn.scene, microscope, distance_um, attenuation=attenuation)
        index, aperture = microscope.refractive_index, microscope.numerical_aperture
        depth_of_field_um = 1e-3 * (index or 1.0) * microscope.emission_nm / aperture**2
        truth = in_focus(drawn.scene.truth, distance_um, depth_of_field_um)
        extra: Conditions = {
            "attenuation": attenuation,
            "focus_um": focus_um,
            "depth_um": planes * drawn.z_step_um,
            "depth_of_field_um": depth_of_field_um,
        }
        imaged = Imaged(microscope, clean, truth, extra)
        return record(rng, (self.instrument, self.preparation), drawn, size, imaged)

    def scaled(self, rng: np.random.Generator, acquisition: Acquisition) -> Pair:
        """Scale image and truth alike, by the image's background and peak."""
        return scaled_alike(rng, self.preparation, acquisition)


def in_focus(
    planes: NDArray[np.float32], distance_um: NDArray[np.floating], depth_of_field_um: float
) -> NDArray[np.float32]:
    """Sum the light of planes (z, y, x), weighted by a Gaussian over their distance from focus.

    Its full width at half maximum is the depth of field.
    """
    weight = np.exp2(-((2.0 * distance_um / depth_of_field_um) ** 2)).astype(np.float32)
    light: NDArray[np.float32] = np.tensordot(weight, planes, axes=1)
    return light


@final
@dataclass(frozen=True, slots=True)
class Imaged:
    """A whole scene as the optics image it, without units."""

    microscope: Microscope
    clean: NDArray[np.float32]
    truth: NDArray[np.float32]
    conditions: Conditions


def record(
    rng: np.random.Generator,
    setting: tuple[Instrument, Preparation],
    drawn: DrawnScene,
    size: int,
    imaged: Imaged,
) -> Acquisition:
    """Give a blurred scene photons, crop it and let the camera record it."""
    instrument, preparation = setting
    microscope = imaged.microscope
    clean, truth = imaged.clean, imaged.truth
    peak = max(float(np.percentile(clean, 99.9)), 0.1 * float(clean.max())) or 1.0
    peak_photons = log_uniform(rng, instrument.peak_photons)
    background = peak_photons * float(rng.uniform(*instrument.background_fraction))
    camera = instrument.draw_camera(rng)
    smoothing = max(float(rng.uniform(*preparation.smoothing_pixels)), 0.0)
    window = draw_window(rng, drawn.scene.side, size)
    per_unit = np.full((size, size), peak_photons / peak, dtype=np.float32)
    if preparation.unevenness[1] > 0:
        per_unit *= uneven_field(rng, size, preparation.unevenness)
    clean = clean[window] * per_unit + np.float32(background)
    truth = truth[window] * per_unit + np.float32(background)
    enlarged = _is_enlarged(rng, preparation, microscope, size)
    if enlarged:
        recorded = enlarge(np.asarray(camera.record(bin_mean(clean), rng), dtype=np.float32), rng)
    else:
        recorded = np.asarray(camera.record(clean, rng), dtype=np.float32)
    if smoothing > 0:
        recorded = gaussian_filter(recorded, smoothing, mode="mirror")
    conditions: Conditions = {
        "specimen": drawn.name,
        "kind": drawn.kinds[0],
        "numerical_aperture": microscope.numerical_aperture,
        "emission_nm": microscope.emission_nm,
        "refractive_index": microscope.refractive_index or 0.0,
        "pixel_size_um": drawn.pixel_size_um,
        "cutoff_per_pixel": microscope.cutoff_per_pixel,
        "peak_photons": peak_photons,
        "background_photons": background,
        "smoothing_pixels": smoothing,
        "upsampled": int(enlarged),
        **{k: v for k, v in asdict(camera).items() if isinstance(v, (int, float))},
        **imaged.conditions,
    }
    return Acquisition(
        recorded=recorded,
        clean=clean,
        truth=truth,
        in_counts=np.asarray(camera.expected_counts(truth), dtype=np.float32),
        conditions=conditions,
        microscope=microscope,
    )


def _is_enlarged(
    rng: np.random.Generator, preparation: Preparation, microscope: Microscope, size: int
) -> bool:
    if preparation.upsampled <= 0 or microscope.cutoff_per_pixel > 0.25 or size % 2:
        return False
    return bool(rng.random() < preparation.upsampled)


def scaled_alike(
    rng: np.random.Generator, preparation: Preparation, acquisition: Acquisition
) -> Pair:
    """Scale image and truth alike, by the image's background and peak."""
    scale = estimate_scale(acquisition.recorded)
    shift = float(rng.uniform(*preparation.offset_error))
    scale = IntensityScale(scale.background - shift * scale.span, scale.span)
    return Pair(
        scale.normalise(acquisition.recorded),
        scale.normalise(acquisition.in_counts),
        {**acquisition.conditions, "offset_error": shift, "span_counts": scale.span},
    )
