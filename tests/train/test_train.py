"""`afd train` and `afd fuse` for real, with a process that makes the pairs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from kit import command
from kit.training import backbone_of, train
from typer.testing import CliRunner

from afdcli.cli.main import app
from afdcli.core import weights_file
from afdcli.models.afd_file import find_module


@pytest.mark.slow
def test_train_writes_a_module_that_classify_and_fuse_take(world: Path, tmp_path: Path) -> None:
    out = tmp_path / "m.safetensors"
    result = train(world, out, "--steps", "3")
    assert "5 held-out photos" in result.stdout
    assert "skipped 2 files" in result.stderr
    module, metadata = weights_file.load(out)
    assert metadata["plug"] == "stem"
    assert metadata["where"] == "maxpool"
    assert [stage.where for stage in module.config.stages] == ["layer2.0", "layer3.0"]
    assert metadata["steps"] == "3"
    assert not module.config.fused

    backbone = backbone_of(world)
    loaded = find_module(str(out), backbone)
    assert loaded is not None
    assert loaded.module.config.fused

    fused = tmp_path / "f.safetensors"
    result = command.afd("fuse", str(out), "--out", str(fused))
    assert result.exit_code == 0, result.output
    assert "largest output difference" in result.stdout
    assert weights_file.load(fused)[0].config.fused
    found = find_module(str(fused), backbone)
    assert found is not None


@pytest.mark.shared
def test_train_on_real_photos_with_a_real_classifier(shared: Path, tmp_path: Path) -> None:
    """The whole path once, for real; how much a module wins takes minutes, and is measured."""
    out = tmp_path / "m.safetensors"
    folder = shared / "backbones"
    result = CliRunner().invoke(
        app,
        [
            *("train", "--backbone", "mobilenetv1_075_tf", "--preset", "light", "-q"),
            *("--import", str(folder / "real_backbones.py"), "--batch-size", "4"),
            *("--checkpoint", str(folder / "mobilenetv1_075_tf.safetensors")),
            *("--data", str(shared / "data" / "train-photos" / "kodak"), "--steps", "3"),
            *("--validation", "5", "--out", str(out)),
        ],
    )
    assert result.exit_code == 0, result.output
    metadata = weights_file.load(out)[1]
    assert metadata["where"]
    assert json.loads(metadata["validation"])["angle_direct"] > 1
