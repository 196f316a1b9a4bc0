import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from pellucid.errors import OutputError, SettingsError
from pellucid.simulate.shards import ShardPlan, sha256_of, write_shards

PLAN = ShardPlan(regime="released", count=50, seed=4, size=32, reuse=3, shard=8)


def manifest(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_text())


def test_parts_have_the_papers_shares_and_no_specimen_in_common() -> None:
    plan = ShardPlan(regime="paper", count=57_000)
    sizes = [len(numbers) for numbers in plan.parts.values()]
    assert sizes == [45_600, 5_700, 5_700]
    for odd in (
        PLAN,
        ShardPlan(regime="paper", count=7, reuse=4),
        ShardPlan(regime="paper", count=1),
    ):
        assert sum(len(n) for n in odd.parts.values()) == odd.count
        specimens = [{i // odd.reuse for i in numbers} for numbers in odd.parts.values()]
        assert not specimens[0] & specimens[1]
        assert not specimens[1] & specimens[2]
        assert not specimens[0] & specimens[2]
        covered = [i for numbers in odd.shards.values() for i in numbers]
        assert covered == list(range(odd.count))


def test_files_hold_the_pairs_of_the_stream(tmp_path: Path) -> None:
    write_shards(tmp_path / "set", PLAN)
    listed = manifest(tmp_path / "set")["shards"]
    assert set(listed) == set(PLAN.shards)
    for name, numbers in PLAN.shards.items():
        path = tmp_path / "set" / name
        assert listed[name]["sha256"] == sha256_of(path)
        with np.load(path) as held:
            assert held["w"].shape == held["gt"].shape == (len(numbers), 32, 32)
            last = PLAN.stream(name.split("/")[0])[numbers[-1]]
            np.testing.assert_array_equal(held["w"][-1], last.image)
            np.testing.assert_array_equal(held["gt"][-1], last.truth)
            assert json.loads(str(held["conditions"][-1])) == last.conditions


def test_the_files_do_not_depend_on_the_number_of_workers(tmp_path: Path) -> None:
    write_shards(tmp_path / "one", PLAN)
    write_shards(tmp_path / "two", PLAN, workers=2)
    assert manifest(tmp_path / "one") == manifest(tmp_path / "two")


def test_a_killed_run_resumes_to_the_same_hashes(tmp_path: Path) -> None:
    plan = ShardPlan(regime="physical", count=400, seed=1, size=32, shard=20)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    code = (
        "import sys; from pathlib import Path;"
        "from pellucid.simulate.shards import ShardPlan, write_shards;"
        f"write_shards(Path(sys.argv[1]), {plan!r})"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(killed)])
    deadline = time.monotonic() + 60
    while len(list(killed.glob("train/*.npz"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = len(list(killed.glob("*/*.npz")))
    assert 3 <= before < len(plan.shards)
    kept = {path: path.stat().st_mtime_ns for path in killed.glob("*/*.npz")}
    # One file was spoilt as well, and another left half written.
    spoilt, intact = sorted(kept)[:2]
    spoilt.write_bytes(b"nothing")
    (killed / "train" / ".00019.npz.1.part").write_bytes(b"half")
    seen: list[tuple[int, int]] = []
    write_shards(killed, plan, progress=lambda done, total: seen.append((done, total)))
    write_shards(whole, plan)
    assert manifest(killed) == manifest(whole)
    assert all(sha256_of(killed / n) == sha256_of(whole / n) for n in plan.shards)
    assert intact.stat().st_mtime_ns == kept[intact]
    assert not list(killed.rglob("*.part"))
    assert seen[0][0] > 0
    assert seen[-1] == (400, 400)


def test_a_finished_set_is_left_alone(tmp_path: Path) -> None:
    write_shards(tmp_path / "set", PLAN)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npz")}
    write_shards(tmp_path / "set", PLAN)
    assert times == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npz")}


def test_half_precision_halves_the_size(tmp_path: Path) -> None:
    plan = ShardPlan(regime="paper", count=4, size=32, dtype="float16")
    write_shards(tmp_path / "set", plan)
    with np.load(tmp_path / "set" / "train" / "00000.npz") as held:
        assert held["w"].dtype == np.float16
    assert plan.nbytes == 2 * 4 * 32 * 32 * 2


def test_what_cannot_be_done_is_named(tmp_path: Path) -> None:
    write_shards(tmp_path / "set", PLAN)
    with pytest.raises(SettingsError, match="seed = 4, not 5"):
        write_shards(tmp_path / "set", ShardPlan(**{**plan_values(), "seed": 5}))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.docx").touch()
    with pytest.raises(OutputError, match="manifest"):
        write_shards(tmp_path / "other", PLAN)
    (tmp_path / "set" / "manifest.json").write_text("{")
    with pytest.raises(OutputError, match="damaged"):
        write_shards(tmp_path / "set", PLAN)
    with pytest.raises(OutputError, match="GB free"):
        write_shards(tmp_path / "huge", ShardPlan(regime="paper", count=10**12))
    for wrong in ({"count": 0}, {"regime": "none"}, {"dtype": "int8"}):
        with pytest.raises(SettingsError, match=str(next(iter(wrong.values())))):
            ShardPlan(**{**plan_values(), **wrong})


def plan_values() -> dict:
    return {"regime": "released", "count": 50, "seed": 4, "size": 32, "reuse": 3, "shard": 8}


def test_pictures_that_changed_are_noticed(tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    rng = np.random.default_rng(0)
    for number in range(20):
        pixels = rng.integers(0, 255, (60, 60), dtype=np.uint8)
        (pictures / f"{number}.png").write_bytes(imagecodecs.png_encode(pixels))
    plan = ShardPlan(regime="paper", count=40, size=32, pictures=str(pictures))
    write_shards(tmp_path / "set", plan)
    write_shards(tmp_path / "set", plan)
    (pictures / "3.png").write_bytes(imagecodecs.png_encode(pixels))
    with pytest.raises(SettingsError, match="pictures_sha256"):
        write_shards(tmp_path / "set", plan)
