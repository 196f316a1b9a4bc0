import operator
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from benchmarks.evaluation import _scores, _simulated
from benchmarks.evaluation._cache import Cache, key_of
from benchmarks.evaluation._leave_out import leave_out_figures
from benchmarks.evaluation._pool import spread
from benchmarks.evaluation._restorers import Restorer
from benchmarks.evaluation._scores import INPUT, LMMSE, RL, RL_MORE, TV, Job, run
from benchmarks.evaluation._sets import Case, SimulatedSet
from benchmarks.evaluation._simulated import Scored, draw, score
from benchmarks.evaluation._summary import ALL, best_classical, summary

from pellucid.assess import psnr


@dataclass(frozen=True)
class Same(Restorer):
    """Gives the image back, in other units."""

    name: str = "same"
    identity: str = "same-1"
    informed: bool = False

    def restore(self, image: np.ndarray, cutoff_per_pixel: float) -> np.ndarray:
        assert 0 < cutoff_per_pixel <= 0.5
        return np.asarray(2 * image + 3, dtype=np.float32)


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return [SimulatedSet("physical")[i] for i in range(4)]


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_scores, "RL_ITERATIONS", 8)
    monkeypatch.setattr(_scores, "RL_LONG", 12)
    monkeypatch.setattr(_scores, "TV_ITERATIONS", 10)
    monkeypatch.setattr(_scores, "TV_EVERY", 5)


def test_values_are_kept_and_a_broken_line_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "kept" / "scores.jsonl"
    first = Cache(path)
    first.put("a", {"psnr": 30.0})
    first.put("b", [1, 2])
    with path.open("a") as stream:
        stream.write('{"key": "c", "val')  # interrupted here
    again = Cache(path)
    assert again["a"] == {"psnr": 30.0}
    assert again["b"] == [1, 2]
    assert "c" not in again
    again.put("c", 3)
    assert Cache(path)["c"] == 3
    assert key_of("a", "b") != key_of("ab") != key_of("b", "a")


def test_every_row_is_scored_as_it_says(cases: list[Case]) -> None:
    case = cases[0]
    power = np.ones((192, 97), dtype=np.float32)
    job = Job(case, {INPUT: "i", RL: "r", TV: "t", LMMSE: "l"}, {Same(): "s"}, power)
    found = run(job)
    assert found["i"][INPUT]["psnr"] == psnr(case.image, case.truth, fit=True)
    assert found["i"][INPUT]["raw"] == psnr(case.image, case.truth)
    assert found["s"]["same"]["psnr"] == pytest.approx(found["i"][INPUT]["psnr"], abs=1e-4)
    assert found["r"][RL_MORE]["psnr"] >= found["r"][RL]["psnr"] > found["i"][INPUT]["psnr"]
    assert 1 <= found["r"][RL]["iterations"] <= 8
    assert found["t"][TV]["iterations"] in {5, 10}
    # In the units of the image, so that without a fit it is not far from the truth either.
    assert found["r"][RL]["raw"] > found["i"][INPUT]["raw"] - 1


def test_nothing_is_scored_twice(
    cases: list[Case], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "scores.jsonl"
    first = score(cases[:2], {Same(): None}, Cache(path), processes=1, what="test")

    def never(job: Job) -> object:
        raise AssertionError(job)

    monkeypatch.setattr(_simulated, "run", never)
    # The same weights by another name are the same.
    again = score(cases[:2], {Same("other"): None}, Cache(path), processes=1, what="test")
    assert again.rows["other"] == first.rows["same"]
    assert again.rows[RL] == first.rows[RL]
    with pytest.raises(AssertionError):
        score(cases[:2], {Same(identity="2"): None}, Cache(path), processes=1, what="test")
    with pytest.raises(AssertionError):
        score(cases[:3], {Same(): None}, Cache(path), processes=1, what="test")


def fake(cases: list[Case]) -> Scored:
    """Scores with known differences: RL and TV are the better of each other in turn."""

    def row(values: list[float]) -> list[_scores.Scores | None]:
        return [{"psnr": v, "ssim": v / 50, "raw": v - 1} for v in values]

    return Scored(
        cases,
        {
            INPUT: row([20, 20, 20, 20]),
            RL: row([25, 30, 25, 30]),
            TV: row([30, 25, 30, 25]),
            "net": row([31, 31, 31, 31]),
            "partial": [None, *row([32, 32, 32])],
        },
    )


def test_means_differences_and_groups_are_those_of_the_scores(cases: list[Case]) -> None:
    found = summary(fake(cases))
    assert found["groups"][ALL] == 4
    net = found["rows"]["net"][ALL]
    assert net["psnr_db"] == [31, 31, 31]
    assert net["gain_db"] == [1, 1, 1]  # against 30 everywhere, the better of the two
    assert net["raw_psnr_db"][0] == 30
    assert found["rows"][RL][ALL]["gain_db"][0] == -2.5
    assert found["rows"][RL][ALL]["psnr_db"][0] == 27.5
    assert "partial" not in found["rows"]
    assert best_classical(fake(cases), [0, 1]) == [30, 30]


def test_natural_pictures_are_not_in_the_means(cases: list[Case]) -> None:
    pictures = [
        Case("physical", 9, "pictures", c.recorded, c.truth, c.conditions) for c in cases[:2]
    ]
    rows = {INPUT: [{"psnr": float(v), "ssim": 0.5, "raw": 1.0} for v in (20, 20, 20, 20, 50, 50)]}
    found = summary(Scored([*cases, *pictures], rows))
    assert found["rows"][INPUT][ALL]["psnr_db"][0] == 20
    assert found["rows"][INPUT]["pictures"]["psnr_db"][0] == 50
    assert "gain_db" not in found["rows"][INPUT][ALL]


def test_a_class_left_out_is_compared_on_its_own_images(cases: list[Case]) -> None:
    same = [Case("physical", i, "bodies", c.recorded, c.truth, {}) for i, c in enumerate(cases[:2])]
    scored = fake([*same, *cases[2:]])
    found = leave_out_figures(scored, {"bodies": INPUT}, "net")["bodies"]
    assert found["images"] == 2
    assert found["difference_db"] == [-11, -11, -11]
    assert found["gain_db"] == [-10, -10, -10]


@pytest.mark.parametrize("processes", [1, 2])
def test_work_is_done_whatever_the_processes(processes: int) -> None:
    found = spread(operator.neg, range(20), processes=processes, what="numbers")
    assert isinstance(found, Iterator)
    assert dict(found) == {n: -n for n in range(20)}


def test_a_set_is_drawn_in_order() -> None:
    drawn = draw("physical", specimens=2, pictures=5, folder=None, processes=1)
    assert [case.index for case in drawn] == [0, 1]
    assert drawn[1].sha256 == SimulatedSet("physical")[1].sha256
