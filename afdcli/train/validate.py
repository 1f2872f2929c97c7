"""How good a module is on held-out photos, without labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from afdcli.backbones.plug import block_angle
from afdcli.backbones.site import Site
from afdcli.core.angles import feature_angle
from afdcli.core.module import AFDModule
from afdcli.train import losses
from afdcli.train.data import Batch


@dataclass(frozen=True)
class Score:
    """Means over the held-out photos, before (direct) and after the module.

    Attributes:
        photos: how many.
        angle_direct, angle: feature angle to the clean picture at the plug point, degrees.
        agree_direct, agree: share whose top label is that of the clean picture, 0 to 1.
        divergence_direct, divergence: of the outputs from those of the clean picture, nats.
    """

    photos: int
    angle_direct: float
    angle: float
    agree_direct: float
    agree: float
    divergence_direct: float
    divergence: float

    @property
    def angle_reduction(self) -> float:
        """Share of the feature angle that the module takes away; negative if it adds."""
        return 1 - self.angle / self.angle_direct if self.angle_direct else 0.0


@torch.no_grad()
def validate(sites: Sequence[Site], module: AFDModule, batches: Sequence[Batch]) -> Score:
    """Score *module* on held-out pairs, averaged over *sites*."""
    module.eval()
    sums = torch.zeros(6, dtype=torch.float64)
    count = 0
    for site in sites:
        measure = block_angle if site.plug == "input" else feature_angle
        for batch in batches:
            f = losses.run(site, module, batch)
            direct = site(batch.pixels)
            truth = f.clean_logits.argmax(1)
            columns = (
                measure(f.clean, f.drifted).flatten(1).mean(1),
                measure(f.clean, f.restored).flatten(1).mean(1),
                (direct.argmax(1) == truth).float(),
                (f.restored_logits.argmax(1) == truth).float(),
                _divergence(f.clean_logits, direct),
                _divergence(f.clean_logits, f.restored_logits),
            )
            sums += torch.stack([column.double().sum().cpu() for column in columns])
            count += len(truth)
    return Score(count // len(sites), *(sums / max(1, count)).tolist())


def _divergence(clean: Tensor, other: Tensor) -> Tensor:
    target, output = F.log_softmax(clean, 1), F.log_softmax(other, 1)
    return F.kl_div(output, target, reduction="none", log_target=True).sum(1)
