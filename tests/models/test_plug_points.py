"""Where a module is plugged in, in many families."""

from __future__ import annotations

import pytest
import timm

from afdcli.core import PRESETS
from afdcli.core.presets import placement_of
from afdcli.errors import BackboneError
from afdcli.models.plug_points import find_norm_layers, find_stages, find_stem

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
    point = find_stem(timm.create_model(name).eval(), (224, 224))
    assert (point.where, point.channels, point.stride, point.activation) == (
        where,
        channels,
        stride,
        activation,
    )


def test_odd_input_size_and_override() -> None:
    net = timm.create_model("resnet10t").eval()
    assert find_stem(net, (225, 299)).channels == 64
    assert find_stem(net, (224, 224), at="layer1").channels == 64
    with pytest.raises(BackboneError, match="no such module"):
        find_stem(net, (224, 224), at="nowhere")
    with pytest.raises(BackboneError, match="choose another module"):
        find_stem(net, (224, 224), at="fc")


def test_small_presets_sit_behind_the_pooling_of_the_stem() -> None:
    point = find_stem(timm.create_model("resnet10t").eval(), (224, 224), pooled=True)
    assert (point.where, point.channels, point.stride) == ("maxpool", 64, 4)
    assert point.activation == "relu", "the pooling's input went through it"
    net = timm.create_model("mobilenetv2_050").eval()
    assert find_stem(net, (224, 224), pooled=True) == find_stem(net, (224, 224))
    assert find_stem(net, (224, 224), at="blocks.0", pooled=True).where == "blocks.0"


@pytest.mark.parametrize("name", PRESETS)
def test_presets_at_full_resolution_sit_in_front_of_the_pooling(name: str) -> None:
    net = timm.create_model("resnet10t").eval()
    where = find_stem(net, (224, 224), pooled=placement_of(name).behind_pooling).where
    assert where == ("act1" if name in ("paper", "large") else "maxpool")


def test_channels_last_tensors_are_no_plug_point() -> None:
    net = timm.create_model("swin_tiny_patch4_window7_224", depths=(1, 1, 1, 1)).eval()
    with pytest.raises(BackboneError, match="choose another module"):
        find_stem(net, (224, 224), at="patch_embed.norm")


STAGES = [
    ("resnet10t", [("layer1", 64, 4), ("layer2", 128, 8), ("layer3", 256, 16)]),
    ("vit_tiny_patch16_224", []),
    ("swin_tiny_patch4_window7_224", []),
    (
        "tf_efficientnet_lite0",
        [("blocks.1", 24, 4), ("blocks.2", 40, 8), ("blocks.4", 112, 16)],
    ),
]


@pytest.mark.parametrize(("name", "expected"), STAGES)
def test_stages_are_found(name: str, expected: list[tuple[str, int, int]]) -> None:
    found = find_stages(timm.create_model(name).eval(), (224, 224))
    assert [(s.where, s.channels, s.stride) for s in found] == expected


FIRST_BLOCKS = [
    ("resnet26", [("layer2.0", 512, 8), ("layer3.0", 1024, 16)]),
    ("mobilenetv2_100", [("blocks.2.0", 32, 8), ("blocks.4.0", 96, 16)]),
    ("vit_tiny_patch16_224", []),
    ("tf_efficientnet_lite0", [("blocks.2.0", 40, 8), ("blocks.4.0", 112, 16)]),
]


@pytest.mark.parametrize(("name", "expected"), FIRST_BLOCKS)
@pytest.mark.slow
def test_pico_works_behind_the_first_blocks(
    name: str, expected: list[tuple[str, int, int]]
) -> None:
    net = timm.create_model(name).eval()
    found = find_stages(net, (224, 224), placement_of("pico"))
    assert [(s.where, s.channels, s.stride) for s in found] == expected
    stem = find_stem(net, (224, 224), pooled=True).where
    usual = find_norm_layers(net, (224, 224), stem)
    assert set(find_norm_layers(net, (224, 224), stem, placement_of("pico"))) <= set(usual)


PLACES = [
    ("resnet10t", 6, "layer3.0.bn1", "layer4.0.downsample.2"),
    ("vit_tiny_patch16_224", 0, "", ""),
    ("mobilenetv2_100", 34, "blocks.1.0.bn3", "bn2"),
]


@pytest.mark.parametrize(("name", "count", "first", "last"), PLACES)
def test_places_are_the_small_ones_behind_the_stem(
    name: str, count: int, first: str, last: str
) -> None:
    net = timm.create_model(name).eval()
    found = find_norm_layers(net, (224, 224), find_stem(net, (224, 224), pooled=True).where)
    assert len(found) == count
    for place in found:
        assert net.get_submodule(place.where).num_features == place.channels
    if found:
        assert (found[0].where, found[-1].where) == (first, last)
