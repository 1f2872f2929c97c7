"""Maps, one value per grid cell, for people to look at: what compression did where."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from afdcli.codec.jpeg_quality import LUMA
from afdcli.constants import COMPONENTS, CONTEXT_EXTRAS, FREQUENCIES
from afdcli.view.spec import View

_SIGNED = COMPONENTS * FREQUENCIES

#: A view may be transposed, so the two directions share one table.
_TABLE = np.sqrt(LUMA * LUMA.T.astype(np.float64)).reshape(FREQUENCIES, 1, 1)
_NOISE = 1.5  # root mean square that rounding to 8-bit pixels and saving again may leave behind
_CLIPPED = 230.0  # steps end at 255: a value this large is as good as any coarser one
_COARSEST = 50.0  # the table at quality factor 1


def dct_angle_map(view_a: View, view_b: View) -> NDArray[np.float32]:
    """DCT angle between two views of one picture, cell by cell (AFD, arXiv 2401.01724, Fig. 4).

    Returns:
        (gh, gw) float32 degrees, 0 to 180, between the 192-vectors of signed mean coefficients;
        0 where either is zero.
    """
    a, b = (view.grid[:_SIGNED].astype(np.float64) for view in (view_a, view_b))
    size_a, size_b = np.linalg.norm(a, axis=0), np.linalg.norm(b, axis=0)
    known = (size_a > 0) & (size_b > 0)
    a, b = a / np.where(known, size_a, 1.0), b / np.where(known, size_b, 1.0)
    # Kahan's form: exact for small angles, where the arc cosine is not.
    angle = 2 * np.arctan2(np.linalg.norm(a - b, axis=0), np.linalg.norm(a + b, axis=0))
    return np.where(known, np.degrees(angle), 0.0).astype(np.float32)


def step_map(view: View) -> NDArray[np.float32]:
    """How coarsely each cell's luma has ever been quantised, judged from one view alone.

    A coefficient that was once quantised with step q is now 0 or at least about q. So over the n
    blocks under a cell, the root of the sum of squares of an AC frequency that is present at all
    bounds its step from above. Each present frequency gives its bound as a multiple of the
    luminance table of ITU-T T.81 annex K (1 is quality factor 50, 10 is QF 5, 0.1 is QF 95); the
    map is their median. Fine quantisation leaves many weak frequencies, hence a low value, in
    textures, gradients and blur alike. Coarse quantisation leaves few and strong ones, also when
    the pixels were since saved at a high quality, which hides it from the file's own tables.

    Returns:
        (gh, gw) float32, 0 to 50; 0 where no AC frequency is present, so that there is nothing to
        tell: outside of the picture, in flat drawings, and in blocks reduced to their mean.
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
