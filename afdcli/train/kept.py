"""Model selection: keep the newest weights, unless earlier ones were clearly better."""

from __future__ import annotations

import copy
import math
from typing import Any

from torch import Tensor

from afdcli.train.validation import Score

_STANDARD_ERRORS = 2.0  # by which earlier weights must be better to be kept


class Kept:
    """The newest weights, unless the best ones before were better by more than chance.

    The measure is the divergence of the outputs, whatever the losses are. Best-of-N on few photos
    selects noise, and weights improve towards the end of a run, as the learning rate falls to
    zero. Weights whose gates closed, or whose outputs are not finite, are not kept.

    Attributes:
        score, state: of the weights that are kept.
    """

    def __init__(self, score: Score, divergences: Tensor, state: dict[str, Any]) -> None:
        self.score, self.state = score, copy.deepcopy(state)
        self._least = divergences

    def offer(self, score: Score, divergences: Tensor, state: dict[str, Any]) -> None:
        """Consider newer weights; *divergences* of each held-out photo with them, (n,) nats."""
        worse = divergences - self._least
        chance = _STANDARD_ERRORS * worse.std(correction=0) / math.sqrt(len(worse))
        if worse.mean() <= chance:
            self.score, self.state = score, copy.deepcopy(state)
        if divergences.mean() < self._least.mean():
            self._least = divergences

    def saved(self) -> dict[str, Any]:
        """For a checkpoint: tensors and plain values."""
        return {"score": vars(self.score), "state": self.state, "least": self._least}

    @classmethod
    def loaded(cls, saved: dict[str, Any]) -> Kept:
        """From `saved`."""
        return cls(Score(**saved["score"]), saved["least"], saved["state"])
