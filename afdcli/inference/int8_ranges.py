"""What a graph in integers must know of its tensors: ranges, and the mean of each channel.

Both are measured on pictures. A range is not from the least to the largest value: what few values
lose by being cut off, all others may gain by finer steps.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afdcli.inference.graphs import onnx_session

_LEVELS = 255  # of 8 bits, zero among them
_SAMPLES = 2048  # values of a tensor that are looked at, per picture
_SHARES = np.linspace(0.2, 1.0, 33)  # of the largest range, tried as range


@dataclass(frozen=True)
class Seen:
    """What went through one tensor.

    Attributes:
        low, high: range in which 8 bits represent its values with the least mean squared error.
        means: (channels,) float64, over pictures and places.
    """

    low: float
    high: float
    means: NDArray[np.float64]


def calibrate(
    model: Any, names: Iterable[str], inputs: Iterable[dict[str, NDArray[Any]]]
) -> dict[str, Seen]:
    """Run *model*, an ``onnx.ModelProto``, and look at the tensors *names*.

    Args:
        names: of tensors (1, C, h, w) in the graph.
        inputs: what the graph takes, picture by picture.
    """
    import onnx

    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    names = list(dict.fromkeys(names))
    del watched.graph.output[:]
    watched.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    session = onnx_session(watched.SerializeToString())
    gathered = {name: _Gathered() for name in names}
    rng = np.random.default_rng(0)
    for feed in inputs:
        for name, values in zip(names, session.run(names, feed), strict=True):
            gathered[name].add(values, rng)
    return {name: found.seen() for name, found in gathered.items()}


class _Gathered:
    """One tensor, picture by picture."""

    def __init__(self) -> None:
        self._samples: list[NDArray[np.float32]] = []
        self._means: list[NDArray[np.float64]] = []
        self._low = self._high = 0.0  # zero, which pads pictures, must be among the levels

    def add(self, values: NDArray[np.float32], rng: np.random.Generator) -> None:
        """Look at *values* (1, C, h, w)."""
        self._samples.append(values.ravel()[rng.integers(0, values.size, _SAMPLES)])
        self._means.append(values.mean((0, 2, 3), dtype=np.float64))
        self._low = min(self._low, float(values.min()))
        self._high = max(self._high, float(values.max()))

    def seen(self) -> Seen:
        values = np.concatenate(self._samples)
        errors = [
            np.square(_rounded(values, share * self._low, share * self._high) - values).sum()
            for share in _SHARES
        ]
        best = float(_SHARES[np.argmin(errors)])
        return Seen(best * self._low, best * self._high, np.mean(self._means, 0))


def _rounded(values: NDArray[np.float32], low: float, high: float) -> NDArray[np.float32]:
    """*values* as 8 bits between *low* and *high* know them."""
    step = (high - low) / _LEVELS or 1.0
    zero = round(-low / step)
    levels = np.clip(np.rint(values / step) + zero, 0, _LEVELS)
    rounded: NDArray[np.float32] = ((levels - zero) * step).astype(np.float32)
    return rounded
