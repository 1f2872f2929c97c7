"""FiLM: scale and shift every channel of the classifier's normalisation layers. Not in the paper.

Compression changes the mean and the spread of the features all the way through a network.
Re-estimating the statistics of the normalisation layers undoes much of that at next to no cost
(Schneider et al., arXiv 2006.16971). A frozen classifier cannot do so itself. Here, FDE-Net's
features, pooled over the picture, give each layer its scale and shift (FiLM: Perez et al.,
arXiv 1709.07871, section 2)::

    FDE-Net's features ── mean, root mean square ── linear, ReLU ── linear ── scale, shift
    y = x * (1 + scale) + shift
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from afdcli.core.config import AFDConfig


class FiLM(nn.Module):
    """Scales and shifts for all normalisation layers from the damage features of a picture.

    Zero before training, so that nothing changes. The second layer has no bias: for a clean picture
    the bottleneck (`AFDConfig.film_width` numbers behind a ReLU) can be zero, and then so are all
    scales and shifts.
    """

    def __init__(self, config: AFDConfig) -> None:
        super().__init__()
        self.widths = [layer.channels for layer in config.norm_layers]
        self.bottleneck = nn.Linear(2 * config.hidden[1], config.film_width)
        self.to_scale_shift = nn.Linear(config.film_width, 2 * sum(self.widths), bias=False)
        nn.init.zeros_(self.to_scale_shift.weight)

    def forward(self, damage_features: Tensor) -> list[tuple[Tensor, Tensor]]:
        """(scale, shift) for each of `AFDConfig.norm_layers`, (B, C, 1, 1) each.

        Args:
            damage_features: (B, hidden[1], h, w), FDE-Net's features, not negative.
        """
        mean = damage_features.mean((2, 3))  # (B, hidden[1])
        rms = damage_features.square().mean((2, 3)).add(1e-6).sqrt()
        x = torch.relu(self.bottleneck(torch.cat((mean, rms), 1)))  # (B, film_width)
        parts = self.to_scale_shift(x).split(2 * self.widths, 1)  # all scales, then all shifts
        vectors = [part[:, :, None, None] for part in parts]
        count = len(self.widths)
        return list(zip(vectors[:count], vectors[count:], strict=True))


def apply_film(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """``x * (1 + scale) + shift`` of x (B, C, H, W); scale, shift (B, C, 1, 1)."""
    return torch.addcmul(shift.to(x.dtype), x, (1 + scale).to(x.dtype))
