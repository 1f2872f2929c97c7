"""A second opinion: what bfloat16 cannot tell apart is asked again in float32.

Of a thousand photos, bfloat16 turns the label of ten or twenty, and nearly all of them are photos
whose two best classes are about as probable. Those are asked again; labels then are those of
float32.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from afdcli.engine.batches import Layout
from afdcli.engine.forward import Answer, Forward
from afdcli.view.spec import View

PASS = 4  # pictures at a time: few, so that none waits long

_TRIALS = 8  # pictures that the precision of a network is measured on
_BEST = 10  # of their logits
#: Standard deviations of the error of a difference of two logits. On 480 views of photos, clean and
#: at quality factors 18 and 10, this leaves none to three labels that differ (of 8 to 47), and 3 %
#: (ResNet-50) to 25 % (MobileNetV1) to be asked again.
_CONFIDENCE = 1.5
_FALLBACK = 0.3  # nats, what a MobileNet needs


def close_margin(
    quick: nn.Module, exact: nn.Module, layout: Layout, device: torch.device, batch_size: int
) -> float:
    """How near the two best logits must be for *quick* to be unsure, in nats.

    From the difference of both networks on pictures that are the same in every run.

    Args:
        batch_size: that *quick* will run with: it is compiled for one size.
    """
    rng = np.random.default_rng(0)
    (height, width, _), (channels, rows, columns), (sides,) = (shape for shape, _ in layout.fields)
    pixels = np.stack([_clouds(rng, height, width) for _ in range(_TRIALS)])
    grid = rng.normal(0, 20, (_TRIALS, channels, rows, columns)).astype(np.float16)
    side = rng.uniform(0, 3, (_TRIALS, sides)).astype(np.float32)
    inputs = [torch.from_numpy(array).to(device) for array in (pixels, grid, side)]
    try:
        with torch.inference_mode():
            rough = _in_passes(quick, inputs, batch_size)
            fine = _in_passes(exact, inputs, PASS)
    except (RuntimeError, MemoryError):  # out of memory: `Forward` will halve its batch
        return _FALLBACK
    best = fine.topk(min(_BEST, fine.shape[1])).indices
    error = (rough - fine).gather(1, best)
    # The difference of two logits has twice the variance of one.
    return _CONFIDENCE * float((2 * error.var(1)).mean().sqrt()) if best.shape[1] > 1 else 0.0


def _in_passes(network: nn.Module, inputs: list[Tensor], size: int) -> Tensor:
    """Logits (n, K) float64 of n inputs, always *size* at a time: the last pass repeats some."""
    count = len(inputs[0])
    logits = []
    for start in range(0, count, size):
        rows = torch.arange(start, start + size) % count
        logits.append(network(*(tensor[rows] for tensor in inputs)).logits.double())
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


class Opinions:
    """Answers of a quick network, and of an exact one where the quick one is not sure.

    Args:
        quick: its batch is to be filled by the caller.
        exact: with a batch of `PASS`; None where every answer of *quick* stands.

    Attributes:
        batch: of *quick*.
    """

    def __init__(self, quick: Forward, exact: Forward | None = None) -> None:
        self._quick, self._exact = quick, exact
        self._asking: list[Callable[[Answer], None]] = []
        self.batch = quick.batch

    def __call__(self, take: Sequence[Callable[[Answer], None]], last: bool = False) -> None:
        """Answer for the filled part of `batch`, and clear it.

        Args:
            take: gets the answer of each picture: at once, or during a later call.
            last: no answer may be left for later.
        """
        for i, (answer, done) in enumerate(zip(self._quick(), take, strict=True)):
            if self._exact is None or not answer.close:
                done(answer)
                continue
            self._exact.batch.add(View(*(array[i] for array in self.batch.arrays)))
            self._asking.append(done)
            if self._exact.batch.full:
                self._ask()
        self.batch.clear()
        if last and self._asking:
            self._ask()

    def _ask(self) -> None:
        assert self._exact is not None
        for answer, done in zip(self._exact(), self._asking, strict=True):
            done(answer)
        self._exact.batch.clear()
        self._asking.clear()
