"""The classifier's input: its geometry, and the arrays for one photo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import DTypeLike, NDArray
from PIL import Image

from afdcli.constants import CELL, CONTEXT_CHANNELS, GRID_CHANNELS
from afdcli.errors import BackboneError

NEAR = 16  # pixels; see `ViewSpec.near`
CoefficientSource = Literal["file", "view", "none"]
Interpolation = Literal["bicubic", "bilinear", "nearest", "lanczos", "box", "hamming"]
CropMode = Literal["center", "squash", "border"]
Resize = Literal["fast", "exact"]

IMAGENET_MEAN = (0.485, 0.456, 0.406)


@dataclass(frozen=True)
class ViewSpec:
    """How a backbone wants its photos resized and cropped, from timm's data config.

    Attributes:
        height, width: of the classifier's input, pixels.
        interpolation: Pillow's resampling filter.
        crop_pct: the resize target is ``floor(size / crop_pct)``.
        crop_mode: "center" resizes the shorter side to the target, "squash" both sides, "border"
            the longer side; all then crop or pad centrally, as timm does.
        fill: RGB colour of padding in "border" mode, 0 to 255; the other modes pad with black.
        near: a picture that is at most this many pixels larger than the view, in both directions,
            is cropped but not resized, so that its blocks stay whole (the paper's protocol). None
            always resizes, as timm does. Mode "center" only.
        coefficients: "file" for the file's own blocks, pooled into the view's cells; "view" for the
            block DCT of the resized and cropped pixels (the paper's input); "none" for zeros, if
            no module reads them.
        icc: whether to apply colour profiles, see `afdcli.codec.profile`.
        means: False omits the signed means from the grid, for a module that reads only the root
            mean squares. Computing the means is a tenth of the work on a photo.
        resize: "exact" gives timm's pixels bit for bit; "fast" may differ by one grey level, see
            `afdcli.view.quick_resize` and `afdcli.view.resize.reduction`.
    """

    height: int = 224
    width: int = 224
    interpolation: Interpolation = "bicubic"
    crop_pct: float = 0.875
    crop_mode: CropMode = "center"
    fill: tuple[int, int, int] = (124, 116, 104)
    near: int | None = NEAR
    coefficients: CoefficientSource = "file"
    icc: bool = True
    means: bool = True
    resize: Resize = "exact"

    @property
    def filter(self) -> Image.Resampling:
        """Pillow's number of `interpolation`."""
        return Image.Resampling[self.interpolation.upper()]

    @property
    def grid_channels(self) -> int:
        """Number of channels of `View.grid`: 384, or 192 without `means`."""
        return GRID_CHANNELS if self.means else GRID_CHANNELS // 2

    @property
    def arrays(self) -> tuple[tuple[tuple[int, ...], DTypeLike], ...]:
        """(shape, dtype) of the arrays of a `View`, in its order."""
        cells = (-(-self.height // CELL), -(-self.width // CELL))
        return (
            ((self.height, self.width, 3), np.uint8),
            ((self.grid_channels, *cells), np.float16),
            ((CONTEXT_CHANNELS,), np.float32),
        )

    def fits(self, height: int, width: int) -> bool:
        """Whether an oriented picture of *height* x *width* pixels is cropped without resizing."""
        if self.near is None or self.crop_mode != "center":
            return False
        return 0 <= height - self.height <= self.near and 0 <= width - self.width <= self.near


@dataclass(frozen=True)
class View:
    """One photo as the classifier and FDE-Net see it.

    Attributes:
        pixels: (height, width, 3) uint8 RGB, oriented, resized and cropped.
        grid: (GRID_CHANNELS, ceil(height / 8), ceil(width / 8)) float16. Channel
            ``c * 64 + 8 * v + u`` is the area-weighted signed mean of coefficient (v, u) of
            component c over the file's blocks under the cell; ``192 +`` that, the root mean square.
            Without `ViewSpec.means` there are only the 192 root mean squares. Zero for cells
            outside the picture, and in Cb and Cr of a grey picture. Clipped to 2**15; magnitudes
            below 2**-14 are 0.
        file_context: (CONTEXT_CHANNELS,) float32: natural logarithms of the oriented quantisation
            tables, then `CONTEXT_EXTRAS`: 1 if the coefficients are the file's own, log of view
            pixels per stored pixel in y and x, log of the chroma subsampling factor in y and x.
    """

    pixels: NDArray[np.uint8]
    grid: NDArray[np.float16]
    file_context: NDArray[np.float32]


def spec_from_data_config(config: Mapping[str, Any]) -> ViewSpec:
    """The view that a timm data config asks for.

    Args:
        config: as returned by ``timm.data.resolve_model_data_config``. Uses ``input_size``,
            ``interpolation``, ``crop_pct``, ``crop_mode`` and ``mean`` (the colour of borders).
            Missing entries take the defaults of ``timm.data.create_transform``.

    Raises:
        BackboneError: the input is not RGB, or the interpolation or crop mode is unknown.
    """
    channels, height, width = config.get("input_size") or (3, 224, 224)
    interpolation: Any = config.get("interpolation") or "bilinear"
    crop_mode: Any = config.get("crop_mode") or "center"
    if channels != 3:
        raise BackboneError(
            f"the classifier takes {channels} input channels; afd supports RGB, 3 channels"
        )
    for what, value, kinds in (
        ("interpolation", interpolation, get_args(Interpolation)),
        ("crop mode", crop_mode, get_args(CropMode)),
    ):
        if value not in kinds:
            raise BackboneError(f"unknown {what} {value!r}; choose from {', '.join(kinds)}")
    red, green, blue = (round(255 * value) for value in config.get("mean") or IMAGENET_MEAN)
    return ViewSpec(
        height=int(height),
        width=int(width),
        interpolation=interpolation,
        crop_pct=float(config.get("crop_pct") or 0.875),
        crop_mode=crop_mode,
        fill=(red, green, blue),
    )
