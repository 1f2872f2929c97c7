"""`--precision int8`: convolutions in integers, close calls in float32."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from kit.classify import afd, table
from torch import nn
from typer.testing import CliRunner

from afdcli.cli.main import app
from afdcli.errors import ModuleError, UsageError
from afdcli.inference import cascade as second
from afdcli.inference import int8 as quantise
from afdcli.inference.graphs import graph_file
from afdcli.inference.int8 import drawn_views, quantised_file
from afdcli.inference.int8_ranges import calibrate
from afdcli.inference.runtime import choose_runtime, run_somewhere
from afdcli.models.afd_classifier import AFDClassifier
from afdcli.models.afd_file import find_module
from afdcli.models.loader import load_backbone
from afdcli.models.precision import choose_precision


@pytest.fixture
def plugged(kit: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> AFDClassifier:
    monkeypatch.setenv("XDG_CACHE_HOME", str(here / "cache"))
    backbone = load_backbone("tiny_test_net", imports=[str(kit / "tiny_models.py")])
    return AFDClassifier(backbone, find_module(str(kit / "module.safetensors"), backbone)).eval()


def drawn_inputs(plugged: AFDClassifier) -> list[torch.Tensor]:
    """The drawn photos as one batch."""
    arrays = zip(
        *((v.pixels, v.grid, v.file_context) for v in drawn_views(plugged.spec)), strict=True
    )
    return [torch.from_numpy(np.stack(array)) for array in arrays]


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_rows_are_nearly_those_of_float32(
    kit: Path, photos: Path, runtime: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(photos.parent / "cache"))
    for _ in range(2):  # the second run finds its graph
        options = ("--runtime", runtime, "--precision", "int8", "--out", "int8.csv")
        result = afd(kit, photos, "--compare", *options)
        assert result.exit_code == 1, result.output
        assert len(list(Path("cache").rglob("*.int8-*.onnx"))) == 1
    facts = json.loads(Path("int8.csv.meta.json").read_text())
    assert facts["precision"] == "int8, close calls in float32"
    assert facts["runtime"] == runtime
    afd(kit, photos, "--compare", "--precision", "fp32", "--out", "fp32.csv")
    rows, expected = table(Path("int8.csv")), table(Path("fp32.csv"))
    numbers = ["prob", "direct_prob", "drift"]
    assert rows.drop(columns=numbers).equals(expected.drop(columns=numbers))
    for name in numbers[:2]:
        assert np.allclose(rows[name], expected[name], atol=0.05, equal_nan=True), name


def test_close_calls_get_the_answer_of_float32(
    kit: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(photos.parent / "cache"))
    monkeypatch.setattr(second, "_CONFIDENCE_IN_INTEGERS", 1e9)  # all calls are close
    for precision in ("int8", "fp32"):
        options = ("--runtime", "openvino", "--precision", precision)
        afd(kit, photos, *options, "--out", f"{precision}.csv")
    rows, expected = table(Path("int8.csv")), table(Path("fp32.csv"))
    for name in ("prob", "drift"):
        assert np.allclose(rows[name], expected[name], atol=1e-4, equal_nan=True), name


def test_integers_are_for_the_classifiers_inner_convolutions(plugged: AFDClassifier) -> None:
    graph = graph_file(plugged)
    nodes = onnx.load(quantised_file(graph, plugged, "openvino")).graph
    made_by = {output: node for node in nodes.node for output in node.output}

    def is_integer(name: str) -> bool:
        return name in made_by and made_by[name].op_type == "DequantizeLinear"

    convolutions = [node for node in nodes.node if node.op_type == "Conv"]
    integers = [n for n in convolutions if is_integer(n.input[0]) and is_integer(n.input[1])]
    inner = [n for n, m in plugged.site.net.named_modules() if isinstance(m, nn.Conv2d)][1:]
    names = {n.input[1].removeprefix("net.site.net.").split(".weight")[0] for n in integers}
    assert names == set(inner)
    assert len(convolutions) > len(integers) + 1  # those of the module
    for node in integers:  # OpenVINO would go back to floats for a 1x1 convolution with a stride
        values = {item.name: list(item.ints) for item in node.attribute}
        assert values["kernel_shape"] == [3, 3] or values["strides"] == [1, 1]
    assert not any(is_integer(i) for n in nodes.node if n.op_type == "Gemm" for i in n.input)


@pytest.mark.parametrize(("runtime", "outputs"), [("openvino", False), ("onnxruntime", True)])
def test_outputs_are_integers_only_where_the_runtime_needs_it(
    plugged: AFDClassifier, runtime: str, outputs: bool
) -> None:
    nodes = onnx.load(quantised_file(graph_file(plugged), plugged, runtime)).graph.node
    rounded = {name for node in nodes if node.op_type == "QuantizeLinear" for name in node.input}
    integers = {node.output[0] for node in nodes if node.op_type == "DequantizeLinear"}
    convolutions = [n for n in nodes if n.op_type == "Conv" and n.input[0] in integers]
    assert convolutions
    assert all((node.output[0] in rounded) == outputs for node in convolutions)


def test_rounded_weights_do_not_move_the_mean(
    plugged: AFDClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs = drawn_inputs(plugged)

    def mean_error() -> float:
        plugged.site.precision = torch.int8
        running = run_somewhere(plugged, "openvino", "cpu", exact=True)
        assert running.exact is not None
        with torch.inference_mode():
            error = running.network(*inputs).logits - running.exact(*inputs).logits
        return float(error.mean(0).norm())

    corrected = mean_error()
    monkeypatch.setenv("XDG_CACHE_HOME", "other")  # or the same graph would be found again
    monkeypatch.setattr(quantise, "correct_biases", lambda *_: None)
    other = mean_error()
    assert corrected < 0.7 * other, (corrected, other)


def test_integers_answer_nearly_as_float32_does(plugged: AFDClassifier) -> None:
    inputs = drawn_inputs(plugged)
    assert len(inputs[0]) == 3 * 19  # the broken one is left out
    plugged.site.precision = torch.int8
    running = run_somewhere(plugged, "openvino", "cpu", exact=True)
    assert running.exact is not None
    with torch.inference_mode():
        rough, fine = running.network(*inputs), running.exact(*inputs)
    error = (rough.logits - fine.logits).std() / fine.logits.std()
    assert 1e-4 < error < 0.2  # something was rounded, not too much
    # The drift is that of the module, and no matter of the integers behind it.
    assert torch.allclose(rough.drift, fine.drift, atol=1e-4)


def test_the_same_classifier_gives_the_same_graph(plugged: AFDClassifier) -> None:
    graph = graph_file(plugged)
    first = quantised_file(graph, plugged, "openvino")
    bytes_ = first.read_bytes()
    first.unlink()
    assert quantised_file(graph, plugged, "openvino").read_bytes() == bytes_
    assert not list(graph.parent.glob(".*"))


def test_a_classifier_without_convolutions_to_quantise(
    kit: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(here / "cache"))
    backbone = load_backbone("tiny_test_net", imports=[str(kit / "tiny_models.py")])
    net = nn.Sequential(nn.Conv2d(3, 5, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    object.__setattr__(backbone, "net", net)
    plugged = AFDClassifier(backbone, None, precision=torch.int8).eval()
    with pytest.raises(ModuleError, match="no convolutions"):
        run_somewhere(plugged, "auto", "cpu", exact=True)
    assert not list((here / "cache").rglob("*int8*"))


def test_where_int8_can_be_had(kit: Path, here: Path) -> None:
    assert choose_precision("int8", "cpu", integers=True) == torch.int8
    assert choose_runtime("auto", "cpu", torch.int8) == "openvino"
    assert choose_runtime("onnxruntime", "cpu", torch.int8) == "onnxruntime"
    for name, device, message in (
        ("torch", "cpu", "not for torch"),
        ("auto", "cuda", "choose --device cpu"),
    ):
        with pytest.raises(UsageError, match=message):
            choose_runtime(name, device, torch.int8)
    result = afd(kit, here, "--precision", "int8", "--compile")
    assert result.exit_code == 2
    result = CliRunner().invoke(app, ["train", "--data", str(here), "--precision", "int8"])
    assert result.exit_code == 2
    assert "choose auto, fp32, bf16 or fp16" in " ".join(result.stderr.split())


def test_what_is_seen_of_a_tensor() -> None:
    picture = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, (1, 3, 8, 8))
    out = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, (1, 3, 8, 8))
    node = onnx.helper.make_node("Relu", ["x"], ["y"])
    opset = [onnx.helper.make_opsetid("", 18)]
    graph = onnx.helper.make_graph([node], "g", [picture], [out])
    model = onnx.helper.make_model(graph, opset_imports=opset, ir_version=9)
    rng = np.random.default_rng(0)
    pictures = [rng.uniform(-1, 1, (1, 3, 8, 8)).astype(np.float32) for _ in range(4)]
    flat = calibrate(model, ["x", "y"], [{"x": p} for p in pictures])
    assert flat["x"].means == pytest.approx(np.mean(pictures, (0, 1, 3, 4)))
    assert flat["y"].means == pytest.approx(np.maximum(pictures, 0).mean((0, 1, 3, 4)))
    # Of values that are equally likely all the way, none is cut off; zero is always a level.
    for name, low in (("x", -1.0), ("y", 0.0)):
        assert (flat[name].low, flat[name].high) == pytest.approx((low, 1.0), abs=0.05)
    # A few far ones are, where all others gain by it.
    pictures[0] *= np.where(rng.uniform(size=(1, 3, 8, 8)) < 0.01, 4, 1).astype(np.float32)
    assert calibrate(model, ["y"], [{"x": p} for p in pictures])["y"].high < 3.6
    zeros = calibrate(model, ["y"], [{"x": np.zeros((1, 3, 8, 8), np.float32)}])["y"]
    assert (zeros.low, zeros.high) == (0.0, 0.0)
