"""See what the modules of a network give while it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import nn

#: Called with the name of a module, its inputs and its output.
Seen = Callable[[str, tuple[Any, ...], Any], None]


@contextmanager
def watching(modules: Mapping[str, nn.Module], seen: Seen) -> Iterator[None]:
    """Call *seen* in this context whenever one of *modules*, by name, has run."""
    handles = [
        module.register_forward_hook(partial(_report, seen, name))
        for name, module in modules.items()
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _report(seen: Seen, name: str, _module: nn.Module, inputs: Any, output: Any) -> None:
    seen(name, inputs, output)


@torch.inference_mode()
def run_once(
    net: nn.Module, size: tuple[int, int], modules: Mapping[str, nn.Module]
) -> list[tuple[str, Any]]:
    """Run *net* on one picture of zeros of *size* (height, width).

    Returns:
        Name and output of *modules*, in the order they run.
    """
    seen: list[tuple[str, Any]] = []
    parameter = next(net.parameters())
    with watching(modules, lambda name, _, output: seen.append((name, output))):
        net(torch.zeros(1, 3, *size, device=parameter.device, dtype=parameter.dtype))
    return seen
