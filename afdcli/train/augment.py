"""Random changes between an `input` module and the classifiers that it is trained through.

A module also learns the quirks of the classifiers it is trained through. Here they see its output
mirrored, scaled, lighter or darker, and the clean picture changed alike, so that mostly what helps
any classifier is left to learn. Xie et al., arXiv 1803.06978, section 3.3, use the same idea for
attacks that transfer to unknown classifiers.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from afdcli.models.hooks import Transform

_ZOOM = (0.75, 1.25)  # sampled share of the picture's side
_SHIFT = 0.1  # of half the picture's side, at most
_CONTRAST, _BRIGHTNESS = 0.2, 0.1  # at most, on pixels in -1 ... 1


def draw_variation() -> Transform:
    """One random change, from torch's generator: pixels (B, 3, H, W) in -1 ... 1 -> the same."""
    mirror = 1.0 if torch.rand(()) < 0.5 else -1.0
    zoom = float(torch.empty(()).uniform_(*_ZOOM))
    x, y = torch.empty(2).uniform_(-_SHIFT, _SHIFT).tolist()
    contrast = 1 + float(torch.empty(()).uniform_(-_CONTRAST, _CONTRAST))
    brightness = float(torch.empty(()).uniform_(-_BRIGHTNESS, _BRIGHTNESS))
    affine = torch.tensor([[mirror * zoom, 0, x], [0, zoom, y]])

    def vary(pixels: Tensor) -> Tensor:
        theta = affine.to(pixels).expand(len(pixels), 2, 3)
        places = F.affine_grid(theta, list(pixels.shape), align_corners=False)
        moved = F.grid_sample(pixels, places, padding_mode="reflection", align_corners=False)
        return moved * contrast + brightness

    return vary
