"""Fuse a module file: fold, prove that nothing changed, measure, save."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from afdcli.core.config import AFDConfig
from afdcli.core.cost import Cost, measure
from afdcli.core.module import AFDModule
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
    with torch.inference_mode():
        expected, got = module(*inputs), fused(*inputs)
    difference = float((expected - got).abs().max() / expected.abs().max().clamp_min(1.0))
    if difference > TOLERANCE:
        raise ModuleError(
            f"{source}: fused outputs differ by {difference:.1e}, more than {TOLERANCE:.0e}; "
            "its weights are out of range"
        )
    result = Fused(measure(module, inputs), measure(fused, inputs), difference)
    fused.save(out, metadata)
    return result


def random_inputs(config: AFDConfig, batch: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    """Random (x, grid, side) of plausible ranges, for a view of 224x224."""
    size = 224 if config.unshuffle > 1 else 112
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(batch, config.channels, size, size, generator=generator)
    if config.activation != "none":
        x = x.relu()
    grid = 50 * torch.randn(batch, config.grid_channels, 28, 28, generator=generator)
    side = 5 * torch.rand(batch, config.side_channels, generator=generator)
    return x, grid, side
