"""Channels of a classifier's features, measured in units of their own spread.

A channel may be ten times as large as its neighbour, and behind a ReLU few of them lie around 0. An
optimiser such as AdamW moves all weights by about as much per step, whatever they are multiplied
by: on features as they are, the largest channels learn too fast, and the others not at all. In
units of mean and spread all learn at one pace (LeCun et al., *Efficient BackProp*, 1998, section
4.3). Nothing is computed on the features themselves: the units are multiplied into the weights.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

_SMALLEST = 0.1  # of the mean spread: channels that hardly move are not blown up


class Units(nn.Module):
    """Mean and spread of C channels; 0 and 1 until `measured`.

    Attributes:
        mean, spread: (C,) float32 buffers, so that they travel with the weights.
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("spread", torch.ones(channels))

    def measured(self, mean: Tensor, spread: Tensor) -> None:
        """Take *mean* and standard deviation *spread*, (C,) each; a dead layer keeps units of 1."""
        least = _SMALLEST * spread.mean()
        self.mean.copy_(mean)
        self.spread.copy_(spread.clamp_min(least) if least > 0 else torch.ones_like(spread))

    def reading(self, conv: nn.Conv2d) -> tuple[Tensor, Tensor]:
        """Weight and bias with which features as they are go through the 1x1 convolution *conv*."""
        weight = conv.weight / self.spread[:, None, None]
        bias = -(weight[:, :, 0, 0] @ self.mean)
        return weight, bias if conv.bias is None else conv.bias + bias

    def writing(self, conv: nn.Conv2d) -> Tensor:
        """The weight with which *conv*, without a bias, answers in features as they are."""
        return conv.weight * self.spread[:, None, None, None]
