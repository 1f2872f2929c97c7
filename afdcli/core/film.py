"""Scale and shift of every channel behind the plug point, by what is known of the picture.

Not in the paper. Compression moves mean and spread of features all the way through a network; to
set its normalisations right again undoes much of that, at next to no cost (Schneider et al., arXiv
2006.16971, re-estimate their statistics). A frozen classifier has no say in it; but what FDE-Net
found out about the damage, pooled over the picture, tells each normalisation what to do (FiLM:
Perez et al., arXiv 1709.07871)::

    FDE-Net's features ── mean, root mean square ── linear, ReLU ── rank ── linear ── scale, shift
    y = x * (1 + scale) + shift
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from afdcli.core.config import AFDConfig


class FiLM(nn.Module):
    """All scales and shifts of one picture in one go; nothing changes before training.

    Where a picture is clean, the few numbers (`AFDConfig.rank`) between the layers can all be 0,
    and then nothing is changed.
    """

    def __init__(self, config: AFDConfig) -> None:
        super().__init__()
        self.widths = [place.channels for place in config.places]
        self.summary = nn.Linear(2 * config.hidden[1], config.rank)
        self.spread = nn.Linear(config.rank, 2 * sum(self.widths), bias=False)
        nn.init.zeros_(self.spread.weight)

    def forward(self, damage_features: Tensor) -> list[tuple[Tensor, Tensor]]:
        """(scale, shift) for each of `AFDConfig.places`, (B, C, 1, 1) each.

        Args:
            damage_features: (B, hidden[1], h, w), FDE-Net's features, not negative.
        """
        mean = damage_features.mean((2, 3))
        size = damage_features.square().mean((2, 3)).add(1e-6).sqrt()
        few = torch.relu(self.summary(torch.cat((mean, size), 1)))
        # Split, then reshaped: OpenVINO moves strides of convolutions forward through sums, and
        # fails if they come to a split.
        many = [vector[:, :, None, None] for vector in self.spread(few).split(2 * self.widths, 1)]
        half = len(self.widths)
        return list(zip(many[:half], many[half:], strict=True))


def apply_film(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """``x * (1 + scale) + shift`` in one pass over x (B, C, H, W)."""
    return torch.addcmul(shift.to(x.dtype), x, (1 + scale).to(x.dtype))
