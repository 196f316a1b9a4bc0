"""Pictures as specimens: folders of natural or fluorescence images, and scenes cut from them."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import ImageError, PellucidWarning, SettingsError
from pellucid.io.image import check_intensities
from pellucid.simulate._decode import decode, read_bytes, tiff_planes
from pellucid.simulate._resample import resampled
from pellucid.simulate._store import ByteStore
from pellucid.simulate.canvas import Canvas

#: Files taken from a folder unless told otherwise; upper and lower case are the same.
PATTERNS = ("*.png", "*.tif", "*.tiff", "*.jpg", "*.jpeg")
#: Memory the decoded pictures of a folder may take unless told otherwise: 1 GiB.
MEMORY_BYTES = 1 << 30

#: Percentile of a picture that is its peak brightness.
PEAK_PERCENTILE = 99.9
#: Places in a picture of which one is taken.
_PLACES = 8
#: About so many pixels, on a regular grid, decide a picture's percentiles.
_SAMPLE = 1 << 16


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Picture:
    """A plane of brightness with what is needed to prove where it came from.

    Attributes
    ----------
    name : str
        Path below the folder, with ``#`` and the plane for files of several, such as
        ``"cells/a.tif#c1"``.
    data : ndarray of real numbers, shape (y, x)
        Read-only.
    sha256 : str
        Of the file, in hexadecimal; of the values for an array without a file.
    percentiles : ndarray of float32, shape (101,)
        Brightness below which 0, 1, ... 100 per cent of the pixels lie.
    peak : float
        The 99.9th percentile, or the largest value where that is not above the median.
    """

    name: str
    data: NDArray[Any]
    sha256: str
    percentiles: NDArray[np.float32]
    peak: float

    @classmethod
    def of(cls, data: NDArray[Any], *, name: str = "picture", sha256: str | None = None) -> Picture:
        """Describe an array of shape (y, x); it is not copied, but can no longer be written.

        Percentiles are those of about 65 000 pixels on a regular grid.

        Raises
        ------
        ImageError
            If the array is not a plane of finite real numbers, or is constant.
        """
        try:
            check_intensities(data)
        except ImageError as error:
            raise ImageError(f"{name}: {error}") from None
        if data.ndim != 2:
            raise ImageError(
                f"{name} has shape {data.shape}, but a picture has two axes; give its planes one "
                "by one."
            )
        stride = max(1, round((data.size / _SAMPLE) ** 0.5))
        *percentiles, peak = np.percentile(
            data[::stride, ::stride].astype(np.float32), [*range(101), PEAK_PERCENTILE]
        )
        if not peak > percentiles[50]:
            peak = float(data.max())
        if not data.max() > data.min():
            raise ImageError(
                f"{name} is constant (every pixel is {data.flat[0]}) and shows no specimen; leave "
                "it out."
            )
        view = data.view()
        view.flags.writeable = False
        return cls(
            name=name,
            data=view,
            sha256=sha256 or hashlib.sha256(np.ascontiguousarray(data).tobytes()).hexdigest(),
            percentiles=np.array(percentiles, dtype=np.float32),
            peak=float(peak),
        )


@final
class ImageFolder:
    """The pictures of a folder and its sub-folders, decoded when they are asked for.

    PNG, TIFF and JPEG are read, by their content. Every channel, focal plane and time of a
    file is a picture of its own. Colour becomes luminance, 0.2126 R + 0.7152 G + 0.0722 B
    (ITU-R BT.709) of the values as stored; transparency is passed over. The order is that of
    the names. Files and folders whose names begin with a dot are passed over.

    Parameters
    ----------
    path : str or Path
    patterns : sequence of str
        File names to take, such as ``"*.png"``; upper and lower case are the same.
    leave_out : sequence of str
        File names not to take all the same.
    margins : mapping of str to int, optional
        Pixels cut from all four sides, by pattern of the file name; the first that fits counts.
        For files with a dark frame: ``{"actin?_sim_gt.tif": 16}``.
    memory_bytes : int
        Bound of the decoded pictures held, in the type of the file; the least recently used go
        first. 1 GiB if not given. The picture in hand comes on top.
    skip_unreadable : bool
        Leave out files that cannot be decoded or show nothing (a constant plane), each with a
        warning. Every file is decoded once at the start to find them. Otherwise such a file is
        an error: of a TIFF's header at the start, of all else when the picture is asked for.

    Raises
    ------
    ImageError
        If there is no such folder, no file in it fits, or a file cannot be read.
    SettingsError
        If a margin or the memory is negative.

    Warns
    -----
    PellucidWarning
        For every file left out.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        patterns: Sequence[str] = PATTERNS,
        leave_out: Sequence[str] = (),
        margins: Mapping[str, int] | None = None,
        memory_bytes: int = MEMORY_BYTES,
        skip_unreadable: bool = False,
    ) -> None:
        self._root = Path(path)
        self._margins = dict(margins or {})
        for pattern, margin in self._margins.items():
            if margin < 0:
                raise SettingsError(
                    f"The margin of {pattern!r} is {margin} pixels; give 0 or more."
                )
        self._store: ByteStore[Picture] = ByteStore(memory_bytes)
        self._planes: list[tuple[str, str]] = []
        for file in matching_names(self._root, patterns):
            if any(fnmatch(Path(file).name.lower(), pattern.lower()) for pattern in leave_out):
                continue
            try:
                names = self._plane_names(file, decoded=skip_unreadable)
            except ImageError as error:
                if not skip_unreadable:
                    raise
                warnings.warn(f"Left out: {error}", PellucidWarning, stacklevel=2)
                continue
            self._planes += [(file, name) for name in names]
        if not self._planes:
            raise ImageError(
                f"{self._root} holds no picture named {', '.join(patterns)}; check the folder and "
                "the patterns."
            )
        self._names = tuple(file + plane for file, plane in self._planes)

    def __len__(self) -> int:
        """Count the pictures."""
        return len(self._planes)

    def __getitem__(self, index: int) -> Picture:
        """Return a picture, from memory or from its file."""
        file, plane = self._planes[index]
        found = self._store.get((file, plane))
        if found is None:
            pictures = self._decoded(file)
            if plane not in pictures:
                raise ImageError(
                    f"{self._root / file} changed while it was in use; read the folder anew."
                )
            found = pictures[plane]
            for name, picture in pictures.items():
                self._store.put((file, name), picture, picture.data.nbytes)
            self._store.put((file, plane), found, found.data.nbytes)
        return found

    @property
    def names(self) -> tuple[str, ...]:
        """Name of every picture; see :class:`Picture`."""
        return self._names

    @property
    def held_bytes(self) -> int:
        """Memory the decoded pictures take at present."""
        return self._store.held_bytes

    def sha256(self) -> dict[str, str]:
        """Return the hash of the file of every picture, by name; reads every file once."""
        hashes: dict[str, str] = {}
        for file, _ in self._planes:
            if file not in hashes:
                with (self._root / file).open("rb") as stream:
                    hashes[file] = hashlib.file_digest(stream, "sha256").hexdigest()
        return {file + plane: hashes[file] for file, plane in self._planes}

    def _plane_names(self, file: str, *, decoded: bool) -> list[str]:
        if decoded:
            return list(self._decoded(file))
        tiff = file.lower().endswith((".tif", ".tiff"))
        return tiff_planes(self._root / file) if tiff else [""]

    def _decoded(self, file: str) -> dict[str, Picture]:
        path = self._root / file
        raw = read_bytes(path)
        digest = hashlib.sha256(raw).hexdigest()
        margin = next((m for p, m in self._margins.items() if fnmatch(path.name, p)), 0)
        pictures = {}
        for plane, data in decode(path, raw):
            if min(data.shape) <= 2 * margin:
                raise ImageError(
                    f"{path} of shape {data.shape} is used up by a margin of {margin} pixels; "
                    "state a smaller one."
                )
            inner = data[margin : data.shape[0] - margin, margin : data.shape[1] - margin]
            pictures[plane] = Picture.of(
                np.ascontiguousarray(inner), name=file + plane, sha256=digest
            )
        return pictures


def matching_names(root: Path, patterns: Sequence[str]) -> list[str]:
    """Return the files below a folder whose names fit, as sorted paths relative to it.

    Files and folders whose names begin with a dot are passed over.

    Raises
    ------
    ImageError
        If there is no such folder.
    """
    if not root.is_dir():
        raise ImageError(f"There is no folder {root}; check the name.")
    lowered = [pattern.lower() for pattern in patterns]
    found: list[str] = []
    for folder, inner, files in os.walk(root, followlinks=True):
        inner[:] = [name for name in inner if not name.startswith(".")]
        place = Path(folder).relative_to(root).as_posix()
        prefix = "" if place == "." else f"{place}/"
        found += [
            prefix + name
            for name in files
            if not name.startswith(".") and any(fnmatch(name.lower(), p) for p in lowered)
        ]
    return sorted(found)


def image_scene(
    rng: np.random.Generator,
    picture: Picture | NDArray[Any],
    canvas: Canvas,
    *,
    zoom_range: tuple[float, float] = (1.0, 4.0),
    gamma_range: tuple[float, float] = (0.7, 2.0),
    dark_percentile_range: tuple[float, float] = (1.0, 30.0),
    least_peak: float = 0.2,
    overlap: float = 0.125,
) -> NDArray[np.float32]:
    """Cut a periodic scene from a picture, at a random place, scale, turn and contrast.

    The simulator takes scenes as tori: light that leaves on one side comes in on the other. A
    plain crop would have an edge there that no specimen has, and its blur would teach it. So
    the crop is taken larger than the scene by a margin along both axes, and the margin beyond
    the far side is faded over the near side: over the first `overlap` of the scene the crop
    gives way, as a cosine rises, to its own continuation at the far side. The torus itself is
    then the specimen, as smooth across its seam as within. Where it fades the picture is the
    weighted mean of two places, somewhat lower in contrast.

    Parameters
    ----------
    rng : numpy.random.Generator
        Decides all; the scene depends on it and the other arguments alone.
    picture : Picture or ndarray of shape (y, x)
    canvas : Canvas
    zoom_range : tuple of float
        Fine samples a pixel of the picture, log-uniform over the part of the range for which
        the picture is large enough. A picture too small even for the largest zoom is taken at
        that and goes on beyond its edges as its mirror image. Enlarged pictures are
        interpolated by cubics, shrunk ones averaged over each sample's area.
    gamma_range : tuple of float
        Exponent of the brightness between dark and peak, log-uniform.
    dark_percentile_range : tuple of float
        Percentile of the picture that becomes dark, uniform; what is below it is dark too. Real
        specimens are surrounded by darkness, pictures have a background.
    least_peak : float
        Part of the span from dark to the picture's peak that one per cent of the crop must
        reach: sparse pictures are empty in most places, and noise is all there is to see in
        them. The first of eight places that does is taken, or else the brightest of them.
    overlap : float
        Share of the scene's side that fades, above 0 and at most 1.

    Returns
    -------
    ndarray of float32, shape (canvas.samples, canvas.samples)
        Not negative. The picture's 99.9th percentile is one; brighter pixels stay brighter.

    Raises
    ------
    ImageError
        If an array is not a plane of finite numbers, or is constant.
    SettingsError
        If a range is not one of allowed values.
    """
    zoom_low, zoom_high = _span("zoom_range", zoom_range, 1e-3, 1e3)
    gamma_low, gamma_high = _span("gamma_range", gamma_range, 1e-2, 1e2)
    dark_range = _span("dark_percentile_range", dark_percentile_range, 0.0, 99.0)
    _span("least_peak", (least_peak, least_peak), 0.0, 1.0)
    _span("overlap", (overlap, overlap), 1e-3, 1.0)
    if not isinstance(picture, Picture):
        picture = Picture.of(picture)
    n = canvas.samples
    side = n + max(1, round(overlap * n))
    enough = np.clip(side / min(picture.data.shape), zoom_low, zoom_high)
    zoom = float(np.exp(rng.uniform(*np.log([enough, zoom_high]))))
    gamma = float(np.exp(rng.uniform(*np.log([gamma_low, gamma_high]))))
    dark = float(np.interp(rng.uniform(*dark_range), np.arange(101), picture.percentiles))
    if not picture.peak > dark:  # nearly all of the picture is one value
        dark = float(picture.percentiles[0])
    span = picture.peak - dark
    places = rng.uniform(0.0, 1.0, (_PLACES, 2))
    turns, mirror = int(rng.integers(4)), bool(rng.integers(2))
    start = _bright_place(picture.data, places, side / zoom, dark + least_peak * span)
    crop = resampled(picture.data, start=start, step=1.0 / zoom, count=side)
    scene = _closed(_closed(crop, n).T, n)
    scene = (scene - np.float32(dark)) * np.float32(1.0 / span)
    np.maximum(scene, 0.0, out=scene)
    scene = np.power(scene, np.float32(gamma), out=scene)
    scene = np.rot90(scene, turns)
    return np.ascontiguousarray(scene[:, ::-1] if mirror else scene)


def _bright_place(
    plane: NDArray[Any], places: NDArray[np.float64], side: float, wanted: float
) -> tuple[float, float]:
    """Return the corner of the first place whose 99th percentile is as wanted, or of the best."""
    height, width = plane.shape
    if min(height, width) < side:
        # All of the picture is in view; its mirrored continuation has twice its size as period.
        free = [m - side if m >= side else 2.0 * m for m in (height, width)]
        return float(places[0, 0] * free[0]), float(places[0, 1] * free[1])
    corners = places * (np.array([height, width]) - side)
    stride = max(1, int(side) // 64)
    found = []
    for y, x in corners.astype(int):
        window = plane[y : y + int(side) : stride, x : x + int(side) : stride]
        found.append(float(np.percentile(window, 99.0)))
        if found[-1] >= wanted:
            break
    y, x = corners[int(np.argmax(found))]
    return float(y), float(x)


def _closed(crop: NDArray[np.float32], n: int) -> NDArray[np.float32]:
    """Close the first axis to a circle of `n` samples; what is beyond fades into the start."""
    margin = len(crop) - n
    rise = np.sin(0.5 * np.pi * (np.arange(margin) + 0.5) / margin).astype(np.float32) ** 2
    closed = crop[:n].copy()
    closed[:margin] *= rise[:, None]
    closed[:margin] += (1.0 - rise)[:, None] * crop[n:]
    return closed


def _span(
    name: str, values: tuple[float, float], lowest: float, highest: float
) -> tuple[float, float]:
    low, high = values
    if not lowest <= low <= high <= highest:
        raise SettingsError(
            f"{name} is ({low}, {high}); give two numbers from {lowest:g} to {highest:g}, the "
            "smaller first."
        )
    return float(low), float(high)
