"""What a `Predictor` runs: a network that takes and gives numpy arrays, whatever its runtime."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Arrays = Sequence[NDArray[Any]]


class NetworkOutput(NamedTuple):
    """Output of a `Network`, as arrays; see `afdcli.models.afd_classifier.Prediction`.

    Attributes:
        logits: (B, K) float32.
        direct: (B, K) float32; None unless the plain backbone is compared.
        drift: (B,) float32 degrees; None without a module.
        features: (B, D) float32; None unless asked for.
    """

    logits: NDArray[np.float32]
    direct: NDArray[np.float32] | None = None
    drift: NDArray[np.float32] | None = None
    features: NDArray[np.float32] | None = None


class Network(ABC):
    """Classifier and module in some runtime. Several threads may call it at the same time."""

    @abstractmethod
    def __call__(self, pixels: Any, grid: Any, file_context: Any) -> NetworkOutput:
        """Classify a batch.

        Args:
            pixels, grid, file_context: arrays of `afdcli.view.batch.Batch`.
        """

    def load(self) -> None:  # noqa: B027  # most have nothing to do
        """Begin to load in the background, for a call that comes later."""

    def zeros(self, shape: tuple[int, ...], kind: Any) -> NDArray[Any]:
        """Memory for the arrays of a batch."""
        return np.zeros(shape, kind)

    def free_memory(self) -> None:  # noqa: B027
        """Give back what the runtime keeps for later; called after it ran out of memory."""
