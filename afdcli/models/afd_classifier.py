"""A frozen classifier and its AFD module as one network."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from afdcli.constants import GRID_CHANNELS
from afdcli.core.fde import FDENet
from afdcli.core.module import AFDModule
from afdcli.models.afd_file import LoadedModule, view_of
from afdcli.models.features import FeatureTap
from afdcli.models.hooks import AFDPass, HookedBackbone, changed_by
from afdcli.models.loader import Backbone

#: Drift and losses are computed at every fourth position in both directions: these estimate the
#: mean as well as all positions do, which would take as long as the module.
THINNING = 4


class LogGridFDENet(FDENet):
    """FDE-Net whose grid is ``signed_log1p`` already, of the channels alone that are read.

    For OpenVINO, which takes longer to compute logarithms than a convolution.
    """

    def logarithms(self, grid: Tensor) -> Tensor:
        """*grid* as it is, (B, grid_channels, h, w)."""
        return grid


class Prediction(NamedTuple):
    """Output of `AFDClassifier`.

    Attributes:
        logits: (B, K) float32, with the AFD module if there is one.
        direct: (B, K) float32, of the plain backbone; None unless `compare`.
        drift: (B,) float32 degrees, mean angle between the features before and after the module,
            over every fourth position in both directions (all of them would take as long as the
            module); None without a module. At the `input` plug the vectors are all 8x8 blocks of
            pixels, so that the angle is the paper's DCT angle.
        features: (B, D) float32, the pooled features behind `logits`; None unless asked for.
    """

    logits: Tensor
    direct: Tensor | None
    drift: Tensor | None
    features: Tensor | None = None


class AFDClassifier(nn.Module):
    """Backbone and module, for batches of `afdcli.view.spec.View`.

    With ``compare=True`` the plain backbone runs in the same pass: everything in front of the plug
    point is computed once, everything behind it on a batch of twice the size.

    Attributes:
        spec: the views that it takes, with the coefficients that the module reads.
        features: catches the pooled features; None if they are not asked for.
    """

    def __init__(
        self,
        backbone: Backbone,
        loaded: LoadedModule | None,
        compare: bool = False,
        precision: torch.dtype = torch.float32,
        features: bool = False,
    ) -> None:
        super().__init__()
        plug, where = (loaded.plug, loaded.where) if loaded else ("input", "")
        behind = changed_by(loaded.module) if loaded else ()
        self.backbone = HookedBackbone(backbone, plug, where, precision, behind)
        self.features = FeatureTap(backbone, self.backbone.state) if features else None
        self.module: AFDModule | None = loaded.module if loaded else None
        self.compare = compare and loaded is not None
        self.spec = view_of(backbone, loaded)

    def forward(self, pixels: Tensor, grid: Tensor, file_context: Tensor) -> Prediction:
        """Classify a batch.

        Args:
            pixels: (B, H, W, 3) uint8.
            grid: (B, 384, h, w) float16 or float32, or the last `AFDConfig.grid_channels` alone.
            file_context: (B, 197) float32.
        """
        logits, angles = self._run(pixels, grid, file_context, THINNING)
        drift = None if angles is None else angles.flatten(1).mean(1)
        pooled = None if self.features is None else self.features.take()
        if self.compare:
            count = pixels.shape[0]
            pooled = None if pooled is None else pooled[count:]
            return Prediction(logits[count:], logits[:count], drift, pooled)
        return Prediction(logits, None, drift, pooled)

    @property
    def view(self) -> tuple[int, int]:
        """(height, width) of the pictures that `forward` takes, in pixels."""
        return self.spec.height, self.spec.width

    @property
    def takes_log_grid(self) -> bool:
        """True if `forward` takes ``signed_log1p(grid)``, see `take_log_grid`."""
        return self.module is not None and isinstance(self.module.fde, LogGridFDENet)

    def take_log_grid(self) -> None:
        """From now on `forward` takes ``signed_log1p(grid)``, see `LogGridFDENet`."""
        if self.module is None or self.module.fde is None:
            return
        before = self.module.fde
        with torch.device("meta"):
            fde = LogGridFDENet(self.module.config, before.gate.out_channels)
        fde.load_state_dict(before.state_dict(), assign=True)  # the same weights, not a copy
        self.module.fde = fde.train(before.training)

    @property
    def grid_channels(self) -> int:
        """How many of the grid's channels `forward` takes: the last 192, or all 384."""
        if self.module is None or not self.takes_log_grid:
            return GRID_CHANNELS
        return self.module.config.grid_channels

    def drift_map(self, pixels: Tensor, grid: Tensor, file_context: Tensor) -> Tensor | None:
        """The angle of `Prediction.drift` by position: (B, h, w) degrees; None without a module."""
        return self._run(pixels, grid, file_context, 1)[1]

    def _run(
        self, pixels: Tensor, grid: Tensor, file_context: Tensor, thinning: int
    ) -> tuple[Tensor, Tensor | None]:
        module = self.module
        if module is None:
            return self.backbone(pixels), None
        view = (pixels.shape[1], pixels.shape[2])
        afd_pass = AFDPass(module, grid, file_context, view, self.compare)
        angles: list[Tensor] = []

        def restore(x: Tensor) -> Tensor:
            y = afd_pass(x)
            some = thinning if self.backbone.plug == "stem" else 1
            few = (_thinned(t, some).float() for t in (x, y))
            angles.append(self.backbone.angle(*few))
            # Untouched features first, then de-drifted ones: `forward` splits them again.
            return torch.cat((x, y)) if self.compare else y

        logits = self.backbone(pixels, restore, afd_pass.behind)
        return logits, angles[0]


def _thinned(x: Tensor, step: int) -> Tensor:
    """Every *step*-th position in both directions.

    Not a slice: with one, OpenVINO takes all layers behind the plug point for a part of the angle,
    and keeps them in float32.
    """
    if step == 1 or min(x.shape[-2:]) < step:
        return x
    return F.interpolate(x, scale_factor=1 / step, mode="nearest")
