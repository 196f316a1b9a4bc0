"""Restoring images: global context first, then tiles, blended without a seam.

The package is callable: ``pellucid.restore(image)`` is :func:`pellucid.restore.api.restore`.
"""

import sys
from types import ModuleType
from typing import Any

from pellucid.io.known_optics import KnownOptics as KnownOptics
from pellucid.restore.api import restore as restore
from pellucid.restore.methods import METHODS as METHODS
from pellucid.restore.restorer import Restored as Restored
from pellucid.restore.restorer import Restorer as Restorer
from pellucid.restore.weights import load_weights as load_weights
from pellucid.restore.weights import shipped_weights as shipped_weights
from pellucid.restore.weights import weights_card as weights_card


class _CallablePackage(ModuleType):
    """Lets ``pellucid.restore`` be both this package and the function of the same name."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return restore(*args, **kwargs)


_CallablePackage.__call__.__doc__ = restore.__doc__
sys.modules[__name__].__class__ = _CallablePackage
