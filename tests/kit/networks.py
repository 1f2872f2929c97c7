"""Networks whose weights are not those of a fresh one."""

from __future__ import annotations

import torch
from torch import nn

from afdcli.core import RepConv


def randomise(net: nn.Module, seed: int = 0, std: float = 0.08) -> None:
    """Random weights *and* biases: zero biases would hide what happens at the border."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * std)


def branches(net: nn.Module) -> None:
    for child in net.modules():
        if isinstance(child, RepConv):
            child.fold = False
