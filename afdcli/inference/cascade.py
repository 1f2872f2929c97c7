"""Low-margin predictions of bfloat16 or integers are re-run in float32.

Of a thousand photos, bfloat16 turns the label of ten or twenty, and nearly all of them are photos
whose two best classes are about as probable. Those are re-run; labels then are those of
float32.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from afdcli.inference.predictor import ImageResult, Predictor, is_out_of_memory
from afdcli.view.batch import Batch, Layout
from afdcli.view.spec import View

PASS = 4  # pictures at a time: few, so that none waits long

_BATCHES = 2  # one is being filled, or waits its turn, while the network has the other
_TRIALS = 8  # pictures that the precision of a network is measured on
_BEST = 10  # of their logits
#: Standard deviations of the error of a difference of two logits. On 480 views of photos, clean and
#: at quality factors 18 and 10, this leaves none to three labels that differ (of 8 to 47), and 3 %
#: (ResNet-50) to 25 % (MobileNetV1) to be re-run.
_CONFIDENCE = 1.5
#: The same for integers, whose error on photos is up to 1.7 times that on pictures of noise. On 750
#: such views this leaves no label that differs of 29 (ResNet-50, 19 % re-run) and 3 of 39
#: (MobileNetV2, 20 %).
_CONFIDENCE_IN_INTEGERS = 2.5
_FALLBACK = 0.3  # nats, what a MobileNet needs


def close_margin(
    quick: nn.Module,
    exact: nn.Module,
    layout: Layout,
    device: torch.device,
    batch_size: int,
    integers: bool = False,
) -> float:
    """How near the two best logits must be for *quick* to be unsure, in nats.

    From the difference of both networks on pictures that are the same in every run.

    Args:
        batch_size: that *quick* will run with: it is compiled for one size.
        integers: that is what *quick* computes in.
    """
    confidence = _CONFIDENCE_IN_INTEGERS if integers else _CONFIDENCE
    rng = np.random.default_rng(0)
    (height, width, _), (channels, rows, columns), (length,) = (shape for shape, _ in layout.fields)
    pixels = np.stack([_clouds(rng, height, width) for _ in range(_TRIALS)])
    grid = rng.normal(0, 20, (_TRIALS, channels, rows, columns)).astype(np.float16)
    file_context = rng.uniform(0, 3, (_TRIALS, length)).astype(np.float32)
    inputs = [torch.from_numpy(array).to(device) for array in (pixels, grid, file_context)]
    try:
        with torch.inference_mode():
            rough = _in_passes(quick, inputs, batch_size)
            fine = _in_passes(exact, inputs, PASS)
    except (RuntimeError, MemoryError) as problem:
        if not is_out_of_memory(problem):
            raise
        return _FALLBACK  # `Predictor` will halve its batch
    best = fine.topk(min(_BEST, fine.shape[1])).indices
    error = (rough - fine).gather(1, best)
    # The difference of two logits has twice the variance of one.
    return confidence * float((2 * error.var(1)).mean().sqrt()) if best.shape[1] > 1 else 0.0


def _in_passes(network: nn.Module, inputs: list[Tensor], size: int) -> Tensor:
    """Logits (n, K) float64 on the CPU of n inputs, *size* at a time: the last repeats some."""
    count = len(inputs[0])
    logits = []
    for start in range(0, count, size):
        rows = torch.arange(start, start + size) % count
        answers = network(*(tensor[rows] for tensor in inputs)).logits
        logits.append(answers.cpu().double())  # Apple's MPS has no float64
    return torch.cat(logits)[:count]


def _clouds(rng: np.random.Generator, height: int, width: int) -> NDArray[np.uint8]:
    """A picture of noise at all scales, about as rough as a photo."""
    total = np.zeros((height, width, 3))
    for side in (2, 4, 8, 16, 32, 64):
        small = Image.fromarray(rng.integers(0, 256, (side, side, 3), dtype=np.uint8))
        total += np.asarray(small.resize((width, height), Image.Resampling.BICUBIC)) / side**0.5
    total -= total.min()
    picture: NDArray[np.uint8] = (255 * total / total.max()).astype(np.uint8)
    return picture


class _Running(NamedTuple):
    """A batch that is with the quick network, and who takes its answers."""

    answers: Future[list[ImageResult]]
    batch: Batch
    take: list[Callable[[ImageResult], None]]


class Cascade:
    """Answers of a quick network, and of an exact one where the quick one is not sure.

    The quick network runs in threads of its own: while it is busy with one batch the caller fills
    the next, so that the network never waits for the caller.

    Args:
        quick: what runs in the background.
        exact: with batches of `PASS`; None where every answer of *quick* stands.
        threads: batches that *quick* may have at the same time. With two, the cores that one has
            no more work for go on with the next.

    Attributes:
        batch: to be filled by the caller; another one after each call.
    """

    def __init__(self, quick: Predictor, exact: Predictor | None = None, threads: int = 1) -> None:
        self._quick, self._exact = quick, exact
        self._close = None if exact is None else exact.new_batch()
        self._asking: list[Callable[[ImageResult], None]] = []
        self._free = deque(quick.new_batch() for _ in range(_BATCHES - 1))
        self._running: deque[_Running] = deque()
        self._threads = threads
        cores = torch.get_num_threads()
        # What this sets counts for the thread that calls it.
        self._pool = ThreadPoolExecutor(threads, initializer=lambda: torch.set_num_threads(cores))
        self.batch = quick.new_batch()

    def fresh(self) -> Cascade:
        """Another one of the same networks, without the pictures that wait in this one."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        return Cascade(self._quick, self._exact, self._threads)

    def __call__(self, take: Sequence[Callable[[ImageResult], None]], last: bool = False) -> None:
        """Have the filled part of `batch` answered, and go on with an empty one.

        Args:
            take: gets the answer of each picture, during this or a later call.
            last: no answer may be left for later.

        Raises:
            AfdError: as `Predictor.__call__`, of this batch or of an earlier one.
        """
        if take:
            answers = self._pool.submit(self._quick, self.batch)
            self._running.append(_Running(answers, self.batch, list(take)))
            if not self._free:
                self._deliver()
            self.batch = self._free.popleft()
        while last and self._running:
            self._deliver()
        if last and self._asking:
            self._ask()

    def _deliver(self) -> None:
        """Wait for the oldest batch, and hand its answers over."""
        answers, batch, take = self._running.popleft()
        for i, (answer, done) in enumerate(zip(answers.result(), take, strict=True)):
            if self._close is None or not answer.close:
                done(answer)
                continue
            self._close.add(View(*(array[i] for array in batch.arrays)))
            self._asking.append(done)
            if self._close.full:
                self._ask()
        batch.clear()
        self._free.append(batch)

    def _ask(self) -> None:
        assert self._exact is not None and self._close is not None
        for answer, done in zip(self._exact(self._close), self._asking, strict=True):
            done(answer)
        self._close.clear()
        self._asking.clear()
