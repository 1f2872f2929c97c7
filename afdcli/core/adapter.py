"""Corrections at the ends of a classifier's stages; not in the paper.

What the stem's correction leaves over drifts further on its way through the network. A narrow
residual block at the end of a stage (an adapter: Rebuffi et al., arXiv 1705.08045, section 3)
sees what the stage made of it, and what FDE-Net knows about the damage below::

    x  C ── 1x1 (+ damage) ── r ── 3x3 ── r ── * gate(damage) ── 1x1 ── C ── + x ── activation

The gate, in 0 ... 1, is the FDM of the stage; where it is 0 features stay as they are.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from afdcli.core.config import AFDConfig, Stage
from afdcli.core.repconv import activated, block


class StageAdapter(nn.Module):
    """One correction, (B, C, H, W) -> the same; the identity before training."""

    def __init__(self, config: AFDConfig, stage: Stage) -> None:
        super().__init__()
        width, inputs = config.width_at(stage), config.hidden[1]
        self.activation = stage.activation
        self.down = nn.Conv2d(stage.channels, width, 1)
        self.middle = block(width, width, plain=config.block == "conv" or config.fused)
        self.up = nn.Conv2d(width, stage.channels, 1, bias=False)  # a closed gate adds nothing
        self.act_down, self.act_middle = nn.PReLU(width), nn.PReLU(width)
        nn.init.zeros_(self.up.weight)
        gated = config.gate != "none"
        self.guide = nn.Conv2d(inputs, width, 1) if gated else None
        self.gate = nn.Conv2d(inputs, width, 1) if gated else None

    def forward(self, x: Tensor, damage_features: Tensor | None = None) -> Tensor:
        """See the module.

        Args:
            damage_features: (B, hidden[1], H, W) or (B, hidden[1], 1, 1): FDE-Net's features at
                the places of x; None where there is no FDE-Net.
        """
        y = self.down(x)
        if self.guide is not None and damage_features is not None:
            y = y + self.guide(damage_features)
        y = self.act_middle(self.middle(self.act_down(y)))
        if self.gate is not None and damage_features is not None:
            y = y * torch.sigmoid(self.gate(damage_features))
        correction: Tensor = self.up(y)
        return activated(correction.to(x.dtype).add_(x), self.activation)
