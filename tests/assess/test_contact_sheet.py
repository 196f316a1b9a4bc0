import imagecodecs
import numpy as np
import pytest

from pellucid.assess.contact_sheet import contact_sheet
from pellucid.errors import SettingsError

IMAGE = np.random.default_rng(0).random((32, 32))


def test_a_sheet_has_room_for_every_image() -> None:
    one = imagecodecs.png_decode(contact_sheet([[IMAGE]], rows=["a"], columns=["x"]))
    many = imagecodecs.png_decode(
        contact_sheet([[IMAGE, IMAGE], [IMAGE, 0 * IMAGE]], rows=["a", "b"], columns=["x", "y"])
    )
    assert many.shape[0] > 1.5 * one.shape[0]
    assert many.shape[1] > 1.5 * one.shape[1]
    assert np.ptp(one) > 200  # black to white: the image is stretched


def test_labels_must_fit() -> None:
    with pytest.raises(SettingsError, match="2 rows"):
        contact_sheet([[IMAGE]], rows=["a", "b"], columns=["x"])
    with pytest.raises(SettingsError, match="0 rows"):
        contact_sheet([], rows=[], columns=[])
