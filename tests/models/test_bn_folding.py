"""Folding keeps what a network computes."""

from __future__ import annotations

import pytest
import timm
import torch
from torch import nn

from afdcli.models.bn_folding import fold_batch_norms, quicken_depthwise

NETS = {  # name: does it have batch normalisations behind convolutions
    "tf_efficientnet_lite0": True,  # SAME padding
    "resnet10t": True,
    "mobilenetv2_050": True,
    "tf_mobilenetv3_small_minimal_100": True,  # SAME padding
    "repvgg_a0": True,
    "regnetx_002": True,
    "resnetv2_18": True,  # some normalise before they convolve, and keep that
    "vit_tiny_patch16_224": False,
    "convnext_atto": False,
}


def random_statistics(net: nn.Module) -> None:
    """Normalisations that do something, as trained ones do."""
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_mean, -0.3, 0.3)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, -0.3, 0.3)


@pytest.mark.parametrize("name", NETS)
@torch.no_grad()
def test_folded_networks_answer_the_same(name: str) -> None:
    torch.manual_seed(0)
    net = timm.create_model(name).eval()
    random_statistics(net)
    x = torch.randn(2, 3, 224, 224)
    before = net(x)
    count = sum(isinstance(module, nn.BatchNorm2d) for module in net.modules())
    folded = fold_batch_norms(net, (224, 224))
    left = sum(isinstance(module, nn.BatchNorm2d) for module in net.modules())
    assert (folded > 0) is NETS[name]
    assert left == count - folded
    assert torch.allclose(net(x), before, atol=1e-4 * float(before.abs().max()))


@pytest.mark.parametrize("name", ["mobilenetv2_050", "tf_mobilenetv3_small_minimal_100"])
@pytest.mark.parametrize("side", [224, 97])
def test_dense_depthwise_convolutions_answer_the_same(name: str, side: int) -> None:
    torch.manual_seed(0)
    net = timm.create_model(name).eval()
    random_statistics(net)
    x = torch.randn(2, 3, side, side, requires_grad=True)
    before = net(x)
    (gradient,) = torch.autograd.grad(before.sum(), x)
    quicken_depthwise(net)
    after = net(x)
    assert torch.allclose(after, before, atol=1e-4 * float(before.detach().abs().max()))
    (again,) = torch.autograd.grad(after.sum(), x)
    assert torch.allclose(again, gradient, atol=1e-4 * float(gradient.abs().max()))
