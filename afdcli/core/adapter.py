"""Adapters at the classifier's stages: corrections behind the plug point. Not in the paper.

What the correction at the plug point misses drifts further on its way through the network. A
narrow residual block at a stage (an adapter: Rebuffi et al., arXiv 1705.08045, section 3) sees the
stage's output and FDE-Net's features, and corrects it once more::

    x  C ── 1x1 (+ damage) ── w ── 3x3 ── w ── * gate(damage) ── 1x1 ── C ── + x ── activation

The gate, 0 to 1, is the FDM of the stage: where it is 0, the features stay as they are.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from afdcli.core.config import AFDConfig, Stage
from afdcli.core.repconv import activate, conv3x3


class StageAdapter(nn.Module):
    """The adapter of one stage, (B, C, H, W) -> (B, C, H, W); the identity before training.

    The input must have gone through the stage's activation; the output has, too. The last 1x1
    convolution has no bias, so that a closed gate adds nothing.
    """

    def __init__(self, config: AFDConfig, stage: Stage) -> None:
        super().__init__()
        width, inputs = config.adapter_width_at(stage), config.hidden[1]
        self.activation = stage.activation
        self.down = nn.Conv2d(stage.channels, width, 1)
        self.middle = conv3x3(width, width, plain=config.block == "conv" or config.fused)
        self.up = nn.Conv2d(width, stage.channels, 1, bias=False)
        self.act_down, self.act_middle = nn.PReLU(width), nn.PReLU(width)
        nn.init.zeros_(self.up.weight)
        gated = config.gate != "none"
        self.guide = nn.Conv2d(inputs, width, 1) if gated else None
        self.gate = nn.Conv2d(inputs, width, 1) if gated else None

    def forward(self, x: Tensor, damage_features: Tensor | None = None) -> Tensor:
        """Corrected features, (B, C, H, W).

        Args:
            x: (B, C, H, W), the stage's output.
            damage_features: (B, hidden[1], H, W) or (B, hidden[1], 1, 1): FDE-Net's features on
                the grid of x; None if there is no FDE-Net.
        """
        y = self.down(x)
        if self.guide is not None and damage_features is not None:
            y = y + self.guide(damage_features)
        y = self.act_middle(self.middle(self.act_down(y)))
        if self.gate is not None and damage_features is not None:
            y = y * torch.sigmoid(self.gate(damage_features))
        correction: Tensor = self.up(y)
        return activate(correction.to(x.dtype).add_(x), self.activation)
