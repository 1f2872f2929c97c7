"""What a network costs: parameters, multiply-accumulates, milliseconds."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode


@dataclass(frozen=True)
class Cost:
    """Cost of one network on one input.

    Attributes:
        parameters: number of weights.
        macs: multiply-accumulates per image, from convolutions and matrix products.
        milliseconds: median time per image.
    """

    parameters: int
    macs: int
    milliseconds: float


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
    """Median wall time of *call* after one warm-up."""
    call()
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        call()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)
