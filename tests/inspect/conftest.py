"""Fixtures of the tests of `afd inspect`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import timm
import torch
from kit import small_models
from kit.inspecting import NAMES
from safetensors.torch import save_file

from afdcli.core import weights_file


@pytest.fixture(scope="session")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small classifier of random weights, and a module that changes something."""
    from afdcli.models.imports import import_source

    folder = tmp_path_factory.mktemp("kit")
    (folder / "inspect_models.py").write_text(
        small_models.source("inspect_test_net", crop_pct=0.875)
    )
    import_source(str(folder / "inspect_models.py"))
    torch.manual_seed(0)
    net = timm.create_model("inspect_test_net")
    save_file(net.state_dict(), folder / "net.safetensors", {"class_names": json.dumps(NAMES)})
    broken = {name: value * torch.nan for name, value in net.state_dict().items() if "fc" in name}
    save_file(net.state_dict() | broken, folder / "nan.safetensors")
    weights_file.save(
        small_models.module(), folder / "module.safetensors", {"plug": "input", "where": ""}
    )
    return folder
