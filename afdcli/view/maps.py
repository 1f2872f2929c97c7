"""Maps for people to look at, one value per grid cell: what compression did where."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from afdcli.codec.jpeg_quality import LUMA
from afdcli.constants import COMPONENTS, CONTEXT_EXTRAS, FREQUENCIES
from afdcli.view.spec import View

_SIGNED = COMPONENTS * FREQUENCIES

#: A view may be transposed, so the table is made symmetric.
_TABLE = np.sqrt(LUMA * LUMA.T.astype(np.float64)).reshape(FREQUENCIES, 1, 1)
_NOISE = 1.5  # RMS of the noise from rounding to 8-bit pixels and saving again
_CLIPPED = 230.0  # steps end at 255: larger bounds all count as the coarsest
_COARSEST = 50.0  # the table at quality factor 1


def dct_angle_map(view_a: View, view_b: View) -> NDArray[np.float32]:
    """DCT angle between two views of one picture, cell by cell (AFD, arXiv 2401.01724, Fig. 4).

    Returns:
        (gh, gw) float32 degrees, 0 to 180, between the 192-vectors of signed mean coefficients;
        0 if either vector is zero.
    """
    a, b = (view.grid[:_SIGNED].astype(np.float64) for view in (view_a, view_b))
    size_a, size_b = np.linalg.norm(a, axis=0), np.linalg.norm(b, axis=0)
    known = (size_a > 0) & (size_b > 0)
    a, b = a / np.where(known, size_a, 1.0), b / np.where(known, size_b, 1.0)
    # Kahan's formula: accurate for small angles, unlike the arc cosine.
    angle = 2 * np.arctan2(np.linalg.norm(a - b, axis=0), np.linalg.norm(a + b, axis=0))
    return np.where(known, np.degrees(angle), 0.0).astype(np.float32)


def step_map(view: View) -> NDArray[np.float32]:
    """Coarsest luma quantisation that each cell has ever seen, estimated from one view.

    A coefficient that was once quantised with step q is now 0 or at least about q. So for an AC
    frequency that is not 0 everywhere, the root of the sum of squares over the blocks under a cell
    is an upper bound of its step. The bound is expressed as a multiple of the luminance table of
    ITU-T T.81 annex K (1 is quality factor 50, 10 is QF 5, 0.1 is QF 95); the map is the median
    over all such frequencies. Fine quantisation leaves many weak frequencies, hence a low value, in
    textures, gradients and blur alike. Coarse quantisation leaves few, strong ones, even if the
    picture was later saved at a high quality, which hides it from the file's own tables.

    Returns:
        (gh, gw) float32, 0 to 50; 0 if no AC frequency is present: outside the picture, in
        flat drawings, and in blocks reduced to their mean.
    """
    rms = view.grid[_SIGNED : _SIGNED + FREQUENCIES].astype(np.float64)
    extras = dict(
        zip(CONTEXT_EXTRAS, view.file_context[-len(CONTEXT_EXTRAS) :].tolist(), strict=True)
    )
    blocks = max(1.0, float(np.exp(-extras["log_scale_y"] - extras["log_scale_x"])))
    steps = np.exp(view.file_context[:FREQUENCIES].astype(np.float64)).reshape(FREQUENCIES, 1, 1)
    bound = rms * np.sqrt(blocks)
    present = (rms > _NOISE) & (bound > 0.9 * steps)
    present[0] = False  # the mean says nothing about quantisation
    multiple = np.where(bound < _CLIPPED, np.minimum(bound / _TABLE, _COARSEST), _COARSEST)
    count = present.sum(axis=0)
    ranked = np.sort(np.where(present, multiple, np.inf), axis=0)
    low, high = np.maximum(count - 1, 0) // 2, count // 2
    pair = np.take_along_axis(ranked, np.stack([low, high]), axis=0)
    return np.where(count > 0, pair.mean(axis=0), 0.0).astype(np.float32)
