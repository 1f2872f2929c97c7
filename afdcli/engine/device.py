"""Where the maths runs."""

from __future__ import annotations

import torch

from afdcli.errors import UsageError


def choose_device(name: str) -> str:
    """*auto* takes CUDA, then Apple's MPS, then the CPU; others are checked.

    Raises:
        UsageError: no such device, or not on this machine.
    """
    present = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return next(kind for kind, here in present.items() if here)
    kind = name.split(":", 1)[0]
    if kind not in present:
        raise UsageError(f"--device {name}: choose auto, cpu, cuda or mps")
    if not present[kind]:
        raise UsageError(f"--device {name}: this machine has none; leave --device away")
    return name
