"""Files for other runtimes, and classifying in them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from kit import small_models
from typer.testing import CliRunner, Result

from afdcli.cli.main import app
from afdcli.core import weights_file
from afdcli.errors import ModuleError
from afdcli.models import export
from afdcli.models import shipped as weights
from afdcli.models.afd_classifier import AFDClassifier
from afdcli.models.afd_file import find_module
from afdcli.models.loader import load_backbone
from afdcli.models.shipped import DEFAULT


def fuse(*args: str | Path) -> Result:
    return CliRunner().invoke(app, ["fuse", *map(str, args)])


def of_kit(kit: Path) -> list[str | Path]:
    return ["--backbone", "tiny_test_net", "--import", kit / "tiny_models.py"]


@pytest.mark.parametrize("kind", ["pt2", "onnx"])
def test_the_module_alone(kit: Path, here: Path, kind: str) -> None:
    result = fuse(kit / "module.safetensors", "--format", kind, "--out", f"m.{kind}")
    assert result.exit_code == 0, result.output
    assert "inputs: features, grid, file_context" in result.stdout
    module, _ = weights_file.load(kit / "module.safetensors")
    torch.manual_seed(1)
    inputs = torch.randn(3, 3, 224, 224), 50 * torch.randn(3, 384, 28, 28), torch.rand(3, 197)
    with torch.inference_mode():
        expected = module(*inputs)
    if kind == "pt2":
        (got,) = torch.export.load("m.pt2").module()(*inputs)
    else:
        session = onnxruntime.InferenceSession("m.onnx")
        names = [item.name for item in session.get_inputs()]
        assert names == ["features", "grid", "file_context"]
        arrays = dict(zip(names, (x.numpy() for x in inputs), strict=True))
        got = torch.from_numpy(session.run(["restored"], arrays)[0])
    assert torch.allclose(got, expected, atol=1e-4)


def test_the_whole_classifier(kit: Path, here: Path) -> None:
    more = ("--format", "onnx", *of_kit(kit), "--out", "w.onnx", "--json")
    result = fuse(kit / "module.safetensors", *more)
    assert result.exit_code == 0, result.output
    assert result.stderr.splitlines()[0].endswith("module.safetensors in tiny_test_net …")
    facts = json.loads(result.stdout)
    assert (facts["module"], facts["format"]) == ("w.onnx", "onnx")
    assert facts["outputs"] == ["logits", "drift"]
    assert facts["largest_difference"] < 1e-4
    session = onnxruntime.InferenceSession("w.onnx")
    for batch in (1, 4):
        arrays = {
            "pixels": np.zeros((batch, 64, 64, 3), np.uint8),
            "grid": np.zeros((batch, 384, 8, 8), np.float32),
            "file_context": np.zeros((batch, 197), np.float32),
        }
        logits, drift = session.run(None, arrays)
        assert logits.shape == (batch, 5)
        assert drift.shape == (batch,)


def test_a_module_with_stages_is_exported_with_its_classifier_only(here: Path) -> None:
    file = weights.folder() / f"{DEFAULT}.stem.safetensors"
    result = fuse(file, "--format", "onnx", "--out", "m.onnx")
    assert result.exit_code == 2
    message = " ".join(result.stderr.split())
    assert "also changes the outputs of blocks.2.0, blocks.3.0, blocks.3.2, blocks.4.1" in message
    result = fuse(file, "--format", "pt2", "--backbone", DEFAULT, "--out", "w.pt2")
    assert result.exit_code == 0, result.output
    backbone = load_backbone()
    classifier = AFDClassifier(backbone, find_module(str(file), backbone)).eval()
    inputs = export.whole(classifier).draw(3)
    with torch.inference_mode():
        logits, _ = torch.export.load("w.pt2").module()(*inputs)
        assert torch.allclose(logits, classifier(*inputs).logits, atol=1e-3)
        plain = AFDClassifier(backbone, None)(*inputs).logits
    assert not torch.allclose(logits, plain, atol=1e-2)


def test_a_file_that_computes_something_else_is_not_kept(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "TOLERANCE", -1.0)
    with pytest.raises(ModuleError, match="differs from torch"):
        export.export(export.alone(small_models.module()), Path("m.pt2"), "pt2")
    assert not list(here.iterdir())
