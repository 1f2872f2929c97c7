"""The losses. None of them needs labels.

Their sum is taken in `afdcli.train.loop`; their weights are in `afdcli.train.settings`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from afdcli.core.angles import chord, feature_angle
from afdcli.core.module import AFDModule
from afdcli.models.afd_classifier import THINNING as THINNING
from afdcli.models.hooks import AFDPass, HookedBackbone, Transform
from afdcli.train.loader import Batch


class Targets(NamedTuple):
    """What the module does not change: features in front of it, outputs for the clean pictures.

    Attributes:
        logits: (B, K) float32, of the clean pictures.
        deep: their outputs at the stages behind the plug, as far as asked for.
        plug: features at the plug point, (B, C, h, w), of the clean and of the degraded pictures;
            () to compute them again.
    """

    logits: Tensor
    deep: Sequence[Tensor] = ()
    plug: Sequence[Tensor] = ()

    def packed(self) -> tuple[Tensor, ...]:
        """As tensors to store: all but the logits in float16."""
        most = torch.finfo(torch.float16).max
        return self.logits, *(x.clamp(-most, most).half() for x in (*self.deep, *self.plug))

    @classmethod
    def unpacked(cls, stored: Sequence[Tensor], stages: int, device: torch.device) -> Targets:
        """From `packed`, with *stages* outputs in `deep`."""
        logits, *rest = (tensor.to(device) for tensor in stored)
        plug = [_channels_last(x.float()) for x in rest[stages:]]
        return cls(logits, rest[:stages], plug)


class Features(NamedTuple):
    """One batch at the plug point and at the output.

    Attributes:
        clean, drifted, restored: (B, C, h, w) at the plug point, in the precision of the backbone.
        clean_logits, restored_logits: (B, K).
        clean_deep, restored_deep: outputs of the stages behind the plug, as far as asked for.
    """

    clean: Tensor
    drifted: Tensor
    restored: Tensor
    clean_logits: Tensor
    restored_logits: Tensor
    clean_deep: Sequence[Tensor] = ()
    restored_deep: Sequence[Tensor] = ()

    def targets(self, plug: bool) -> Targets:
        """What can be reused when these pictures come back; with *plug*, the features there."""
        known = (self.clean, self.drifted) if plug else ()
        return Targets(self.clean_logits, self.clean_deep, known)

    def thinned(self, row: int, column: int) -> Features:
        """Every `THINNING`-th place in both directions, from *row* and *column* on, in float32.

        These estimate a loss as well as all positions do, which would take longer than a small
        classifier.
        """
        places = (
            slice(None),
            slice(None),
            slice(row, None, THINNING),
            slice(column, None, THINNING),
        )
        clean, drifted, restored = (features[places].float() for features in self[:3])
        return self._replace(clean=clean, drifted=drifted, restored=restored)


def run(
    backbone: HookedBackbone,
    module: nn.Module,
    batch: Batch,
    targets: Targets | None = None,
    outputs: bool = True,
    deep: Sequence[str] = (),
    vary: Transform | None = None,
) -> Features:
    """Clean and restored pictures through the frozen classifier.

    Args:
        targets: where they are known from an earlier pass; the clean picture then goes to the plug
            point only, or not even there, see `Targets.plug`.
        outputs: False spares everything behind the plug; all logits are then empty, (B, 0).
        deep: names of modules whose outputs are kept, too.
        vary: changes what comes from the plug point, clean and restored alike, on its way to the
            classifier; not together with *targets*, which are of pictures as they are.
    """
    seen: list[Tensor] = []
    afd_pass = AFDPass(
        module, batch.grid, batch.file_context, (batch.pixels.shape[1], batch.pixels.shape[2])
    )

    def look_only(x: Tensor) -> Tensor:
        seen.append(x.clone())  # an in-place activation behind the plug would change it
        return vary(x) if vary else x

    def restore(x: Tensor) -> Tensor:
        y = afd_pass(x)
        seen.extend((x.clone(), y))
        return vary(y) if vary else y.clone()

    if not outputs:
        clean, drifted = backbone.features(batch.clean), backbone.features(batch.pixels)
        with backbone.autocast():
            restore(drifted)
        none = drifted.new_zeros(len(drifted), 0)
        return Features(clean, drifted, seen[1], none, none)
    if targets is None:
        with torch.no_grad(), backbone.watching(deep) as clean_deep:
            targets = Targets(backbone(batch.clean, look_only), clean_deep)
    else:
        seen.append(targets.plug[0] if targets.plug else backbone.features(batch.clean))
    plug_features = targets.plug[1] if targets.plug else None
    with backbone.watching(deep) as restored_deep:
        restored_logits = backbone(batch.pixels, restore, afd_pass.behind, plug_features)
    clean, drifted, restored = seen
    return Features(
        clean, drifted, restored, targets.logits, restored_logits, targets.deep, restored_deep
    )


def _channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)


def feature_loss(f: Features) -> Tensor:
    """L1 at the plug point, divided by the drift of the batch: the identity scores 1."""
    drift = (f.drifted - f.clean).abs().mean()
    return (f.restored - f.clean).abs().mean() / drift.clamp_min(1e-6)


def angle_loss(f: Features) -> Tensor:
    """Feature angle (as its chord), divided by that of the drift: the identity scores 1.

    The L1 error alone is smallest if most channels stay as they are, and hardly changes the
    direction of the features; this loss does.
    """
    drift = chord(f.clean, f.drifted, 1).mean()
    return chord(f.clean, f.restored, 1).mean() / drift.clamp_min(1e-6)


def deep_loss(f: Features) -> Tensor:
    """L1 at the stages behind the plug, divided by the mean size of the clean features there.

    A richer signal per picture than its K logits. Without stages: 0.
    """
    parts = [
        ((c - r).abs().mean((1, 2, 3)) / c.abs().mean((1, 2, 3)).clamp_min(1e-6)).mean()
        for c, r in zip(map(_plain, f.clean_deep), map(_plain, f.restored_deep), strict=True)
    ]
    return torch.stack(parts).mean() if parts else f.restored.new_zeros((), dtype=torch.float32)


def _plain(x: Tensor) -> Tensor:
    """(B, ...) of any number of dimensions as (B, 1, 1, n) float32."""
    return x.float().flatten(1)[:, None, None]


def map_loss(module: AFDModule, batch: Batch, f: Features) -> Tensor:
    """Distance of the FDM's mean over channels from the measured drift: feature angle / 90 degrees.

    An ablation: the paper leaves the FDM to be learnt from the features alone.
    """
    size, view = (f.drifted.shape[-2], f.drifted.shape[-1]), batch.pixels.shape[1:3]
    fdm = module.drifting_map(batch.grid, batch.file_context, size, (view[0], view[1]))
    angle = feature_angle(f.clean, f.drifted).clamp_max(90) / 90
    return (fdm.mean(1) - angle).abs().mean()


def divergence(f: Features, temperature: float = 1.0) -> Tensor:
    """Kullback-Leibler divergence of the classifier's outputs, clean from restored; nats.

    Both logits are divided by *temperature*, and the result is multiplied by its square, as in
    distillation (Hinton et al., arXiv 1503.02531, section 2): above 1, less probable classes count
    for more.
    """
    clean, restored = f.clean_logits / temperature, f.restored_logits / temperature
    return temperature**2 * divergences(clean, restored).mean()


def divergences(clean_logits: Tensor, logits: Tensor) -> Tensor:
    """The divergence of each picture, nats: (B, K), (B, K) -> (B,)."""
    target, output = F.log_softmax(clean_logits, 1), F.log_softmax(logits, 1)
    return F.kl_div(output, target, reduction="none", log_target=True).sum(1)
