import pickle

import numpy as np
import pytest

from pellucid.errors import SettingsError
from pellucid.simulate import (
    DrawnScene,
    MixedPairs,
    PairStream,
    PhysicalRegime,
    ProceduralSource,
    SceneCache,
)
from pellucid.simulate.cell import simulate_cell

REGIME = PhysicalRegime()
SOURCE = ProceduralSource(needs=REGIME.needs, seed=3, pixels=48)


def stream(**kwargs: object) -> PairStream:
    return PairStream(SOURCE, regime=REGIME, seed=kwargs.pop("seed", 1), size=32, **kwargs)


def test_the_same_index_gives_the_same_pair_on_one_and_three_workers() -> None:
    for kwargs in ({}, {"scenes": range(5)}):
        alone = list(stream(**kwargs).pairs(range(3, 25)))
        shared = list(stream(**kwargs).pairs(range(3, 25), workers=3, chunk=4))
        assert len(alone) == len(shared) == 22
        for index, (one, three) in enumerate(zip(alone, shared, strict=True), 3):
            np.testing.assert_array_equal(one.image, three.image)
            np.testing.assert_array_equal(one.truth, three.truth)
            assert one.conditions == three.conditions
            assert one.conditions["index"] == index


def test_a_reader_may_stop_early_and_hears_of_errors() -> None:
    reader = stream().pairs(range(1000), workers=2, chunk=2)
    next(reader)
    reader.close()
    broken = PairStream(SOURCE, regime=REGIME, seed=1, size=64)
    with pytest.raises(SettingsError, match="64 pixels"):
        list(broken.pairs(range(8), workers=2))


def test_a_pair_depends_on_seed_and_index_alone() -> None:
    first, again, other = stream(), stream(), stream(seed=2)
    _ = first[0]
    np.testing.assert_array_equal(first[17].image, again[17].image)
    assert not np.array_equal(first[17].image, other[17].image)
    images, truths = first.batch(16, 3)
    assert images.shape == truths.shape == (3, 1, 32, 32)
    np.testing.assert_array_equal(images[1, 0], again[17].image)


def test_scenes_are_new_reused_or_from_a_fixed_set() -> None:
    def names(pairs: PairStream) -> list[str]:
        return [str(pairs[index].conditions["specimen"]) for index in range(12)]

    assert len(set(names(stream()))) == 12
    assert names(stream(reuse=4, first=7)) == [f"specimen 3/{7 + i // 4}" for i in range(12)]
    assert set(names(stream(scenes=range(20, 22)))) == {"specimen 3/20", "specimen 3/21"}
    with pytest.raises(SettingsError, match="at least one"):
        stream(scenes=range(0))
    with pytest.raises(SettingsError, match="at least once"):
        stream(reuse=0)


def test_a_mixture_takes_its_pairs_from_its_streams() -> None:
    parts = [stream(), stream(seed=5)]
    mixed = MixedPairs(parts, shares=(3, 1), seed=0)
    chosen = []
    for index in range(40):
        pair = mixed[index]
        chosen.append(int(pair.conditions["stream"]))
        np.testing.assert_array_equal(pair.image, parts[chosen[-1]][index].image)
    assert 20 < chosen.count(0) < 39
    again = list(mixed.pairs(range(4), workers=2, chunk=1))
    np.testing.assert_array_equal(again[3].truth, mixed[3].truth)
    for shares in ((1,), (1, 0)):
        with pytest.raises(SettingsError, match="positive share"):
            MixedPairs(parts, shares=shares)


def test_filling_on_several_processes_changes_nothing() -> None:
    one, two = stream(scenes=range(6)), stream(scenes=range(6))
    one.fill(workers=1)
    two.fill(workers=2)
    np.testing.assert_array_equal(one[3].image, two[3].image)


def test_the_cache_is_bounded_and_gives_what_would_be_drawn() -> None:
    size = SOURCE.draw(0).scene.nbytes
    cache = SceneCache(SOURCE, max_bytes=3 * size)
    for number in (0, 1, 2, 3, 0, 5):
        kept = cache[number]
        np.testing.assert_array_equal(kept.scene.truth, SOURCE.draw(number).scene.truth)
        assert cache.nbytes <= 3 * size
    assert cache[5] is cache[5]
    assert len(pickle.dumps(cache)) < 2000  # scenes do not travel


def test_sources_know_their_kinds_and_depend_on_the_number_alone() -> None:
    drawn: list[DrawnScene] = [SOURCE.draw(number) for number in (4, 9, 4)]
    np.testing.assert_array_equal(drawn[0].scene.truth, drawn[2].scene.truth)
    assert drawn[0].kinds[0] == SOURCE.kinds[4 % len(SOURCE.kinds)]
    with pytest.raises(SettingsError, match="unicorns"):
        ProceduralSource(needs=REGIME.needs, seed=0, kinds=("unicorns",))


def test_the_demonstration_cell_is_seeded_and_in_camera_counts() -> None:
    first, again = simulate_cell(3, pixels=96), simulate_cell(3, pixels=96)
    np.testing.assert_array_equal(first.recorded, again.recorded)
    assert first.recorded.min() > 80
    assert first.recorded.mean() == pytest.approx(first.truth.mean(), rel=0.01)
