"""Run the classifier on batches: from a filled `Batch` to the top classes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afdcli.errors import BackboneError, MachineError
from afdcli.inference.network import Network
from afdcli.results.rows import TopClass
from afdcli.view.batch import Batch
from afdcli.view.spec import ViewSpec

#: Significant digits of a probability in the results, about what float32 holds.
DIGITS = 6


@dataclass(frozen=True)
class ImageResult:
    """The answer for one picture.

    Attributes:
        top_classes: the top-k classes, best first; None if an output is not finite.
        direct: the same for the backbone without AFD; () unless ``compare``.
        drift: mean feature angle, degrees; None without an AFD module.
        close: the two best classes are almost equally probable, see `Predictor`.
        features: pooled features, (D,); None unless the network gives them.
    """

    top_classes: tuple[TopClass, ...] | None
    direct: tuple[TopClass, ...] | None = ()
    drift: float | None = None
    close: bool = False
    features: NDArray[np.float32] | None = field(default=None, compare=False, repr=False)


class Predictor:
    """Runs a network on batches and returns the top classes of each picture.

    Every pass has the full batch size, including the last one of a run. The order of summation,
    and so the last digits, depend on the batch size. At a fixed size they depend neither on a
    picture's place in the batch nor on its neighbours.

    Args:
        margin: an answer is marked as close if its two best logits differ by at most this many
            nats, with AFD or (with ``compare``) without.

    Attributes:
        size: pictures per pass; halved for the rest of the run when memory runs out.
    """

    def __init__(
        self,
        network: Network,
        spec: ViewSpec,
        class_names: Sequence[str],
        *,
        batch_size: int,
        topk: int = 1,
        margin: float = 0.0,
    ) -> None:
        self._network = network
        self._names = class_names
        self._topk = min(topk, len(class_names))
        self._margin = margin
        self._spec, self._most = spec, batch_size
        self.size = batch_size

    def new_batch(self) -> Batch:
        """An empty batch of the requested size."""
        return Batch(self._spec, self._most, self._network.zeros)

    def load(self) -> None:
        """As `Network.load`."""
        self._network.load()

    def __call__(self, batch: Batch) -> list[ImageResult]:
        """Answers for the filled part of *batch*, in its order. Safe to call from several threads.

        Args:
            batch: from `new_batch`.

        Raises:
            MachineError: not even one picture fits into memory.
            BackboneError: the outputs do not match the class names.
        """
        answers: list[ImageResult] = []
        while len(answers) < batch.filled:
            size = self.size
            # If the size does not divide the batch, the last chunk overlaps the one before.
            start = min(len(answers), batch.size - size)
            try:
                chunk = self._chunk([array[start : start + size] for array in batch.arrays])
            except (RuntimeError, MemoryError) as error:
                self._shrink(size, error)
                continue
            answers += chunk[len(answers) - start :]
        return answers[: batch.filled]

    def _chunk(self, arrays: list[NDArray[Any]]) -> list[ImageResult]:
        logits, direct, drift, pooled = self._network(*arrays)
        top_classes = self._top_classes(logits)
        plain = [()] * len(top_classes) if direct is None else self._top_classes(direct)
        angles = [None] * len(top_classes) if drift is None else drift.tolist()
        features = [None] * len(top_classes) if pooled is None else list(pooled)
        close = self._close(logits) if direct is None else self._close(logits) | self._close(direct)
        return [
            ImageResult(top, beside, None if angle is None else round(angle, 4), near, vector)
            for top, beside, angle, near, vector in zip(
                top_classes, plain, angles, close.tolist(), features, strict=True
            )
        ]

    def _close(self, logits: NDArray[np.float32]) -> NDArray[np.bool_]:
        """(B, K) -> (B,) bool."""
        if self._margin <= 0 or logits.shape[1] < 2:
            return np.zeros(len(logits), dtype=bool)
        best = np.partition(logits, -2, axis=1)  # the largest two are the last two
        with np.errstate(invalid="ignore"):
            near: NDArray[np.bool_] = best[:, -1] - best[:, -2] <= self._margin
        return near

    def _top_classes(self, logits: NDArray[np.float32]) -> list[tuple[TopClass, ...] | None]:
        if logits.ndim != 2 or logits.shape[1] != len(self._names):
            raise BackboneError(
                f"the backbone's output has shape {tuple(logits.shape)}, not one number for each"
                f" of its {len(self._names)} classes; use --class-names FILE or another backbone"
            )
        with np.errstate(invalid="ignore"):  # not a number: that row has no classes
            exact = logits.astype(np.float64)
            powers = np.exp(exact - exact.max(axis=1, keepdims=True))
            probs = powers / powers.sum(axis=1, keepdims=True)
        # Stable, so that equal probabilities stay in class order.
        order = np.argsort(-probs, axis=1, kind="stable")[:, : self._topk]
        best = np.take_along_axis(probs, order, axis=1)
        return [self._top(*row) for row in zip(best.tolist(), order.tolist(), strict=True)]

    def _top(self, probs: list[float], classes: list[int]) -> tuple[TopClass, ...] | None:
        if not all(math.isfinite(prob) for prob in probs):
            return None
        return tuple(
            TopClass(self._names[index], index, float(f"{prob:.{DIGITS}g}"))
            for prob, index in zip(probs, classes, strict=True)
        )

    def _shrink(self, size: int, error: Exception) -> None:
        """Halve the size if *error* is about memory; otherwise raise it."""
        if not is_out_of_memory(error):
            raise error
        if size == 1:
            raise MachineError(
                "out of memory with a single picture; use a smaller --backbone or --device cpu"
            ) from error
        self.size = min(self.size, size // 2)
        self._network.free_memory()


def is_out_of_memory(error: Exception) -> bool:
    """True if *error*, from torch or another runtime, says that memory ran out."""
    text = str(error).lower()
    words = ("out of memory", "can't allocate", "not enough memory", "failed to allocate")
    return isinstance(error, MemoryError) or any(word in text for word in words)
