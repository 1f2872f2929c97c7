"""A network on a device: what is copied there. No GPU is needed, "meta" stands for one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from afdcli.inference.torch_network import TorchNetwork
from afdcli.models.afd_classifier import Prediction
from afdcli.view.batch import Batch
from afdcli.view.spec import ViewSpec


class Net(nn.Linear):
    def __init__(self) -> None:
        super().__init__(1, 1)
        self.inputs: list[Tensor] = []

    def forward(self, *inputs: Tensor) -> Prediction:
        self.inputs += inputs
        return Prediction(torch.ones(len(inputs[0]), 7, dtype=torch.bfloat16), None, None, None)


def test_network_and_batch_are_on_the_device() -> None:
    net = Net()
    network = TorchNetwork(net, "meta")
    batch = Batch(ViewSpec(), 2, network.zeros)
    answer = network(*batch.arrays)
    assert net.weight.is_meta and all(tensor.is_meta for tensor in net.inputs)
    assert [tensor.dtype for tensor in net.inputs] == [torch.uint8, torch.float16, torch.float32]
    assert answer.logits.dtype == np.float32 and answer.logits.shape == (2, 7)
    assert answer[1:] == (None, None, None)


def test_batches_for_cuda_are_in_page_locked_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    zeros, asked = torch.zeros, []

    def without_cuda(*args: object, pin_memory: bool, **named: object) -> Tensor:
        asked.append(pin_memory)
        return zeros(*args, **named)

    monkeypatch.setattr(torch, "zeros", without_cuda)
    batch = Batch(ViewSpec(), 2, TorchNetwork(Net(), "cuda:1").zeros)
    assert asked == [True] * len(batch.arrays)
    assert [array.dtype for array in batch.arrays] == [np.uint8, np.float16, np.float32]
