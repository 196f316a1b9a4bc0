"""Training pairs from noisy recordings, without any sharp or clean image."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import final

from pellucid.errors import ImageError, PellucidWarning, SettingsError
from pellucid.imaging.noise import NoiseEstimate
from pellucid.simulate.regime import Pair
from pellucid.simulate.stream import Pairs
from pellucid.solvers.noise_model import NoiseModel
from pellucid.train._files import (
    Part,
    image_files,
    matched_files,
    part_of,
    planes_of,
    read_recording,
)
from pellucid.train._patches import MEMORY_BYTES, Patches
from pellucid.train._recordings import OnceSource, TwiceSource, estimated_noise, examined_twice
from pellucid.train._registered import Limits, PairReport
from pellucid.train.recorrupt import recorrupted

__all__ = ["Noise2NoisePairs", "RecorruptedPairs"]


@final
class Noise2NoisePairs(Pairs):
    """Patches of two recordings of the same fields, whose noise is independent.

    A network that is to make the one from the other cannot know its noise, and under a squared
    error learns the mean: the noise-free image [1]_. It removes noise, not blur.

    Recordings are two folders, matched by file name, or one folder of time series, of which
    even and odd frames make pairs (0 and 1, 2 and 3 ...; a last one without a partner is left
    out). The target is registered on the image, and gain and offset between the two, such as
    by bleaching, are taken out without the error that noise makes in a fit; the image itself is
    never changed. Pairs are in the unit range of the input, as those of
    :class:`pellucid.train.real_pairs.RealPairs`.

    Parameters
    ----------
    first : str or Path
        Folder of the images, or of the time series.
    second : str or Path, optional
        Folder of the targets; without it `first` holds time series.
    swap : bool
        Let each of the two be image and target in turn. Not where the second was recorded in
        another way, such as with more light.
    seed, size, part, validation_share, endings, axes, channel, turn, memory_bytes
        As of :class:`pellucid.train.real_pairs.RealPairs`.
    least_correlation, most_shift_pixels, strict
        As there.

    Attributes
    ----------
    reports : tuple of PairReport

    Raises
    ------
    ImageError
        If a file has no partner, no time axis, or another shape than its partner; if no pair is
        left; with `strict`, if two recordings do not show the same.
    SettingsError
        If a setting is out of its range.

    Warns
    -----
    PellucidWarning
        For every pair left out.

    References
    ----------
    .. [1] J. Lehtinen et al., "Noise2Noise: learning image restoration without clean data",
       ICML 2018, PMLR 80, 2965-2974.
    """

    def __init__(
        self,
        first: str | Path,
        second: str | Path | None = None,
        *,
        seed: int,
        size: int = 128,
        swap: bool = True,
        part: Part = "all",
        validation_share: float = 0.2,
        endings: tuple[str, str] = ("", ""),
        axes: str | None = None,
        channel: int | None = None,
        least_correlation: float = 0.3,
        most_shift_pixels: float = 8.0,
        strict: bool = False,
        turn: bool = True,
        memory_bytes: int = MEMORY_BYTES,
    ) -> None:
        if not 0 <= least_correlation <= 1 or most_shift_pixels < 0:
            raise SettingsError(
                "most_shift_pixels is not negative and least_correlation lies from 0 to 1; they "
                f"are {most_shift_pixels:g} and {least_correlation:g}."
            )
        limits = Limits(
            correlation=least_correlation,
            snr_db=-math.inf,
            shift_pixels=most_shift_pixels,
            size=size,
        )
        files: dict[str, tuple[Path, ...]]
        if second is None:
            files = {name: (path,) for name, path in image_files(first, endings[0]).items()}
        else:
            files = dict(matched_files(first, second, endings))
        reports: list[PairReport] = []
        sources: list[TwiceSource] = []
        for name in part_of(list(files), part, validation_share):
            for report, source in examined_twice(name, files[name], axes, channel, limits):
                reports.append(report)
                if source is not None:
                    sources += [source, source.swapped()] if swap else [source]
                elif strict:
                    raise ImageError(f"{report.refused} Remove it, or do without strict.")
                else:
                    warnings.warn(f"Left out: {report.refused}", PellucidWarning, stacklevel=2)
        if not sources:
            raise ImageError(
                f"Of {len(reports)} recordings in {first} none can be used; look at the warnings."
            )
        self.reports = tuple(reports)
        self._patches = Patches(sources, seed=seed, size=size, turn=turn, memory_bytes=memory_bytes)

    def __getitem__(self, index: int) -> Pair:
        """Return pair number `index`; its conditions name file and place."""
        patch = self._patches[index]
        normalise = patch.scale.normalise
        return Pair(normalise(patch.image), normalise(patch.truth), patch.conditions)

    def fill(self, *, workers: int = 1) -> None:
        """Read the files ahead, by several threads."""
        self._patches.fill(workers=workers)


@final
class RecorruptedPairs(Pairs):
    """Patches of single noisy images, each split into two whose noise is uncorrelated.

    Every draw splits anew (:func:`pellucid.train.recorrupt.recorrupted`). With a squared error
    between the two a network learns to remove noise; with
    :class:`pellucid.train.losses_noisy.DataDomain` and the point spread function of the
    microscope it learns to deconvolve, from noisy images alone. Both parts are in the unit
    range of the image they come from.

    The first part has but `share` of the light: a network trained on it meets less noise than
    it knows when it is given whole images.

    Parameters
    ----------
    images : str or Path
        Folder of raw recordings, searched with all that is below.
    noise : NoiseModel, optional
        With `offset_counts`; estimated from every file and channel if not given
        (:func:`pellucid.imaging.noise.estimate_noise`).
    offset_counts : float, optional
        Counts without light; needed with `noise`.
    cutoff_per_pixel : float
        For the estimate: highest frequency the optics pass, cycles per pixel.
    light : float
        Share of the light that goes to the first part, between 0 and 1.
    turn : bool
        Turn by quarter turns and mirror at random. Not where the point spread function of the
        loss has a direction: it is not turned with the patch.
    seed, size, part, validation_share, axes, channel, memory_bytes
        As of :class:`pellucid.train.real_pairs.RealPairs`.

    Attributes
    ----------
    noises : tuple of NoiseModel or NoiseEstimate
        One for every channel of every file.

    Raises
    ------
    ImageError
        If a file cannot be read, is smaller than a patch, or its noise cannot be estimated.
    SettingsError
        If a setting is out of its range, or there is a noise model without offset.

    Warns
    -----
    PellucidWarning
        If estimated noise is not white, so that the two parts are not independent.
    """

    def __init__(
        self,
        images: str | Path,
        *,
        seed: int,
        noise: NoiseModel | None = None,
        offset_counts: float | None = None,
        cutoff_per_pixel: float = 0.35,
        light: float = 0.5,
        size: int = 128,
        part: Part = "all",
        validation_share: float = 0.2,
        axes: str | None = None,
        channel: int | None = None,
        turn: bool = True,
        memory_bytes: int = MEMORY_BYTES,
    ) -> None:
        if noise is not None and offset_counts is None:
            raise SettingsError(
                "A noise model needs offset_counts, the counts of a pixel without light; give "
                "them too (0 if there is no offset)."
            )
        if not 0 < light < 1:
            raise SettingsError(f"light = {light:g} must lie between 0 and 1.")
        files = image_files(images)
        noises: list[NoiseModel | NoiseEstimate] = []
        sources: list[OnceSource] = []
        for name in part_of(list(files), part, validation_share):
            data = read_recording(files[name], axes=axes, channel=channel)
            if min(data.shape[-2:]) < size:
                raise ImageError(
                    f"{files[name]} has {data.shape[-2]} x {data.shape[-1]} pixels, too few for "
                    f"patches of {size}; choose a smaller size or remove it."
                )
            for index, recorded in enumerate(data):
                number = index if channel is None else channel
                planes = planes_of(recorded)
                noises.append(noise or estimated_noise(files[name], planes, cutoff_per_pixel))
                sources.append(
                    OnceSource(
                        title=name, number=number, count=len(planes), file=files[name], axes=axes
                    )
                )
        self.noises = tuple(noises)
        self._offset = offset_counts or 0.0
        self._light = light
        self._patches = Patches(sources, seed=seed, size=size, turn=turn, memory_bytes=memory_bytes)

    def __getitem__(self, index: int) -> Pair:
        """Return pair number `index`: the two parts of a patch, split for this number."""
        patch = self._patches[index]
        parts = recorrupted(
            patch.image,
            self.noises[patch.source],
            rng=patch.rng,
            offset_counts=self._offset,
            share=self._light,
        )
        first, second = (patch.scale.normalise(part) for part in parts)
        return Pair(first, second, patch.conditions)

    def fill(self, *, workers: int = 1) -> None:
        """Read the files ahead, by several threads."""
        self._patches.fill(workers=workers)
