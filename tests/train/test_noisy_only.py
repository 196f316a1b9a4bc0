import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.signal import fftconvolve
from torch import Tensor, nn

from pellucid.assess import psnr
from pellucid.assess.registration import shifted
from pellucid.errors import ImageError, OpticsError, PellucidWarning, SettingsError
from pellucid.imaging import estimate_noise, estimate_scale
from pellucid.simulate import Pairs
from pellucid.solvers.noise_model import NoiseModel
from pellucid.train import (
    DataDomain,
    Noise2NoisePairs,
    RecorruptedPairs,
    data_domain_loss,
    mse,
    recorrupted,
)
from pellucid.train._flux import equal_brightness
from pellucid.train.losses_noisy import hessian_penalty, variation_penalty

Floats = NDArray[np.float64]
OFFSET, PHOTON, READ = 100.0, 2.0, 3.0


def specimen(seed: int, side: int) -> Floats:
    """Return points and blobs of light on a dark ground, about one at their brightest."""
    rng = np.random.default_rng(seed)
    points = (rng.random((side, side)) < 0.01) * rng.gamma(2.0, 1.0, (side, side))
    blobs = gaussian_filter((rng.random((side, side)) < 2e-3) * 1.0, 3.0) * 40
    light = 8 * gaussian_filter(points, 0.9) + blobs
    return light / np.percentile(light, 99.9)


def recorded(light: Floats, seed: int, *, read: float = READ) -> NDArray[np.float32]:
    """Record electrons as counts."""
    rng = np.random.default_rng([7, seed])
    counts = OFFSET + PHOTON * rng.poisson(light) + read * rng.standard_normal(light.shape)
    return counts.astype(np.float32)


def save(folder: Path, name: str, data: NDArray[np.generic], axes: str = "") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    axes = axes or "TYX"[-data.ndim :]
    tifffile.imwrite(
        folder / f"{name}.tif", data.astype(np.float32), imagej=True, metadata={"axes": axes}
    )


@pytest.mark.parametrize("share", [0.5, 0.8])
@pytest.mark.parametrize("light", [0.0, 0.3, 50.0])
@pytest.mark.parametrize("read", [0.0, 1.0, 4.0], ids="read{}".format)
def test_the_two_parts_are_unbiased_and_their_noise_uncorrelated(
    light: float, read: float, share: float
) -> None:
    """At a million pixels, in the dark too, where a clipped variance would correlate them."""
    if light == read == 0:
        return
    rng = np.random.default_rng(3)
    pixels = 1_000_000
    counts = OFFSET + PHOTON * rng.poisson(light, pixels)
    counts = counts + read * rng.standard_normal(pixels)
    noise = NoiseModel(photon=PHOTON, gaussian=read)
    first, second = recorrupted(counts, noise, rng=rng, offset_counts=OFFSET, share=share)
    clean = OFFSET + PHOTON * light
    variance = PHOTON**2 * light + read**2
    # Of a pixel far below the offset the variance is taken for negative: more noise for both.
    added = np.abs(PHOTON * (counts - OFFSET) + read**2).mean() if read else variance
    assert added == pytest.approx(variance, rel=1e-2) or light < 5
    for part, of_light in ((first, share), (second, 1 - share)):
        error = part - clean
        assert abs(error.mean(dtype=np.float64)) < 5 * error.std(dtype=np.float64) / 1000
        expected = variance + added * (1 - of_light) / of_light
        assert error.var(dtype=np.float64) == pytest.approx(expected, rel=0.01)
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.006
    assert first.dtype == second.dtype == np.float32


def test_a_clipped_variance_would_correlate_the_parts() -> None:
    """The reason for the sign: without it noise shows through in the dark."""
    rng = np.random.default_rng(0)
    counts, z = rng.standard_normal((2, 1_000_000))
    added = np.sqrt(np.maximum(PHOTON * counts + 1.0, 0.0)) * z
    assert np.corrcoef(counts + added, counts - added)[0, 1] < -0.05
    noise = NoiseModel(photon=PHOTON, gaussian=1.0)
    assert abs(np.corrcoef(*recorrupted(counts, noise, rng=rng))[0, 1]) < 0.004


def test_electrons_are_split_one_by_one() -> None:
    rng = np.random.default_rng(0)
    electrons = rng.poisson(3.0, 400_000)
    counts = OFFSET + PHOTON * electrons
    noise = NoiseModel(photon=PHOTON)
    first, second = recorrupted(counts, noise, rng=rng, offset_counts=OFFSET, share=0.25)
    one, other = 0.25 * (first - OFFSET) / PHOTON, 0.75 * (second - OFFSET) / PHOTON
    np.testing.assert_allclose(one, np.rint(one), atol=1e-4)
    np.testing.assert_allclose(one + other, electrons, atol=1e-3)
    # Independent, not just uncorrelated: the one says nothing of the spread of the other.
    for n in (0, 1, 2):
        given = other[np.rint(one) == n]
        assert given.mean() == pytest.approx(2.25, rel=0.02)
        assert given.var() == pytest.approx(2.25, rel=0.03)


def test_gaussian_parts_sum_up_to_the_image() -> None:
    counts = recorded(np.full((200, 200), 400.0), 0)
    noise = NoiseModel(photon=PHOTON, gaussian=READ)
    first, second = recorrupted(
        counts, noise, rng=np.random.default_rng(1), offset_counts=OFFSET, share=0.3
    )
    np.testing.assert_allclose(0.3 * first + 0.7 * second, counts, rtol=1e-5)


def test_noise_estimated_from_the_image_serves_as_well() -> None:
    light = 300 * gaussian_filter(specimen(1, 256), 1.5)
    clean, counts = OFFSET + PHOTON * light, recorded(light, 5)
    found = estimate_noise(counts)
    first, second = recorrupted(counts, found, rng=np.random.default_rng(0))
    weight = 1 / np.sqrt(PHOTON**2 * light + READ**2)
    one, other = (weight * (part - clean) for part in (first, second))
    assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.04
    assert one.var() == pytest.approx(2.0, rel=0.08)


def test_impossible_splits_are_refused() -> None:
    rng, noise = np.random.default_rng(0), NoiseModel(photon=1.0)
    image = np.ones((4, 4))
    with pytest.raises(SettingsError, match="share = 1 leaves"):
        recorrupted(image, noise, rng=rng, share=1)
    with pytest.raises(SettingsError, match="offset_counts = nan"):
        recorrupted(image, noise, rng=rng, offset_counts=float("nan"))
    with pytest.raises(ImageError, match="not finite"):
        recorrupted(np.full((4, 4), np.nan), noise, rng=rng)


def test_gain_between_noisy_recordings_has_no_error_from_noise() -> None:
    light = 15 * gaussian_filter(specimen(2, 256), 1.3)
    one, other = recorded(light, 1), recorded(0.7 * light, 2)
    found = equal_brightness(other[None], one[None])
    assert found.gain == pytest.approx(1 / 0.7, rel=0.05)
    assert found.offset + found.gain * OFFSET == pytest.approx(OFFSET, abs=2)
    # What least squares would make of it.
    assert np.polyfit(other.ravel(), one.ravel(), 1)[0] < 1.1


def test_series_are_paired_frame_by_frame(tmp_path: Path) -> None:
    light = 200 * gaussian_filter(specimen(0, 96), 1.3)
    frames = np.stack([recorded(0.97**t * light, t) for t in range(7)])
    save(tmp_path, "cell", frames)
    pairs = Noise2NoisePairs(tmp_path, seed=0, size=40, turn=False)
    assert len(pairs.reports) == 1
    seen = set()
    for index in range(30):
        pair = pairs[index]
        y, x, plane = (pair.conditions[key] for key in ("y", "x", "plane"))
        window = np.s_[y : y + 40, x : x + 40]
        for first in (2 * plane, 2 * plane + 1):
            other = first + 1 if first % 2 == 0 else first - 1
            scale = estimate_scale(frames[first % 2 : 6 : 2])
            if np.array_equal(scale.normalise(frames[first][window]), pair.image):
                seen.add(first)
                # Bleaching is taken out, and nothing else is done to the target.
                target = scale.normalise(frames[other][window])
                assert np.corrcoef(pair.truth.ravel(), target.ravel())[0, 1] > 0.9999
                assert pair.truth.mean() == pytest.approx(pair.image.mean(), abs=0.01)
    assert seen == set(range(6))
    again = pickle.loads(pickle.dumps(pairs))[5]
    np.testing.assert_array_equal(again.truth, pairs[5].truth)


def test_recordings_of_two_folders_are_registered(tmp_path: Path) -> None:
    light = 400 * gaussian_filter(specimen(3, 128), 1.3)
    for number in range(4):
        save(tmp_path / "a", f"{number}", recorded(light, number))
        save(tmp_path / "b", f"{number}", recorded(shifted(light, (1.5, -2.0)).clip(0), 9 + number))
    pairs = Noise2NoisePairs(tmp_path / "a", tmp_path / "b", seed=0, size=48, swap=False)
    for report in pairs.reports:
        np.testing.assert_allclose(report.registration.shift_pixels, (1.5, -2.0), atol=0.1)
    found = np.mean([np.corrcoef(p.image.ravel(), p.truth.ravel())[0, 1] for p in
                     (pairs[index] for index in range(8))])  # fmt: skip
    assert found > 0.9
    swapped = Noise2NoisePairs(tmp_path / "a", tmp_path / "b", seed=0, size=48)
    for index in range(8):
        one, two = swapped[index].image, swapped[index].truth
        assert np.corrcoef(one.ravel(), two.ravel())[0, 1] > 0.8
    parts = [
        {r.name for r in Noise2NoisePairs(
            tmp_path / "a", tmp_path / "b", seed=0, size=48, part=part, validation_share=0.5
        ).reports}
        for part in ("training", "validation")
    ]  # fmt: skip
    assert len(parts[0]) == len(parts[1]) == 2
    assert not parts[0] & parts[1]


def test_recordings_of_other_fields_are_left_out(tmp_path: Path) -> None:
    for number in range(3):
        for folder, seed in (("a", number), ("b", 50 if number == 1 else number)):
            light = 300 * gaussian_filter(specimen(seed, 128), 1.3)
            save(tmp_path / folder, f"{number}", recorded(light, seed + len(folder)))
    with pytest.warns(PellucidWarning, match="Left out: 1 .*do not show the same"):
        pairs = Noise2NoisePairs(tmp_path / "a", tmp_path / "b", seed=0, size=48)
    assert {pairs[index].conditions["file"] for index in range(30)} == {"0", "2"}
    with pytest.raises(ImageError, match="do without strict"):
        Noise2NoisePairs(tmp_path / "a", tmp_path / "b", seed=0, size=48, strict=True)
    with pytest.raises(ImageError, match="has one time, and a pair of frames needs two"):
        Noise2NoisePairs(tmp_path / "a", seed=0)
    save(tmp_path / "b", "1", np.ones((64, 64)))
    with pytest.raises(ImageError, match="differ in shape"):
        Noise2NoisePairs(tmp_path / "a", tmp_path / "b", seed=0)


def test_recorrupted_patches_are_split_anew_and_repeatable(tmp_path: Path) -> None:
    frames = np.stack([recorded(200 * specimen(n, 96), n) for n in range(2)])
    save(tmp_path, "cell", frames)
    noise = NoiseModel(photon=PHOTON, gaussian=READ)
    pairs = RecorruptedPairs(
        tmp_path, seed=0, noise=noise, offset_counts=OFFSET, size=40, turn=False
    )
    pairs.fill()
    scale = estimate_scale(frames)
    for index in range(6):
        pair = pairs[index]
        z, y, x = (pair.conditions[key] for key in ("plane", "y", "x"))
        raw = scale.normalise(frames[z, y : y + 40, x : x + 40])
        # Half of the light each; where read noise alone is left both get some more of it.
        middle = 0.5 * (pair.image + pair.truth)
        assert np.mean(np.abs(middle - raw) < 1e-4) > 0.9
        assert (pair.image - raw).std() > 0.01
    same = pickle.loads(pickle.dumps(pairs))[3]
    np.testing.assert_array_equal(same.image, pairs[3].image)
    np.testing.assert_array_equal(same.truth, pairs[3].truth)


def test_noise_is_estimated_where_it_is_not_stated(tmp_path: Path) -> None:
    light = 300 * gaussian_filter(specimen(1, 160), 1.5)
    save(tmp_path / "a", "cell", recorded(light, 0))
    pairs = RecorruptedPairs(tmp_path / "a", seed=0, size=64)
    assert pairs.noises[0].slope_counts == pytest.approx(PHOTON, rel=0.1)
    assert pairs[0].image.shape == (64, 64)
    smooth = gaussian_filter(recorded(light, 0), 0.8)
    save(tmp_path / "b", "cell", smooth)
    with pytest.warns(PellucidWarning, match="is not white"):
        RecorruptedPairs(tmp_path / "b", seed=0, size=64)
    with pytest.raises(SettingsError, match="needs offset_counts"):
        RecorruptedPairs(tmp_path / "a", seed=0, noise=NoiseModel(photon=1.0))
    with pytest.raises(SettingsError, match="light = 1 must lie"):
        RecorruptedPairs(tmp_path / "a", seed=0, light=1)
    with pytest.raises(ImageError, match="160 x 160 pixels, too few for patches of 200"):
        RecorruptedPairs(tmp_path / "a", seed=0, size=200)


def lopsided_psf(rows: int, columns: int) -> Floats:
    return np.random.default_rng(rows).random((rows, columns)) ** 3


@pytest.mark.parametrize("shape", [(5, 7), (4, 6), (1, 3)])
def test_the_data_domain_knows_what_the_optics_make_of_a_scene(shape: tuple[int, int]) -> None:
    """Against scipy, with a scene whose surroundings are seen by the camera but not given."""
    psf = lopsided_psf(*shape)
    whole = np.random.default_rng(0).random((40, 50))
    rows, columns = shape
    image = fftconvolve(whole, psf / psf.sum(), mode="full")
    image = image[rows // 2 :, columns // 2 :][:40, :50]
    inner = np.s_[8:-8, 8:-8]
    scene, data = (torch.from_numpy(a[inner])[None, None] for a in (whole, image))
    assert data_domain_loss(scene, data, psf).item() < 1e-20
    assert data_domain_loss(scene, data + 0.5, psf).item() == pytest.approx(0.25)
    # What lies under the frame, where unknown light arrives, does not count.
    before, after = rows - 1 - rows // 2, rows // 2
    wrong = data.clone()
    if before:
        wrong[..., :before, :] += 9
    if after:
        wrong[..., -after:, :] += 9
    assert data_domain_loss(scene, wrong, psf).item() < 1e-20
    wrong[..., before, 20] += 9
    assert data_domain_loss(scene, wrong, psf).item() > 1e-3


def test_the_scale_of_the_point_spread_function_does_not_matter() -> None:
    scene, data = torch.rand(2, 1, 16, 16), torch.rand(2, 1, 16, 16)
    psf = lopsided_psf(3, 3)
    one, other = (data_domain_loss(scene, data, k * psf).item() for k in (1.0, 250.0))
    assert one == pytest.approx(other, rel=1e-5)
    as_tensor = data_domain_loss(scene, data, torch.from_numpy(psf)).item()
    assert as_tensor == pytest.approx(one, rel=1e-6)


def test_gradients_of_the_data_domain_are_exact() -> None:
    data = torch.rand(1, 1, 8, 9, dtype=torch.float64)
    loss = DataDomain(lopsided_psf(3, 4), hessian=0.3, total_variation=0.2)
    scene = torch.rand(1, 1, 8, 9, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: loss.compare(x, data), scene)
    half = data_domain_loss(scene.detach().to(torch.bfloat16), data.float(), lopsided_psf(3, 4))
    assert half.dtype == torch.float32


def test_penalties_have_their_known_values() -> None:
    y, x = (torch.from_numpy(a.astype(float))[None, None] for a in np.indices((6, 7)))
    assert hessian_penalty(3 * y - x + 2).item() == pytest.approx(0.0, abs=1e-12)
    assert hessian_penalty(y**2 + 2 * x**2 - 3 * x * y).item() == pytest.approx(2 + 4 + 2 * 3)
    assert variation_penalty(3 * y - x).item() == pytest.approx(4.0)
    data = torch.rand(1, 1, 6, 7, dtype=torch.float64)
    plain, more = (data_domain_loss(y * x, data, np.ones((1, 1)), hessian=w) for w in (0.0, 0.5))
    assert (more - plain).item() == pytest.approx(0.5 * 2)


def test_impossible_losses_are_refused() -> None:
    image = torch.zeros(1, 1, 8, 8)
    with pytest.raises(ImageError, match=r"\(1, 1, 8, 8\) and \(1, 1, 8, 7\)"):
        data_domain_loss(image, image[..., 1:], np.ones((3, 3)))
    with pytest.raises(ImageError, match="9 x 9 pixels leaves nothing to compare of patches of 8"):
        data_domain_loss(image, image, np.ones((9, 9)))
    with pytest.raises(OpticsError, match="negative or non-finite"):
        DataDomain(np.array([[1.0, -0.1]]))
    with pytest.raises(OpticsError, match="sums to zero"):
        DataDomain(np.zeros((3, 3)))
    with pytest.raises(OpticsError, match=r"shape \(3,\)"):
        DataDomain(np.ones(3))
    with pytest.raises(SettingsError, match="not negative; they are -1 and 0"):
        DataDomain(np.ones((3, 3)), hessian=-1)


def trained(
    pairs: Pairs, loss: Callable[[nn.Module, Tensor, Tensor], Tensor], steps: int
) -> nn.Module:
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 12, 5, padding=2), nn.ReLU(), nn.Conv2d(12, 12, 3, padding=1),
              nn.ReLU(), nn.Conv2d(12, 1, 5, padding=2)]  # fmt: skip
    network = nn.Sequential(*layers)
    optimiser = torch.optim.Adam(network.parameters(), lr=5e-3)
    for step in range(steps):
        image, target = (torch.from_numpy(a) for a in pairs.batch(8 * step, 8))
        value = loss(network, image, target)
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
    return network


def scores(network: nn.Module, image: NDArray[np.float32], truth: Floats) -> tuple[float, float]:
    """PSNR of the input and of the restoration, in the units of the image."""
    scale = estimate_scale(image)
    with torch.inference_mode():
        restored = network(torch.from_numpy(scale.normalise(image))[None, None])[0, 0].numpy()
    inner = np.s_[4:-4, 4:-4]
    return psnr(image[inner], truth[inner]), psnr(scale.restore(restored)[inner], truth[inner])


def test_noise2noise_learns_to_denoise(tmp_path: Path) -> None:
    clean = [30 * gaussian_filter(specimen(n, 128), 1.3) for n in range(5)]
    for number, light in enumerate(clean[:4]):
        frames = np.stack([recorded(light, 10 * number + t) for t in range(4)])
        save(tmp_path, f"{number}", frames)
    pairs = Noise2NoisePairs(tmp_path, seed=0, size=32)
    network = trained(pairs, lambda net, x, y: mse(net(x), y), 120)
    before, after = scores(network, recorded(clean[4], 99), OFFSET + PHOTON * clean[4])
    assert after > before + 4.0


def test_single_noisy_images_teach_to_denoise_and_to_deconvolve(tmp_path: Path) -> None:
    """No clean image, no sharp one: the point spread function makes the difference."""
    y, x = np.indices((13, 13)) - 6
    psf = np.exp(-(x**2 + y**2) / (2 * 1.6**2))
    sharp = [600 * specimen(n, 128) for n in range(5)]
    blurred = [gaussian_filter(light, 1.6) for light in sharp]
    for number, light in enumerate(blurred[:4]):
        save(tmp_path, f"{number}", recorded(light, number))
    noise = NoiseModel(photon=PHOTON, gaussian=READ)
    pairs = RecorruptedPairs(tmp_path, seed=0, noise=noise, offset_counts=OFFSET, size=40)
    image = recorded(blurred[4], 99)
    denoiser = trained(pairs, lambda net, a, b: mse(net(a), b), 120)
    before, after = scores(denoiser, image, OFFSET + PHOTON * blurred[4])
    assert after > before + 1.5
    deconvolver = trained(pairs, DataDomain(psf, hessian=2e-4), 150)
    truth = OFFSET + PHOTON * sharp[4]
    blurry, restored = scores(deconvolver, image, truth)
    assert restored > blurry + 1.5
    assert restored > scores(denoiser, image, truth)[1] + 1.0
