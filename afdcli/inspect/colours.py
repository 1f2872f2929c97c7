"""Numbers as colours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Nine evenly spaced colours of viridis, whose lightness rises evenly with the number: readable
#: in grey and by the colour-blind (S. van der Walt and N. Smith, CC0, https://bids.github.io/colormap).
_VIRIDIS = np.array(
    [
        (0x44, 0x01, 0x54),
        (0x47, 0x2D, 0x7B),
        (0x3B, 0x52, 0x8B),
        (0x2C, 0x72, 0x8E),
        (0x21, 0x91, 0x8C),
        (0x28, 0xAE, 0x80),
        (0x5E, 0xC9, 0x62),
        (0xAD, 0xDC, 0x30),
        (0xFD, 0xE7, 0x25),
    ],
    dtype=np.float64,
)


def viridis(shares: NDArray[Any]) -> NDArray[np.uint8]:
    """Colours (..., 3) uint8 of *shares* 0 to 1; what lies outside takes the end's colour."""
    places = np.linspace(0, 1, len(_VIRIDIS))
    channels = [np.interp(shares, places, _VIRIDIS[:, c]) for c in range(3)]
    colours: NDArray[np.uint8] = np.rint(np.stack(channels, axis=-1)).astype(np.uint8)
    return colours


@dataclass(frozen=True)
class Scale:
    """From numbers to colours and to the labels of a colour bar.

    Attributes:
        low, high: numbers at the two ends.
        ticks: numbers that the bar names, with their names.
        log: True for a logarithmic scale.
    """

    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]
    log: bool = False

    def shares(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Place of *values* on the scale, 0 to 1."""
        values = np.asarray(values, dtype=np.float64)
        low, high = self.low, self.high
        if self.log:
            values = np.log(np.maximum(values, low))
            low, high = float(np.log(low)), float(np.log(high))
        shares: NDArray[np.float64] = np.clip((values - low) / (high - low), 0.0, 1.0)
        return shares

    def colours(self, values: NDArray[Any]) -> NDArray[np.uint8]:
        """Colours (..., 3) uint8 of *values*."""
        return viridis(self.shares(values))


def degrees(largest: float) -> Scale:
    """0° to a round number not below *largest*: files of like drift share a scale."""
    high = next(n for n in (1, 2, 5, 10, 20, 40, 90, 180) if n >= min(largest, 180.0))
    ticks = tuple((high * k / 4, f"{high * k / 4:g}°") for k in range(5))
    return Scale(0.0, float(high), ticks)


#: Share of an open gate.
GATE = Scale(0.0, 1.0, ((0.0, "0 shut"), (0.5, "0.5"), (1.0, "1 open")))
#: Multiples of the table of quality factor 50, named by their quality factor.
STEPS = Scale(
    0.1,
    10.0,
    ((0.1, "QF 95"), (0.4, "80"), (1.0, "50"), (2.0, "25"), (5.0, "10"), (10.0, "5")),
    log=True,
)
#: Root of AC energy, or of one coefficient's; 1 and below look alike.
ENERGY = Scale(1.0, 1000.0, ((1.0, "1"), (10.0, "10"), (100.0, "100"), (1000.0, "1000")), log=True)
#: Quantisation steps.
TABLE = Scale(1.0, 255.0, ((1.0, "1"), (10.0, "10"), (100.0, "100")), log=True)
