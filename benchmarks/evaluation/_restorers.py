"""The networks under evaluation, each run as a user would run it, on one core."""

from __future__ import annotations

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, final

import numpy as np
from benchmarks.evaluation._checkpoint import average_of, keep_average, network_of
from numpy.typing import NDArray

from pellucid.imaging.intensity import estimate_scale
from pellucid.restore.network import NetworkPlane
from pellucid.restore.told import measured_told
from pellucid.restore.weights import load_weights, shipped_weights
from pellucid.simulate.regime import unit_range

#: Changes when images are given to networks in another way, so that old scores do not count.
_PROTOCOL = "plane-1"


class Restorer(ABC):
    """A network by its name in the tables; cheap to send to another process, loaded there once."""

    __slots__ = ()

    name: str

    @property
    @abstractmethod
    def identity(self) -> str:
        """Changes whenever results can."""

    @property
    @abstractmethod
    def informed(self) -> bool:
        """Whether it is told the cut-off and the noise of an image."""

    @abstractmethod
    def restore(self, image: NDArray[Any], cutoff_per_pixel: float) -> NDArray[np.float32]:
        """Restore a plane, or every plane of a stack, in its own units.

        The intensity scale is that of the whole image. Only an informed network looks at the
        cut-off.
        """


@final
@dataclass(frozen=True, slots=True)
class OnnxRestorer(Restorer):
    """An ONNX file, shipped or not, in ONNX Runtime.

    Parameters
    ----------
    name : str
    path : str
        A name of shipped weights or the path of an ``.onnx`` file.
    sha256 : str
    """

    name: str
    path: str
    sha256: str

    @property
    def identity(self) -> str:
        """Protocol and hash."""
        return f"{_PROTOCOL} {self.sha256}"

    @property
    def informed(self) -> bool:
        """As the file says."""
        return bool(_plane(self.path, self.sha256).told)

    def restore(self, image: NDArray[Any], cutoff_per_pixel: float) -> NDArray[np.float32]:
        """Restore a plane; an informed network is told the cut-off and the measured noise."""
        network, scale = _plane(self.path, self.sha256), estimate_scale(image)
        told = measured_told(image, cutoff_per_pixel, scale) if network.told else None
        return _by_plane(image, lambda plane: network.restore(plane, scale, told=told))


@final
@dataclass(frozen=True, slots=True)
class ReleasedRestorer(Restorer):
    """The authors' m-rBCR with their weights, images scaled to [0, 1] as they were trained.

    Parameters
    ----------
    path : str
        The weights as ``.npz``.
    sha256 : str
    name : str
    """

    path: str
    sha256: str
    name: str = "released m-rBCR"

    @property
    def identity(self) -> str:
        """Protocol and hash."""
        return f"{_PROTOCOL} min-max {self.sha256}"

    @property
    def informed(self) -> bool:
        """It is not."""
        return False

    def restore(
        self,
        image: NDArray[Any],
        cutoff_per_pixel: float,  # noqa: ARG002
    ) -> NDArray[np.float32]:
        """Restore planes, and undo the scaling of the input."""
        import torch

        low, high = float(image.min()), float(image.max())
        scaled = unit_range(np.asarray(image, dtype=np.float32))

        def run(plane: NDArray[np.float32]) -> NDArray[np.float32]:
            with torch.inference_mode():
                restored = _released(self.path)(torch.from_numpy(plane)[None, None])[0, 0].numpy()
            return np.asarray(restored * (high - low) + low, dtype=np.float32)

        return _by_plane(scaled, run)


@final
@dataclass(frozen=True, slots=True)
class CheckpointRestorer(Restorer):
    """The averaged weights of a run that still goes on.

    Parameters
    ----------
    name : str
    path : str
        A file as ``checkpoint.pt``.
    sha256 : str
    """

    name: str
    path: str
    sha256: str

    @property
    def identity(self) -> str:
        """Protocol and hash."""
        return f"{_PROTOCOL} checkpoint {self.sha256}"

    @property
    def informed(self) -> bool:
        """As the shapes of its parameters say."""
        return _checkpoint(self.path, self.sha256)[2] > 0

    def restore(self, image: NDArray[Any], cutoff_per_pixel: float) -> NDArray[np.float32]:
        """Restore planes as :class:`pellucid.restore.network.NetworkPlane` does, in one tile."""
        import torch

        network, multiple, told = _checkpoint(self.path, self.sha256)
        scale = estimate_scale(image)
        also = []
        if told:
            also.append(torch.from_numpy(measured_told(image, cutoff_per_pixel, scale))[None])

        def run(plane: NDArray[Any]) -> NDArray[np.float32]:
            y, x = plane.shape
            margins = [(multiple, multiple - n % -multiple) for n in (y, x)]
            whole = torch.from_numpy(np.pad(scale.normalise(plane), margins, mode="symmetric"))
            with torch.inference_mode():
                restored = network(whole[None, None], *also)[0, 0].numpy()
            result = scale.restore(restored[multiple : multiple + y, multiple : multiple + x])
            result += plane.mean(dtype=np.float64) - result.mean()
            return np.asarray(result, dtype=np.float32)

        return _by_plane(image, run)


def shipped() -> tuple[OnnxRestorer, ...]:
    """Return every network that comes with pellucid."""
    return tuple(
        OnnxRestorer(name, name, load_weights(name).sha256) for name in sorted(shipped_weights())
    )


def candidate(name: str, path: Path) -> OnnxRestorer:
    """Return an ONNX file as a restorer."""
    return OnnxRestorer(name, str(path), load_weights(path).sha256)


def checkpoint(name: str, folder: Path, kept: Path) -> CheckpointRestorer:
    """Return the latest checkpoint of a run as a restorer, from a copy in the folder `kept`."""
    copy, sha256 = keep_average(folder / "checkpoint.pt", kept)
    return CheckpointRestorer(name, str(copy), sha256)


def released(path: Path) -> ReleasedRestorer:
    """Return the authors' m-rBCR as a restorer."""
    return ReleasedRestorer(str(path), file_sha256(path))


def file_sha256(path: Path) -> str:
    """Return the hash of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _by_plane(
    image: NDArray[Any], run: Callable[[NDArray[Any]], NDArray[np.float32]]
) -> NDArray[np.float32]:
    """Apply a function to a plane, or to every plane of a stack."""
    if image.ndim == 2:
        return run(image)
    return np.stack([run(plane) for plane in image])


@lru_cache(maxsize=8)
def _plane(path: str, sha256: str) -> NetworkPlane:
    del sha256  # part of the key alone
    with _one_core():
        return NetworkPlane(load_weights(path))


@lru_cache(maxsize=1)
def _released(path: str) -> Any:
    import torch

    from pellucid.nets import MRBCRReleased, load_released

    torch.set_num_threads(1)
    network = MRBCRReleased().eval()
    load_released(network, path)
    return network


@lru_cache(maxsize=4)
def _checkpoint(path: str, sha256: str) -> tuple[Any, int, int]:
    del sha256
    import torch

    torch.set_num_threads(1)
    network = network_of(average_of(Path(path)))
    return network, network.design.multiple, getattr(network.design, "told", 0)


@contextmanager
def _one_core() -> Iterator[None]:
    """Let this process see one core: a session opened in it computes in the calling thread.

    Images are spread over processes instead, which small ones gain more from.
    """
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
