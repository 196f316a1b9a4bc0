"""Training pairs from real images: blurred recordings and sharp ones of the same fields."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import final

from pellucid.errors import ImageError, PellucidWarning, SettingsError
from pellucid.simulate.regime import Pair
from pellucid.simulate.stream import Pairs
from pellucid.train._files import Part, matched_files, part_of
from pellucid.train._patches import MEMORY_BYTES, Patches
from pellucid.train._registered import Limits, PairReport, PairSource, examined

__all__ = ["PairReport", "RealPairs"]


@final
class RealPairs(Pairs):
    """Patches of recorded images and of sharp images of the same fields.

    The files of two folders belong together by name. Images are planes or stacks; every plane
    is a sample, and stacks of both have the same planes, or the truth has one for all. The
    truth has the image's size or a whole multiple of it: it is then averaged over the image's
    pixels. The image itself is never interpolated.

    Every pair is registered once, a channel at a time, by the mean of its planes, and the truth
    moved onto the image. Pairs that do not show the same thing are left out with a warning, or
    refused.

    A pair is in the unit range of the input: both its parts are scaled by background and peak
    of the whole recording of that channel
    (:func:`pellucid.imaging.intensity.estimate_scale`), as they are when a network is used. The
    truth is brought to the units of the image before: blurred until it looks most like the
    image, it agrees with it in the least-squares sense. So a structure has as much light in the
    truth as in the image, and the means are the same; haze that follows a structure is counted
    to it in part, so that the truths of very hazy images become too bright.

    Parameters
    ----------
    images, truths : str or Path
        Folders; TIFF, PNG and MRC files are searched with all that is below.
    seed : int
        Decides places, turns and mirror images.
    size : int
        Side of a patch, pixels.
    part : {"all", "training", "validation"}
        Which files to use. The SHA-256 of its name decides to which part a file belongs, so
        that the parts have none in common. Frames of one specimen belong in one file, or
        validation shows what training has seen.
    validation_share : float
        Share of the files that is for validation, at least one and never all.
    endings : tuple of str
        What the names of images and truths end with, before the suffix, such as
        ``("_wf", "_sim")``; both folders may then be one.
    axes : str, optional
        Of stacks that do not name their own, such as ``"ZYX"``.
    channel : int, optional
        The one to take; all if not given.
    least_correlation : float
        Pairs that agree less are not used. Unrelated images reach about 0.15.
    least_snr_db : float
        Pairs of which the truth explains less are not used.
    most_shift_pixels : float
        Pairs that lie farther apart along an axis are not used, pixels of the image.
    strict : bool
        Raise an error instead of leaving a pair out.
    turn : bool
        Turn by quarter turns and mirror at random; not where the blur has a direction.
    memory_bytes : int
        Bound of the images held; others are read again. 2 GiB if not given.

    Attributes
    ----------
    reports : tuple of PairReport
        One for every channel of every pair of files in the part.

    Raises
    ------
    ImageError
        If a file has no partner, cannot be read, or the sizes do not fit; if no pair is left;
        with `strict`, if a pair does not show the same thing.
    SettingsError
        If a setting is out of its range, or the files cannot be divided.

    Warns
    -----
    PellucidWarning
        For every pair left out.
    """

    def __init__(
        self,
        images: str | Path,
        truths: str | Path,
        *,
        seed: int,
        size: int = 128,
        part: Part = "all",
        validation_share: float = 0.2,
        endings: tuple[str, str] = ("", ""),
        axes: str | None = None,
        channel: int | None = None,
        least_correlation: float = 0.3,
        least_snr_db: float = -15.0,
        most_shift_pixels: float = 8.0,
        strict: bool = False,
        turn: bool = True,
        memory_bytes: int = MEMORY_BYTES,
    ) -> None:
        if most_shift_pixels < 0 or not 0 <= least_correlation <= 1:
            raise SettingsError(
                "most_shift_pixels is not negative and least_correlation lies from 0 to 1; they "
                f"are {most_shift_pixels:g} and {least_correlation:g}."
            )
        files = matched_files(images, truths, endings)
        limits = Limits(
            correlation=least_correlation,
            snr_db=least_snr_db,
            shift_pixels=most_shift_pixels,
            size=size,
        )
        reports: list[PairReport] = []
        sources: list[PairSource] = []
        for name in part_of(list(files), part, validation_share):
            for report, source in examined(name, files[name], axes, channel, limits):
                reports.append(report)
                if source is not None:
                    sources.append(source)
                elif strict:
                    raise ImageError(f"{report.refused} Remove the pair, or do without strict.")
                else:
                    warnings.warn(f"Left out: {report.refused}", PellucidWarning, stacklevel=2)
        if not sources:
            raise ImageError(
                f"Of {len(reports)} pairs in {images} and {truths} none can be used; look at the "
                "warnings."
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
