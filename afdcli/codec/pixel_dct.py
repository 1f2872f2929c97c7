"""The 8x8 block DCT of decoded pixels, with the scale and colours of JPEG.

The orthonormal DCT-II of ITU-T T.81 A.3.3: a flat block of level-shifted samples s has a single
non-zero coefficient, 8 s. Colours are BT.601 full range, as JFIF 1.02 defines them
(https://www.w3.org/Graphics/JPEG/jfif3.pdf).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Plane:
    """The 8x8 DCT blocks of one colour component.

    Attributes:
        levels: (rows, cols, 8, 8), natural order ``[v, u]``. int16 quantised levels of a JPEG
            file, or float32 coefficients computed from pixels.
        steps: (8, 8) float32, the quantisation table; all ones if nothing was quantised.
        block_size: (height, width), in pixels of the stored picture, of the area that one block
            covers: (8, 8) for luma, (16, 16) for chroma in 4:2:0.
    """

    levels: NDArray[np.int16] | NDArray[np.float32]
    steps: NDArray[np.float32]
    block_size: tuple[int, int]

    @property
    def coefficients(self) -> NDArray[np.float32]:
        """(rows, cols, 8, 8) float32: ``levels * steps``, JPEG scale (DC = 8 x mean)."""
        return self.levels.astype(np.float32) * self.steps


@dataclass(frozen=True)
class Coefficients:
    """Block coefficients of a picture, on the block grid of its *stored* pixels.

    Attributes:
        planes: (Y,) for grey, else (Y, Cb, Cr) with BT.601 full-range colours, as in JFIF.
        exact: True if they are the file's own, False if computed from decoded pixels.
    """

    planes: tuple[Plane, ...]
    exact: bool


LEVEL_SHIFT = 128.0  # subtracted from luma before the transform; chroma is already centred on 0

#: Rows: the weights of R, G, B in Y, Cb - 128 and Cr - 128.
YCC_FROM_RGB = np.array(
    [
        [0.299, 0.587, 0.114],
        [-0.299 / 1.772, -0.587 / 1.772, 0.886 / 1.772],
        [0.701 / 1.402, -0.587 / 1.402, -0.114 / 1.402],
    ],
    dtype=np.float32,
)


def _dct_matrix() -> NDArray[np.float64]:
    """(8, 8) orthonormal DCT-II matrix: row u is the cosine of frequency u."""
    n = np.arange(8)
    matrix = 0.5 * np.cos((2 * n[None, :] + 1) * n[:, None] * np.pi / 16)
    matrix[0] /= np.sqrt(2)
    return matrix


# One product with a 64x64 matrix transforms a flattened block in both directions. It needs more
# multiplications than two 8x8 products, but BLAS runs it at full speed.
_BLOCK_DCT = np.kron(_dct_matrix(), _dct_matrix()).astype(np.float32)
_BAND = 8  # block rows transformed at a time, so that temporaries stay in the cache


def pixel_coefficients(pixels: NDArray[np.uint8]) -> Coefficients:
    """Block DCT of decoded pixels, chroma at full resolution.

    Args:
        pixels: (height, width, 3) uint8 RGB. Incomplete blocks repeat the last row or column.

    Returns:
        Three planes, (ceil(height / 8), ceil(width / 8), 8, 8) float32 each, with all steps 1 and
        ``exact`` False.
    """
    height, width = pixels.shape[:2]
    rows, cols = -(-height // 8), -(-width // 8)
    if (height, width) != (8 * rows, 8 * cols):
        edges = ((0, 8 * rows - height), (0, 8 * cols - width), (0, 0))
        pixels = np.pad(pixels, edges, mode="edge")
    planes = np.empty((3, rows, cols, 64), np.float32)
    for top in range(0, rows, _BAND):
        band = pixels[8 * top : 8 * (top + _BAND)].reshape(-1, 8, cols, 8, 3)
        # Reordering is fast while the samples are still bytes.
        rgb = np.ascontiguousarray(band.transpose(4, 0, 2, 1, 3)).reshape(3, -1)
        ycc = YCC_FROM_RGB @ rgb.astype(np.float32)
        ycc[0] -= LEVEL_SHIFT
        planes[:, top : top + _BAND] = (ycc.reshape(-1, 64) @ _BLOCK_DCT.T).reshape(3, -1, cols, 64)
    ones = np.ones((8, 8), np.float32)
    return Coefficients(
        planes=tuple(Plane(plane.reshape(rows, cols, 8, 8), ones, (8, 8)) for plane in planes),
        exact=False,
    )
