"""`--precision int8`: convolutions in integers, close calls in float32."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from kit.classify import afd, table
from torch import nn
from typer.testing import CliRunner

from afdcli.cli.main import app
from afdcli.errors import ModuleError, UsageError
from afdcli.inference import cascade
from afdcli.inference.convert import model_file
from afdcli.inference.int8 import drawn_views, quantised_file
from afdcli.inference.model_cache import cache_folder
from afdcli.inference.openvino import import_openvino
from afdcli.inference.runtime import choose_runtime, run_somewhere, with_log_grid
from afdcli.models.afd_classifier import AFDClassifier
from afdcli.models.afd_file import find_module
from afdcli.models.bn_folding import fold_batch_norms
from afdcli.models.loader import load_backbone
from afdcli.models.precision import choose_precision

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One folder for all tests of this file: to quantise takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield cache_folder()


@pytest.fixture
def classifier(kit: Path) -> AFDClassifier:
    backbone = load_backbone("tiny_test_net", imports=[str(kit / "tiny_models.py")])
    fold_batch_norms(backbone.net, (64, 64))  # as every run does
    return AFDClassifier(backbone, find_module(str(kit / "module.safetensors"), backbone)).eval()


def test_rows_are_nearly_those_of_float32(
    kit: Path, photos: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):  # the second run finds its models
        result = afd(
            kit,
            photos,
            *("--compare", "--runtime", "auto", "--precision", "int8", "--out", "int8.csv"),
        )
        assert result.exit_code == 1, result.output
        models = list(cache.iterdir())
        assert len(models) == 2
    facts = json.loads(Path("int8.csv.meta.json").read_text())
    assert facts["precision"] == "int8, close calls in float32"
    assert facts["runtime"] == "openvino"
    afd(kit, photos, "--compare", "--precision", "fp32", "--out", "fp32.csv")
    rows, expected = table(Path("int8.csv")), table(Path("fp32.csv"))
    numbers = ["prob", "direct_prob", "drift"]
    assert rows.drop(columns=numbers).equals(expected.drop(columns=numbers))
    for name in numbers[:2]:
        assert np.allclose(rows[name], expected[name], atol=0.05, equal_nan=True), name
    monkeypatch.setattr(cascade, "_CONFIDENCE_IN_INTEGERS", 1e9)  # now all calls are close
    afd(kit, photos, "--compare", "--precision", "int8", "--runtime", "auto", "--out", "all.csv")
    for name in numbers:
        assert np.allclose(
            table(Path("all.csv"))[name], expected[name], atol=1e-4, equal_nan=True
        ), name
    assert list(cache.iterdir()) == models


def test_integers_are_for_the_classifiers_inner_convolutions(classifier: AFDClassifier) -> None:
    network = with_log_grid(classifier)
    core = import_openvino().Core()
    model = core.read_model(quantised_file(model_file(network), network))

    def is_integer(operation: Any) -> bool:
        source = operation.input_value(0).get_node()
        while source.get_type_name() in ("MaxPool", "Relu"):  # the rounding moves before these
            source = source.input_value(0).get_node()
        return bool(source.get_type_name() == "FakeQuantize")

    found = {
        op.get_friendly_name(): is_integer(op)
        for op in model.get_ops()
        if op.get_type_name() in ("Convolution", "GroupConvolution", "MatMul")
    }
    inner = [n for n, m in classifier.backbone.net.named_modules() if isinstance(m, nn.Conv2d)][1:]
    integers = {re.sub(r"#\d+$", "", name) for name, integer in found.items() if integer}
    assert integers == {f"net.backbone.net.{name}" for name in inner}
    assert sum(not integer for integer in found.values()) > 3  # first, head, the module's


def test_integers_answer_nearly_as_float32_does(classifier: AFDClassifier) -> None:
    arrays = zip(
        *((v.pixels, v.grid, v.file_context) for v in drawn_views(classifier.spec)), strict=True
    )
    inputs = [np.stack(array) for array in arrays]
    assert len(inputs[0]) == 3 * 19  # the broken one is left out
    classifier.backbone.precision = torch.int8
    running = run_somewhere(classifier, "openvino", "cpu", exact=True)
    assert running.exact is not None
    rough, fine = running.network(*inputs), running.exact(*inputs)
    error = (rough.logits - fine.logits).std() / fine.logits.std()
    assert 1e-4 < error < 0.2  # something was rounded, not too much
    # The drift is that of the module, and no matter of the integers behind it.
    assert np.allclose(rough.drift, fine.drift, atol=1e-4)


def test_a_classifier_without_convolutions_to_quantise(kit: Path, cache: Path) -> None:
    backbone = load_backbone("tiny_test_net", imports=[str(kit / "tiny_models.py")])
    net = nn.Sequential(nn.Conv2d(3, 5, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    object.__setattr__(backbone, "net", net)
    classifier = AFDClassifier(backbone, None, precision=torch.int8).eval()
    before = len(list(cache.iterdir()))
    with pytest.raises(ModuleError, match="no convolutions"):
        run_somewhere(classifier, "auto", "cpu", exact=True)
    assert len(list(cache.iterdir())) == before + 1  # the one in float32


def test_where_int8_can_be_had(kit: Path, here: Path) -> None:
    assert choose_precision("int8", "cpu", integers=True) == torch.int8
    assert choose_runtime("auto", "cpu", torch.int8) == "openvino"
    for name, device, message in (
        ("torch", "cpu", "needs OpenVINO"),
        ("auto", "cuda", "use --device cpu"),
    ):
        with pytest.raises(UsageError, match=message):
            choose_runtime(name, device, torch.int8)
    result = afd(kit, here, "--precision", "int8", "--compile")
    assert result.exit_code == 2
    result = CliRunner().invoke(app, ["train", "--data", str(here), "--precision", "int8"])
    assert result.exit_code == 2
    assert "choose auto, fp32, bf16 or fp16" in " ".join(result.stderr.split())
