"""Choose the arithmetic: float32, bfloat16, float16 or integers."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from afdcli.errors import UsageError

#: Values of ``--precision`` in which networks compute, and are trained.
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
#: Another one, of graphs that were quantised; see `afdcli.inference.int8`.
INTEGERS = {"int8": torch.int8}


def bf16_is_faster(device: str) -> bool:
    """True where networks run faster in bfloat16 than in float32; the same in every run.

    Never measured at run time: the same command must compute the same way every time. On
    processors it follows from their features:

    ============================ ======== ====================================================
    features                     faster   measured
    ============================ ======== ====================================================
    AMX                          bfloat16 ResNet-50 2.2 times as fast
    AVX-512 BF16, AMD            bfloat16 1.5 times as fast
    AVX-512 BF16, Intel, no AMX  float32  bfloat16 takes 1.6 times as long
    all others                   float32  no arithmetic in bfloat16
    ============================ ======== ====================================================
    """
    kind = device.split(":", 1)[0]
    if kind == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # torch has no public question for the CPU's instruction sets.
    if kind != "cpu" or not torch.cpu._is_avx512_bf16_supported():
        return False
    return bool(torch.cpu._is_amx_tile_supported()) or _maker() == "AuthenticAMD"


@cache
def _maker() -> str:
    """The processor's vendor, from /proc/cpuinfo; "" if unknown."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.split(":", 1)[1].strip() for line in lines if "vendor_id" in line), "")


def choose_precision(name: str, device: str, integers: bool = False) -> torch.dtype:
    """*auto* is bfloat16 where that is faster on *device*, else float32.

    Args:
        integers: `INTEGERS` may be chosen, too.

    Raises:
        UsageError: no such precision, or one that the device does not compute in.
    """
    known = PRECISIONS | INTEGERS if integers else PRECISIONS
    if name == "auto":
        return torch.bfloat16 if bf16_is_faster(device) else torch.float32
    if name not in known:
        *others, last = known
        raise UsageError(f"--precision {name}: choose auto, {', '.join(others)} or {last}")
    if name == "fp16" and not device.startswith("cuda"):
        raise UsageError("--precision fp16 needs a CUDA device; on a CPU choose bf16 or auto")
    return known[name]


def keep_logits_exact(net: nn.Module) -> None:
    """Compute the last layer of a timm classifier in float32, whatever the rest is computed in.

    Logits of 8 and more come in steps of 1/16 in bfloat16, so that the best two are often equal.
    """
    find = getattr(net, "get_classifier", None)
    head = find() if callable(find) else None
    if not isinstance(head, (nn.Linear, nn.Conv2d)):
        return
    forward = head.forward

    def exact(x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return forward(x.float())

    head.forward = exact  # type: ignore[assignment, method-assign]


def precision_name(dtype: torch.dtype) -> str:
    """The name of *dtype* among `PRECISIONS`."""
    return next(name for name, value in PRECISIONS.items() if value == dtype)


def autocast(dtype: torch.dtype, device: str) -> AbstractContextManager[Any]:
    """Context in which convolutions and matrix products run in *dtype*; float32: no change."""
    if dtype == torch.float32:  # not a disabled autocast, which exported graphs would hold
        return nullcontext()
    return torch.autocast(device.split(":", 1)[0], dtype)
