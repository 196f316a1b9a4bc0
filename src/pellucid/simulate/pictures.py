"""Scenes from a folder of pictures, each picture belonging to one part of a data set."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, final

import numpy as np

from pellucid.errors import SettingsError
from pellucid.simulate.canvas import Canvas
from pellucid.simulate.images import ImageFolder, image_scene
from pellucid.simulate.regime import SceneNeeds, log_uniform
from pellucid.simulate.scene import DrawnScene, camera_scene
from pellucid.simulate.source import SceneSource


@final
class PictureSource(SceneSource):
    """Pictures as specimens: natural images, or fluorescence at a resolution to be lost.

    Every scene is a random part of a random picture, scaled, turned and with its contrast
    changed (:func:`~pellucid.simulate.images.image_scene`); its pixels are given the size the
    regime asks for, whatever the picture shows.

    Parameters
    ----------
    folder : Path or ImageFolder
    needs : SceneNeeds
        Of a regime that images planes.
    seed : int
    pixels : int
        Camera pixels a side.
    share : tuple of float
        Which pictures to use: files are ordered by the SHA-256 of their path within the folder,
        and those from the first to the second fraction are taken, so that disjoint shares have no
        file in common. ``(0, 1)`` takes all.
    options : dict, optional
        Further arguments of :func:`~pellucid.simulate.images.image_scene`.

    Raises
    ------
    SettingsError
        If the regime needs volumes, or no file falls into the share.
    ImageError
        If the folder holds no pictures.
    """

    def __init__(
        self,
        folder: Path | ImageFolder,
        *,
        needs: SceneNeeds,
        seed: int,
        pixels: int = 160,
        share: tuple[float, float] = (0.0, 1.0),
        options: dict[str, Any] | None = None,
    ) -> None:
        if needs.planes != 1:
            raise SettingsError(
                "Pictures are planes, but this regime images volumes; choose another regime or "
                "procedural specimens."
            )
        self._folder = folder if isinstance(folder, ImageFolder) else ImageFolder(folder)
        self._needs = needs
        self._seed = seed
        self._pixels = pixels
        self._options = dict(options or {})
        self._chosen = _share_of(self._folder.names, share)
        if not self._chosen:
            raise SettingsError(
                f"Of the {len(self._folder)} pictures none falls into the share {share[0]:g} to "
                f"{share[1]:g}; add pictures."
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the pictures in use."""
        return tuple(self._folder.names[index] for index in self._chosen)

    def draw(self, number: int) -> DrawnScene:
        """Return scene `number`, which depends on it and on the source's settings alone."""
        rng = np.random.default_rng([self._seed, 0, number])
        canvas = Canvas(
            pixels=self._pixels, pixel_size_um=log_uniform(rng, self._needs.pixel_size_um)
        )
        picture = self._folder[self._chosen[int(rng.integers(len(self._chosen)))]]
        fine = image_scene(rng, picture, canvas, **self._options)
        return DrawnScene(
            scene=camera_scene(fine, canvas),
            pixel_size_um=canvas.pixel_size_um,
            kinds=("picture",),
            name=f"{picture.name} {self._seed}/{number}",
        )


def _share_of(names: tuple[str, ...], share: tuple[float, float]) -> list[int]:
    """Return the indices of the pictures whose files fall into a share."""
    files = sorted(
        {name.partition("#")[0] for name in names},
        key=lambda file: hashlib.sha256(file.encode()).hexdigest(),
    )
    first, last = (round(fraction * len(files)) for fraction in share)
    taken = set(files[first:last])
    return [index for index, name in enumerate(names) if name.partition("#")[0] in taken]
