"""Which module file goes with which classifier."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import timm
import torch
from kit.plugged import module_file, ship, small_backbone

from afdcli.core import weights_file
from afdcli.errors import ModuleError
from afdcli.models import shipped as weights
from afdcli.models.afd_file import find_module, signature
from afdcli.models.loader import load_backbone


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
    assert [stage.where for stage in loaded.module.config.stages] == [
        "layer1.0",
        "layer2.0",
        "layer3.0",
    ]
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
        for fact in ("what", "trained_on", "command", "date", "measured", "licence"):
            assert card.facts.get(fact), f"{card.file.name}: the card does not say {fact}"


def test_changed_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "x.safetensors"
    file.write_bytes(b"changed")
    card = {"backbone": "", "sha256": "0" * 64}
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


def test_best_is_the_best_module_that_ships_for_the_classifier(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights, "folder", lambda: tmp_path)
    backbone = small_backbone()
    command = "`afd train --backbone resnet10t --preset best --data DIR`"
    for name, plug, others in (
        ("any.input", "input", "the general input module"),
        ("resnet10t.stem", "stem", "the light one"),
    ):
        ship(tmp_path, module_file(tmp_path, backbone, plug), name)
        with pytest.raises(ModuleError) as caught:
            find_module("best", backbone)
        assert f"no best AFD module ships for resnet10t, only {others}: use" in str(caught.value)
        assert command in str(caught.value)
    ship(tmp_path, module_file(tmp_path, backbone, "stages"), "resnet10t.best")
    for afd, name in (("best", "best"), ("auto", "stem"), ("resnet10t.best", "best")):
        loaded = find_module(afd, backbone)
        assert loaded is not None
        assert loaded.path == tmp_path / f"resnet10t.{name}.safetensors"
    with pytest.raises(ModuleError, match=r"trained for resnet10t, .* use --afd auto"):
        find_module("best", small_backbone(seed=1))
    with pytest.raises(ModuleError, match="no best AFD module ships for other"):
        find_module("best", replace(backbone, name="other"))


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


def test_a_network_that_takes_its_own_size_only_has_a_signature() -> None:
    net = timm.create_model("vit_tiny_patch16_224", img_size=64, num_classes=5).eval()
    where = "patch_embed.proj"
    (found,) = signature(net, [where], (64, 64))
    assert found.shape == (192,) and found.abs().sum() > 0
    with pytest.raises(AssertionError, match="224"):
        signature(net, [where], (224, 224))
