"""A second opinion: what bfloat16 cannot tell apart is asked again in float32.

Of a thousand photos, bfloat16 turns the label of ten or twenty, and nearly all of them are photos
whose two best classes are about as probable. Asking for those again costs a few per cent of the
time, and labels then are those of float32.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from afdcli.engine.forward import Answer, Forward
from afdcli.view.spec import View

PASS = 4  # pictures at a time: few, so that none waits long

#: Of the two best classes, in nats: what bfloat16 cannot be trusted to tell apart.
MARGIN = 0.1


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
