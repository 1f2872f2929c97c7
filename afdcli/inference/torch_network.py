"""A network in torch behind the arrays of `afdcli.inference.network`."""

from __future__ import annotations

from threading import Lock
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from afdcli.inference.network import Network, NetworkOutput
from afdcli.models.afd_classifier import Prediction


class TorchNetwork(Network):
    """*net*, which returns a `Prediction`, on *device*; it is moved there when it is first used."""

    def __init__(self, net: nn.Module, device: str = "cpu") -> None:
        self.net, self._device = net, torch.device(device)
        self._threads = torch.get_num_threads()
        self._moving, self._moved = Lock(), False

    @torch.inference_mode()
    def __call__(self, pixels: Any, grid: Any, file_context: Any) -> NetworkOutput:
        """As `Network.__call__`."""
        with self._moving:
            if not self._moved:
                self.net.to(self._device)
                self._moved = True
        if torch.get_num_threads() != self._threads:  # each thread has a number of its own
            torch.set_num_threads(self._threads)
        arrays = (pixels, grid, file_context)
        inputs = (torch.as_tensor(a).to(self._device, non_blocking=True) for a in arrays)
        prediction: Prediction = self.net(*inputs)
        return NetworkOutput(_array(prediction.logits), *map(_optional, prediction[1:]))

    def zeros(self, shape: tuple[int, ...], kind: Any) -> NDArray[Any]:
        """Zeros; for CUDA in page-locked memory, from which it copies faster."""
        if self._device.type != "cuda":
            return super().zeros(shape, kind)
        dtype = torch.from_numpy(np.empty(0, kind)).dtype
        array: NDArray[Any] = torch.zeros(shape, dtype=dtype, pin_memory=True).numpy()
        return array

    def free_memory(self) -> None:
        """As `Network.free_memory`."""
        if self._device.type == "cuda":
            torch.cuda.empty_cache()


def _array(tensor: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = tensor.cpu().float().numpy()
    return array


def _optional(tensor: Tensor | None) -> NDArray[np.float32] | None:
    return None if tensor is None else _array(tensor)
