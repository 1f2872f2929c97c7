"""Area-weighted pooling of 8x8 DCT blocks into the cells of the view."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from afdcli.codec.dct import Coefficients, Plane
from afdcli.constants import COMPONENTS, FREQUENCIES

#: Largest band of float32 coefficients worked on at once, in bytes. It stays in a core's cache, and
#: a small photo takes a few: a cell lies over two or three rows of blocks, and the product of
#: matrices multiplies the others of its band by zero.
_BAND = 1 << 18


@dataclass(frozen=True)
class Weights:
    """How much each block along one axis counts in each cell.

    Attributes:
        first: index of the first block that any cell touches.
        matrix: (cells, blocks) float32 for blocks ``first, first + 1, ...``; each row sums to 1,
            or is zero where no block lies under the cell.
    """

    first: int
    matrix: NDArray[np.float32]

    @property
    def last(self) -> int:
        """Index of the last block that any cell touches, + 1."""
        return self.first + len(self.matrix.T)


def weights(cells: NDArray[np.float64], blocks: int, block_size: int) -> Weights:
    """Shares of overlap of *blocks* blocks of *block_size* pixels with each cell.

    Args:
        cells: (cells, 2) start and end in pixels, already clipped to the picture, so that the
            part of a border block that lies outside of the picture does not count.
    """
    start, end = cells[:, :1], cells[:, 1:]
    filled = cells[cells[:, 1] > cells[:, 0]]
    if not filled.size:
        return Weights(0, np.zeros((len(cells), 0), dtype=np.float32))
    first = min(int(filled[:, 0].min() // block_size), blocks)
    last = max(first, min(int(-(-filled[:, 1].max() // block_size)), blocks))
    edges = np.arange(first, last + 1) * block_size
    overlap = np.minimum(end, edges[1:]) - np.maximum(start, edges[:-1])
    overlap = np.maximum(overlap, 0.0)
    total = overlap.sum(axis=1, keepdims=True)
    share = np.divide(overlap, total, out=np.zeros_like(overlap), where=total > 0)
    return Weights(first, share.astype(np.float32))


def pool(
    coefficients: Coefficients,
    y: NDArray[np.float64],
    x: NDArray[np.float64],
    means: bool = True,
) -> NDArray[np.float32]:
    """Pool all components under the cells *y* x *x*.

    Args:
        y, x: (cells, 2) intervals in pixels of the picture that *coefficients* belong to.
        means: False for the root mean squares alone.

    Returns:
        (2, 3, cells_y, cells_x, 8, 8) float32: area-weighted signed mean, then root mean square,
        of the dequantised coefficients; (1, 3, ...) without *means*. Cb and Cr of a grey picture
        are zero. In memory, the cells of a row lie side by side, as in `View.grid`.
    """
    kinds = 2 if means else 1
    pooled = np.zeros((kinds, COMPONENTS, len(y), FREQUENCIES, len(x)), dtype=np.float32)
    for c, plane in enumerate(coefficients.planes):
        rows = weights(y, plane.levels.shape[0], plane.block_size[0])
        cols = weights(x, plane.levels.shape[1], plane.block_size[1])
        _pool_plane(plane, rows, cols, pooled[:, c])
    return np.moveaxis(pooled.reshape(kinds, COMPONENTS, len(y), 8, 8, len(x)), -1, 3)


def _pool_plane(plane: Plane, rows: Weights, cols: Weights, out: NDArray[np.float32]) -> None:
    """Write what `pool` says of one component into *out* (kinds, cells_y, 64, cells_x)."""
    for cells, blocks in _bands(rows, cols):
        high = slice(rows.first + blocks.start, rows.first + blocks.stop)
        band = plane.levels[high, cols.first : cols.last]
        values = band.astype(np.float32).reshape(len(band), -1)
        share = rows.matrix[cells, blocks]
        for kind in range(len(out)):
            if kind == len(out) - 1:  # the root mean squares come last
                np.square(values, out=values)
            column = (share @ values).reshape(len(share), -1, FREQUENCIES)
            np.matmul(column.swapaxes(1, 2), cols.matrix.T, out=out[kind, cells])
    np.sqrt(out[-1], out=out[-1])
    # One step per frequency: it may be applied to a few hundred cells instead of every block.
    out *= plane.steps.reshape(FREQUENCIES, 1)


def _bands(rows: Weights, cols: Weights) -> list[tuple[slice, slice]]:
    """Rows of cells that are pooled together, each with the rows of blocks under them."""
    limit = max(1, _BAND // (4 * FREQUENCIES * max(1, cols.matrix.shape[1])))
    bands: list[tuple[slice, slice]] = []
    touched = rows.matrix > 0
    starts = touched.argmax(axis=1)
    stops = touched.shape[1] - touched[:, ::-1].argmax(axis=1)
    for cell in np.flatnonzero(touched.any(axis=1)).tolist():
        start, stop = int(starts[cell]), int(stops[cell])
        if bands and stop - bands[-1][1].start <= limit:
            cells, blocks = bands[-1]
            bands[-1] = slice(cells.start, cell + 1), slice(blocks.start, stop)
        else:
            bands.append((slice(cell, cell + 1), slice(start, stop)))
    return bands
