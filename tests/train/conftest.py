"""Fixtures of the training tests."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch
from kit import small_models
from kit.training import picture
from PIL import Image
from safetensors.torch import save_file

from afdcli.models.loader import load_backbone


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of photos, and a small classifier of the user's own."""
    root = tmp_path_factory.mktemp("world")
    (root / "photos" / "a").mkdir(parents=True)
    for i in range(32):
        Image.fromarray(picture(i)).save(root / "photos" / "a" / f"{i:02}.jpg", quality=95)
    (root / "photos" / "broken.jpg").write_bytes(b"no image at all")
    Image.fromarray(picture(99, 40, 40)).save(root / "photos" / "tiny.png")
    (root / "net.py").write_text(small_models.source("train_test_net"))
    with pytest.raises(Exception, match="give --checkpoint"):
        load_backbone("train_test_net", imports=[str(root / "net.py")])
    torch.manual_seed(0)
    save_file(timm.create_model("train_test_net").state_dict(), root / "net.safetensors")
    return root
