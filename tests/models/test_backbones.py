"""Classifiers: a user's own, of timm's hub, and real ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import timm
import torch
from kit import small_models
from safetensors.torch import save_file

from afdcli.errors import BackboneError
from afdcli.models import hub
from afdcli.models.loader import load_backbone


def registered(tmp_path: Path, name: str) -> Path:
    """A user's file that registers a small model under *name*, without weights."""
    path = tmp_path / f"{name}_models.py"
    path.write_text(small_models.source(name))
    return path


def test_imported_model_needs_weights_and_takes_them(tmp_path: Path) -> None:
    source = registered(tmp_path, "own_net_a")
    with pytest.raises(BackboneError, match="give --checkpoint FILE"):
        load_backbone("own_net_a", imports=[str(source)])
    net = timm.create_model("own_net_a")
    names = ["a", "b", "c", "d", "e"]
    file = tmp_path / "own.safetensors"
    save_file(net.state_dict(), file, {"class_names": json.dumps(names)})
    backbone = load_backbone("own_net_a", checkpoint=file, imports=[str(source)])
    assert backbone.class_names == tuple(names)
    assert (backbone.spec.height, backbone.spec.interpolation) == (64, "bilinear")
    assert backbone.mean == (0.5, 0.5, 0.5)
    assert not any(p.requires_grad for p in backbone.net.parameters())
    assert not backbone.net.training
    assert torch.equal(backbone.net.conv1.weight, net.conv1.weight)


def test_pickled_objects_are_never_loaded(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (eval, ("__import__('pathlib').Path('pwned').touch()",))

    file = tmp_path / "evil.pth"
    torch.save({"state_dict": Evil()}, file)
    with pytest.raises(BackboneError):
        load_backbone("resnet10t", checkpoint=file)
    assert not Path("pwned").exists()


def test_without_network_and_cache_the_error_has_three_ways_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "_reachable", lambda: False)
    monkeypatch.setattr(hub, "is_cached", lambda name: False)
    with pytest.raises(BackboneError) as caught:
        load_backbone("resnet50")
    message = str(caught.value)
    assert "\n" not in message
    assert all(
        way in message for way in ("(1)", "(2) give a weights file with --checkpoint", "(3)")
    )


@pytest.mark.shared
@pytest.mark.parametrize("name", ["resnet50_v1", "mobilenetv2_tf", "mobilenetv1_075_tf"])
def test_real_classifiers_load(shared: Path, name: str) -> None:
    folder = shared / "backbones"
    backbone = load_backbone(
        name, checkpoint=folder / f"{name}.safetensors", imports=[str(folder / "real_backbones.py")]
    )
    assert len(backbone.class_names) == 1000
    assert backbone.class_names[65] == "sea snake"
