"""Pooled features are what timm's ``forward_head(pre_logits=True)`` gives, for any classifier."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch
from kit import small_models
from timm.models.resnet import BasicBlock, ResNet
from torch import Tensor, nn

from afdcli.errors import BackboneError
from afdcli.inference.model_cache import key_of
from afdcli.inference.torch_threads import joined, twin
from afdcli.models.afd_classifier import AFDClassifier
from afdcli.models.afd_file import LoadedModule
from afdcli.models.features import FeatureTap
from afdcli.models.hooks import Pass
from afdcli.models.loader import Backbone
from afdcli.view.spec import ViewSpec

SIDE = 32
MODELS = {
    "resnet10t": {},
    "mobilenetv3_small_050": {},
    "convnext_atto": {},  # its head has a normalisation
    "dpn48b": {},  # its head is a 1x1 convolution
    "vit_tiny_patch16_224": {"img_size": SIDE, "depth": 1},
}


def backbone(net: nn.Module, side: int = SIDE) -> Backbone:
    spec = ViewSpec(side, side, "bilinear", 1.0, "center")
    names = tuple(map(str, range(10)))
    net = net.eval().requires_grad_(False)
    return Backbone("a_net", net, spec, (0.5,) * 3, (0.5,) * 3, names, "test")


def views(count: int = 2, side: int = SIDE) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    pixels = torch.randint(0, 256, (count, side, side, 3), dtype=torch.uint8, generator=generator)
    return pixels, torch.randn(count, 384, side // 8, side // 8), torch.rand(count, 197)


@pytest.mark.parametrize("name", MODELS)
def test_features_are_those_of_timm(name: str) -> None:
    net = timm.create_model(name, num_classes=10, **MODELS[name])
    network = AFDClassifier(backbone(net), None, features=True)
    pixels, *rest = views()
    x = (pixels.permute(0, 3, 1, 2) / 255 - 0.5) / 0.5
    plain = type(net)
    with torch.inference_mode():
        found = network(pixels, *rest)
        expected = plain.forward_head(net, net.forward_features(x), pre_logits=True)
        logits = plain.forward(net, x)
    assert network.features is not None and network.features.width == expected.shape[1]
    torch.testing.assert_close(found.features, expected.flatten(1), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(found.logits, logits)


def small() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return ResNet(BasicBlock, [1, 1, 1, 1], channels=(8, 8, 16, 16), num_classes=10)


@pytest.mark.parametrize("compare", [False, True])
def test_features_are_those_with_afd(compare: bool) -> None:
    loaded = LoadedModule(small_models.module(), "input", "", Path(), "")
    network = AFDClassifier(backbone(small()), loaded, compare, features=True).eval()
    with torch.inference_mode():
        found = network(*views(4))
        head = network.backbone.net.get_classifier()(found.features)  # type: ignore[operator]
        plain = AFDClassifier(backbone(small()), None, features=True)(*views(4))
    torch.testing.assert_close(head, found.logits)
    assert not torch.allclose(found.features, plain.features, rtol=0.01)
    assert found.features.dtype == torch.float32 and found.features.shape == (4, 16)


def test_copies_do_not_share_what_they_saw() -> None:
    network = AFDClassifier(backbone(small()), None, features=True)
    other = twin(network)
    pixels, *rest = views(4)
    with torch.inference_mode():
        whole = network(pixels, *rest)
        parts = [net(*(t[i : i + 2] for t in views(4))) for net, i in ((network, 0), (other, 2))]
    torch.testing.assert_close(joined(parts).features, whole.features)


def test_the_key_of_a_converted_model_holds_the_output() -> None:
    without = key_of(AFDClassifier(backbone(small()), None))
    assert key_of(AFDClassifier(backbone(small()), None, features=True)) != without


class Own(nn.Module):
    """A classifier that is not timm's; *scaled* has no last layer."""

    def __init__(self, scaled: bool) -> None:
        super().__init__()
        self.body, self.last, self.scaled = nn.Conv2d(3, 6, 3), nn.Linear(6, 10), scaled

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.last(self.body(x).mean((2, 3)))
        return 2 * y if self.scaled else y


def test_a_classifier_of_the_users_own() -> None:
    tap = FeatureTap(backbone(Own(scaled=False)), Pass())
    assert (tap.layer, tap.width) == ("last", 6)
    with pytest.raises(BackboneError, match="the pooled features of a_net cannot be found"):
        FeatureTap(backbone(Own(scaled=True)), Pass())
