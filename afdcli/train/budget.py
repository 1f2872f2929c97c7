"""Which preset a classifier can afford."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from afdcli.backbones.points import StemPoint
from afdcli.core.config import PRESETS, AFDConfig
from afdcli.core.cost import count_macs
from afdcli.core.module import CELL, AFDModule

AUTO = "auto"
#: Multiply-accumulates of the module for each of the backbone.
BUDGET = 0.4
#: Larger ones are for who names them: `paper` has 0.14 of ResNet-50's multiply-accumulates, but at
#: full resolution memory counts for more, and it takes a fifth of the time.
_CANDIDATES = ("small", "nano")


def affordable(net: nn.Module, view: tuple[int, int], point: StemPoint) -> str:
    """The largest candidate within `BUDGET` of the backbone *net*, whose stem ends at *point*.

    Args:
        view: (height, width) of the pictures, in pixels.
    """
    place = next(net.parameters())
    limit = BUDGET * count_macs(net, (torch.zeros(1, 3, *view).to(place),))
    for name in _CANDIDATES:
        if _macs(replace(PRESETS[name], channels=point.channels), view, point.stride) <= limit:
            return name
    return _CANDIDATES[-1]


def _macs(config: AFDConfig, view: tuple[int, int], stride: float) -> int:
    """Of the fused module on features of the *view*."""
    module = AFDModule(config).eval().reparameterize()
    features = torch.zeros(1, config.channels, *(round(side / stride) for side in view))
    cells = torch.zeros(1, config.grid_channels, *(-(-side // CELL) for side in view))
    return count_macs(module, (features, cells, torch.zeros(1, config.side_channels)))
