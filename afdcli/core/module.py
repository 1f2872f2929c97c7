"""The AFD module: FDE-Net and FE-Net together (paper, Fig. 3 and the equation of its output).

::

    coefficients ── FDE-Net ── FDM (0 ... 1)
                                │
    drifted features x ── FE-Net ── * ── + x ── activation ── de-drifted features

Presets that go beyond the paper correct the features at the ends of later stages, too, and scale
and shift the outputs of later normalisations, by what FDE-Net found out for the stem: see
`afdcli.core.adapter` and `afdcli.core.film`.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from afdcli.constants import CELL
from afdcli.core.adapter import StageAdapter
from afdcli.core.config import AFDConfig
from afdcli.core.config_json import read_config
from afdcli.core.fde import FDENet
from afdcli.core.fe import FENet
from afdcli.core.film import FiLM
from afdcli.core.repconv import RepConv, activated
from afdcli.errors import ModuleError

CONFIG_KEY = "afd_config"
_DTYPES = ("F64", "F32", "F16", "BF16")  # of safetensors


class AFDModule(nn.Module):
    """Adaptive feature de-drifting: ``act(FE(x) * FDM + x)``.

    Inputs:
        x: (B, C, H, W) features at the plug point; for the `input` plug, pixels (B, 3, H, W) in
            -1 ... 1.
        grid: (B, 384 or 192, ceil(V / 8), ceil(W / 8)), see `FDENet`; V, W the view's size in
            pixels.
        side: (B, 197), see `FDENet`.
        view: (height, width) of the view in pixels, needed only where it is not a multiple of 8.

    Output: the shape of x.
    """

    def __init__(self, config: AFDConfig) -> None:
        super().__init__()
        self.config = config
        channels = config.channels * config.unshuffle**2
        self.fe = FENet(config, channels)
        self.fde = FDENet(config, channels) if config.gate != "none" else None
        self.stages = nn.ModuleList(StageAdapter(config, stage) for stage in config.stages)
        self.modulation = FiLM(config) if config.places else None

    def drifting_map(
        self, grid: Tensor, side: Tensor, size: tuple[int, int], view: tuple[int, int] | None = None
    ) -> Tensor:
        """The FDM laid over *size* = (H, W) features: (B, C, H, W) or (B, C, 1, 1), 0 ... 1."""
        if self.fde is None:
            return grid.new_ones(1, 1, 1, 1)
        return self._laid(self.fde(grid, side), size, view)

    @staticmethod
    def _laid(cells: Tensor, size: tuple[int, int], view: tuple[int, int] | None) -> Tensor:
        """Resample features per cell of the view to the feature grid."""
        if cells.shape[-1] == cells.shape[-2] == 1:
            return cells
        # The last row and column of cells may reach beyond the view: cover it whole, then cut.
        view = view or (CELL * cells.shape[-2], CELL * cells.shape[-1])
        full = [
            round(s * CELL * g / v) for s, g, v in zip(size, cells.shape[-2:], view, strict=True)
        ]
        if full != [*cells.shape[-2:]]:
            cells = F.interpolate(cells, full, mode="bilinear", align_corners=False)
        return cells[..., : size[0], : size[1]]

    def forward(
        self, x: Tensor, grid: Tensor, side: Tensor, view: tuple[int, int] | None = None
    ) -> Tensor:
        """See the class."""
        return self.restore(x, self.estimate(grid, side), view)

    def estimate(self, grid: Tensor, side: Tensor) -> Tensor | None:
        """FDE-Net's features, (B, hidden[1], *cells): what `restore` and `repair` go by."""
        damage_features: Tensor | None = None if self.fde is None else self.fde.features(grid, side)
        return damage_features

    def modulations(self, damage_features: Tensor | None) -> list[tuple[Tensor, Tensor]]:
        """Scale and shift for each of ``config.places``; [] where there are none."""
        if self.modulation is None or damage_features is None:
            return []
        vectors: list[tuple[Tensor, Tensor]] = self.modulation(damage_features)
        return vectors

    def repair(
        self,
        stage: int,
        x: Tensor,
        damage_features: Tensor | None,
        view: tuple[int, int] | None = None,
    ) -> Tensor:
        """Correct features x (B, C, H, W) at the end of ``config.stages[stage]``."""
        if damage_features is not None:
            pooled = self.config.gate == "channel"
            size = (x.shape[-2], x.shape[-1])
            damage_features = (
                damage_features.mean((2, 3), keepdim=True)
                if pooled
                else self._laid(damage_features, size, view)
            )
        y: Tensor = self.stages[stage](x, damage_features)
        return y

    def restore(
        self, x: Tensor, damage_features: Tensor | None, view: tuple[int, int] | None = None
    ) -> Tensor:
        """`forward`, for what `estimate` said."""
        fold = self.config.unshuffle
        height, width = x.shape[-2:]
        if fold > 1:
            if height % fold or width % fold:  # padding by nothing would copy all the same
                x = F.pad(x, (0, -width % fold, 0, -height % fold))
            x = F.pixel_unshuffle(x, fold)
        y = self._corrected(x, damage_features, view)
        if fold > 1:
            y = F.pixel_shuffle(y, fold)[..., :height, :width]
        return activated(y, self.config.activation)

    def _corrected(
        self, x: Tensor, damage_features: Tensor | None, view: tuple[int, int] | None
    ) -> Tensor:
        """``FE(x) * FDM + x``; with a stride the product is taken in small, then enlarged."""
        height, width = x.shape[-2:]
        if self.fde is None or damage_features is None:
            correction: Tensor = self.fe(x)
        else:
            bottom = self.fe.bottom(height, width)
            guide = self._laid(damage_features, bottom, view) if self.config.guide else None
            correction = self.fe(x, guide)
            size = (correction.shape[-2], correction.shape[-1])
            fdm = self._laid(self.fde.map(damage_features), size, view)
            if self.config.stride == 1:
                return torch.addcmul(x, correction, fdm)  # one pass over the largest tensors
            correction = correction * fdm
        if self.config.stride == 1:
            return x + correction
        large = F.interpolate(correction, scale_factor=self.config.stride, mode="bilinear")
        y: Tensor = large[..., :height, :width].to(x.dtype).add_(x)
        return y

    def reparameterize(self) -> AFDModule:
        """A copy whose RepConv blocks are plain 3x3 convolutions; outputs agree to rounding."""
        fused = copy.deepcopy(self)
        for parent in (fused.fe, *fused.stages):
            for name, child in list(parent.named_children()):
                if isinstance(child, RepConv):
                    setattr(parent, name, child.reparameterize())
        fused.config = replace(self.config, fused=True)
        return fused.train(self.training)

    def save(self, path: Path, metadata: dict[str, str] | None = None) -> None:
        """Write weights and configuration as safetensors; *metadata* values are strings."""
        tensors = {name: value.contiguous() for name, value in self.state_dict().items()}
        save_file(tensors, path, {**(metadata or {}), CONFIG_KEY: self.config.to_json()})

    @classmethod
    def load(cls, path: Path) -> tuple[AFDModule, dict[str, str]]:
        """Read what `save` wrote: the module in eval mode, float32, and its metadata.

        The file may come from a stranger: its configuration is checked field by field, and memory
        is taken only for tensors that the file really holds.

        Raises:
            ModuleError: the file is missing, no safetensors file, or no AFD module.
        """
        try:
            with safe_open(path, "pt") as file:
                metadata = dict(file.metadata() or {})
                # A key may be missing in files of other programs; say what the file is not.
                if CONFIG_KEY not in metadata:
                    raise ModuleError(
                        f"{path} holds no AFD module; give a file written by `afd train`"
                    )
                try:
                    module = _empty(cls, metadata.pop(CONFIG_KEY), file)
                except ModuleError as error:
                    raise ModuleError(f"{path}: {error}") from error
                # Copies: the file's own memory is mapped, and would change with the file.
                tensors = {
                    name: file.get_tensor(name).to(torch.float32, copy=True)
                    for name in module.state_dict()
                }
        except FileNotFoundError:
            raise ModuleError(f"{path} does not exist; train one with `afd train`") from None
        except (SafetensorError, OSError) as error:
            raise ModuleError(f"{path} is not a readable safetensors file: {error}") from error
        odd = next((name for name, tensor in tensors.items() if not tensor.isfinite().all()), None)
        if odd is not None:
            raise ModuleError(f"{path}: {odd} holds numbers that are not finite; train it again")
        module.load_state_dict(tensors, assign=True)
        return module.eval(), metadata


def _empty(kind: type[AFDModule], text: str, file: Any) -> AFDModule:
    """The module that *text* describes, without memory, if *file* holds the tensors for it.

    Raises:
        ModuleError: the configuration is damaged, or the file holds other tensors.
    """
    config = read_config(text)
    names = set(file.keys())
    if config.stride == 4 and not any(name.startswith("fe.halve.") for name in names):
        raise ModuleError(
            "it was trained by an older afd, whose preset pico skipped features; "
            "train it again with `afd train`"
        )
    with torch.device("meta"):
        module = kind(config)
    expected = module.state_dict()
    if other := sorted(names ^ set(expected)):
        what = "lacks" if other[0] in expected else "has a needless"
        raise ModuleError(f"it does not hold what its configuration says: {what} {other[0]!r:.80}")
    for name, tensor in expected.items():
        stored = file.get_slice(name)
        if (shape := tuple(stored.get_shape())) != tensor.shape:
            raise ModuleError(
                f"it does not hold what its configuration says: {name} has shape {shape}, "
                f"not {tuple(tensor.shape)}"
            )
        if stored.get_dtype() not in _DTYPES:
            raise ModuleError(f"{name} is of type {stored.get_dtype()}, not of floating point")
    return module


class AllParts(nn.Module):
    """Everything a module does to a picture, in one call: to compare it, and to count its cost."""

    def __init__(self, module: AFDModule) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor, grid: Tensor, side: Tensor, *deep: Tensor) -> tuple[Tensor, ...]:
        """De-drifted features, of each stage from its own *deep* ones; scales and shifts."""
        damage_features = self.module.estimate(grid, side)
        stages = [self.module.repair(i, y, damage_features) for i, y in enumerate(deep)]
        vectors = [v for pair in self.module.modulations(damage_features) for v in pair]
        return self.module.restore(x, damage_features), *stages, *vectors
