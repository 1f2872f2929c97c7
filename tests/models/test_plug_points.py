"""Where a module is plugged in, in many families."""

from __future__ import annotations

from functools import cache

import pytest
import timm
import torch

from afdcli.core import PRESETS
from afdcli.core.presets import Placement, placement_of
from afdcli.errors import BackboneError
from afdcli.models.blocks import blocks_by_stride
from afdcli.models.front import Front
from afdcli.models.plug_points import find_norm_layers, find_stages, find_stem


@cache
def made(name: str) -> torch.nn.Module:
    """Random weights take longer than all that is tested of them."""
    return timm.create_model(name).eval()


# (timm name, where, channels, stride, activation), by looking at the architectures.
STEMS = [
    ("resnet10t", "act1", 64, 2, "relu"),
    ("resnet26d", "act1", 64, 2, "relu"),
    ("mobilenetv2_050", "bn1", 16, 2, "relu6"),
    ("mobilenetv3_small_050", "bn1", 16, 2, "none"),
    ("efficientnet_lite0", "bn1", 32, 2, "relu6"),
    ("repvgg_a0", "stem", 48, 2, "relu"),  # all branches, not one of them
    ("regnetx_002", "stem", 32, 2, "relu"),
    ("convnext_atto", "stem", 40, 4, "none"),
    ("ghostnet_050", "act1", 8, 2, "relu"),
    ("vit_tiny_patch16_224", "patch_embed.proj", 192, 16, "none"),
    ("mobilevit_xxs", "stem", 16, 2, "none"),
    ("tf_efficientnet_lite0", "bn1", 32, 2, "relu6"),
]


@pytest.mark.parametrize(("name", "where", "channels", "stride", "activation"), STEMS)
def test_stem_is_found(
    name: str, where: str, channels: int, stride: float, activation: str
) -> None:
    point = find_stem(made(name), (224, 224))
    assert (point.where, point.channels, point.stride, point.activation) == (
        where,
        channels,
        stride,
        activation,
    )


def test_odd_input_size_and_override() -> None:
    net = made("resnet10t")
    assert find_stem(net, (225, 299)).channels == 64
    assert find_stem(net, (224, 224), at="layer1").channels == 64
    with pytest.raises(BackboneError, match="no such module"):
        find_stem(net, (224, 224), at="nowhere")
    with pytest.raises(BackboneError, match="choose another module"):
        find_stem(net, (224, 224), at="fc")


def test_light_sits_behind_the_pooling_of_the_stem() -> None:
    point = find_stem(made("resnet10t"), (224, 224), quarter=True)
    assert (point.where, point.channels, point.stride) == ("maxpool", 64, 4)
    assert point.activation == "relu", "the pooling's input went through it"
    net = made("mobilenetv2_050")
    assert find_stem(net, (224, 224), at="blocks.0", quarter=True).where == "blocks.0"


@pytest.mark.parametrize("name", PRESETS)
def test_the_paper_s_preset_sits_in_front_of_the_pooling_others_behind_it(name: str) -> None:
    net = made("resnet10t")
    where = find_stem(net, (224, 224), quarter=placement_of(name).quarter).where
    assert where == ("act1" if name == "paper" else "maxpool")


def test_channels_last_tensors_are_no_plug_point() -> None:
    net = timm.create_model("swin_tiny_patch4_window7_224", depths=(1, 1, 1, 1)).eval()
    with pytest.raises(BackboneError, match="choose another module"):
        find_stem(net, (224, 224), at="patch_embed.norm")


STAGES = [
    ("resnet10t", [("layer1.0", 64, 4), ("layer2.0", 128, 8), ("layer3.0", 256, 16)]),
    ("vit_tiny_patch16_224", []),
    ("swin_tiny_patch4_window7_224", []),
]


@pytest.mark.parametrize(("name", "expected"), STAGES)
def test_blocks_are_found(name: str, expected: list[tuple[str, int, int]]) -> None:
    net = made(name)
    found = find_stages(net, (224, 224), find_stem(net, (224, 224)).where)
    assert [(s.where, s.channels, s.stride) for s in found] == expected


BLOCKS = {
    "resnet26": (2, 2, 2, 2),
    "regnety_002": (1, 1, 4, 7),
    "mobilenetv2_100": (2, 3, 7, 4),
    "tf_efficientnet_lite0": (2, 2, 6, 5),
    "mobileone_s0": (4, 16, 20, 3),
    "convnext_atto": (2, 2, 6, 2),
    "vgg11": (1, 1, 1, 1),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_blocks_of_families(name: str) -> None:
    found = blocks_by_stride(made(name), (224, 224))
    assert tuple(len(found.get(stride, ())) for stride in (4, 8, 16, 32)) == BLOCKS[name]


def test_light_corrects_every_second_block_from_an_eighth_on() -> None:
    net = made("tf_efficientnet_lite0")
    placement = placement_of("light")
    found = find_stages(net, (224, 224), "blocks.1.0", placement)
    names = ["2.0", "3.0", "3.2", "4.1"]
    assert [stage.where for stage in found] == [f"blocks.{name}" for name in names]
    point = find_stem(net, (224, 224), quarter=True)
    assert (point.where, point.channels, point.stride) == ("blocks.1.0", 24, 4)
    few = find_norm_layers(net, (224, 224), point.where, placement)
    assert set(few) < set(find_norm_layers(net, (224, 224), point.where))


def test_no_adapter_lies_in_front_of_the_plug_point() -> None:
    net = made("resnet10t")
    for at, expected in (("layer2", ["layer3.0"]), ("layer2.0", ["layer2.0", "layer3.0"])):
        found = find_stages(net, (224, 224), at)
        assert [stage.where for stage in found] == expected


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("resnet10t", "maxpool"),
        ("regnety_002", "s1.b1"),
        ("convnext_atto", "stem"),
        ("vit_tiny_patch16_224", "patch_embed.proj"),
    ],
)
def test_a_quarter_of_the_resolution(name: str, where: str) -> None:
    net = made(name)
    assert find_stem(net, (224, 224), quarter=True).where == where


@pytest.mark.parametrize(
    ("name", "where", "expected"),
    [
        ("tf_efficientnet_lite0", "blocks.1.0", True),
        ("resnet10t", "act1", True),
        ("vit_tiny_patch16_224", "patch_embed.proj", False),
    ],
)
def test_the_front_is_skipped_where_it_is_a_chain(name: str, where: str, expected: bool) -> None:
    net = made(name)
    front = Front(net, where, (224, 224))
    assert front.skippable == expected
    picture, seen = torch.rand(2, 3, 224, 224), []
    watched = net.get_submodule(where)
    hook = watched.register_forward_hook(lambda _m, _i, y: seen.append(y.clone()))
    with torch.no_grad():
        whole = net(picture)
        if expected:
            with front.skipped(seen[0]):
                assert torch.equal(net(picture[..., :1, :1]), whole)
        assert torch.equal(net(picture), whole)  # nothing stays behind
    hook.remove()


QUARTER = Placement(film_share=0.25)  # of all features
PLACES = [
    ("resnet10t", 6, "layer3.0.bn1", "layer4.0.downsample.2"),
    ("vit_tiny_patch16_224", 0, "", ""),
    ("mobilenetv2_100", 34, "blocks.1.0.bn3", "bn2"),
]


@pytest.mark.parametrize(("name", "count", "first", "last"), PLACES)
def test_places_are_the_small_ones_behind_the_stem(
    name: str, count: int, first: str, last: str
) -> None:
    net = made(name)
    found = find_norm_layers(net, (224, 224), find_stem(net, (224, 224)).where, QUARTER)
    assert len(found) == count
    for place in found:
        assert net.get_submodule(place.where).num_features == place.channels
    if found:
        assert (found[0].where, found[-1].where) == (first, last)
