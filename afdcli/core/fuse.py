"""Fuse a module file: fold, prove that nothing changed, measure, save."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from afdcli.constants import GRID_CHANNELS
from afdcli.core.config import AFDConfig
from afdcli.core.cost import Cost, measure
from afdcli.core.module import AFDModule, AllParts
from afdcli.core.repconv import RepConv
from afdcli.errors import ModuleError

#: Largest relative difference of float32 outputs that is rounding and nothing else.
TOLERANCE = 1e-5


@dataclass(frozen=True)
class Fused:
    """What fusing did.

    Attributes:
        before, after: cost per picture with RepConv branches, and with plain convolutions.
        difference: largest absolute difference of the outputs on random input, over the larger
            of 1 and the largest output.
    """

    before: Cost
    after: Cost
    difference: float


def fuse_file(source: Path, out: Path) -> Fused:
    """Fuse the module in *source* and write it to *out*, metadata included.

    Raises:
        ModuleError: *source* is no AFD module, is fused already, has no RepConv, or the fused
            outputs differ by more than `TOLERANCE`.
    """
    module, metadata = AFDModule.load(source)
    if module.config.fused or module.config.block != "repconv":
        raise ModuleError(f"{source} has no RepConv branches: there is nothing to fuse")
    for child in module.modules():
        if isinstance(child, RepConv):
            child.fold = False  # the branches as they stand, so that the check means something
    fused = module.reparameterize()
    inputs = random_inputs(module.config)
    before, after = AllParts(module), AllParts(fused)
    with torch.inference_mode():
        pairs = list(zip(before(*inputs), after(*inputs), strict=True))
    difference = max(float((a - b).abs().max() / a.abs().max().clamp_min(1.0)) for a, b in pairs)
    if difference > TOLERANCE:
        raise ModuleError(
            f"{source}: fused outputs differ by {difference:.1e}, more than {TOLERANCE:.0e}; "
            "its weights are out of range"
        )
    result = Fused(measure(before, inputs), measure(after, inputs), difference)
    fused.save(out, metadata)
    return result


def random_inputs(config: AFDConfig, batch: int = 2) -> tuple[Tensor, ...]:
    """Random inputs of `AllParts`, of plausible ranges, for a view of 224x224."""
    generator = torch.Generator().manual_seed(0)

    def features(channels: int, side: int, activation: str) -> Tensor:
        x = torch.randn(batch, channels, side, side, generator=generator)
        return x if activation == "none" else x.relu()

    x = features(config.channels, 224 // config.plug_stride, config.activation)
    grid = 50 * torch.randn(batch, GRID_CHANNELS, 28, 28, generator=generator)
    side = 5 * torch.rand(batch, config.side_channels, generator=generator)
    deep = [features(s.channels, 224 // s.stride, s.activation) for s in config.stages]
    return x, grid, side, *deep
