from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from benchmarks._classical import analytic_transfer
from benchmarks.evaluation import _real
from benchmarks.evaluation._pairs import FRAME, RealPair, real_pairs
from benchmarks.evaluation._real import RL_BEST, RL_ORACLE, figures, restorations, usual
from benchmarks.evaluation._restorers import Restorer
from benchmarks.evaluation._scores import INPUT

from pellucid.assess import psnr
from pellucid.assess.registration import Shift, agreement


@dataclass(frozen=True)
class Poor(Restorer):
    """Adds noise, and counts how often."""

    calls: list[int]
    name: str = "poor"
    identity: str = "poor-1"
    informed: bool = False

    __hash__ = None  # type: ignore[assignment]

    def restore(self, image: np.ndarray, cutoff_per_pixel: float) -> np.ndarray:
        self.calls.append(1)
        noise = np.random.default_rng(0).standard_normal(image.shape)
        return np.asarray(image + image.std() * noise * cutoff_per_pixel * 20, dtype=np.float32)


@pytest.fixture
def pair() -> RealPair:
    rng = np.random.default_rng(0)
    truth = np.zeros((96, 80), dtype=np.float32)
    truth[rng.integers(5, 91, 60), rng.integers(5, 75, 60)] = 500.0
    blurred = np.fft.irfft2(np.fft.rfft2(truth) * analytic_transfer((96, 80), 0.45), (96, 80))
    image = rng.poisson(np.maximum(blurred, 0) + 100).astype(np.float32)
    return RealPair(
        name="made",
        group="simulated",
        image=image,
        truth=truth,
        shift=Shift((0.0, 0.0), (0.01, 0.01), agreement(image, truth)),
        pixel_size_um=0.06,
        cutoff_per_pixel=0.25,
        blurs={
            "wrong": lambda grid: analytic_transfer((grid[0], grid[1]), 0.6),
            "right": lambda grid: analytic_transfer((grid[0], grid[1]), 0.45),
        },
    )


def test_a_pair_is_restored_once_and_marked(pair: RealPair, tmp_path: Path) -> None:
    poor = Poor([])
    made = restorations(pair, [poor], tmp_path)
    again = restorations(pair, [poor], tmp_path)
    assert len(poor.calls) == 1
    for name, one in made.items():
        np.testing.assert_array_equal(one.image, again[name].image)
        assert one.how == again[name].how
        assert one.image.shape == (96 - 2 * FRAME, 80 - 2 * FRAME)
    rows = figures(pair, made)["rows"]
    assert rows["poor"]["worse_than_input"]
    assert rows["poor"]["far_below_richardson_lucy"]
    assert not rows[RL_ORACLE]["worse_than_input"]
    assert rows[RL_ORACLE]["how"].startswith("right, ")
    assert rows[RL_BEST]["how"].startswith("wrong, ")
    assert rows[RL_ORACLE]["psnr_db"] > rows[RL_BEST]["psnr_db"] >= rows[usual(10)]["psnr_db"]
    truth = pair.truth[pair.scored]
    shown = pair.image[pair.scored]
    assert rows[INPUT]["psnr_db"] == pytest.approx(psnr(shown, truth, fit=True), abs=1e-3)


def test_another_assumption_is_another_result(pair: RealPair, tmp_path: Path) -> None:
    restorations(pair, [], tmp_path)
    turned = replace(pair, blurs=dict(reversed(pair.blurs.items())))
    assert restorations(turned, [], tmp_path)[RL_BEST].how.startswith("right, ")


def test_of_a_stack_some_planes_are_scored(
    pair: RealPair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_real, "MOST", 2)
    monkeypatch.setattr(_real, "USUAL", (1, 2))
    stack = RealPair(
        name="stack",
        group="simulated",
        image=np.stack([pair.image] * 4),
        truth=np.stack([pair.truth] * 4),
        shift=pair.shift,
        pixel_size_um=0.06,
        cutoff_per_pixel=0.25,
        blurs={"none": lambda grid: np.ones((*grid[:2], grid[2] // 2 + 1), dtype=np.float32)},
        planes=slice(1, 3),
    )
    made = restorations(stack, [], tmp_path)
    assert made[INPUT].image.shape == (2, 96 - 2 * FRAME, 80 - 2 * FRAME)
    found = figures(stack, made)
    one_plane = psnr(made[INPUT].image[0], stack.truth[stack.scored][0], fit=True)
    assert found["rows"][INPUT]["psnr_db"] == pytest.approx(one_plane, abs=1e-3)


def test_real_pairs_are_aligned(real_images: Path) -> None:
    found = {pair.name: pair for pair in real_pairs(real_images / "pairs")}
    assert len(found) == 8
    for pair in found.values():
        assert pair.image.shape == pair.truth.shape
        assert all(g >= n + 32 for g, n in zip(pair.grid, pair.image.shape, strict=True))
        assert pair.shift.correlation > 0.4
        assert len(pair.blurs) >= 3
    # The data's own description: about 3.5 pixels in x.
    assert found["DNA stack"].shift.shift_pixels[2] == pytest.approx(3.6, abs=0.3)
    er1 = found["er1"]
    transfer = er1.blurs["NA 1.41"](er1.grid)
    assert transfer[0, 0] == pytest.approx(1.0)
    assert er1.cutoff_per_pixel == pytest.approx(2 * 1.41 / 0.525 * 0.0626, rel=1e-6)
    assert found["DNA stack"].planes is not None
