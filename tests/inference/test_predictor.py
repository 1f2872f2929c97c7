"""Batches that do not fit into memory, and outputs that are no numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from afdcli.errors import AfdError
from afdcli.inference.predictor import Predictor
from afdcli.inference.torch_network import TorchNetwork
from afdcli.models import device as engine_device
from afdcli.models.afd_classifier import Prediction
from afdcli.view.spec import View, ViewSpec


class Stand(nn.Module):
    """Answers class (first pixel's red); fails for more than *limit* pictures at once."""

    def __init__(self, limit: int, message: str = "CUDA out of memory") -> None:
        super().__init__()
        self.limit = limit
        self.message = message
        self.sizes: list[int] = []

    def forward(self, pixels: Tensor, grid: Tensor, file_context: Tensor) -> Prediction:
        self.sizes.append(len(pixels))
        if len(pixels) > self.limit:
            raise RuntimeError(self.message)
        index = pixels[:, 0, 0, 0].long()
        logits = nn.functional.one_hot(index, 9).float() * 20
        return Prediction(logits.where(index[:, None] != 8, torch.nan), None, None)


SPEC = ViewSpec(16, 16)


def stand(network: nn.Module, values: list[int], batch_size: int) -> list[int | None]:
    names = [str(i) for i in range(9)]
    forward = Predictor(TorchNetwork(network), SPEC, names, batch_size=batch_size)
    batch = forward.new_batch()
    for value in values:
        batch.add(View(*(np.full(shape, value, kind) for shape, kind in SPEC.arrays)))
    return [
        answer.top_classes[0].index if answer.top_classes else None for answer in forward(batch)
    ]


def test_out_of_memory_halves_the_batch() -> None:
    network = Stand(limit=2)
    assert stand(network, [3, 1, 4, 1, 5, 7, 2], 7) == [3, 1, 4, 1, 5, 7, 2]
    assert network.sizes == [7, 3, 1, 1, 1, 1, 1, 1, 1]
    network = Stand(limit=5)
    assert stand(network, [3, 1, 4, 1, 5, 7, 2, 6], 11) == [3, 1, 4, 1, 5, 7, 2, 6]
    assert network.sizes == [11, 5, 5]


def test_out_of_memory_with_one_picture_is_one_line() -> None:
    with pytest.raises(AfdError, match="out of memory with a single picture"):
        stand(Stand(limit=0), [1], 4)


def test_other_failures_are_not_hidden() -> None:
    with pytest.raises(RuntimeError, match="boom"):
        stand(Stand(limit=0, message="boom"), [1], 4)


def test_an_output_that_is_no_number_fails_only_its_picture() -> None:
    assert stand(Stand(limit=9), [1, 8, 2], 4) == [1, None, 2]


def test_batch_size_follows_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    for gigabytes in (64, 4, 1, 0.01):
        monkeypatch.setattr(engine_device, "_memory", lambda _, n=gigabytes: int(n * 2**30))
        sizes.append(engine_device.batch_size("cpu", 224, 224))
    assert sizes == [16, 8, 2, 1]
    assert engine_device.batch_size("cpu", 32, 32) == 1
    monkeypatch.undo()
    assert engine_device.batch_size("cpu", 16, 16) == 16
