"""The classifier on one batch after the other: from a filled `Batch` to the top classes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from afdcli.errors import BackboneError, MachineError
from afdcli.results.rows import TopClass
from afdcli.view.batch import Batch, Layout

#: Significant digits of a probability in the results; float32 is good for no more.
DIGITS = 6


@dataclass(frozen=True)
class ImageResult:
    """What the network says about one picture.

    Attributes:
        top_classes: the top-k classes, best first; None where an output was not a number.
        direct: those of the plain backbone, likewise; () unless ``compare``.
        drift: degrees, None without an AFD module.
        close: the two best classes are about as probable, see `Predictor`.
    """

    top_classes: tuple[TopClass, ...] | None
    direct: tuple[TopClass, ...] | None = ()
    drift: float | None = None
    close: bool = False


class Predictor:
    """A plugged network that answers for the pictures in a batch.

    Every pass has the full batch size, also the last of a run: a processor adds up in another
    order for another size, which moves the last digits. At a fixed size they depend neither on a
    picture's place nor on its neighbours.

    Args:
        margin: answers whose two best classes (of the plain backbone, too, where it is asked) are
            at most so far apart, in nats, are marked as close.

    Attributes:
        size: pictures per pass; halved for good when memory runs out.
    """

    def __init__(
        self,
        network: nn.Module,
        layout: Layout,
        class_names: Sequence[str],
        *,
        device: torch.device,
        batch_size: int,
        topk: int = 1,
        margin: float = 0.0,
    ) -> None:
        self._network = network.to(device)
        self._device = device
        self._names = class_names
        self._topk = min(topk, len(class_names))
        self._margin = margin
        self._layout, self._most = layout, batch_size
        self.size = batch_size

    def new_batch(self) -> Batch:
        """An empty batch of the size that the network is meant to run with."""
        pinned = self._device.type == "cuda"
        return Batch(self._layout, self._most, _pinned if pinned else np.zeros)

    def __call__(self, batch: Batch) -> list[ImageResult]:
        """Answers for the filled part of *batch*, in its order. Threads may call it, too.

        Args:
            batch: from `new_batch`.

        Raises:
            AfdError: not even one picture at a time fits into memory.
            BackboneError: the outputs do not match the class names.
        """
        answers: list[ImageResult] = []
        while len(answers) < batch.filled:
            size = self.size
            # Where the size does not divide the batch, the last chunk begins earlier.
            start = min(len(answers), batch.size - size)
            try:
                chunk = self._chunk([array[start : start + size] for array in batch.arrays])
            except (RuntimeError, MemoryError) as error:
                self._shrink(size, error)
                continue
            answers += chunk[len(answers) - start :]
        return answers[: batch.filled]

    @torch.inference_mode()
    def _chunk(self, arrays: list[NDArray[Any]]) -> list[ImageResult]:
        inputs = [torch.from_numpy(a).to(self._device, non_blocking=True) for a in arrays]
        logits, direct, drift = self._network(*inputs)
        top_classes = self._top_classes(logits)
        plain = [()] * len(top_classes) if direct is None else self._top_classes(direct)
        angles = [None] * len(top_classes) if drift is None else drift.tolist()
        close = self._close(logits) if direct is None else self._close(logits) | self._close(direct)
        return [
            ImageResult(guess, beside, None if angle is None else round(angle, 4), near)
            for guess, beside, angle, near in zip(
                top_classes, plain, angles, close.tolist(), strict=True
            )
        ]

    def _close(self, logits: Tensor) -> Tensor:
        """(B, K) -> (B,) bool."""
        if self._margin <= 0 or logits.shape[1] < 2:
            return torch.zeros(len(logits), dtype=torch.bool)
        best = logits.float().topk(2).values.cpu()
        return best[:, 0] - best[:, 1] <= self._margin

    def _top_classes(self, logits: Tensor) -> list[tuple[TopClass, ...] | None]:
        logits = logits.cpu()
        if logits.ndim != 2 or logits.shape[1] != len(self._names):
            raise BackboneError(
                f"the backbone's output has shape {tuple(logits.shape)}, not one number for each"
                f" of its {len(self._names)} classes; give --class-names FILE or another backbone"
            )
        # A stable sort, so that equal probabilities come in the order of their classes.
        probs, order = logits.double().softmax(1).sort(dim=1, descending=True, stable=True)
        best = zip(probs[:, : self._topk].tolist(), order[:, : self._topk].tolist(), strict=True)
        return [self._top(row, classes) for row, classes in best]

    def _top(self, probs: list[float], classes: list[int]) -> tuple[TopClass, ...] | None:
        if not all(math.isfinite(prob) for prob in probs):
            return None
        return tuple(
            TopClass(self._names[index], index, float(f"{prob:.{DIGITS}g}"))
            for prob, index in zip(probs, classes, strict=True)
        )

    def _shrink(self, size: int, error: Exception) -> None:
        """Halve the size after *error* at *size*, or raise it if it is not about memory."""
        if not is_out_of_memory(error):
            raise error
        if size == 1:
            raise MachineError(
                "out of memory with a single picture; choose a smaller --backbone or --device cpu"
            ) from error
        self.size = min(self.size, size // 2)
        if self._device.type == "cuda":
            torch.cuda.empty_cache()


def is_out_of_memory(error: Exception) -> bool:
    """True where *error*, of torch or another runtime, says that memory ran out."""
    text = str(error).lower()
    words = ("out of memory", "can't allocate", "not enough memory", "failed to allocate")
    return isinstance(error, MemoryError) or any(word in text for word in words)


def _pinned(shape: tuple[int, ...], kind: Any) -> Any:
    """Zeros in page-locked memory, from which CUDA copies faster."""
    dtype = torch.from_numpy(np.empty(0, kind)).dtype
    return torch.zeros(shape, dtype=dtype, pin_memory=True).numpy()
