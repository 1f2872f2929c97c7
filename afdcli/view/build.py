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

#: Number of pixels whose block DCT is computed at once if a file has no coefficients of its own.
_STRIP = 1 << 21

_UPRIGHT = turn(1)


def build_view(photo: Photo, spec: ViewSpec) -> View:
    """Orient, resize and crop *photo* as *spec* says, and do the same to its block grid.

    The grid is pooled over the area under each cell of the stored picture, and oriented afterwards:
    that turns a few hundred cells instead of every block.

    Returns:
        `View`: (height, width, 3) uint8 pixels, float16 grid and float32 file context.
    """
    turned = turn(photo.orientation)
    where = geometry(*turned.pair(photo.height, photo.width), spec)
    pixels = render(photo, turned, where, spec)
    if spec.coefficients == "none":
        cells = (spec.grid_channels, len(where.y.cells), len(where.x.cells))
        return View(pixels, np.zeros(cells, np.float16), np.zeros(CONTEXT_CHANNELS, np.float32))
    if spec.coefficients == "view":
        return View(
            pixels, _grid_of_view(pixels, where, spec.means), np.zeros(CONTEXT_CHANNELS, np.float32)
        )
    y, x = turned.to_stored(where.y.cells, where.x.cells, where.y.picture, where.x.picture)
    coefficients = photo.file_coefficients
    pooled = (
        _pool_pixels(photo.pixels, y, x, spec.means)
        if coefficients is None
        else pool(coefficients, y, x, spec.means)
    )
    return View(pixels, _pack(pooled, turned), _file_context(coefficients, turned, where))


def view_pixels(photo: Photo, spec: ViewSpec) -> NDArray[np.uint8]:
    """`View.pixels` only: (height, width, 3) uint8 RGB."""
    turned = turn(photo.orientation)
    where = geometry(*turned.pair(photo.height, photo.width), spec)
    return render(photo, turned, where, spec)


def _grid_of_view(pixels: NDArray[np.uint8], where: Geometry, means: bool) -> NDArray[np.float16]:
    """Grid from the block DCT of the view's own pixels; cells without picture are zero."""
    height, width = pixels.shape[:2]
    unresized = ViewSpec(height, width, crop_pct=1.0, crop_mode="squash")
    itself = geometry(height, width, unresized)
    y, x = itself.y.cells, itself.x.cells
    for cells, axis in ((y, where.y), (x, where.x)):
        empty = axis.cells[:, 0] == axis.cells[:, 1]
        cells[empty] = 0.0
    return _pack(pool(pixel_coefficients(pixels), y, x, means), _UPRIGHT)


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


def _pack(pooled: NDArray[np.float32], turned: Turn) -> NDArray[np.float16]:
    """Pooled (kinds, 3, rows, cols, 8, 8) of the stored picture -> `View.grid`, oriented."""
    kinds, (height, width) = len(pooled), turned.pair(*pooled.shape[2:4])
    grid = np.empty((kinds, COMPONENTS, 8, 8, height, width), np.float16)
    for kind, orient in enumerate((turned.blocks, turned.magnitudes)[-kinds:]):
        for c in range(COMPONENTS):
            grid[kind, c] = _half(orient(pooled[kind, c]).transpose(2, 3, 0, 1))
    return grid.reshape(-1, height, width)


def _half(values: NDArray[np.float32]) -> NDArray[np.float16]:
    """*values* as float16, clipped to 2**15, rounded to nearest, ties to even.

    Like ``clip`` and ``astype``, except that magnitudes below 2**-14 become 0. numpy converts in
    software, one number at a time, and is very slow if the result is subnormal: 2 to 40 ms for a
    grid, where this takes 1 ms.
    """
    bits = np.clip(values, -_LIMIT, _LIMIT, order="C").view(np.uint32)
    size = bits & np.uint32(0x7FFF_FFFF)
    normal = size >= np.uint32(113 << 23)
    size += (size >> np.uint32(13)) & np.uint32(1)
    size += np.uint32(0xFFF)
    size -= np.uint32(
        112 << 23
    )  # exponent bias 127 -> 15; smaller values wrap around and become 0 below
    half = (size >> np.uint32(13)).astype(np.uint16)
    half *= normal
    half |= (bits >> np.uint32(16)).astype(np.uint16) & np.uint16(0x8000)
    result: NDArray[np.float16] = half.view(np.float16)
    return result


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
