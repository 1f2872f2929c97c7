"""Loading classifiers, finding plug points, plugging modules in."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import timm
import torch
from kit import small_models
from safetensors.torch import save_file

from afdcli.core import PRESETS, AFDModule, preset, weights_file
from afdcli.core.presets import placement_of
from afdcli.errors import BackboneError, ModuleError
from afdcli.models import hub
from afdcli.models import shipped as weights
from afdcli.models.afd_classifier import AFDClassifier
from afdcli.models.afd_file import find_module, signature
from afdcli.models.loader import Backbone, load_backbone
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


def registered(tmp_path: Path, name: str) -> Path:
    """A user's file that registers a small model under *name*, without weights."""
    path = tmp_path / f"{name}_models.py"
    path.write_text(small_models.source(name))
    return path


def test_imported_model_needs_weights_and_takes_them(tmp_path: Path) -> None:
    source = registered(tmp_path, "own_net_a")
    with pytest.raises(BackboneError, match="give --checkpoint FILE"):
        load_backbone("own_net_a", imports=[str(source)])
    net = timm.create_model("own_net_a")
    names = ["a", "b", "c", "d", "e"]
    file = tmp_path / "own.safetensors"
    save_file(net.state_dict(), file, {"class_names": json.dumps(names)})
    backbone = load_backbone("own_net_a", checkpoint=file, imports=[str(source)])
    assert backbone.class_names == tuple(names)
    assert (backbone.spec.height, backbone.spec.interpolation) == (64, "bilinear")
    assert backbone.mean == (0.5, 0.5, 0.5)
    assert not any(p.requires_grad for p in backbone.net.parameters())
    assert not backbone.net.training
    assert torch.equal(backbone.net.conv1.weight, net.conv1.weight)


def test_class_names_from_a_file(tmp_path: Path) -> None:
    source = registered(tmp_path, "own_net_b")
    load_backbone_error = pytest.raises(BackboneError)
    with load_backbone_error:
        load_backbone("own_net_b", imports=[str(source)])
    file = tmp_path / "own.safetensors"
    save_file(timm.create_model("own_net_b").state_dict(), file)
    plain = load_backbone("own_net_b", checkpoint=file)
    assert plain.class_names == ("0", "1", "2", "3", "4")
    listed = tmp_path / "names.txt"
    listed.write_text("v\nw\nx\ny\nzebra crossing\n")
    named = load_backbone("own_net_b", checkpoint=file, class_names=listed)
    assert named.class_names[-1] == "zebra crossing"
    listed.write_text("only one\n")
    with pytest.raises(BackboneError, match="1 names, the backbone 5 classes"):
        load_backbone("own_net_b", checkpoint=file, class_names=listed)


def test_errors_name_the_cure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BackboneError, match=r"did you mean .*resnet50"):
        load_backbone("resnet5o")
    with pytest.raises(BackboneError, match="no such file"):
        load_backbone("resnet10t", checkpoint=tmp_path / "none.safetensors")
    garbage = tmp_path / "garbage.safetensors"
    garbage.write_bytes(b"\x00" * 64)
    with pytest.raises(BackboneError, match="no readable weights file"):
        load_backbone("resnet10t", checkpoint=garbage)
    other = tmp_path / "other.safetensors"
    save_file({"a": torch.zeros(1)}, other)
    with pytest.raises(BackboneError, match="does not fit this backbone"):
        load_backbone("resnet10t", checkpoint=other)
    with pytest.raises(BackboneError, match="no such file"):
        load_backbone("resnet10t", imports=[str(tmp_path / "none.py")])
    broken = tmp_path / "broken_import.py"
    broken.write_text("1 / 0\n")
    with pytest.raises(BackboneError, match="ZeroDivisionError"):
        load_backbone("resnet10t", imports=[str(broken)])


def test_pickled_objects_are_never_loaded(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (eval, ("__import__('pathlib').Path('pwned').touch()",))

    file = tmp_path / "evil.pth"
    torch.save({"state_dict": Evil()}, file)
    with pytest.raises(BackboneError):
        load_backbone("resnet10t", checkpoint=file)
    assert not Path("pwned").exists()


def test_without_network_and_cache_the_error_has_three_ways_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "_reachable", lambda: False)
    monkeypatch.setattr(hub, "is_cached", lambda name: False)
    with pytest.raises(BackboneError) as caught:
        load_backbone("resnet50")
    message = str(caught.value)
    assert "\n" not in message
    assert all(
        way in message for way in ("(1)", "(2) give a weights file with --checkpoint", "(3)")
    )


def small_backbone(seed: int = 0) -> Backbone:
    torch.manual_seed(seed)
    net = timm.create_model("resnet10t", num_classes=7).eval().requires_grad_(False)
    from afdcli.view.spec import ViewSpec

    return Backbone(
        "resnet10t",
        net,
        ViewSpec(64, 64),
        (0.4, 0.4, 0.4),
        (0.2, 0.2, 0.2),
        tuple("abcdefg"),
        "test",
    )


def module_file(tmp_path: Path, backbone: Backbone, plug: str, seed: int = 3) -> Path:
    """A module of random weights; plug "stages": a stem module that corrects the stages, too."""
    staged = plug == "stages"
    stages = find_stages(backbone.net, (64, 64)) if staged else ()
    places = find_norm_layers(backbone.net, (64, 64), "act1") if staged else ()
    plug = "stem" if plug == "stages" else plug
    config = preset(
        "nano",
        64 if plug == "stem" else 3,
        stages,
        places,
        unshuffle=1 if plug == "stem" else 2,
        activation="relu" if plug == "stem" else "none",
    )
    torch.manual_seed(seed)
    module = AFDModule(config)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(0, 0.05)
    metadata = {"plug": plug, "where": "act1" if plug == "stem" else ""}
    if plug == "stem":
        parts = signature(backbone.net, ["act1", *config.signature_names])
        text = json.dumps([part.tolist() for part in parts])
        metadata |= {"signature": text, "backbone": backbone.name}
    path = tmp_path / f"{plug}.safetensors"
    weights_file.save(module, path, metadata)
    return path


def batch(count: int = 3) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    pixels = torch.randint(0, 256, (count, 64, 64, 3), dtype=torch.uint8, generator=generator)
    grid = (20 * torch.randn(count, 384, 8, 8, generator=generator)).half()
    return pixels, grid, torch.rand(count, 197, generator=generator)


@pytest.mark.parametrize("plug", ["stem", "stages", "input"])
def test_compare_gives_both_runs(tmp_path: Path, plug: str) -> None:
    backbone = small_backbone()
    file = module_file(tmp_path, backbone, plug)
    inputs = batch()
    with torch.inference_mode():
        plain = AFDClassifier(backbone, None)(*inputs)
        alone = AFDClassifier(backbone, find_module(str(file), backbone))(*inputs)
        both = AFDClassifier(backbone, find_module(str(file), backbone), compare=True)(*inputs)
    assert plain.direct is None
    assert plain.drift is None
    assert both.direct is not None
    assert torch.allclose(both.direct, plain.logits, atol=1e-4)
    assert torch.allclose(both.logits, alone.logits, atol=1e-4)
    assert not torch.allclose(both.logits, both.direct, atol=1e-2)
    assert alone.drift is not None
    assert alone.drift.shape == (3,)
    assert (alone.drift > 0).all()


def test_plain_logits_are_the_networks_own(tmp_path: Path) -> None:
    backbone = small_backbone()
    pixels, grid, file_context = batch()
    x = (pixels.permute(0, 3, 1, 2).float() / 255 - 0.4) / 0.2
    with torch.inference_mode():
        assert torch.allclose(
            AFDClassifier(backbone, None)(pixels, grid, file_context).logits,
            backbone.net(x),
            atol=1e-5,
        )


def test_stem_module_of_other_weights_is_refused(tmp_path: Path) -> None:
    file = module_file(tmp_path, small_backbone(0), "stem")
    with pytest.raises(ModuleError, match="trained for resnet10t"):
        find_module(str(file), small_backbone(1))


def test_module_for_stages_of_other_weights_is_refused(tmp_path: Path) -> None:
    """The same stem, but a stage behind it was trained on."""
    backbone = small_backbone()
    file = module_file(tmp_path, backbone, "stages")
    loaded = find_module(str(file), backbone)
    assert loaded is not None
    assert [stage.where for stage in loaded.module.config.stages] == ["layer1", "layer2", "layer3"]
    with torch.no_grad():
        for parameter in backbone.net.layer2.parameters():
            parameter.normal_(0, 0.1)
    with pytest.raises(ModuleError, match="trained for resnet10t"):
        find_module(str(file), backbone)
    other = small_backbone()
    other.net.layer3 = torch.nn.Identity()
    other.net.layer4 = other.net.fc = torch.nn.Identity()
    with pytest.raises(ModuleError, match="trained for resnet10t"):
        find_module(str(module_file(tmp_path, small_backbone(), "stages")), other)


def test_modulations_take_part(tmp_path: Path) -> None:
    backbone = small_backbone()
    file = module_file(tmp_path, backbone, "stages")
    loaded = find_module(str(file), backbone)
    assert loaded is not None
    inputs = batch()
    with torch.inference_mode():
        whole = AFDClassifier(backbone, loaded)(*inputs).logits
        loaded.module.film.to_scale_shift.weight.zero_()
        assert not torch.allclose(AFDClassifier(backbone, loaded)(*inputs).logits, whole, atol=1e-3)


def test_stages_take_part(tmp_path: Path) -> None:
    """Without the stages' corrections, the same module gives other logits."""
    backbone = small_backbone()
    file = module_file(tmp_path, backbone, "stages")
    inputs = batch()
    loaded = find_module(str(file), backbone)
    assert loaded is not None
    with torch.inference_mode():
        whole = AFDClassifier(backbone, loaded)(*inputs).logits
        for stage in loaded.module.adapters:
            stage.up.weight.zero_()
        assert not torch.allclose(AFDClassifier(backbone, loaded)(*inputs).logits, whole, atol=1e-3)


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


def test_off_means_none() -> None:
    assert find_module("off", small_backbone()) is None


def test_auto_falls_back_to_the_input_module_and_says_so() -> None:
    loaded = find_module("auto", small_backbone())
    assert loaded is not None
    assert loaded.plug == "input"
    assert "no AFD module for resnet10t: using the general input module" in loaded.note


def test_auto_takes_the_stem_module_of_the_default() -> None:
    loaded = find_module("auto", load_backbone())
    assert loaded is not None
    assert (loaded.plug, loaded.note) == ("stem", "")
    assert loaded.module.config.fused


def test_auto_does_not_take_the_defaults_module_for_other_weights() -> None:
    backbone = load_backbone()
    torch.manual_seed(0)
    torch.nn.init.normal_(backbone.net.conv_stem.weight)
    loaded = find_module("auto", backbone)
    assert loaded is not None
    assert loaded.plug == "input"


def test_every_weights_file_has_a_true_card() -> None:
    files = {path.name for path in weights.folder().glob("*.safetensors")}
    assert {card.file.name for card in weights.cards()} == files
    for card in weights.cards():
        assert weights.verified(card.file.name) == card.file
        for fact in ("what", "trained_on", "command", "date", "numbers", "licence"):
            assert card.facts.get(fact), f"{card.file.name}: the card does not say {fact}"


def test_changed_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "x.safetensors"
    file.write_bytes(b"changed")
    card = {"plug": "input", "backbone": "", "sha256": "0" * 64}
    (tmp_path / "x.safetensors.json").write_text(json.dumps(card))
    monkeypatch.setattr(weights, "folder", lambda: tmp_path)
    with pytest.raises(ModuleError, match="was changed; reinstall"):
        weights.verified("x.safetensors")
    with pytest.raises(ModuleError, match="not among the weights"):
        weights.verified("y.safetensors")


def test_a_changed_stem_module_is_not_quietly_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    backbone = load_backbone()
    real = weights.sha256
    monkeypatch.setattr(weights, "sha256", lambda p: "0" * 64 if ".stem" in p.name else real(p))
    with pytest.raises(ModuleError, match="was changed; reinstall"):
        find_module("auto", backbone)


@pytest.mark.shared
@pytest.mark.parametrize("name", ["resnet50_v1", "mobilenetv2_tf", "mobilenetv1_075_tf"])
def test_real_classifiers_load(shared: Path, name: str) -> None:
    folder = shared / "backbones"
    backbone = load_backbone(
        name,
        checkpoint=folder / f"{name}.safetensors",
        imports=[str(folder / "real_backbones.py")],
    )
    assert len(backbone.class_names) == 1000
    assert backbone.class_names[65] == "sea snake"


HOSTILE: list[tuple[dict[str, str], str]] = [
    ({"plug": "evil"}, "does not say where to plug it in"),
    ({"plug": "input"}, "an input module takes RGB"),
    ({"where": ""}, "does not name the layer"),
    ({"where": "nowhere.at.all"}, "trained for resnet10t"),
    ({"where": "layer1"}, "trained for resnet10t"),
    ({"where": "fc"}, "trained for resnet10t"),
    ({"signature": ""}, "its signature is missing or damaged"),
    ({"signature": "[" * 100_000}, "its signature is missing or damaged"),
    ({"signature": "[]"}, "its signature is missing or damaged"),
    ({"signature": "{}"}, "its signature is missing or damaged"),
    ({"signature": '[["a"], [1], [1], [1], [1]]'}, "its signature is missing or damaged"),
    ({"signature": "[[NaN], [1], [1], [1], [1]]"}, "its signature is missing or damaged"),
    ({"signature": "[1e999, 1, 1, 1, 1]"}, "its signature is missing or damaged"),
]


@pytest.mark.parametrize(("changes", "message"), HOSTILE)
def test_hostile_metadata_is_refused_in_one_line(
    tmp_path: Path, changes: dict[str, str], message: str
) -> None:
    backbone = small_backbone()
    module, metadata = weights_file.load(module_file(tmp_path, backbone, "stages"))
    file = tmp_path / "hostile.safetensors"
    weights_file.save(module, file, {**metadata, **changes})
    with pytest.raises(ModuleError, match=message) as caught:
        find_module(str(file), backbone)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


def test_a_module_of_another_backbone_says_whose_it_is(tmp_path: Path) -> None:
    """And names no option that was not typed, but the ones that were."""
    file = module_file(tmp_path, small_backbone(), "stem")
    options = "--backbone mine --import 'my nets.py' --checkpoint w.pth"
    net = timm.create_model("mobilenetv2_035", num_classes=7).eval()
    other = replace(small_backbone(), name="mine", net=net, options=options)
    with pytest.raises(ModuleError) as caught:
        find_module(str(file), other)
    assert "trained for resnet10t, not for mine" in str(caught.value)
    assert f"`afd train {options} --data DIR`" in str(caught.value)
    assert "--plug-at" not in str(caught.value)
    note = find_module("auto", other)
    assert note is not None and f"afd train {options} --data DIR" in note.note
