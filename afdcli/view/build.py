"""Photo -> View: the classifier's pixels and the block grid aligned with them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from afdcli.codec.photo import Photo
from afdcli.codec.pixel_dct import Coefficients, pixel_coefficients
from afdcli.constants import COMPONENTS, CONTEXT_CHANNELS, FREQUENCIES
from afdcli.view.geometry import Geometry, geometry
from afdcli.view.grid import pool
from afdcli.view.orientation import Turn, turn
from afdcli.view.resize import render
from afdcli.view.spec import View, ViewSpec

#: Grid values are clipped to this. No 8-bit JPEG exceeds it, and float16 can hold it.
_LIMIT = 2.0**15

#: Added to the bits of a float32 before they are shifted: nearly half of float16's last place, and
#: the exponent's bias from 127 to 15.
_REBIAS = np.uint32((0xFFF - (112 << 23)) % 2**32)

#: Number of pixels whose block DCT is computed at once if a file has no coefficients of its own.
_STRIP = 1 << 21

_UPRIGHT = turn(1)


def build_view(photo: Photo, spec: ViewSpec, into: View | None = None) -> View:
    """Orient, resize and crop *photo* as *spec* says, and do the same to its block grid.

    The grid is pooled over the area under each cell of the stored picture, and oriented afterwards:
    that turns a few hundred cells instead of every block.

    Args:
        into: arrays to write to, such as a slot in shared memory; None for new ones.

    Returns:
        `View`: (height, width, 3) uint8 pixels, float16 grid and float32 file context.
    """
    turned = turn(photo.orientation)
    where = geometry(*turned.pair(photo.height, photo.width), spec)
    view = into or View(*(np.empty(*field) for field in spec.arrays))
    view.pixels[:] = render(photo, turned, where, spec)
    coefficients = photo.file_coefficients
    if spec.coefficients == "file":
        y, x = turned.to_stored(where.y.cells, where.x.cells, where.y.picture, where.x.picture)
        pooled = (
            _pool_pixels(photo.pixels, y, x, spec.means)
            if coefficients is None
            else pool(coefficients, y, x, spec.means)
        )
        _pack(pooled, turned, view.grid)
        view.file_context[:] = _file_context(coefficients, turned, where)
        return view
    view.file_context[:] = 0
    if spec.coefficients == "none":
        view.grid[:] = 0
    else:
        _pack(_pool_view(view.pixels, where, spec.means), _UPRIGHT, view.grid)
    return view


def view_pixels(photo: Photo, spec: ViewSpec) -> NDArray[np.uint8]:
    """`View.pixels` only: (height, width, 3) uint8 RGB."""
    turned = turn(photo.orientation)
    where = geometry(*turned.pair(photo.height, photo.width), spec)
    return np.array(render(photo, turned, where, spec))


def _pool_view(pixels: NDArray[np.uint8], where: Geometry, means: bool) -> NDArray[np.float32]:
    """`grid.pool` of the block DCT of the view's own pixels; cells without picture are zero."""
    height, width = pixels.shape[:2]
    unresized = ViewSpec(height, width, crop_pct=1.0, crop_mode="squash")
    itself = geometry(height, width, unresized)
    y, x = itself.y.cells.copy(), itself.x.cells.copy()
    for cells, axis in ((y, where.y), (x, where.x)):
        empty = axis.cells[:, 0] == axis.cells[:, 1]
        cells[empty] = 0.0
    return pool(pixel_coefficients(pixels), y, x, means)


def _pool_pixels(
    pixels: NDArray[np.uint8], y: NDArray[np.float64], x: NDArray[np.float64], means: bool
) -> NDArray[np.float32]:
    """`grid.pool` of the block DCT of *pixels* (H, W, 3), computed only under the cells.

    Works in strips of cells, so that memory does not grow with the picture.
    """
    left, right = _aligned(x)
    per_strip = max(1, _STRIP // max(1, right - left))
    pooled = np.zeros((2 if means else 1, COMPONENTS, len(y), len(x), 8, 8), np.float32)
    start = 0
    while start < len(y):
        stop = start + 1
        while stop < len(y) and y[stop, 1] - y[start, 0] <= per_strip:
            stop += 1
        top, bottom = _aligned(y[start:stop])
        region = pixels[top:bottom, left:right]
        if region.size:
            computed = pixel_coefficients(region)
            pooled[:, :, start:stop] = pool(computed, y[start:stop] - top, x - left, means)
        start = stop
    return pooled


def _aligned(cells: NDArray[np.float64]) -> tuple[int, int]:
    """Range of pixels under the cells (end exclusive), widened to whole blocks; (0, 0) if empty."""
    filled = cells[cells[:, 1] > cells[:, 0]]
    if not filled.size:
        return 0, 0
    return int(filled[:, 0].min() // 8) * 8, int(-(-filled[:, 1].max() // 8)) * 8


def _pack(pooled: NDArray[np.float32], turned: Turn, grid: NDArray[np.float16]) -> None:
    """Pooled (kinds, 3, rows, cols, 8, 8) of the stored picture -> *grid* of the view, oriented."""
    kinds = len(pooled)
    halves = grid.view(np.uint16).reshape(kinds, COMPONENTS, 8, 8, *grid.shape[1:])
    for kind, orient in enumerate((turned.blocks, turned.magnitudes)[-kinds:]):
        for c in range(COMPONENTS):
            oriented = orient(pooled[kind, c]).transpose(2, 3, 0, 1)
            _write_half(oriented, halves[kind, c], signed=kind < kinds - 1)


def _write_half(values: NDArray[np.float32], out: NDArray[np.uint16], signed: bool) -> None:
    """Write the float16 bits of *values* to *out*; changes *values*.

    Clipped to 2**15 and rounded to nearest, ties to even. Like ``clip`` and ``astype``, except that
    magnitudes below 2**-14 become 0. numpy converts in software, one number at a time, and is very
    slow if the result is subnormal: 2 to 40 ms for a grid, where this takes 0.3 ms.
    """
    if signed:
        sign = (values.view(np.uint32) >> np.uint32(16)).astype(np.uint16) & np.uint16(0x8000)
        np.abs(values, out=values)
    np.clip(values, 2.0**-15, _LIMIT, out=values)  # whose float16 exponents are 0 and 30
    bits = values.view(np.uint32)
    rounding = bits >> np.uint32(13)
    rounding &= np.uint32(1)
    rounding += _REBIAS
    bits += rounding
    bits >>= np.uint32(13)
    out[:] = bits
    out *= out >= np.uint16(1 << 10)
    if signed:
        out |= sign


def _file_context(
    coefficients: Coefficients | None, turned: Turn, where: Geometry
) -> NDArray[np.float32]:
    """`View.file_context`; without file coefficients all steps are 1, so their logarithms are 0."""
    steps = np.ones((COMPONENTS, 8, 8), np.float32)
    chroma = (1.0, 1.0)
    planes = () if coefficients is None else coefficients.planes
    for c, plane in enumerate(planes):
        steps[c] = turned.table(plane.steps)
    if len(planes) == COMPONENTS:
        luma, blue = planes[0].block_size, planes[1].block_size
        chroma = turned.pair(blue[0] / luma[0], blue[1] / luma[1])
    file_context = np.empty(CONTEXT_CHANNELS, np.float32)
    tables = COMPONENTS * FREQUENCIES
    file_context[:tables] = np.log(np.maximum(steps, 1.0)).ravel()
    exact = coefficients is not None and coefficients.exact
    file_context[tables:] = (exact, where.y.log_scale, where.x.log_scale, *np.log(chroma))
    return file_context
