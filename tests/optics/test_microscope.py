import dataclasses

import pytest

from pellucid import Microscope
from pellucid.errors import OpticsError

GOOD = {"numerical_aperture": 1.4, "emission_nm": 525.0, "pixel_size_um": 0.065}


def test_cutoff_is_twice_the_aperture_over_the_wavelength() -> None:
    scope = Microscope(**GOOD)
    assert scope.cutoff_per_um == pytest.approx(2 * 1.4 / 0.525)
    assert scope.cutoff_per_pixel == pytest.approx(2 * 1.4 / 0.525 * 0.065)


def test_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Microscope(**GOOD).numerical_aperture = 1.0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"numerical_aperture": 1.4, "refractive_index": 1.33}, ["1.4", "1.33"]),
        ({"numerical_aperture": 1.33, "refractive_index": 1.33}, ["1.33"]),
        ({"numerical_aperture": 1.6}, ["1.6", "refractive_index"]),
        ({"numerical_aperture": -0.5}, ["-0.5"]),
        ({"numerical_aperture": float("nan")}, ["nan"]),
        ({"emission_nm": 0.525}, ["0.525", "nm"]),
        ({"emission_nm": -525.0}, ["-525"]),
        ({"excitation_nm": 0.488}, ["0.488", "nm"]),
        ({"pixel_size_um": 65.0}, ["65", "um"]),
        ({"pixel_size_um": 0.0}, ["0.0"]),
        ({"refractive_index": 0.9}, ["0.9"]),
        ({"z_step_um": -0.2}, ["-0.2"]),
    ],
)
def test_impossible_values_are_named(change: dict[str, float], words: list[str]) -> None:
    with pytest.raises(OpticsError) as caught:
        Microscope(**{**GOOD, **change})
    for word in words:
        assert word in str(caught.value)
