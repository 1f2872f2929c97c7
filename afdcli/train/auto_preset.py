"""Choose the preset whose cost fits the classifier."""

from __future__ import annotations

import torch
from torch import nn

from afdcli.constants import CELL, GRID_CHANNELS
from afdcli.core.config import AFDConfig
from afdcli.core.cost import AllOutputs, count_macs
from afdcli.core.module import AFDModule
from afdcli.core.presets import placement_of, preset
from afdcli.models.plug_points import StemPoint, find_stages

AUTO = "auto"
#: Largest cost of the module, as a share of the backbone's multiply-accumulates.
BUDGET = 0.4
#: Largest first. Larger presets must be requested explicitly: they work on the stem's features at
#: full resolution, which takes more time than their multiply-accumulates suggest.
_CANDIDATES = ("small", "nano", "pico")


def affordable(net: nn.Module, view: tuple[int, int], point: StemPoint) -> str:
    """The largest candidate within `BUDGET` of the backbone *net*, whose stem ends at *point*.

    Args:
        view: (height, width) of the pictures, in pixels.
    """
    place = next(net.parameters())
    limit = BUDGET * count_macs(net, (torch.zeros(1, 3, *view).to(place),))
    for name in _CANDIDATES:
        stages = find_stages(net, view, placement_of(name))
        if _macs(preset(name, point.channels, stages), view, point.stride) <= limit:
            return name
    return _CANDIDATES[-1]


def _macs(config: AFDConfig, view: tuple[int, int], stride: float) -> int:
    """Multiply-accumulates of the fused module for one picture of the *view*."""
    module = AFDModule(config).eval().reparameterize()
    features = torch.zeros(1, config.channels, *(round(side / stride) for side in view))
    cells = torch.zeros(1, GRID_CHANNELS, *(-(-side // CELL) for side in view))
    deep = [
        torch.zeros(1, stage.channels, *(round(side / stage.stride) for side in view))
        for stage in config.stages
    ]
    inputs = (features, cells, torch.zeros(1, config.context_channels), *deep)
    return count_macs(AllOutputs(module), inputs)
