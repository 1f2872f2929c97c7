"""Several processes training one module, as torchrun starts them; alone without it.

Only the module's gradients travel (a few hundred kilobytes per step): the frozen classifier is the
same in every process. So they are averaged by hand, and nothing needs wrapping.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import nn


@dataclass(frozen=True)
class Group:
    """This process among all.

    Attributes:
        rank: 0 validates, saves and speaks.
        size: number of processes; 1 without torchrun.
    """

    rank: int = 0
    size: int = 1

    @classmethod
    def join(cls, device: torch.device) -> Group:
        """The group that torchrun's environment describes; NCCL on CUDA, else gloo."""
        size = int(os.environ.get("WORLD_SIZE", "1"))
        if size == 1:
            return cls()
        if not dist.is_initialized():
            dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
        return cls(dist.get_rank(), size)

    @property
    def leads(self) -> bool:
        """True in one process of the group."""
        return self.rank == 0

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace each gradient by its mean over the group."""
        if self.size == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([g.flatten() for g in gradients])
        dist.all_reduce(flat)
        flat /= self.size
        at = 0
        for gradient in gradients:
            gradient.copy_(flat[at : at + gradient.numel()].view_as(gradient))
            at += gradient.numel()

    def share_weights(self, module: nn.Module) -> None:
        """Give all processes the leader's weights."""
        if self.size > 1:
            for tensor in module.state_dict().values():
                dist.broadcast(tensor, 0)

    def agree(self, value: float, device: torch.device) -> float:
        """The leader's *value*: clocks differ, and all must stop at the same step."""
        if self.size == 1:
            return value
        shared = torch.tensor([value], dtype=torch.float32, device=device)
        dist.broadcast(shared, 0)
        return float(shared)

    def leave(self) -> None:
        """End the group."""
        if self.size > 1 and dist.is_initialized():
            dist.destroy_process_group()
