"""What the module is trained for, without labels."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from afdcli.backbones.site import Site
from afdcli.core.module import AFDModule
from afdcli.train.data import Batch


class Features(NamedTuple):
    """One batch at the plug point and at the output.

    Attributes:
        clean, drifted, restored: (B, C, h, w) at the plug point.
        clean_logits, restored_logits: (B, K).
    """

    clean: Tensor
    drifted: Tensor
    restored: Tensor
    clean_logits: Tensor
    restored_logits: Tensor


def run(site: Site, module: AFDModule, batch: Batch) -> Features:
    """Clean and restored pictures through the frozen classifier."""
    seen: list[Tensor] = []

    def look_only(x: Tensor) -> Tensor:
        seen.append(x.clone())  # an in-place activation behind the plug would change it
        return x

    def restore(x: Tensor) -> Tensor:
        view = (batch.pixels.shape[1], batch.pixels.shape[2])
        y: Tensor = module(x, batch.grid.to(x.dtype), batch.side.to(x.dtype), view)
        seen.extend((x.clone(), y))
        return y.clone()

    with torch.no_grad():
        clean_logits = site(batch.clean, look_only)
    restored_logits = site(batch.pixels, restore)
    clean, drifted, restored = seen
    return Features(clean, drifted, restored, clean_logits, restored_logits)


def feature_loss(f: Features) -> Tensor:
    """L1 at the plug point, divided by the drift of the batch: to do nothing costs 1."""
    drift = (f.drifted - f.clean).abs().mean()
    return (f.restored - f.clean).abs().mean() / drift.clamp_min(1e-6)


def divergence(f: Features) -> Tensor:
    """Kullback-Leibler divergence of the classifier's outputs, clean from restored; nats."""
    target = F.log_softmax(f.clean_logits, 1)
    output = F.log_softmax(f.restored_logits, 1)
    return F.kl_div(output, target, reduction="batchmean", log_target=True)
