"""Area-weighted pooling of 8x8 DCT blocks into the cells of the view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from afdcli.codec.pixel_dct import Coefficients, Plane
from afdcli.constants import COMPONENTS, FREQUENCIES

#: Largest band of float32 coefficients processed at once, in bytes, so that it stays in the cache.
#: Small bands also waste less: a cell covers two or three rows of blocks, and the matrix product
#: multiplies all other rows of its band by zero.
_BAND = 1 << 16


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

    @cached_property
    def ranges(self) -> tuple[tuple[int, int, int], ...]:
        """(cell, start, stop): the blocks that overlap each cell which has any."""
        covered = self.matrix > 0
        starts = covered.argmax(axis=1)
        stops = covered.shape[1] - covered[:, ::-1].argmax(axis=1)
        cells = np.flatnonzero(covered.any(axis=1))
        return tuple(zip(*(a.tolist() for a in (cells, starts[cells], stops[cells])), strict=True))

    def bands(self, limit: int) -> list[tuple[slice, slice]]:
        """(cells, blocks under them) that are pooled together: about *limit* blocks."""
        bands: list[tuple[slice, slice]] = []
        for cell, start, stop in self.ranges:
            if bands and stop - bands[-1][1].start <= limit:
                cells, blocks = bands[-1]
                bands[-1] = slice(cells.start, cell + 1), slice(blocks.start, stop)
            else:
                bands.append((slice(cell, cell + 1), slice(start, stop)))
        return bands


def weights(cells: NDArray[np.float64], blocks: int, block_size: int) -> Weights:
    """Share of each cell that each block covers, along one axis.

    Args:
        cells: (cells, 2) start and end in pixels, clipped to the picture, so that the part of a
            border block outside the picture does not count.
        blocks: number of blocks.
        block_size: pixels per block.
    """
    return _weights(cells.tobytes(), blocks, block_size)


@lru_cache(maxsize=64)  # pictures often have the same size
def _weights(flat_cells: bytes, blocks: int, block_size: int) -> Weights:
    cells = np.frombuffer(flat_cells).reshape(-1, 2)
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
    shape = (kinds, COMPONENTS, len(y), FREQUENCIES, len(x))
    planes, done = coefficients.planes, 0
    pooled = (np.empty if len(planes) == COMPONENTS else np.zeros)(shape, np.float32)
    for _, alike in groupby(planes, _blocks):  # Cb and Cr have the same, and are pooled together
        group = list(alike)
        rows = weights(y, group[0].levels.shape[0], group[0].block_size[0])
        cols = weights(x, group[0].levels.shape[1], group[0].block_size[1])
        _pool_planes(group, rows, cols, pooled[:, done : done + len(group)])
        done += len(group)
    return np.moveaxis(pooled.reshape(kinds, COMPONENTS, len(y), 8, 8, len(x)), -1, 3)


def _blocks(plane: Plane) -> tuple[tuple[int, ...], tuple[int, int]]:
    return plane.levels.shape, plane.block_size


def _pool_planes(
    planes: Sequence[Plane], rows: Weights, cols: Weights, out: NDArray[np.float32]
) -> None:
    """Pool components with the same blocks into *out* (kinds, components, cells_y, 64, cells_x)."""
    kinds, count, width = len(out), len(planes), cols.last - cols.first
    column = np.zeros((out.shape[2], kinds, count, width, FREQUENCIES), np.float32)
    flat = column.reshape(len(column), -1)
    for cells, blocks in rows.bands(max(1, kinds * _BAND // max(1, flat[:1].nbytes))):
        first = rows.first + blocks.start
        values = np.empty((blocks.stop - blocks.start, *column.shape[1:]), np.float32)
        for i, plane in enumerate(planes):
            levels = plane.levels[first : first + len(values), cols.first : cols.last]
            values[:, 0, i] = levels.reshape(len(values), width, FREQUENCIES)
        np.square(values[:, 0], out=values[:, -1])  # without means, in place
        np.matmul(rows.matrix[cells, blocks], values.reshape(len(values), -1), out=flat[cells])
    # (cells_y, kinds, components, blocks, 64) -> (kinds, components, cells_y, 64, blocks)
    np.matmul(column.transpose(1, 2, 0, 4, 3), cols.matrix.T, out=out)
    np.sqrt(out[-1], out=out[-1])
    # Dequantise after pooling: a few hundred cells instead of every block.
    for i, plane in enumerate(planes):
        out[:, i] *= plane.steps.reshape(FREQUENCIES, 1)
