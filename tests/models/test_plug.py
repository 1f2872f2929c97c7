"""`afdcli.plug`: a timm model and an AFD module as one plain `nn.Module`."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from kit import small_models
from kit.classify import classifier
from timm.models.resnet import BasicBlock, ResNet
from torch import Tensor, nn
from torch.utils.data import DataLoader, StackDataset

import afdcli
from afdcli.core import AFDConfig, AFDModule
from afdcli.core.config import NormLayer, Stage
from afdcli.errors import BackboneError, ModuleError, PhotoError
from afdcli.models.imports import import_source


@pytest.fixture
def model(kit: Path) -> nn.Module:
    import_source(str(kit / "tiny_models.py"))
    return timm.create_model("tiny_test_net").eval()


@pytest.fixture
def good(photos: Path) -> list[Path]:
    return sorted(photos.rglob("1*.jpg"))


def stem_module(noise: float = 0.1) -> AFDModule:
    """For the stem, a stage and a normalisation of a `ResNet` of `small_models`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        stage = Stage("layer2", channels=8, stride=8, activation="relu")
        layer = NormLayer("layer3.0.bn1", channels=16)
        more = {"adapter_width": 4, "stages": (stage,), "film_width": 4, "norm_layers": (layer,)}
        made = AFDModule(AFDConfig(64, width=4, **more))
        with torch.no_grad():
            for parameter in made.parameters():
                parameter += noise * torch.randn_like(parameter)
    return made.eval()


def batch(net: afdcli.PluggedModel, pictures: list[Path]) -> afdcli.ViewTensors:
    (views,) = DataLoader(afdcli.ViewDataset(pictures, net.spec), batch_size=len(pictures))
    assert isinstance(views, afdcli.ViewTensors)
    return views


@torch.no_grad()
def logits(net: nn.Module, *inputs: Tensor | afdcli.ViewTensors) -> Tensor:
    answer: Tensor = net(*inputs)
    return answer


def test_the_probabilities_are_those_of_the_classifier(
    kit: Path, model: nn.Module, good: list[Path]
) -> None:
    file = kit / "module.safetensors"
    rows = classifier(kit, precision="fp32", resize="exact")(good)
    net = afdcli.plug(model, file)
    assert not net.training
    views = batch(net, good)
    probs = logits(net, views).softmax(1)
    assert probs.amax(1).tolist() == pytest.approx([row["prob"] for row in rows], abs=1e-5)
    assert probs.argmax(1).tolist() == [row["index"] for row in rows]
    assert torch.equal(logits(net, *views.to("cpu")), logits(net, views))


def test_the_model_is_left_as_it_was(kit: Path, model: nn.Module, good: list[Path]) -> None:
    pixels = torch.rand(2, 3, 64, 64)
    before, weights = logits(model, pixels), copy.deepcopy(model.state_dict())
    model.train()
    for module in (kit / "module.safetensors", stem_module(), "any.input"):
        net = afdcli.plug(model, module)
        assert net.training
        assert model.training
        assert all(parameter.requires_grad for parameter in model.parameters())
        after = model.state_dict()
        assert all(torch.equal(after[name], value) for name, value in weights.items())
        net.eval()
        assert torch.equal(logits(model, pixels), before)
        assert not torch.equal(logits(net, batch(net, good)), logits(model, pixels))
        model.train()


def test_a_module_can_be_trained_and_saved(
    model: nn.Module, good: list[Path], tmp_path: Path
) -> None:
    net = afdcli.plug(model.requires_grad_(False), stem_module(0.0))
    assert (net.plug, net.where) == ("stem", "act1")
    views = batch(net, good)
    before = logits(net, views)
    net(views).square().sum().backward()
    with torch.no_grad():
        for parameter in net.afd.parameters():
            assert parameter.grad is not None
            parameter -= 0.1 * parameter.grad.sign()
    assert not torch.equal(logits(net, views), before)
    net.save(tmp_path / "mine.safetensors")
    again = afdcli.plug(model, str(tmp_path / "mine.safetensors"))
    assert torch.allclose(logits(again, views), logits(net, views), atol=1e-3)
    other = ResNet(BasicBlock, [1, 1, 1, 1], channels=(8, 8, 16, 16), num_classes=5)
    with pytest.raises(ModuleError, match="was trained for ResNet, not for ResNet"):
        afdcli.plug(other, tmp_path / "mine.safetensors")


def test_copies_and_state(model: nn.Module, good: list[Path]) -> None:
    net = afdcli.plug(model, stem_module())
    views = batch(net, good)
    expected = logits(net, views)
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert torch.equal(logits(twin, views), expected)
        assert twin.model is not model
    names = set(net.state_dict())
    assert names == {f"model.{name}" for name in model.state_dict()} | {
        f"afd.{name}" for name in net.afd.state_dict()
    }
    fresh = afdcli.plug(timm.create_model("tiny_test_net").eval(), stem_module(0.3))
    assert not torch.equal(logits(fresh, views), expected)
    fresh.load_state_dict(net.state_dict())
    assert torch.equal(logits(fresh, views), expected)
    half = fresh.to(torch.bfloat16)
    assert torch.allclose(logits(half, views).float(), expected, atol=0.3)


MISTAKES: dict[str, tuple[Callable[[nn.Module], object], type[Exception], str]] = {
    "no file": (lambda m: afdcli.plug(m, "no.safetensors"), ModuleError, "does not exist"),
    "off": (lambda m: afdcli.plug(m, "off"), ModuleError, "give a file or an AFDModule"),
    "a place for a file": (
        lambda m: afdcli.plug(m, "any.input", where="act1"),
        ModuleError,
        "omit where",
    ),
    "no such layer": (
        lambda m: afdcli.plug(m, stem_module(), where="act7"),
        BackboneError,
        "no layer 'act7'",
    ),
    "other channels": (
        lambda m: afdcli.plug(m, stem_module(), where="layer1"),
        ModuleError,
        "takes 64 channels, but layer1 of ResNet has 8",
    ),
    "a stage that is not there": (
        lambda m: afdcli.plug(m, AFDModule(replace(stem_module().config, norm_layers=(LOST,)))),
        ModuleError,
        "lacks layers that the module corrects: layer9",
    ),
    "half a batch": (
        lambda m: afdcli.plug(m, "any.input")(torch.zeros(1, 64, 64, 3)),
        TypeError,
        "give ViewTensors, or the three tensors",
    ),
}
LOST = NormLayer("layer9", channels=16)


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes(model: nn.Module, name: str) -> None:
    mistake, kind, message = MISTAKES[name]
    with pytest.raises(kind, match=message):
        mistake(model)


def test_the_shipped_module_of_its_name_is_chosen() -> None:
    net = timm.create_model("test_resnet.r160_in1k")
    model = afdcli.plug(net)
    assert (model.plug, model.spec.height) == ("input", 160)
    assert "no AFD module for test_resnet" in model.note


def test_broken_pictures(model: nn.Module, good: list[Path], photos: Path) -> None:
    net = afdcli.plug(model, small_models.module())
    broken = photos / "red" / "04.jpg"
    with pytest.raises(PhotoError, match=r"not-an-image: .*04\.jpg: no image"):
        afdcli.ViewDataset([broken], net.spec)[0]
    mixed = [good[0], broken, np.zeros((64, 64, 3), np.uint8), good[1].read_bytes(), b""]
    views = afdcli.ViewDataset(mixed, net.spec, unreadable="nan")
    labelled = StackDataset(views, range(len(mixed)))
    ((tensors, targets),) = DataLoader(labelled, batch_size=5, num_workers=1)
    assert targets.tolist() == [0, 1, 2, 3, 4]
    answers = logits(net, tensors)
    assert answers.isnan().any(1).tolist() == [False, True, False, False, True]
    assert torch.allclose(answers[:1], logits(net, batch(net, good[:1])), atol=1e-4)
    with pytest.raises(ValueError, match="choose raise or nan"):
        afdcli.ViewDataset([], net.spec, "skip")  # type: ignore[arg-type]


def test_names_of_the_package() -> None:
    assert set(afdcli.__all__) <= set(dir(afdcli))
    with pytest.raises(AttributeError, match="has no attribute 'plugg'"):
        afdcli.plugg  # noqa: B018
