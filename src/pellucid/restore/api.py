"""One call that restores an array, an image or a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Unpack, overload

import numpy as np
from numpy.typing import NDArray

from pellucid.errors import ImageError
from pellucid.io.image import KNOWN_AXES, Image
from pellucid.io.known_optics import KnownOptics
from pellucid.io.read import read_image
from pellucid.optics.microscope import Microscope
from pellucid.restore.methods import MethodSettings
from pellucid.restore.restorer import Restorer


@overload
def restore(
    image: NDArray[Any],
    method: str = ...,
    *,
    axes: str | None = ...,
    microscope: Microscope | KnownOptics | None = ...,
    **settings: Unpack[MethodSettings],
) -> NDArray[np.float32]: ...


@overload
def restore(
    image: Image | str | Path,
    method: str = ...,
    *,
    axes: str | None = ...,
    microscope: Microscope | KnownOptics | None = ...,
    **settings: Unpack[MethodSettings],
) -> Image: ...


def restore(
    image: NDArray[Any] | Image | str | Path,
    method: str = "bcr",
    *,
    axes: str | None = None,
    microscope: Microscope | KnownOptics | None = None,
    **settings: Unpack[MethodSettings],
) -> NDArray[np.float32] | Image:
    """Remove blur (and noise) from an image.

    Parameters
    ----------
    image : ndarray, Image, str or Path
        An array of shape (y, x) or of more axes named by `axes`; an image with metadata; or
        a file. Intensities in any unit.
    method : str
        ``bcr`` runs the trained network and needs no optics; the others, such as
        ``richardson-lucy``, ``wiener`` and ``total-variation``, need `microscope` or an image
        that states its optics. :data:`pellucid.restore.methods.METHODS` has them all.
    axes : str, optional
        Axes of an array or of a file that does not name them, such as ``"ZYX"``.
    microscope : Microscope or KnownOptics, optional
        For the classical methods and informed networks.
    **settings
        What the method can be told, such as `weights`, `iterations`, `background`, `strength`,
        `psf` or `auto`: see :class:`pellucid.restore.methods.MethodSettings`.

    Returns
    -------
    ndarray of float32 or Image
        An array for an array, an image otherwise: same shape and units. ``bcr`` and
        ``wiener`` keep the mean of every plane or stack and follow gain and offset:
        ``restore(a * x + b) = a * restore(x) + b`` for ``a > 0``.

    Raises
    ------
    PellucidError
        In one sentence: what is wrong and what to do.

    Examples
    --------
    >>> import numpy as np, pellucid
    >>> blurred = np.random.default_rng(0).poisson(50, (64, 64)).astype(np.float32)
    >>> pellucid.restore(blurred).shape
    (64, 64)
    """
    restorer = Restorer(method, microscope=microscope, **settings)
    if isinstance(image, (str, Path)):
        return restorer.restore(read_image(image, axes=axes)).image
    if isinstance(image, Image):
        if axes is not None and axes != image.axes:
            raise ImageError(
                f"axes = {axes!r} contradicts the image's own {image.axes!r}; leave it out."
            )
        return restorer.restore(image).image
    array = np.asarray(image)
    if axes is None and array.ndim > 2:
        raise ImageError(
            f"An array of shape {array.shape} has {array.ndim} axes; name them, for example "
            f"axes={KNOWN_AXES[-array.ndim :]!r}."
        )
    return restorer.restore(Image(array, axes or "YX")).image.data
