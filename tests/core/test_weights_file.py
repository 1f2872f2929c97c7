"""Module files: saved, loaded, fused, refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from kit.networks import randomise
from safetensors.torch import save_file

from afdcli.core import AFDModule, preset, weights_file
from afdcli.core.cost import random_inputs
from afdcli.core.weights_file import fuse_file
from afdcli.errors import ModuleError


def test_a_module_of_the_old_pico_is_refused_in_a_line(tmp_path: Path) -> None:
    module = AFDModule(preset("light", 4, stride=4))
    old = {k: v for k, v in module.state_dict().items() if "halve" not in k}
    file = tmp_path / "old.safetensors"
    save_file(old, file, {"afd_config": module.config.to_json()})
    with pytest.raises(ModuleError, match="older afd, whose preset pico skipped"):
        weights_file.load(file)


def test_save_and_load(tmp_path: Path) -> None:
    module = AFDModule(preset("light", 12, activation="relu6", gate="channel")).eval()
    randomise(module)
    weights_file.save(module, tmp_path / "m.safetensors", {"plug": "stem"})
    loaded, metadata = weights_file.load(tmp_path / "m.safetensors")
    assert loaded.config == module.config
    assert metadata == {"plug": "stem"}
    inputs = random_inputs(module.config)
    with torch.inference_mode():
        assert torch.equal(loaded(*inputs), module(*inputs))


def test_others_may_read_what_is_saved(tmp_path: Path) -> None:
    weights_file.save(AFDModule(preset("paper", 8)), tmp_path / "m.safetensors")
    (tmp_path / "plain").touch()
    assert (tmp_path / "m.safetensors").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_load_refuses_what_is_no_module(tmp_path: Path) -> None:
    file = tmp_path / "m.safetensors"
    with pytest.raises(ModuleError, match="does not exist"):
        weights_file.load(file)
    file.write_text("no tensors")
    with pytest.raises(ModuleError, match="not a readable safetensors"):
        weights_file.load(file)
    for metadata, message in (
        ({}, "no AFD module"),
        ({"afd_config": '{"channels": 3'}, "configuration is damaged"),
        ({"afd_config": '{"channels": 3, "hidden": [1, 1], "x": 1}'}, "newer afd"),
    ):
        save_file({"a": torch.zeros(1)}, file, metadata)
        with pytest.raises(ModuleError, match=message):
            weights_file.load(file)


def test_fuse_file_refuses_a_fused_module(tmp_path: Path) -> None:
    module = AFDModule(preset("light", 4))
    randomise(module)
    weights_file.save(module, tmp_path / "m.safetensors", {"plug": "input"})
    result = fuse_file(tmp_path / "m.safetensors", tmp_path / "f.safetensors")
    assert result.difference <= 1e-5
    assert result.after.parameters < result.before.parameters
    fused, metadata = weights_file.load(tmp_path / "f.safetensors")
    assert fused.config.fused
    assert metadata["plug"] == "input"
    with pytest.raises(ModuleError, match="nothing to fuse"):
        fuse_file(tmp_path / "f.safetensors", tmp_path / "g.safetensors")


def test_outputs_that_are_not_finite_are_not_fused(tmp_path: Path) -> None:
    module = AFDModule(preset("paper", 8))
    with torch.no_grad():
        for parameter in module.fe.parameters():
            parameter.mul_(1e30)  # the sums overflow, and infinity minus infinity is no number
    weights_file.save(module, tmp_path / "m.safetensors")
    with pytest.raises(ModuleError, match="fused outputs differ by nan"):
        fuse_file(tmp_path / "m.safetensors", tmp_path / "f.safetensors")
    assert not (tmp_path / "f.safetensors").exists()
