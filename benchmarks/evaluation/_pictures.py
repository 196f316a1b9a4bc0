"""A few small pictures: simulated examples, noise alone, and real pairs (kept local)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from benchmarks._classical import richardson_lucy
from benchmarks.evaluation._noise_only import CUTOFF_PER_PIXEL, flat_field
from benchmarks.evaluation._oracle import problem_of
from benchmarks.evaluation._restorers import Restorer
from benchmarks.evaluation._scores import RL_ITERATIONS
from benchmarks.evaluation._sets import Case
from numpy.typing import NDArray

from pellucid.assess.contact_sheet import contact_sheet
from pellucid.assess.metrics import psnr
from pellucid.assess.pictures import to_grey

#: Side of what is shown of noise and of real images, pixels, and the gap between two pictures.
_SHOWN, _REAL_SHOWN, _GAP = 128, 192, 4


def examples(cases: Sequence[Case], networks: Sequence[Restorer]) -> bytes:
    """Draw one image of every class with its restorations and its truth; a PNG."""
    chosen: dict[str, Case] = {}
    for case in cases:
        chosen.setdefault(case.specimen_class, case)
    rows = []
    for case in chosen.values():
        tried = [x.copy() for x in richardson_lucy(problem_of(case), RL_ITERATIONS)]
        best = max(tried, key=lambda x: psnr(x, case.truth, fit=True))
        restored = [n.restore(case.image, case.cutoff_per_pixel) for n in networks]
        rows.append([case.image, best, *restored, case.truth])
    return contact_sheet(
        rows,
        rows=tuple(chosen),
        columns=("input", "Richardson-Lucy", *(n.name for n in networks), "truth"),
        inches=1.1,
    )


def noise_strip(networks: Sequence[Restorer]) -> bytes:
    """Draw a flat field and its restorations, each about its mean, at one contrast; a PNG."""
    field = flat_field(0)
    limits = (-3.0 * float(field.std()), 3.0 * float(field.std()))
    shown = [field, *(network.restore(field, CUTOFF_PER_PIXEL) for network in networks)]
    gap = np.full((_SHOWN, _GAP), 255, dtype=np.uint8)
    parts: list[NDArray[np.uint8]] = []
    for image in shown:
        parts += [to_grey(image[:_SHOWN, :_SHOWN] - image.mean(), limits), gap]
    return bytes(imagecodecs.png_encode(np.hstack(parts[:-1]), level=9))


def real_sheet(images: Mapping[str, NDArray[Any]]) -> bytes:
    """Draw the middle of one real image in every restoration; a PNG."""
    planes = [_middle(image) for image in images.values()]
    return contact_sheet([planes], rows=("",), columns=tuple(images), inches=2.2)


def write(path: Path, png: bytes) -> Path:
    """Write a picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png)
    return path


def _middle(image: NDArray[Any]) -> NDArray[Any]:
    plane = image if image.ndim == 2 else image[len(image) // 2]
    starts = [max(0, (n - _REAL_SHOWN) // 2) for n in plane.shape]
    return plane[starts[0] :, starts[1] :][:_REAL_SHOWN, :_REAL_SHOWN]
