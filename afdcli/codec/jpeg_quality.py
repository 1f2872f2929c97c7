"""Estimate the quality factor of a JPEG from its quantisation tables.

The Independent JPEG Group's scale: quality q (1 to 100) multiplies the two example tables of
ITU-T T.81 annex K by ``50 / q`` below 50 and by ``2 - q / 50`` from 50 on, rounds, and clips to
1..255 (``jpeg_quality_scaling`` and ``jpeg_add_quant_table`` in libjpeg's jcparam.c).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: T.81 table K.1, (8, 8) int64, natural order ``[v, u]``.
LUMA = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
)
#: T.81 table K.2, same shape and order.
CHROMA = np.full((8, 8), 99)
CHROMA[:4, :4] = [[17, 18, 24, 47], [18, 21, 26, 66], [24, 26, 56, 99], [47, 66, 99, 99]]


def standard_tables(quality: int) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """The luma and chroma tables that libjpeg writes, (8, 8) uint16 with values 1 to 255.

    Raises:
        ValueError: *quality* is not a quality factor, 1 to 100.
    """
    if not 1 <= quality <= 100:
        raise ValueError(f"quality factor {quality}: must be 1 to 100")
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    luma, chroma = (
        np.clip((table * percent + 50) // 100, 1, 255).astype(np.uint16) for table in (LUMA, CHROMA)
    )
    return luma, chroma


def estimate_quality(luma: NDArray[Any], chroma: NDArray[Any] | None = None) -> float:
    """Quality factor, 1.0 to 100.0, of a pair of (8, 8) quantisation tables.

    Exact for the tables of `standard_tables`. For other tables it is the factor whose unrounded
    tables are nearest in the least-squares sense, rounded to tenths.

    Args:
        luma: table of the first component.
        chroma: table of the second component; None for a grey, RGB-coded or CMYK picture.
    """
    tables = luma[None] if chroma is None else np.stack([luma, chroma])
    count = len(tables)
    if found := _standard(count).get(tables.astype(np.uint16).tobytes()):
        return float(found)
    steps, base = tables.ravel(), np.stack([LUMA, CHROMA])[:count].ravel()
    # Entries at the ends of the 8-bit range may be clipped and then say little about the scale.
    free = (steps > 1) & (steps != 255)
    if free.any():
        steps, base = steps[free], base[free]
    scale = float(steps @ base.astype(np.float64)) / float(base @ base)
    quality = 50 / scale if scale > 1 else 100 - 50 * scale
    return round(min(max(quality, 1.0), 100.0), 1)


@cache
def _standard(count: int) -> dict[bytes, int]:
    """Quality factor by the bytes of the first *count* of its tables."""
    tables = {quality: np.stack(standard_tables(quality)) for quality in range(1, 101)}
    return {both[:count].tobytes(): quality for quality, both in tables.items()}
