from pathlib import Path

import numpy as np
import pytest
import tifffile

from pellucid.errors import SettingsError
from pellucid.simulate import PhysicalRegime, ThickRegime
from pellucid.simulate.given import GivenRegime
from pellucid.train.run_config import PictureData, RunConfig, SpecimenData, read_run_config
from pellucid.train.streams import cutoffs, regime_of, training_pairs, validation_pairs

TEXT = """
name: mine
network: {design: {channels: 4, widths: [8, 8], up_widths: [8, 8], coarse_width: 8}}
data:
- {kind: specimens, regime: thick, scenes: 3, scene_pixels: 64, share: 2,
   settings: {planes: 3, instrument: {peak_photons: [50, 60]}}}
- {kind: pictures, folder: cells, scenes: 2, scene_pixels: 64}
training: {patch: 32, batch: 4, pairs: 64, loss: l1}
"""


def written(folder: Path, text: str = TEXT) -> Path:
    (folder / "cells").mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    for name in "abc":
        tifffile.imwrite(folder / "cells" / f"{name}.tif", rng.random((90, 90), dtype=np.float32))
    path = folder / "run.yaml"
    path.write_text(text)
    return path


def test_a_file_says_everything_and_can_be_written_again(tmp_path: Path) -> None:
    config = read_run_config(written(tmp_path))
    assert config.training.loss == "l1"
    assert isinstance(config.data[1], PictureData)
    assert config.data[1].folder == tmp_path / "cells"
    again = tmp_path / "again.yaml"
    again.write_text(config.to_yaml())
    assert read_run_config(again) == config


def test_the_streams_are_what_the_file_says(tmp_path: Path) -> None:
    config = read_run_config(written(tmp_path))
    pairs, held_out = training_pairs(config), validation_pairs(config)
    made = [pairs[index] for index in range(30)]
    kinds = {pair.conditions["stream"] for pair in made}
    assert kinds == {0, 1}
    assert made[0].image.shape == (32, 32)
    for pair in made:
        if pair.conditions["stream"] == 0:
            assert 50 <= pair.conditions["peak_photons"] <= 60
    # What validates is never trained on, specimens and picture files alike.
    trained = {str(pair.conditions["specimen"]).split(" ")[0] for pair in made}
    seen = {str(held_out[index].conditions["specimen"]) for index in range(30)}
    pictures = {name.split(" ")[0] for name in seen if name.startswith(("a", "b", "c"))}
    assert pictures
    assert not pictures & trained
    specimens = {str(pair.conditions["specimen"]) for pair in made}
    assert not specimens & seen


def test_regimes_take_the_ranges_given() -> None:
    regime = regime_of("physical", {"preparation": {"upsampled": 0.5}})
    assert isinstance(regime, PhysicalRegime)
    assert regime.preparation.upsampled == 0.5
    assert isinstance(regime_of("thick", {}), ThickRegime)
    microscope = {
        "numerical_aperture": 1.4, "emission_nm": 525, "pixel_size_um": 0.065,
        "refractive_index": 1.515,
    }  # fmt: skip
    given = regime_of("given", {"microscope": microscope})
    assert isinstance(given, GivenRegime)
    entry = SpecimenData(regime="given", settings={"microscope": microscope})
    span = cutoffs((entry,))
    assert span is not None
    assert span[0] < given.microscope.cutoff_per_pixel < span[1]
    assert cutoffs((SpecimenData(), entry)) == (0.12, 0.45)
    assert cutoffs((SpecimenData(regime="released"),)) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: [", "is not YAML"),
        ("- a", "must be a YAML mapping"),
        ("nmae: x", "nmae: Extra inputs are not permitted"),
        ("training: {pairs: 0}", r"training.pairs: .* \(it is 0\)"),
        ("training: {loss: best}", "training.loss"),
        ("data: []", "at least one entry under data"),
        ("data: [{kind: specimens, scene_pixels: 64}]", "smaller than training.patch"),
        ("data: [{kind: films}]", "data.0"),
        ("name: ../up", "name"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        read_run_config(written(tmp_path, text))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"plnaes": 3}, "no setting 'plnaes'; it has"),
        ({"instrument": {"photons": [1, 2]}}, "no setting 'photons'"),
        ({"instrument": 3}, "must be a mapping"),
    ],
)
def test_unknown_settings_list_the_legal_ones(settings: dict, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        regime_of("physical", settings)
    with pytest.raises(SettingsError, match=r"needs settings.microscope"):
        regime_of("given", {})
    with pytest.raises(SettingsError, match="cannot be used"):
        regime_of("given", {"microscope": {"numerical_aperture": 1.4}})


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        read_run_config(tmp_path / "none.yaml")


def test_one_picture_cannot_train_and_validate(tmp_path: Path) -> None:
    config = read_run_config(written(tmp_path))
    for name in "bc":
        (tmp_path / "cells" / f"{name}.tif").unlink()
    with pytest.raises(SettingsError, match="at least two"):
        training_pairs(config)


def test_defaults_are_a_run() -> None:
    assert RunConfig().training.steps > 1000
