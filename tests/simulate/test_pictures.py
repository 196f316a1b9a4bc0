from pathlib import Path

import imagecodecs
import numpy as np
import pytest

from pellucid.errors import ImageError, SettingsError
from pellucid.simulate import PairStream, PhysicalRegime, ThickRegime
from pellucid.simulate.pictures import PictureSource

NEEDS = PhysicalRegime().needs


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for number in range(20):
        pixels = rng.integers(0, 255, (90, 80), dtype=np.uint8)
        (tmp_path / f"{number:02d}.png").write_bytes(imagecodecs.png_encode(pixels))
    return tmp_path


def test_shares_have_no_picture_in_common_and_hold_all(folder: Path) -> None:
    parts = [
        PictureSource(folder, needs=NEEDS, seed=0, pixels=32, share=share).names
        for share in ((0, 0.8), (0.8, 0.9), (0.9, 1.0))
    ]
    assert [len(part) for part in parts] == [16, 2, 2]
    assert len(set().union(*parts)) == 20


def test_scenes_are_seeded_and_become_pairs(folder: Path) -> None:
    source = PictureSource(folder, needs=NEEDS, seed=5, pixels=48)
    one, again, other = (source.draw(number) for number in (3, 3, 4))
    np.testing.assert_array_equal(one.scene.truth, again.scene.truth)
    assert one.name == again.name
    assert not np.array_equal(one.scene.truth, other.scene.truth)
    pair = PairStream(source, regime=PhysicalRegime(), seed=1, size=40)[2]
    assert pair.conditions["kind"] == "picture"
    assert np.corrcoef(pair.image.ravel(), pair.truth.ravel())[0, 1] > 0.1


def test_what_cannot_be_is_named(folder: Path) -> None:
    with pytest.raises(SettingsError, match="volumes"):
        PictureSource(folder, needs=ThickRegime().needs, seed=0)
    with pytest.raises(SettingsError, match="20 pictures"):
        PictureSource(folder, needs=NEEDS, seed=0, share=(0.0, 0.01))
    with pytest.raises(ImageError, match="nowhere"):
        PictureSource(folder / "nowhere", needs=NEEDS, seed=0)
