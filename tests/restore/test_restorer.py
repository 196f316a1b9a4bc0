import types
from pathlib import Path

import numpy as np
import pytest

import pellucid
from pellucid import Image, Microscope, Restorer, psnr
from pellucid.errors import ImageError, OpticsError, OutputError, SettingsError
from pellucid.io import Channel, Objective, Voxel
from pellucid.optics import Confocal
from pellucid.restore import KnownOptics
from pellucid.restore.batch import plan_jobs
from pellucid.simulate.cell import CellImage

CLASSICAL = ["richardson-lucy", "wiener"]


@pytest.mark.parametrize("method", CLASSICAL)
def test_classical_methods_sharpen(cell: CellImage, method: str) -> None:
    result = pellucid.restore(cell.recorded, method, microscope=cell.microscope)
    gained = psnr(result, cell.truth, fit=True) - psnr(cell.recorded, cell.truth, fit=True)
    assert gained > 0.5
    assert result.mean() == pytest.approx(cell.recorded.mean(), rel=0.01)


@pytest.mark.parametrize("method", CLASSICAL)
def test_the_optics_come_from_the_file_or_the_user(cell: CellImage, method: str) -> None:
    part = cell.recorded[:64, :64]
    described = Image(
        part,
        "YX",
        Voxel(pixel_size_um=0.065),
        (Channel(emission_nm=525.0),),
        Objective(numerical_aperture=1.4),
    )
    from_file = pellucid.restore(described, method)
    stated = pellucid.restore(part, method, microscope=cell.microscope)
    np.testing.assert_array_equal(from_file.data, stated)
    # What is stated wins over the file.
    other = Restorer(method, microscope=KnownOptics(emission_nm=700.0)).restore(described)
    assert other.settings["microscope"][0]["emission_nm"] == 700.0
    assert not np.array_equal(other.image.data, stated)


def test_a_whole_microscope_is_taken_as_it_is(cell: CellImage) -> None:
    """Its modality and aberrations shape the point spread function; gaps come from the file."""
    image = Image(cell.recorded[:48, :48], "YX", Voxel(pixel_size_um=0.9))
    plain = {
        "numerical_aperture": 1.4,
        "emission_nm": 525,
        "excitation_nm": 488,
        "refractive_index": 1.515,
        "pixel_size_um": 0.04,
    }
    scopes = [
        Microscope(**plain),
        Microscope(**plain, modality=Confocal(airy_units=1.0)),
        Microscope(**plain, zernike_waves=((12, 0.1),)),
    ]
    results = [
        Restorer("wiener", microscope=scope, noise_to_signal=0.01).restore(image)
        for scope in scopes
    ]
    kinds = [r.settings["microscope"][0]["modality"]["kind"] for r in results]
    assert kinds == ["Widefield", "Confocal", "Widefield"]
    assert results[0].settings["microscope"][0]["pixel_size_um"] == 0.04
    for other in results[1:]:
        assert np.abs(other.image.data - results[0].image.data).max() > 0.01


def test_missing_optics_are_asked_for_in_one_sentence(cell: CellImage) -> None:
    known = KnownOptics(emission_nm=525.0)
    with pytest.raises(OpticsError) as caught:
        Restorer("wiener", microscope=known).restore(Image(cell.recorded, "YX"))
    assert str(caught.value).endswith("give --na, --pixel-size (um).")


def test_a_stack_is_treated_in_three_dimensions() -> None:
    scope = Microscope(
        numerical_aperture=1.2,
        emission_nm=525,
        pixel_size_um=0.1,
        refractive_index=1.33,
        z_step_um=0.3,
    )
    from pellucid.imaging import Blur
    from pellucid.optics import widefield_psf

    truth = np.zeros((9, 40, 44), dtype=np.float32)
    truth[3, 12, 12] = truth[6, 25, 30] = 5e4
    operator = Blur(widefield_psf(scope, (9, 31, 31)), truth.shape)
    scene = np.zeros(operator.input_shape, dtype=np.float32)
    scene[operator.camera] = truth
    rng = np.random.default_rng(0)
    recorded = rng.poisson(operator.apply(scene).clip(0) + 10).astype(np.float32)
    image = Image(recorded, "ZYX")
    for method in CLASSICAL:
        result = Restorer(method, microscope=scope).restore(image).image.data
        planes = result.max(axis=(1, 2))
        # The plane a bead lies in stands out more than in the recorded stack.
        before = recorded.max(axis=(1, 2))
        assert planes[3] / planes[4] > before[3] / before[4]
        assert np.unravel_index(result[:5].argmax(), result[:5].shape) == (3, 12, 12)
    with pytest.raises(OpticsError, match=r"--refractive-index, --z-step"):
        Restorer(
            "wiener",
            microscope=KnownOptics(numerical_aperture=1.2, emission_nm=525, pixel_size_um=0.1),
        ).restore(image)


def test_time_and_channels_are_treated_one_by_one(cell: CellImage) -> None:
    part = cell.recorded[:48, :48]
    image = Image(np.stack([[part, part], [2 * part, part]]), "TCYX")
    for method in CLASSICAL:
        settings = {"background": 100.0} if method == "richardson-lucy" else {}
        result = Restorer(method, microscope=cell.microscope, **settings).restore(image).image
        alone = Restorer(method, microscope=cell.microscope, **settings).restore(Image(part, "YX"))
        np.testing.assert_allclose(result.data[0, 1], alone.image.data, rtol=1e-5)


def test_undersampled_optics_are_said(cell: CellImage) -> None:
    scope = Microscope(numerical_aperture=1.4, emission_nm=525, pixel_size_um=0.2)
    with pytest.warns(UserWarning, match=r"too large for the optics; 0\.0938 um"):
        Restorer("wiener", microscope=scope).restore(Image(cell.recorded[:32, :32], "YX"))


@pytest.mark.parametrize(
    ("method", "settings", "words"),
    [
        ("foo", {}, "choose one of bcr, richardson-lucy, photon-split"),
        ("bcr", {"iterations": 3}, "belongs to the methods richardson-lucy, photon-split"),
        ("wiener", {"weights": "bcrnet-physical"}, "belongs to the method bcr"),
        ("richardson-lucy", {"iterations": 0}, "at least 1, not 0"),
        ("bcr", {"tile": 64}, "too small"),
    ],
)
def test_contradicting_settings_are_explained(
    recorded: np.ndarray, method: str, settings: dict, words: str
) -> None:
    with pytest.raises(SettingsError, match=words):
        pellucid.restore(recorded, method, **settings)


def test_restore_is_a_package_and_a_function(recorded: np.ndarray) -> None:
    assert isinstance(pellucid.restore, types.ModuleType)
    assert callable(pellucid.restore)
    assert pellucid.restore.Restorer is Restorer
    assert pellucid.restore(recorded[:32, :32]).shape == (32, 32)
    with pytest.raises(AttributeError, match="nonsense"):
        _ = pellucid.nonsense


def test_jobs_of_folders_and_files(tmp_path: Path) -> None:
    for name in (
        "a.1.tif",
        "a.tif",
        "b.ome.tiff",
        "c.PNG",
        "a-restored.ome.tif",
        "notes.txt",
        ".d.tif",
    ):
        (tmp_path / name).touch()
    jobs = plan_jobs([tmp_path], None)
    assert [job.source.name for job in jobs] == ["a.1.tif", "a.tif", "b.ome.tiff", "c.PNG"]
    assert [job.target.name for job in jobs] == [
        "a.1-restored.ome.tif",
        "a-restored.ome.tif",
        "b-restored.ome.tif",
        "c-restored.ome.tif",
    ]
    (single,) = plan_jobs([tmp_path / "a.tif"], tmp_path / "out.ome.tif")
    assert single.target == tmp_path / "out.ome.tif"
    into = tmp_path / "results"
    assert plan_jobs([tmp_path], into)[1].target == into / "a-restored.ome.tif"
    with pytest.raises(OutputError, match="give a folder"):
        plan_jobs([tmp_path], tmp_path / "a.tif")
    with pytest.raises(OutputError, match="would both become"):
        plan_jobs([tmp_path / "x.tif", tmp_path / "x.png"], None)
    with pytest.raises(ImageError, match="holds no image"):
        plan_jobs([into], None)
