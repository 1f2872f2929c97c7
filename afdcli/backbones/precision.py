"""Which arithmetic the networks run in."""

from __future__ import annotations

import time
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from afdcli.errors import UsageError

#: Values of ``--precision`` in which networks compute, and are trained.
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
#: Another one, of graphs that were quantised; see `afdcli.engine.quantise`.
INTEGERS = {"int8": torch.int8}


def bf16_is_faster(device: str) -> bool:
    """True where networks run faster in bfloat16 than in float32.

    Matrix units say so for a processor that has them (Intel's AMX). Vector instructions alone
    (AVX-512 BF16) do not: on a Xeon whose AMX is not for its guests, convolutions took 1.8 times as
    long as in float32. There it is measured, for a tenth of a second.
    """
    kind = device.split(":", 1)[0]
    if kind == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # torch has no public question for the CPU's instruction sets.
    if kind != "cpu" or not torch.cpu._is_avx512_bf16_supported():
        return False
    return bool(torch.cpu._is_amx_tile_supported()) or _convolves_faster_in_bf16()


@cache
def _convolves_faster_in_bf16() -> bool:
    """By more than what chance may do: a run and its resumption should decide alike."""
    return _convolution_seconds(torch.bfloat16) < 0.9 * _convolution_seconds(torch.float32)


@torch.inference_mode()
def _convolution_seconds(dtype: torch.dtype) -> float:
    """Time of a convolution as a ResNet has it, the best of several: other work only adds to it."""
    pictures = torch.zeros(4, 256, 14, 14, dtype=dtype).to(memory_format=torch.channels_last)
    kernel = torch.zeros(256, 256, 3, 3, dtype=dtype).to(memory_format=torch.channels_last)
    seconds = []
    for _ in range(7):
        begin = time.perf_counter()
        F.conv2d(pictures, kernel, padding=1)
        seconds.append(time.perf_counter() - begin)
    return min(seconds)


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
