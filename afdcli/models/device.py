"""Choose the device and the batch size."""

from __future__ import annotations

import os

from afdcli.errors import UsageError

#: Largest batch by kind of device; larger ones are no faster.
LARGEST_BATCH = {"cpu": 16, "cuda": 128, "mps": 32}
_SHARE = {"cpu": 1 / 8, "cuda": 1 / 2, "mps": 1 / 8}  # of the memory; a CPU's is for others, too
_BYTES_PER_PIXEL = 1300  # of activations: 64 MB at 224x224, a large ResNet in float32


def choose_device(name: str) -> str:
    """*auto* takes CUDA, then Apple's MPS, then the CPU; others are checked.

    Raises:
        UsageError: no such device, or not on this machine.
    """
    import torch  # not above: a start on the CPU may need the rest of this file alone

    present = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return next(kind for kind, here in present.items() if here)
    kind = kind_of(name)
    if kind not in present:
        raise UsageError(f"--device {name}: choose auto, cpu, cuda or mps")
    if not present[kind]:
        raise UsageError(f"--device {name}: this machine has none; omit --device")
    number = name.removeprefix(kind).removeprefix(":") or "0"
    count = torch.cuda.device_count() if kind == "cuda" else 1
    if not number.isdecimal() or int(number) >= count:
        raise UsageError(f"--device {name}: choose one from {kind}:0 to {kind}:{count - 1}")
    return name


def batch_size(device: str, height: int, width: int) -> int:
    """Pictures per pass: a power of two that the machine's memory has room for.

    It depends on the total memory, not on what is free: the same in every run, so that rows are the
    same to the last digit. A batch that still runs out of memory is halved.
    """
    kind = kind_of(device)
    room = _SHARE[kind] * _memory(device) / (_BYTES_PER_PIXEL * height * width)
    size = LARGEST_BATCH[kind]
    while size > 1 and size > room:
        size //= 2
    return size


def kind_of(device: str) -> str:
    """ "cuda" of "cuda:1"."""
    return device.partition(":")[0]


def _memory(device: str) -> int:
    """Bytes of the device, used or not."""
    if kind_of(device) == "cuda":
        import torch

        return int(torch.cuda.get_device_properties(device).total_memory)
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):  # Windows has no such call
        return 8 << 30
