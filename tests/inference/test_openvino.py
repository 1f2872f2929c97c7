"""Classifying in OpenVINO gives the rows of torch."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from kit import small_models
from kit.classify import afd, table

from afdcli.core import AFDModule, weights_file
from afdcli.errors import ModuleError, UsageError
from afdcli.inference import convert
from afdcli.inference.runtime import choose_runtime, run_somewhere
from afdcli.models import export
from afdcli.models.afd_classifier import AFDClassifier
from afdcli.models.afd_file import LoadedModule
from afdcli.models.loader import load_backbone
from afdcli.train.run import make_plan


def test_openvino_gives_the_rows_of_torch(
    kit: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(photos.parent / "cache"))
    both = ("--compare", "--precision", "fp32", "--embeddings", "other.npy")
    for _ in range(2):  # the second run finds its model
        result = afd(kit, photos, *both, "--runtime", "openvino", "--out", "other.csv")
        assert result.exit_code == 1, result.output
        assert len(list(Path("cache").rglob("model.xml"))) == 1
    both = (*both[:-1], "torch.npy")
    afd(kit, photos, *both, "--runtime", "torch", "--out", "torch.csv")
    assert np.allclose(np.load("other.npy"), np.load("torch.npy"), atol=2e-3, equal_nan=True)
    other, torch_ = table(Path("other.csv")), table(Path("torch.csv"))
    numbers = ["prob", "direct_prob", "drift"]
    assert other.drop(columns=numbers).equals(torch_.drop(columns=numbers))
    for name in numbers:
        assert np.allclose(other[name], torch_[name], atol=2e-3, equal_nan=True), name


@pytest.mark.parametrize("runtime", ["torch", "openvino"])
def test_a_module_that_reads_no_means_gives_the_rows_of_one_to_which_they_are_nothing(
    kit: Path, photos: Path, runtime: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(photos.parent / "cache"))
    lean, whole = small_models.module(grid_channels=192), small_models.module()
    cells = "fde.cells.weight"
    weights = lean.state_dict()
    nothing = torch.zeros_like(weights[cells])
    whole.load_state_dict(weights | {cells: torch.cat((nothing, weights[cells]), 1)})
    for name, module in (("lean", lean), ("whole", whole)):
        weights_file.save(module, Path(f"{name}.safetensors"), {"plug": "input", "where": ""})
        options = ("--afd", f"{name}.safetensors", "--runtime", runtime, "--precision", "fp32")
        assert afd(kit, photos, *options, "--out", f"{name}.csv").exit_code == 1
    rows, expected = table(Path("lean.csv")), table(Path("whole.csv"))
    numbers = ["prob", "drift"]
    assert rows.drop(columns=numbers).equals(expected.drop(columns=numbers))
    for name in numbers:
        assert np.allclose(rows[name], expected[name], atol=1e-4, equal_nan=True), name


# As in the first ResNets: strides in 1x1 convolutions, of whose inputs OpenVINO then computes less.
_STRIDED = """
import timm
import torch
from timm.models import register_model

@register_model
def strided_net(pretrained=False, **kwargs):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = timm.create_model("resnet26", num_classes=5)
    for stage in (net.layer2, net.layer3, net.layer4):
        stage[0].conv1.stride, stage[0].conv2.stride = (2, 2), (1, 1)
    return net
"""


def test_openvino_takes_a_classifier_whose_1x1_convolutions_have_strides(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(here / "cache"))
    (here / "strided.py").write_text(_STRIDED)
    backbone = load_backbone("strided_net", imports=[str(here / "strided.py")])
    plan = make_plan([backbone], "stem", "light")
    assert plan.config.norm_layers
    for one in plan.hooked:
        one.remove()
    module = AFDModule(plan.config).eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(0, 0.06, generator=torch.Generator().manual_seed(parameter.numel()))
    loaded = LoadedModule(module, "stem", plan.where, here / "m.safetensors", "")
    classifier = AFDClassifier(backbone, loaded).eval()
    inputs = export.whole(classifier).draw(6)  # no multiple of what a request takes
    with torch.inference_mode():
        expected = classifier(*inputs)
    got = run_somewhere(classifier, "openvino", "cpu").network(*inputs)
    plain = AFDClassifier(backbone, None)(*inputs)
    assert np.allclose(got.logits, expected.logits, atol=1e-3)
    assert not np.allclose(got.logits, plain.logits, atol=1e-2)


def test_compile_is_for_torch(kit: Path, photos: Path) -> None:
    result = afd(kit, photos, "--compile", "--runtime", "openvino")
    assert result.exit_code == 2
    assert "--compile works in torch only" in " ".join(result.stderr.split())


def test_runtimes_are_checked() -> None:
    assert choose_runtime("torch", "cuda", torch.float32) == "torch"
    assert choose_runtime("auto", "cuda", torch.float32) == "torch"
    assert choose_runtime("auto", "cpu", torch.float32) == "openvino"
    for name, device, precision, message in (
        ("tensorrt", "cpu", torch.float32, "choose auto, torch"),
        ("openvino", "cuda", torch.float32, "use --device cpu"),
    ):
        with pytest.raises(UsageError, match=message):
            choose_runtime(name, device, precision)


def test_auto_falls_back_to_torch_and_says_so(
    kit: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(photos.parent / "cache"))
    monkeypatch.setattr(convert, "TOLERANCE", -1.0)
    result = afd(kit, photos, "--runtime", "auto")
    assert result.exit_code == 1, result.output
    facts = json.loads(Path("results.csv.meta.json").read_text())
    assert facts["runtime"] == "torch"
    assert "openvino cannot run this network; using torch" in facts["afd_note"]
    result = afd(kit, photos, "--runtime", "openvino")
    assert result.exit_code == 2
    assert "differs from torch" in " ".join(result.stderr.split())


class _Attention(torch.nn.Module):
    """Channel attention with a one-dimensional convolution (ECA), as in timm's ecaresnet."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = torch.nn.Conv2d(3, 8, 3, 2), torch.nn.Conv2d(8, 8, 3, 2)
        self.attend, self.fc = torch.nn.Conv1d(1, 1, 3, padding=1), torch.nn.Linear(8, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        weights = self.attend(x.mean((2, 3))[:, None])[:, 0].sigmoid()
        return self.fc(self.last(x * weights[:, :, None, None]).mean((2, 3)))


def test_other_convolutions_do_not_shift_the_names_of_layers(kit: Path) -> None:
    backbone = load_backbone("tiny_test_net", imports=[str(kit / "tiny_models.py")])
    net = _Attention().eval()
    model = convert.convert(AFDClassifier(replace(backbone, net=net), None).eval(), 1)
    found = {op.get_friendly_name() for op in model.get_ops()}
    assert {"net.backbone.net.first#0", "net.backbone.net.last#2"} <= found


def test_outputs_that_are_not_finite_are_no_match(kit: Path) -> None:
    backbone = load_backbone("tiny_test_net", imports=[str(kit / "tiny_models.py")])
    torch.nn.init.constant_(backbone.net.fc.weight, torch.nan)
    with pytest.raises(ModuleError, match="differs"):
        convert.convert(AFDClassifier(backbone, None).eval(), 1)
