import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from pellucid import Image, Restorer
from pellucid.assess import pictures
from pellucid.assess.report import middle_plane, write_report
from pellucid.errors import OutputError
from pellucid.io import Channel
from pellucid.restore import load_weights


class Sources(HTMLParser):
    """Collects everything a page would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.found += [value or "" for key, value in attrs if key in ("src", "href")]


def test_one_page_with_everything(tmp_path: Path, recorded: np.ndarray) -> None:
    part = recorded[:96, :128]
    image = Image(
        np.stack([[part, part], [part + 5, part]]),
        "CZYX",
        channels=(Channel(name="<script>alert(1)</script>"), Channel()),
    )
    restored = Restorer().restore(image)
    path = write_report(
        tmp_path / "r.html",
        before=image,
        restored=restored,
        source="a & b.tif",
        seconds={"restoring": 1.25},
        notes=("look out",),
        cutoff_per_pixel=0.3,
    )
    page = path.read_text("utf-8")
    sources = Sources()
    sources.feed(page)
    assert len(sources.found) == 6
    assert all(source.startswith("data:image/png;base64,") for source in sources.found)
    assert "script" not in sources.tags
    for words in (
        "a &amp; b.tif",
        "2 x 2 x 96 x 128",
        "Z = 1 of 2",
        "look out",
        "1.25 s",
        "numpy",
        load_weights().sha256,
        "bcrnet-physical",
    ):
        assert words in page
    means = re.findall(r"Mean intensity ([\d.]+) before, ([\d.]+) after", page)
    assert len(means) == 2
    assert all(before == after for before, after in means)
    with pytest.raises(OutputError, match="exists already"):
        write_report(path, before=image, restored=restored, source="x", seconds={})


def test_contrast_is_shared() -> None:
    before = np.linspace(10, 20, 100).reshape(10, 10)
    low, high = pictures.contrast(before, 2 * before)
    grey = pictures.to_grey(before, (low, high))
    assert grey.dtype == np.uint8
    assert grey.min() == 0
    assert 70 < grey.max() < 100
    assert pictures.contrast(np.ones((4, 4)), np.ones((4, 4))) == (1.0, 2.0)


def test_the_middle_plane_is_named() -> None:
    image = Image(np.zeros((3, 2, 5, 4, 4)), "TCZYX")
    assert middle_plane(image, 1) == (
        (1, 1, 2, slice(None), slice(None)),
        "T = 1 of 3, Z = 2 of 5",
    )
