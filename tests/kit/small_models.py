"""Small classifiers of a user's own, as the text of a file that registers one with timm; and a
small module for the `input` plug."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_model
from timm.models.resnet import BasicBlock, ResNet

from afdcli.core import AFDConfig, AFDModule

_SOURCE = """
import torch
from timm.models import register_model
from timm.models.resnet import BasicBlock, ResNet

@register_model
def {name}(pretrained=False, **kwargs):
    for key in ("pretrained_cfg", "pretrained_cfg_overlay", "cache_dir"):
        kwargs.pop(key, None)
    sizes = dict(channels=(8, 8, 16, 16), num_classes=5)
    seed = {seed}
    with torch.random.fork_rng(devices=[], enabled=seed is not None):
        if seed is not None:
            torch.manual_seed(seed)
        net = ResNet(BasicBlock, [1, 1, 1, 1], **sizes, **kwargs)
    net.pretrained_cfg = {{"input_size": (3, 64, 64), "mean": (0.5, 0.5, 0.5),
        "std": (0.2, 0.2, 0.2), "crop_pct": 1.0, "interpolation": "bilinear"}}
    return net
"""


def source(name: str, seed: int | None = None) -> str:
    """A residual network of five classes for 64x64 pixels, registered as *name*.

    With a *seed* it brings its own weights, the same ones every time; without, they are random.
    """
    return _SOURCE.format(name=name, seed=seed)


def save_weights(file: Path, fill: float | None = None) -> None:
    """Weights for the network of `source`, as a checkpoint; *fill* is that of the last layer."""
    net = ResNet(BasicBlock, [1, 1, 1, 1], channels=(8, 8, 16, 16), num_classes=5)
    if fill is not None:
        torch.nn.init.constant_(net.fc.weight, fill)
    save_model(net, str(file))


def module(noise: float = 0.1, grid_channels: int = 384) -> AFDModule:
    """A module that changes something, unlike a fresh one; the same weights every time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        options = {"activation": "none", "grid_channels": grid_channels}
        made = AFDModule(AFDConfig(3, plug_stride=1, width=8, unshuffle=2, **options))
        with torch.no_grad():
            for parameter in made.parameters():
                parameter += noise * torch.randn_like(parameter)
    return made
