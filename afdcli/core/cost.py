"""What a network costs: parameters, multiply-accumulates, milliseconds."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from afdcli.constants import CELL, GRID_CHANNELS
from afdcli.core.config import AFDConfig
from afdcli.core.module import AFDModule

_VIEW = 224  # height and width in pixels of the view that `random_inputs` are for


@dataclass(frozen=True)
class Cost:
    """Cost of one network on one input.

    Attributes:
        parameters: number of weights.
        macs: multiply-accumulates per image, of convolutions and matrix products.
        milliseconds: median time per image.
    """

    parameters: int
    macs: int
    milliseconds: float


class AllOutputs(nn.Module):
    """Every output of a module, in one call: to compare modules, and to count their cost."""

    def __init__(self, module: AFDModule) -> None:
        super().__init__()
        self.module = module

    def forward(
        self, x: Tensor, grid: Tensor, file_context: Tensor, *stage_outputs: Tensor
    ) -> tuple[Tensor, ...]:
        """De-drifted features at the plug point and at each stage; then all scales and shifts.

        Args:
            x, grid, file_context: as for `AFDModule`.
            stage_outputs: (B, C, H, W) per stage of the configuration.
        """
        damage_features = self.module.estimate_damage(grid, file_context)
        stages = [
            self.module.restore_stage(i, y, damage_features) for i, y in enumerate(stage_outputs)
        ]
        vectors = [v for pair in self.module.scales_and_shifts(damage_features) for v in pair]
        return self.module.restore(x, damage_features), *stages, *vectors


def random_inputs(config: AFDConfig, batch: int = 2) -> tuple[Tensor, ...]:
    """Random inputs of `AllOutputs`, the same in every call, float32, for a view of 224x224."""
    generator = torch.Generator().manual_seed(0)

    def features(channels: int, size: int, activation: str) -> Tensor:
        x = torch.randn(batch, channels, size, size, generator=generator)
        return x if activation == "none" else x.relu()

    x = features(config.channels, _VIEW // config.plug_stride, config.activation)
    cells = _VIEW // CELL
    grid = 50 * torch.randn(batch, GRID_CHANNELS, cells, cells, generator=generator)
    file_context = 5 * torch.rand(batch, config.context_channels, generator=generator)
    stages = [features(s.channels, _VIEW // s.stride, s.activation) for s in config.stages]
    return x, grid, file_context, *stages


def measure(net: nn.Module, inputs: tuple[Tensor, ...], repeats: int = 7) -> Cost:
    """Cost of ``net(*inputs)``; the first dimension of the inputs is the batch."""
    batch = inputs[0].shape[0]
    with torch.inference_mode():
        seconds = median_seconds(lambda: net(*inputs), repeats)
    return Cost(
        parameters=sum(p.numel() for p in net.parameters()),
        macs=count_macs(net, inputs),
        milliseconds=1000 * seconds / batch,
    )


def count_macs(net: nn.Module, inputs: tuple[Tensor, ...]) -> int:
    """Multiply-accumulates of ``net(*inputs)`` per image of the batch."""
    counter = FlopCounterMode(display=False)
    with torch.inference_mode(), counter:
        net(*inputs)
    return int(counter.get_total_flops()) // (2 * inputs[0].shape[0])


def median_seconds(call: Callable[[], object], repeats: int) -> float:
    """Median wall time of *call* in seconds, after one warm-up."""
    call()
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def relative_difference(expected: Iterable[Tensor], got: Iterable[Tensor]) -> float:
    """Largest difference of any output, over the larger of 1 and its largest value.

    NaN if any output holds NaN.
    """
    pairs = zip(expected, got, strict=True)
    return largest(float((a - b).abs().max() / a.abs().max().clamp_min(1.0)) for a, b in pairs)


def largest(values: Iterable[float]) -> float:
    """The largest of *values*; NaN if one of them is, which Python's ``max`` may pass over."""
    return float(torch.tensor(list(values)).max())
