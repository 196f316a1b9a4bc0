"""Whatever bytes a file holds, reading it ends in an image or in one sentence."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from pellucid import PellucidError, read_image

DATA = np.random.default_rng(0).integers(0, 999, (3, 20, 30)).astype(np.uint16)
KINDS = {
    "plain": {},
    "ome": {"ome": True, "metadata": {"axes": "CYX", "PhysicalSizeX": 0.1}},
    "imagej": {"imagej": True, "metadata": {"axes": "ZYX", "spacing": 0.2, "unit": "um"}},
    "compressed": {"compression": "zlib"},
    "bigtiff": {"bigtiff": True},
}


def encoded(kind: str) -> bytes:
    buffer = BytesIO()
    tifffile.imwrite(buffer, DATA, photometric="minisblack", **KINDS[kind])
    return buffer.getvalue()


@pytest.mark.filterwarnings("default", "ignore::pellucid.errors.PellucidWarning")
@settings(max_examples=300, deadline=None)
@given(
    kind=st.sampled_from(sorted(KINDS)),
    damage=st.lists(st.tuples(st.integers(0, 900), st.integers(0, 255)), max_size=5),
    kept=st.floats(0.0, 1.0),
    cut=st.booleans(),
)
def test_damaged_files_never_end_in_a_traceback(
    tmp_path_factory: pytest.TempPathFactory,
    kind: str,
    damage: list[tuple[int, int]],
    kept: float,
    cut: bool,
) -> None:
    content = bytearray(encoded(kind))
    for place, value in damage:
        content[place % len(content)] = value
    if cut:
        content = content[: int(kept * len(content))]
    path: Path = tmp_path_factory.getbasetemp() / "damaged.tif"
    path.write_bytes(content)
    try:
        said = "" if read_image(path).data.size else "nothing"
    except PellucidError as error:
        said = str(error)
    assert said == "" or str(path) in said
