"""Area-weighted pooling of 8x8 DCT blocks into the cells of the view."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from afdcli.codec.pixel_dct import Coefficients, Plane
from afdcli.constants import COMPONENTS, FREQUENCIES

#: Largest band of float32 coefficients processed at once, in bytes, so that it stays in the cache.
#: Small bands also waste less: a cell covers two or three rows of blocks, and the matrix product
#: multiplies all other rows of its band by zero.
_BAND = 1 << 18


@dataclass(frozen=True)
class Weights:
    """Weight of each block in each cell, along one axis.

    Attributes:
        first: index of the first block that overlaps any cell.
        matrix: (cells, blocks) float32 for blocks ``first, first + 1, ...``; each row sums to 1,
            or is zero if no block overlaps the cell.
    """

    first: int
    matrix: NDArray[np.float32]

    @property
    def last(self) -> int:
        """Index behind the last block that overlaps any cell."""
        return self.first + len(self.matrix.T)


def weights(cells: NDArray[np.float64], blocks: int, block_size: int) -> Weights:
    """Share of each cell that each block covers, along one axis.

    Args:
        cells: (cells, 2) start and end in pixels, clipped to the picture, so that the part of a
            border block outside the picture does not count.
        blocks: number of blocks.
        block_size: pixels per block.
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
    """Pool the blocks of all components into the cells *y* x *x*.

    Args:
        y, x: (cells, 2) start and end in pixels of the picture that *coefficients* come from.
        means: False computes the root mean squares only.

    Returns:
        (2, 3, cells_y, cells_x, 8, 8) float32: area-weighted signed mean, then root mean square,
        of the dequantised coefficients; (1, 3, ...) without *means*. Cb and Cr of a grey picture
        are zero. The columns of cells are contiguous in memory, as in `View.grid`.
    """
    kinds = 2 if means else 1
    pooled = np.zeros((kinds, COMPONENTS, len(y), FREQUENCIES, len(x)), dtype=np.float32)
    for c, plane in enumerate(coefficients.planes):
        rows = weights(y, plane.levels.shape[0], plane.block_size[0])
        cols = weights(x, plane.levels.shape[1], plane.block_size[1])
        _pool_plane(plane, rows, cols, pooled[:, c])
    return np.moveaxis(pooled.reshape(kinds, COMPONENTS, len(y), 8, 8, len(x)), -1, 3)


def _pool_plane(plane: Plane, rows: Weights, cols: Weights, out: NDArray[np.float32]) -> None:
    """Pool one component into *out* (kinds, cells_y, 64, cells_x); kinds as in `pool`."""
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
    # Dequantise after pooling: a few hundred cells instead of every block.
    out *= plane.steps.reshape(FREQUENCIES, 1)


def _bands(rows: Weights, cols: Weights) -> list[tuple[slice, slice]]:
    """(rows of cells, rows of blocks under them) that are pooled together."""
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
