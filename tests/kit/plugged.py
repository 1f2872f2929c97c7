"""A small backbone, modules of random weights for it, and a batch."""

from __future__ import annotations

import json
from pathlib import Path

import timm
import torch

from afdcli.core import AFDModule, preset, weights_file
from afdcli.models.afd_file import signature
from afdcli.models.loader import Backbone
from afdcli.models.plug_points import find_norm_layers, find_stages
from afdcli.models.shipped import write_card
from afdcli.view.spec import ViewSpec


def small_backbone(seed: int = 0) -> Backbone:
    torch.manual_seed(seed)
    net = timm.create_model("resnet10t", num_classes=7).eval().requires_grad_(False)
    return Backbone(
        "resnet10t",
        net,
        ViewSpec(64, 64),
        (0.4, 0.4, 0.4),
        (0.2, 0.2, 0.2),
        tuple("abcdefg"),
        "test",
    )


def module_file(tmp_path: Path, backbone: Backbone, plug: str, seed: int = 3) -> Path:
    """A module of random weights; plug "stages": a stem module that corrects the stages, too."""
    staged = plug == "stages"
    stages = find_stages(backbone.net, (64, 64), "act1") if staged else ()
    norm_layers = find_norm_layers(backbone.net, (64, 64), "act1") if staged else ()
    plug = "stem" if plug == "stages" else plug
    config = preset(
        "light",
        64 if plug == "stem" else 3,
        stages,
        norm_layers,
        unshuffle=1 if plug == "stem" else 2,
        activation="relu" if plug == "stem" else "none",
    )
    torch.manual_seed(seed)
    module = AFDModule(config)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(0, 0.07)
    metadata = {"plug": plug, "where": "act1" if plug == "stem" else ""}
    if plug == "stem":
        parts = signature(backbone.net, ["act1", *config.signature_names], (64, 64))
        text = json.dumps([part.tolist() for part in parts])
        metadata |= {"signature": text, "backbone": backbone.name}
    path = tmp_path / f"{plug}.safetensors"
    weights_file.save(module, path, metadata)
    return path


def ship(folder: Path, file: Path, name: str, **facts: object) -> None:
    """Put *file* into *folder* as the shipped module *name*, such as "net.best", with a card."""
    copy = folder / f"{name}.safetensors"
    copy.write_bytes(file.read_bytes())
    backbone = name.partition(".")[0].removesuffix("any")
    write_card(copy, {"backbone": backbone, **facts})


def batch(count: int = 3) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    pixels = torch.randint(0, 256, (count, 64, 64, 3), dtype=torch.uint8, generator=generator)
    grid = (20 * torch.randn(count, 384, 8, 8, generator=generator)).half()
    return pixels, grid, torch.rand(count, 197, generator=generator)
