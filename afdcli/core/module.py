"""The AFD module: FDE-Net and FE-Net together (paper, Fig. 3 and the equation of its output).

::

    coefficients ── FDE-Net ── FDM (0 ... 1)
                                │
    drifted features x ── FE-Net ── * ── + x ── activation ── de-drifted features

Presets that go beyond the paper also correct features behind the plug point, guided by FDE-Net's
features: with adapters at the classifier's stages (`afdcli.core.adapter`), and by scaling and
shifting the outputs of its normalisation layers (`afdcli.core.film`).
"""

from __future__ import annotations

import copy
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from afdcli.constants import CELL
from afdcli.core.adapter import StageAdapter
from afdcli.core.config import AFDConfig
from afdcli.core.fde import FDENet
from afdcli.core.fe import FENet
from afdcli.core.film import FiLM
from afdcli.core.repconv import RepConv, activate


class AFDModule(nn.Module):
    """Adaptive feature de-drifting: ``act(FE(x) * FDM + x)``; the identity before training.

    Inputs:
        x: (B, C, H, W) features at the plug point; for the `input` plug, pixels (B, 3, H, W) in
            -1 ... 1.
        grid: (B, 384 or 192, ceil(V / 8), ceil(W / 8)), see `FDENet`; V, W: height and width of
            the view in pixels.
        file_context: (B, 197), see `FDENet`.
        view: (height, width) of the view in pixels, needed only where it is not a multiple of 8.

    Output: de-drifted features, the shape and type of x.

    `forward` is ``restore(x, estimate_damage(grid, file_context))``. The same damage features also
    guide `restore_stage` and `scales_and_shifts`, for the features behind the plug point.
    """

    def __init__(self, config: AFDConfig) -> None:
        super().__init__()
        self.config = config
        channels = config.channels * config.unshuffle**2
        self.fe = FENet(config, channels)
        self.fde = FDENet(config, channels) if config.gate != "none" else None
        self.adapters = nn.ModuleList(StageAdapter(config, stage) for stage in config.stages)
        self.film = FiLM(config) if config.norm_layers else None

    def forward(
        self, x: Tensor, grid: Tensor, file_context: Tensor, view: tuple[int, int] | None = None
    ) -> Tensor:
        """De-drifted features, see the class."""
        return self.restore(x, self.estimate_damage(grid, file_context), view)

    def estimate_damage(self, grid: Tensor, file_context: Tensor) -> Tensor | None:
        """FDE-Net's damage features, (B, hidden[1], *cells), not negative; None without FDE-Net."""
        features: Tensor | None = (
            None if self.fde is None else self.fde.features(grid, file_context)
        )
        return features

    def restore(
        self, x: Tensor, damage_features: Tensor | None, view: tuple[int, int] | None = None
    ) -> Tensor:
        """De-drifted features at the plug point, from what `estimate_damage` returned."""
        fold = self.config.unshuffle
        height, width = x.shape[-2:]
        if fold > 1:
            if height % fold or width % fold:
                x = F.pad(x, (0, -width % fold, 0, -height % fold))
            x = F.pixel_unshuffle(x, fold)
        y = self._corrected(x, damage_features, view)
        if fold > 1:
            y = F.pixel_shuffle(y, fold)[..., :height, :width]
        return activate(y, self.config.activation)

    def restore_stage(
        self,
        index: int,
        x: Tensor,
        damage_features: Tensor | None,
        view: tuple[int, int] | None = None,
    ) -> Tensor:
        """De-drifted features (B, C, H, W) of ``config.stages[index]`` from its output x."""
        if damage_features is not None:
            if self.config.gate == "channel":
                damage_features = damage_features.mean((2, 3), keepdim=True)
            else:
                size = (x.shape[-2], x.shape[-1])
                damage_features = _resampled(damage_features, size, view)
        y: Tensor = self.adapters[index](x, damage_features)
        return y

    def scales_and_shifts(self, damage_features: Tensor | None) -> list[tuple[Tensor, Tensor]]:
        """(scale, shift), (B, C, 1, 1) each, per layer of ``config.norm_layers``; [] without FiLM.

        For `afdcli.core.film.apply_film`.
        """
        if self.film is None or damage_features is None:
            return []
        vectors: list[tuple[Tensor, Tensor]] = self.film(damage_features)
        return vectors

    def drifting_map(
        self,
        grid: Tensor,
        file_context: Tensor,
        size: tuple[int, int],
        view: tuple[int, int] | None = None,
    ) -> Tensor:
        """The FDM, 0 ... 1, resampled to *size* = (H, W): (B, C, H, W), or (B, C, 1, 1)."""
        if self.fde is None:
            return grid.new_ones(1, 1, 1, 1)
        return _resampled(self.fde(grid, file_context), size, view)

    def _corrected(
        self, x: Tensor, damage_features: Tensor | None, view: tuple[int, int] | None
    ) -> Tensor:
        """``FE(x) * FDM + x``; with a stride the product is taken before it is enlarged."""
        height, width = x.shape[-2:]
        if self.fde is None or damage_features is None:
            correction: Tensor = self.fe(x)
        else:
            bottom = self.fe.bottom(height, width)
            guide = _resampled(damage_features, bottom, view) if self.config.guide else None
            correction = self.fe(x, guide)
            size = (correction.shape[-2], correction.shape[-1])
            fdm = _resampled(self.fde.map(damage_features), size, view)
            if self.config.stride == 1:
                return torch.addcmul(x, correction, fdm)
            correction = correction * fdm
        if self.config.stride == 1:
            return x + correction
        large = F.interpolate(correction, scale_factor=self.config.stride, mode="bilinear")
        y: Tensor = large[..., :height, :width].to(x.dtype).add_(x)
        return y

    def reparameterize(self) -> AFDModule:
        """A copy whose RepConv blocks are plain 3x3 convolutions; outputs agree to rounding."""
        fused = copy.deepcopy(self)
        for parent in (fused.fe, *fused.adapters):
            for name, child in list(parent.named_children()):
                if isinstance(child, RepConv):
                    setattr(parent, name, child.reparameterize())
        fused.config = replace(self.config, fused=True)
        return fused.train(self.training)


def _resampled(cells: Tensor, size: tuple[int, int], view: tuple[int, int] | None) -> Tensor:
    """Features per cell of the view, (B, C, *cells), on a feature grid: (B, C, *size).

    (B, C, 1, 1) stays as it is. The last row and column of cells may reach beyond the view:
    resample all cells, then cut.
    """
    if cells.shape[-1] == cells.shape[-2] == 1:
        return cells
    view = view or (CELL * cells.shape[-2], CELL * cells.shape[-1])
    full = [round(s * CELL * g / v) for s, g, v in zip(size, cells.shape[-2:], view, strict=True)]
    if full != [*cells.shape[-2:]]:
        cells = F.interpolate(cells, full, mode="bilinear", align_corners=False)
    return cells[..., : size[0], : size[1]]
