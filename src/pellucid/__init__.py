"""pellucid: removes blur from light-microscopy images.

The names below are loaded when they are first used, so that ``import pellucid`` is quick and
needs neither torch nor ONNX Runtime.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pellucid.assess.metrics import psnr as psnr
    from pellucid.assess.metrics import ssim as ssim
    from pellucid.errors import PellucidError as PellucidError
    from pellucid.errors import PellucidWarning as PellucidWarning
    from pellucid.io.image import Image as Image
    from pellucid.io.read import read_image as read_image
    from pellucid.io.write import write_image as write_image
    from pellucid.optics.microscope import Microscope as Microscope
    from pellucid.optics.psf import widefield_psf as widefield_psf
    from pellucid.restore.api import restore as restore
    from pellucid.restore.restorer import Restorer as Restorer

__version__ = "0.1.0"

_HOMES = {
    "Image": "pellucid.io.image",
    "Microscope": "pellucid.optics.microscope",
    "PellucidError": "pellucid.errors",
    "PellucidWarning": "pellucid.errors",
    "Restorer": "pellucid.restore.restorer",
    "psnr": "pellucid.assess.metrics",
    "read_image": "pellucid.io.read",
    "ssim": "pellucid.assess.metrics",
    "widefield_psf": "pellucid.optics.psf",
    "write_image": "pellucid.io.write",
}

__all__ = [
    "Image",
    "Microscope",
    "PellucidError",
    "PellucidWarning",
    "Restorer",
    "__version__",
    "psnr",
    "read_image",
    "restore",
    "ssim",
    "widefield_psf",
    "write_image",
]


def __getattr__(name: str) -> Any:
    if name == "restore":  # the package of that name, which is callable
        return import_module("pellucid.restore")
    if name not in _HOMES:
        raise AttributeError(f"module 'pellucid' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
