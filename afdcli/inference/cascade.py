"""Re-run low-margin predictions of bfloat16 or int8 in float32.

bfloat16 changes the label of one or two photos in a hundred. Nearly all of these are photos whose
two best classes are about equally probable. Re-running those in float32 restores nearly all labels.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from afdcli.inference.network import Arrays, Network
from afdcli.inference.predictor import ImageResult, Predictor, is_out_of_memory
from afdcli.view.batch import Batch
from afdcli.view.spec import View, ViewSpec

PASS = 4  # pictures per float32 batch: few, so that none waits long

_BATCHES = 2  # one is being filled or waits while the network runs the other
_TRIALS = 8  # pictures used to measure the error of the quick network
_BEST = 10  # logits per picture that the error is measured on
#: Margin in standard deviations of the error of a difference of two logits. On 480 views of photos
#: (clean, QF 18 and 10) bfloat16 changed 8 to 47 labels; with this margin 0 to 3 still differ, and
#: 3 % (ResNet-50) to 25 % (MobileNetV1) of the views are re-run.
_CONFIDENCE = 1.5
#: The same for int8, whose error on photos is up to 1.7 times that on noise pictures. On 750 such
#: views int8 changed 29 labels (ResNet-50) and 39 (MobileNetV2); with this margin 0 and 3 still
#: differ, and 19 and 20 % are re-run.
_CONFIDENCE_IN_INTEGERS = 2.5
_FALLBACK = 0.3  # nats, enough for a MobileNet


def close_margin(
    quick: Network,
    exact: Network,
    spec: ViewSpec,
    batch_size: int,
    integers: bool = False,
) -> float:
    """The margin between the two best logits below which *quick* is unsure, in nats.

    It is measured as the difference of both networks on fixed pictures, so it is the same in every
    run.

    Args:
        batch_size: of *quick*, which may be compiled for one size.
        integers: *quick* computes in int8.
    """
    confidence = _CONFIDENCE_IN_INTEGERS if integers else _CONFIDENCE
    rng = np.random.default_rng(0)
    (height, width, _), (channels, rows, columns), (length,) = (shape for shape, _ in spec.arrays)
    pixels = np.stack([_clouds(rng, height, width) for _ in range(_TRIALS)])
    grid = rng.normal(0, 20, (_TRIALS, channels, rows, columns)).astype(np.float16)
    file_context = rng.uniform(0, 3, (_TRIALS, length)).astype(np.float32)
    inputs = (pixels, grid, file_context)
    try:
        rough, fine = _in_passes(quick, inputs, batch_size), _in_passes(exact, inputs, PASS)
    except (RuntimeError, MemoryError) as problem:
        if not is_out_of_memory(problem):
            raise
        return _FALLBACK  # `Predictor` will halve its batch
    best = np.argsort(-fine, axis=1)[:, :_BEST]
    if best.shape[1] < 2:
        return 0.0
    error = np.take_along_axis(rough - fine, best, axis=1)
    # The difference of two logits has twice the variance of one.
    return confidence * float(np.sqrt((2 * error.var(axis=1, ddof=1)).mean()))


def _in_passes(network: Network, inputs: Arrays, size: int) -> NDArray[np.float64]:
    """Logits (n, K) in batches of *size*; the last batch repeats inputs."""
    count = len(inputs[0])
    logits = []
    for start in range(0, count, size):
        rows = np.arange(start, start + size) % count
        logits.append(network(*(array[rows] for array in inputs)).logits.astype(np.float64))
    return np.concatenate(logits)[:count]


def _clouds(rng: np.random.Generator, height: int, width: int) -> NDArray[np.uint8]:
    """A picture with noise at all scales, about as rough as a photo."""
    total = np.zeros((height, width, 3))
    for side in (2, 4, 8, 16, 32, 64):
        small = Image.fromarray(rng.integers(0, 256, (side, side, 3), dtype=np.uint8))
        total += np.asarray(small.resize((width, height), Image.Resampling.BICUBIC)) / side**0.5
    total -= total.min()
    picture: NDArray[np.uint8] = (255 * total / total.max()).astype(np.uint8)
    return picture


@dataclass
class Networks:
    """The networks of a run.

    Attributes:
        quick: classifier and module.
        exact: the same in float32, which re-runs low-margin predictions; None if they are not
            re-run.
        integers: *quick* computes in int8.
        measured: the margin, if it is known; see `margin`.
    """

    quick: Network
    exact: Network | None = None
    integers: bool = False
    measured: float | None = None

    def margin(self, spec: ViewSpec, batch_size: int) -> float:
        """The margin of `close_margin`, measured once; 0 without an exact network."""
        if self.exact is None:
            return 0.0
        if self.measured is None:
            self.measured = close_margin(self.quick, self.exact, spec, batch_size, self.integers)
        return self.measured


class _Running(NamedTuple):
    """A batch that the quick network is working on, and the callbacks for its answers."""

    answers: Future[list[ImageResult]]
    batch: Batch
    take: list[Callable[[ImageResult], None]]


class Cascade:
    """A quick network, and an exact one that re-runs what the quick one is unsure about.

    The quick network runs in its own threads. The caller fills the next batch meanwhile.

    Args:
        quick: the network that runs in the background.
        exact: the float32 network, with batches of `PASS`; None to keep all answers of *quick*.
        threads: batches that *quick* runs at the same time. With two, cores that the first no
            longer needs work on the second.

    Attributes:
        batch: the batch to fill next; replaced by each call.
    """

    def __init__(self, quick: Predictor, exact: Predictor | None = None, threads: int = 1) -> None:
        self._quick, self._exact = quick, exact
        self._close = None if exact is None else exact.new_batch()
        self._asking: list[Callable[[ImageResult], None]] = []
        self._free = deque(quick.new_batch() for _ in range(_BATCHES - 1))
        self._running: deque[_Running] = deque()
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads)
        self.batch = quick.new_batch()

    def fresh(self) -> Cascade:
        """A new cascade of the same networks; pictures that wait in this one are dropped."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        return Cascade(self._quick, self._exact, self._threads)

    def __call__(self, take: Sequence[Callable[[ImageResult], None]], last: bool = False) -> None:
        """Submit the filled part of `batch` and replace `batch` by an empty one.

        Args:
            take: one callback per picture; called with its answer, in this or a later call.
            last: deliver all answers before returning.

        Raises:
            AfdError: as `Predictor.__call__`, for this batch or an earlier one.
        """
        if take:
            answers = self._pool.submit(self._quick, self.batch)
            self._running.append(_Running(answers, self.batch, list(take)))
            if not self._free:
                self._deliver()
                # Now, or the first close call would wait for it, and the quick network with it.
                if self._exact is not None:
                    self._exact.load()
            self.batch = self._free.popleft()
        while last and self._running:
            self._deliver()
        if last and self._asking:
            self._ask()

    def _deliver(self) -> None:
        """Wait for the oldest batch and deliver its answers."""
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
