"""Which arithmetic the networks run in."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from afdcli.errors import UsageError

#: Values of ``--precision``.
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def has_native_bf16(device: str) -> bool:
    """True where bfloat16 is faster than float32: the processor multiplies in it natively."""
    kind = device.split(":", 1)[0]
    if kind == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # torch has no public question for the CPU's instruction sets.
    return kind == "cpu" and bool(torch.cpu._is_avx512_bf16_supported())


def choose_precision(name: str, device: str) -> torch.dtype:
    """*auto* is bfloat16 where *device* computes in it natively, else float32.

    Raises:
        UsageError: no such precision, or one that the device does not compute in.
    """
    if name == "auto":
        return torch.bfloat16 if has_native_bf16(device) else torch.float32
    if name not in PRECISIONS:
        raise UsageError(f"--precision {name}: choose auto, fp32, bf16 or fp16")
    if name == "fp16" and not device.startswith("cuda"):
        raise UsageError("--precision fp16 needs a CUDA device; on a CPU choose bf16 or auto")
    return PRECISIONS[name]


def keep_logits_exact(net: nn.Module) -> None:
    """Have the last layer of a timm classifier in float32, whatever the rest is computed in.

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


def autocast(dtype: torch.dtype, device: str) -> torch.autocast:
    """Context in which convolutions and matrix products run in *dtype*; float32: no change."""
    enabled = dtype != torch.float32
    return torch.autocast(
        device.split(":", 1)[0], dtype if enabled else torch.bfloat16, enabled=enabled
    )
