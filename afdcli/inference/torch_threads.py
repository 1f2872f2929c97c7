"""Run parts of a batch in parallel, each on few cores, instead of one batch on all cores.

The reader processes need the cores too. A convolution split evenly over all cores waits for the
core that a reader holds; parts that run side by side do not wait for each other.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from queue import SimpleQueue
from typing import TypeVar

import torch
from torch import Tensor, nn

from afdcli.models.afd_classifier import Prediction
from afdcli.workers.cpus import available_cpus

Net = TypeVar("Net", bound=nn.Module)

_MOST = 4
_PARTS = 2  # parts of a batch per stream; a stream that finishes early takes the next


def keep_to_quota() -> None:
    """Let torch have no more threads than this process may use processors.

    By itself it looks at the affinity alone, not at the quota of the cgroup. Who sets
    ``OMP_NUM_THREADS`` decides.
    """
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(min(torch.get_num_threads(), available_cpus()))


class Streams(nn.Module):
    """A network in *count* threads that share its weights; same outputs as the network.

    Args:
        count: number of streams; each gets an equal share of torch's threads.
    """

    def __init__(self, network: nn.Module, count: int) -> None:
        super().__init__()
        self.copies = nn.ModuleList([network, *(twin(network) for _ in range(count - 1))])
        self._free: SimpleQueue[nn.Module] = SimpleQueue()
        for each in self.copies:
            self._free.put(each)
        threads = max(1, torch.get_num_threads() // count)
        # set_num_threads applies to the calling thread.
        self._pool = ThreadPoolExecutor(count, initializer=lambda: torch.set_num_threads(threads))

    def forward(self, pixels: Tensor, grid: Tensor, file_context: Tensor) -> Prediction:
        """As `afdcli.models.afd_classifier.AFDClassifier.forward`."""
        size = max(1, len(pixels) // (_PARTS * len(self.copies)))
        starts = range(0, len(pixels), size)
        parts = ([tensor[i : i + size] for tensor in (pixels, grid, file_context)] for i in starts)
        return joined(list(self._pool.map(self._answer, parts)))

    @torch.inference_mode()
    def _answer(self, part: list[Tensor]) -> Prediction:
        network = self._free.get()
        try:
            answer: Prediction = network(*part)
        finally:
            self._free.put(network)
        return answer


def twin(network: Net) -> Net:
    """A copy of *network* that shares its weights."""
    weights = {id(t): t for t in chain(network.parameters(), network.buffers())}
    return copy.deepcopy(network, dict(weights))


def in_streams(network: nn.Module, device: str) -> nn.Module:
    """*network*, in streams if it runs on several CPU cores."""
    count = min(_MOST, torch.get_num_threads())
    return Streams(network, count) if device == "cpu" and count > 1 else network


def joined(parts: list[Prediction]) -> Prediction:
    """Join the predictions of a batch's parts."""

    def join(which: Callable[[Prediction], Tensor | None]) -> Tensor | None:
        tensors = [tensor for part in parts if (tensor := which(part)) is not None]
        return torch.cat(tensors) if tensors else None

    return Prediction(
        torch.cat([part.logits for part in parts]),
        join(lambda part: part.direct),
        join(lambda part: part.drift),
        join(lambda part: part.features),
    )
