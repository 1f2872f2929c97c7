"""Energy of a picture's luma over the 64 frequencies of the 8x8 DCT."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from afdcli.codec.dct import pixel_coefficients
from afdcli.codec.photo import Photo

_STRIP = 1 << 20  # pixels whose coefficients are held at once
_RANK = np.add.outer(np.arange(8), np.arange(8))  # v + u
_NOTHING = 0.01  # root mean square that float32 arithmetic may leave in a flat picture
_MIDDLE, _HIGH = 4, 8  # ranks at which the middle and the high band begin


@dataclass(frozen=True)
class Spectrum:
    """Root mean square of the luma coefficients over all blocks.

    Attributes:
        rms: (8, 8) float64, ``[v, u]``, JPEG scale, of the stored picture.
    """

    rms: NDArray[np.float64]

    @property
    def bands(self) -> tuple[float, float, float] | None:
        """Shares of the AC energy with v + u of 1 to 3, 4 to 7, 8 to 14; None without any."""
        energy = np.where((_RANK > 0) & (self.rms > _NOTHING), self.rms**2, 0.0)
        if not energy.any():
            return None
        low, high = energy[_RANK < _MIDDLE], energy[_RANK >= _HIGH]
        middle = energy[(_RANK >= _MIDDLE) & (_RANK < _HIGH)]
        total = energy.sum()
        return float(low.sum() / total), float(middle.sum() / total), float(high.sum() / total)


def spectrum(photo: Photo) -> Spectrum:
    """Of the file's own coefficients, or else of the block DCT of the decoded pixels."""
    energy, blocks = np.zeros((8, 8)), 0
    for strip in _strips(photo):
        energy += np.square(strip).sum(axis=(0, 1), dtype=np.float64)
        blocks += strip.shape[0] * strip.shape[1]
    return Spectrum(np.sqrt(energy / blocks))


def _strips(photo: Photo) -> Iterator[NDArray[np.float32]]:
    """Luma coefficients (rows, cols, 8, 8), a few rows of blocks at a time."""
    rows = max(1, _STRIP // (64 * -(-photo.width // 8)))
    if photo.file_coefficients is not None:
        plane = photo.file_coefficients.planes[0]
        for top in range(0, len(plane.levels), rows):
            yield plane.levels[top : top + rows].astype(np.float32) * plane.steps
        return
    for top in range(0, photo.height, 8 * rows):
        yield pixel_coefficients(photo.pixels[top : top + 8 * rows]).planes[0].coefficients
