"""Validation on held-out photos, without labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from afdcli.models.hooks import HookedBackbone
from afdcli.train import losses
from afdcli.train.loader import Batch


@dataclass(frozen=True)
class Score:
    """Means over the held-out photos, before (direct) and after the module.

    Attributes:
        photos: how many.
        angle_direct, angle: feature angle to the clean picture at the plug point, 0° to 180°.
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
        """Share of the feature angle that the module removes, at most 1; negative if it adds."""
        return 1 - self.angle / self.angle_direct if self.angle_direct else 0.0


class Validation:
    """Held-out pairs, and the plain classifiers' outputs for them, computed once.

    Args:
        backbones: classifiers; scores are means over them.
        batches: the pairs, on the classifiers' device.
    """

    def __init__(self, backbones: Sequence[HookedBackbone], batches: Sequence[Batch]) -> None:
        self.backbones, self.batches = tuple(backbones), tuple(batches)
        with torch.no_grad():
            self._clean = [[backbone(batch.clean) for batch in batches] for backbone in backbones]
            self._direct = [[backbone(batch.pixels) for batch in batches] for backbone in backbones]

    @torch.no_grad()
    def score(self, module: nn.Module) -> tuple[Score, Tensor]:
        """The score of *module*, and its divergence per photo and backbone: (n,) float64 on CPU.

        Puts the module into eval mode.
        """
        module.eval()
        columns = [
            self._columns(module, s, b)
            for s in range(len(self.backbones))
            for b in range(len(self.batches))
        ]
        table = torch.cat(columns, 1).cpu().double()  # Apple's MPS has no float64
        return Score(table.shape[1] // len(self.backbones), *table.mean(1).tolist()), table[-1]

    def _columns(self, module: nn.Module, s: int, b: int) -> Tensor:
        """The six numbers of `Score` for each picture of one batch: (6, B)."""
        backbone, clean, direct = self.backbones[s], self._clean[s][b], self._direct[s][b]
        f = losses.run(backbone, module, self.batches[b], losses.Targets(clean))
        features = [tensor.float() for tensor in (f.clean, f.drifted, f.restored)]
        truth = clean.argmax(1)
        return torch.stack(
            (
                backbone.angle(features[0], features[1]).flatten(1).mean(1),
                backbone.angle(features[0], features[2]).flatten(1).mean(1),
                (direct.argmax(1) == truth).float(),
                (f.restored_logits.argmax(1) == truth).float(),
                losses.divergences(clean, direct),
                losses.divergences(clean, f.restored_logits),
            )
        )
