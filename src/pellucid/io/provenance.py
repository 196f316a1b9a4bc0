"""Where a result comes from: versions and settings, to be kept beside it."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

#: Packages that decide the numbers of a restoration.
_PACKAGES = ("pellucid", "numpy", "scipy", "tifffile", "onnxruntime")


def versions() -> dict[str, str]:
    """Return the versions of Python, of the packages that matter, and the platform."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    found["platform"] = f"{platform.system()} {platform.machine()}"
    return found
