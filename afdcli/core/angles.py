"""How far features and coefficients drift: the two angles of the paper's Fig. 2 and 4."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_TINY = 1e-6
_BLOCK = 8
_SOFT = 1e-3  # keeps the gradient of a nearly dead feature vector finite


def angle(a: Tensor, b: Tensor, dim: int) -> Tensor:
    """Angle between vectors along *dim*, degrees, 0 ... 180; 0 where either vector is zero.

    Computed as ``2 atan2(|u - v|, |u + v|)`` of the unit vectors, which, unlike the arc cosine,
    keeps its precision for small angles (W. Kahan, *How Futile are Mindless Assessments of
    Roundoff*, section 12).
    """
    norm_a, norm_b = a.norm(dim=dim, keepdim=True), b.norm(dim=dim, keepdim=True)
    u, v = a / norm_a.clamp_min(_TINY), b / norm_b.clamp_min(_TINY)
    both = ((norm_a > _TINY) & (norm_b > _TINY)).squeeze(dim)
    degrees = torch.rad2deg(2 * torch.atan2((u - v).norm(dim=dim), (u + v).norm(dim=dim)))
    return torch.where(both, degrees, torch.zeros_like(degrees))


def chord(a: Tensor, b: Tensor, dim: int) -> Tensor:
    """Distance of the unit vectors, ``2 sin(angle / 2)``, 0 ... 2; smooth enough to train on.

    A vector of zeros has no direction: its distance to any other is taken as that other's length,
    1 or, if both are zero, 0.
    """
    u = a / (a.norm(dim=dim, keepdim=True) + _SOFT)
    v = b / (b.norm(dim=dim, keepdim=True) + _SOFT)
    # The gradient of a square root is infinite at 0, where nothing is left to learn anyway.
    distance: Tensor = ((u - v).square().sum(dim) + _TINY**2).sqrt()
    return distance


def dct_angle(clean: Tensor, compressed: Tensor) -> Tensor:
    """Angle between the 192-vectors of coefficients of each block: (B, 192, h, w) -> (B, h, w).

    Vectors hold Y, Cb, Cr x 64 dequantised coefficients; a `View.grid` holds them in its first
    192 channels.
    """
    return angle(clean, compressed, dim=1)


def feature_angle(clean: Tensor, compressed: Tensor) -> Tensor:
    """Angle between the C-vectors of features at each place: (B, C, h, w) -> (B, h, w)."""
    return angle(clean, compressed, dim=1)


def block_angle(x: Tensor, y: Tensor) -> Tensor:
    """Angle between 8x8 pixel blocks, (B, 3, H, W) -> (B, ceil(H / 8), ceil(W / 8)).

    An orthonormal transform, such as the DCT, keeps angles: this is `dct_angle` of the blocks.
    """
    pad = (0, -x.shape[-1] % _BLOCK, 0, -x.shape[-2] % _BLOCK)
    blocks = (F.pixel_unshuffle(F.pad(picture, pad), _BLOCK) for picture in (x, y))
    return feature_angle(*blocks)
