"""Apple's MPS has no float64: what is on the device is brought to the CPU first."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from afdcli.inference.cascade import close_margin
from afdcli.view.batch import Layout
from afdcli.view.spec import ViewSpec


class OnMPS(Tensor):
    """Numbers that cannot be made float64 where they are."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is Tensor.double:
            raise TypeError("Cannot convert a MPS Tensor to float64 dtype")
        if func is Tensor.cpu:
            return args[0].as_subclass(Tensor)
        return super().__torch_function__(func, types, args, kwargs or {})


class Network(nn.Module):
    def __init__(self, error: float) -> None:
        super().__init__()
        self.error = error

    def forward(self, pixels: Tensor, *_: Tensor) -> SimpleNamespace:
        means = pixels.float().mean((1, 2))
        logits = torch.cat((means, means.flip(1)), 1)
        return SimpleNamespace(logits=(logits + self.error * logits.sin()).as_subclass(OnMPS))


def test_the_margin_is_found_without_float64_on_the_device() -> None:
    layout = Layout.of(ViewSpec(32, 32))
    margin = close_margin(Network(0.1), Network(0.0), layout, torch.device("cpu"), 4)
    assert 0 < margin < 1
