"""Classifiers that cannot be used: one line with the cause and the cure, and exit code 2."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from kit import small_models
from kit.classify import afd, jpeg
from kit.command import one_line
from safetensors.torch import save_file
from typer.testing import CliRunner

from afdcli.cli.main import app
from afdcli.errors import BackboneError
from afdcli.models.imports import import_source
from afdcli.models.loader import load_backbone

ODD = """
import timm, torch
from timm.models import register_model

@register_model
def odd_one(pretrained=False, **kwargs):
    return net(num_classes=1)

@register_model
def odd_grey(pretrained=False, **kwargs):
    return net(num_classes=4, in_chans=1)

@register_model
def odd_headless(pretrained=False, **kwargs):
    return net(num_classes=0)

@register_model
def odd_map(pretrained=False, **kwargs):
    torch.manual_seed(0)
    return torch.nn.Conv2d(3, 4, 3)

@register_model
def odd_failing(pretrained=False, **kwargs):
    raise KeyError("no such\\nthing")

@register_model
def odd_leaving(pretrained=False, **kwargs):
    raise SystemExit(0)

@register_model
def odd_asleep(pretrained=False, **kwargs):
    made = net(num_classes=4)
    def leave(*_):
        raise SystemExit("no answer")
    made.register_forward_hook(leave)
    return made

def net(**options):
    torch.manual_seed(0)
    return timm.create_model("test_resnet", **options)
"""


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("odd") / "odd_nets.py"
    file.write_text(ODD)
    return str(file)


NETS = [
    ("odd_one", "one output"),
    ("odd_grey", "takes pictures with 1 channel, not RGB"),
    ("odd_headless", "has no classes"),
    ("odd_map", "not a classifier: its output for one picture is"),
    ("odd_failing", "cannot be built: KeyError"),
    ("odd_leaving", "cannot be built: SystemExit"),
    ("odd_asleep", "fails on an RGB picture of .*: no answer"),
]


@pytest.mark.parametrize(("name", "message"), NETS)
def test_networks_that_are_no_classifiers_of_rgb(odd: str, name: str, message: str) -> None:
    with pytest.raises(BackboneError, match=message) as caught:
        load_backbone(name, imports=[odd])
    assert "\n" not in str(caught.value)


NAMES = [
    ("resnet50.a9_in1k", r"available: a1_in1k, .*tv_in1k"),
    ("microsoft/resnet-50", "use --backbone hf-hub:microsoft/resnet-50"),
    ("https://huggingface.co/microsoft/resnet-50", "hf-hub:microsoft/resnet-50"),
    ("hf:microsoft/resnet-50", "hf-hub:microsoft/resnet-50"),
    ("vit_small_patch14_dinov2.lvd142m", "has no classes"),
    ("vit_base_patch16_clip_224.openai", "not a classifier: its 512 outputs"),
    ("resnet5o", "did you mean"),
    ("local-dir:nowhere", "has no config.json"),
]


@pytest.mark.parametrize(("name", "message"), NAMES)
def test_names_that_are_no_classifiers(name: str, message: str) -> None:
    with pytest.raises(BackboneError, match=message) as caught:
        load_backbone(name)
    assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def five(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A file that registers a network of five classes without weights, ``five_net``."""
    file = tmp_path_factory.mktemp("five") / "five.py"
    file.write_text(small_models.source("five_net"))
    import_source(str(file))
    return str(file)


def checkpoint(tmp_path: Path, value: Any) -> Path:
    file = tmp_path / "weights.pth"
    torch.save(value, file)
    return file


HELD: list[tuple[Any, str]] = [
    ([torch.zeros(1)], "holds a list, not a state dict"),
    (torch.zeros(3), "holds a Tensor, not a state dict"),
    ({}, "it is empty"),
    ({"epoch": 3, "lr": 0.1}, "epoch is a int"),
    ({"state_dict": {"conv1.weight": [1, 2]}}, "conv1.weight is a list"),
    ({"model": {}}, "it is empty"),
    ({"conv1.weight": torch.zeros(1)}, "does not fit this backbone: it lacks"),
]


@pytest.mark.parametrize(("value", "message"), HELD)
def test_checkpoints_of_anything_but_tensors(
    five: str, tmp_path: Path, value: Any, message: str
) -> None:
    with pytest.raises(BackboneError, match=message) as caught:
        load_backbone("five_net", checkpoint=checkpoint(tmp_path, value))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"text", b"PK\x03\x04" + b"\0" * 40, b"\x80\x02}q\x00."])
def test_checkpoints_of_other_bytes(five: str, tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "weights.pt"
    file.write_bytes(data)
    with pytest.raises(BackboneError, match=r"--checkpoint .*weights") as caught:
        load_backbone("five_net", checkpoint=file)
    assert "\n" not in str(caught.value)


def test_a_checkpoint_of_other_classes_says_both_counts(five: str, tmp_path: Path) -> None:
    state = timm.create_model("five_net").state_dict()
    state |= {"fc.weight": torch.zeros(37, 16), "fc.bias": torch.zeros(37)}
    with pytest.raises(BackboneError, match="has 37 classes, the backbone 5"):
        load_backbone("five_net", checkpoint=checkpoint(tmp_path, {"state_dict": state}))


def test_names_in_a_checkpoint(five: str, tmp_path: Path) -> None:
    state = timm.create_model("five_net").state_dict()
    names = {"0": "a", "1": "b", "2": "c", "3": "d", "4": "e"}
    file = checkpoint(tmp_path, {"state_dict": state, "id2label": names})
    assert load_backbone("five_net", checkpoint=file).class_names == tuple("abcde")
    for other in (5, "5", torch.arange(5)):  # what training programs store besides
        file = checkpoint(tmp_path, {"state_dict": state, "classes": other})
        assert load_backbone("five_net", checkpoint=file).class_names == tuple("01234")
    tensors = tmp_path / "w.safetensors"
    for text, message in (
        (json.dumps(list("abc")), "names 3 classes, but the backbone has 5"),
        ('{"a": 0, "b": 0}', "two names have the index 0"),
        ("[" * 50_000, "class names cannot be read"),
    ):
        save_file(state, tensors, {"class_names": text})
        with pytest.raises(BackboneError, match=message):
            load_backbone("five_net", checkpoint=tensors)


def test_an_imported_file_replaces_nothing(tmp_path: Path) -> None:
    file = tmp_path / "random.py"
    file.write_text(small_models.source("net_in_random", seed=1))
    assert len(load_backbone("net_in_random", imports=[str(file)]).class_names) == 5
    assert sys.modules["random"] is random
    assert load_backbone("net_in_random", imports=[str(file)]).names_from == "numbers"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("raise SystemExit('bye')", "failed with SystemExit: bye"),
        ("import sys; sys.exit()", "failed with SystemExit"),
        ("import sys; sys.exit(0)", "failed with SystemExit: 0"),
        ("1 / 0", "failed with ZeroDivisionError: division by zero"),
        ("raise ValueError('two\\nlines')", "failed with ValueError: two"),
        ("raise ValueError", "failed with ValueError"),
        ("import nothing_like_it", "failed with ModuleNotFoundError: No module named"),
        ("def (", "failed with SyntaxError"),
        ("assert False", "failed with AssertionError"),
    ],
)
def test_an_imported_file_that_fails_is_one_line(
    kit: Path, here: Path, code: str, message: str
) -> None:
    (here / "mine.py").write_text(code)
    (here / "1.jpg").write_bytes(jpeg(1))
    options = ["--backbone", "tiny_test_net", "--import", "mine.py"]
    one_line(afd(kit, "1.jpg", *options, backbone=False), 2, f"--import mine.py {message}")


def test_commands_to_type_repeat_the_options(five: str, tmp_path: Path) -> None:
    file = checkpoint(tmp_path, timm.create_model("five_net").state_dict())
    backbone = load_backbone("five_net", checkpoint=file, imports=[five])
    assert backbone.options == f"--backbone five_net --import {five} --checkpoint {file}"


def test_assumed_names_are_said_on_the_screen_and_in_the_metadata(here: Path, kit: Path) -> None:
    source = ODD.replace("odd_one", "odd_thousand").replace("odd_", "named_")
    source = source.replace("num_classes=1)", ")")
    (here / "thousand.py").write_text(source)
    (here / "1.jpg").write_bytes(jpeg(1))
    options = ["--backbone", "named_thousand", "--import", "thousand.py", "--afd", "off"]
    result = afd(kit, "1.jpg", *options, "--runtime", "torch", backbone=False)
    assert result.exit_code == 0, result.output
    said = "assuming ImageNet-1k class names"
    assert said in " ".join(result.stdout.replace("│", " ").split())
    facts = json.loads((here / "results.csv.meta.json").read_text())
    assert facts["backbone"]["class_names"].startswith("assumed: imagenet-1k")
    shown = CliRunner().invoke(app, ["inspect", "1.jpg", "--no-picture", *options])
    assert said in " ".join(shown.stdout.split())
