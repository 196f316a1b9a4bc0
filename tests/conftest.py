"""What tests share: simulated images, real images where they are, ways to run the program."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pellucid.optics import Microscope
from pellucid.simulate.cell import CellImage, simulate_cell

# One thread an operator: small ones gain nothing from more, and lose much where cores are shared.
os.environ.setdefault("OMP_NUM_THREADS", "1")

REAL = Path(__file__).resolve().parents[1].parent / "shared" / "data"

#: The microscope most tests look through: an oil objective, sampled finely enough.
SCOPE = Microscope(
    numerical_aperture=1.4, emission_nm=525.0, pixel_size_um=0.065, refractive_index=1.515
)

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def scope() -> Microscope:
    return SCOPE


@pytest.fixture(scope="session")
def cell() -> CellImage:
    """A simulated cell of 256 x 256 pixels: recorded counts and truth."""
    return simulate_cell(seed=7, pixels=256)


@pytest.fixture(scope="session")
def recorded(cell: CellImage) -> NDArray[np.float32]:
    return cell.recorded


@pytest.fixture(scope="session")
def real_images() -> Path:
    if not REAL.is_dir():
        pytest.skip(f"no real images at {REAL}")
    return REAL


@pytest.fixture
def run() -> Run:
    """Run the program as a user does, in a process of its own."""

    def call(
        *arguments: str | Path, cwd: Path | None = None, **kwargs: object
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "pellucid.cli", *map(str, arguments)],
            capture_output=True,
            text=True,
            cwd=cwd,
            env={**os.environ, "NO_COLOR": "1", "COLUMNS": "200"},
            check=False,
            timeout=120,
            **kwargs,
        )

    return call
