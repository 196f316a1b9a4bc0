"""Networks that are told about the image."""

import numpy as np
import pytest
import torch

from pellucid.errors import SettingsError
from pellucid.nets import BCRNet, BCRNetDesign, FusedBCRNet

DESIGN = BCRNetDesign(channels=4, widths=(6, 8), up_widths=(8, 8), coarse_width=8, told=3)


def network() -> BCRNet:
    torch.manual_seed(0)
    one = BCRNet(DESIGN)
    with torch.no_grad():
        for parameter in one.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return one


def test_what_is_told_begins_without_effect() -> None:
    torch.manual_seed(0)
    one = BCRNet(DESIGN)
    image = torch.randn(1, 1, 16, 16)
    with torch.inference_mode():
        torch.testing.assert_close(one(image, torch.zeros(1, 3)), one(image, torch.ones(1, 3)))


def test_what_is_told_matters_and_gain_is_kept() -> None:
    one, image = network(), torch.randn(1, 1, 16, 16)
    told = torch.tensor([[0.1, -0.5, 0.3]])
    with torch.inference_mode():
        first = one(image, told)
        assert (first - one(image, -told)).abs().max() > 1e-3
        torch.testing.assert_close(one(4.0 * image, told), 4.0 * first, rtol=1e-4, atol=1e-5)


def test_each_image_of_a_batch_has_its_own() -> None:
    one, images, told = network(), torch.randn(2, 1, 16, 16), torch.randn(2, 3)
    with torch.inference_mode():
        both = one(images, told)
        for index in range(2):
            alone = one(images[index : index + 1], told[index : index + 1])
            torch.testing.assert_close(both[index : index + 1], alone, rtol=1e-4, atol=1e-5)


def test_the_fused_network_is_the_same() -> None:
    one, images, told = network(), torch.randn(2, 1, 16, 24), torch.randn(2, 3)
    with torch.inference_mode():
        torch.testing.assert_close(
            FusedBCRNet(one)(images, told), one(images, told), rtol=1e-4, atol=1e-5
        )


def test_telling_a_blind_network_or_not_telling_another_is_refused() -> None:
    image = torch.randn(1, 1, 16, 16)
    with pytest.raises(SettingsError, match="told 3 numbers about every image, and none"):
        network()(image)
    blind = BCRNet(BCRNetDesign(channels=2, widths=(4,), up_widths=(4,)))
    with pytest.raises(SettingsError, match="told 0 numbers"):
        blind(image, torch.zeros(1, 3))
    with pytest.raises(SettingsError, match="told -1"):
        BCRNetDesign(told=-1)
    assert np.isfinite(blind(image).detach().numpy()).all()
