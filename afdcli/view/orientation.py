"""EXIF orientation of pixels, of intervals along an axis, and of 8x8 DCT blocks.

The orientation, 1 to 8, says how to turn the stored picture upright (Exif 2.32, tag 0x0112). Each
is an optional transposition followed by an optional flip along each axis. Flipping pixels along x
reverses the order of the blocks and negates their coefficients of odd horizontal frequency. A
transposition swaps rows with columns and v with u.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Number = TypeVar("Number", bound=np.number[Any])
Value = TypeVar("Value")


@dataclass(frozen=True)
class Turn:
    """An EXIF orientation: transpose first, then flip along the axes of the transposed picture.

    Attributes:
        method: Pillow's name for all of it; None for a picture that is upright.
    """

    transpose: bool
    flip_y: bool
    flip_x: bool
    method: Image.Transpose | None = None

    def pair(self, y: Value, x: Value) -> tuple[Value, Value]:
        """Oriented (y, x) from stored (y, x), e.g. (height, width) or scale factors."""
        return (x, y) if self.transpose else (y, x)

    def pixels(self, stored: NDArray[Number]) -> NDArray[Number]:
        """Stored pixels (height, width, ...) oriented, as a numpy view without a copy."""
        turned = stored.swapaxes(0, 1) if self.transpose else stored
        return turned[:: -1 if self.flip_y else 1, :: -1 if self.flip_x else 1]

    def image(self, stored: Image.Image) -> Image.Image:
        """The oriented picture. Pillow transposes large pictures three times as fast as numpy."""
        return stored if self.method is None else stored.transpose(self.method)

    def blocks(self, stored: NDArray[Number]) -> NDArray[Number]:
        """Coefficient blocks (..., rows, cols, 8, 8), order ``[v, u]``, of the oriented picture.

        Exact if the stored sides are multiples of the block size. Copies only if there is a flip.
        """
        turned = self.magnitudes(stored)
        if self.flip_y or self.flip_x:
            turned = turned * self._signs.astype(stored.dtype)
        return turned

    def magnitudes(self, stored: NDArray[Number]) -> NDArray[Number]:
        """As `blocks`, for values without a sign such as root mean squares; no copy."""
        turned = stored.swapaxes(-4, -3).swapaxes(-2, -1) if self.transpose else stored
        return turned[..., :: -1 if self.flip_y else 1, :: -1 if self.flip_x else 1, :, :]

    def table(self, stored: NDArray[Number]) -> NDArray[Number]:
        """Quantisation table (8, 8) [v, u] of the oriented blocks."""
        return stored.T if self.transpose else stored

    def to_stored(
        self, y: NDArray[np.float64], x: NDArray[np.float64], height: int, width: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Convert intervals along the oriented axes to the stored axes, in stored order.

        Args:
            y, x: (cells, 2) starts and ends, in pixels of the oriented picture.
            height, width: of the oriented picture.
        """
        y = (height - y)[::-1, ::-1] if self.flip_y else y
        x = (width - x)[::-1, ::-1] if self.flip_x else x
        return self.pair(y, x)

    @property
    def _signs(self) -> NDArray[np.int16]:
        """(8, 8) of 1 and -1: how the flips change the sign of each frequency."""
        odd = 1 - 2 * (np.arange(8, dtype=np.int16) % 2)
        even = np.ones(8, dtype=np.int16)
        return np.outer(odd if self.flip_y else even, odd if self.flip_x else even)


_TURNS = (
    Turn(False, False, False),
    Turn(False, False, True, Image.Transpose.FLIP_LEFT_RIGHT),
    Turn(False, True, True, Image.Transpose.ROTATE_180),
    Turn(False, True, False, Image.Transpose.FLIP_TOP_BOTTOM),
    Turn(True, False, False, Image.Transpose.TRANSPOSE),
    Turn(True, False, True, Image.Transpose.ROTATE_270),
    Turn(True, True, True, Image.Transpose.TRANSVERSE),
    Turn(True, True, False, Image.Transpose.ROTATE_90),
)


def turn(orientation: int) -> Turn:
    """The `Turn` of EXIF *orientation*, 1 to 8."""
    return _TURNS[orientation - 1]
