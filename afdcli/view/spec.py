"""What the classifier looks at: the geometry of its input, and the arrays for one photo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from afdcli.constants import GRID_CHANNELS
from afdcli.errors import BackboneError

NEAR = 16  # pixels; see `ViewSpec.near`
Source = Literal["file", "view", "none"]
Interpolation = Literal["bicubic", "bilinear", "nearest", "lanczos", "box", "hamming"]
CropMode = Literal["center", "squash", "border"]

IMAGENET_MEAN = (0.485, 0.456, 0.406)


@dataclass(frozen=True)
class ViewSpec:
    """How a backbone wants its photos resized and cropped; timm's data config, without its maths.

    Attributes:
        height, width: of the classifier's input, pixels.
        interpolation: Pillow's resampling filter.
        crop_pct: the resize target is ``floor(size / crop_pct)``.
        crop_mode: "center" resizes the shorter side to the target, "squash" both sides, "border"
            the longer side; all then crop or pad centrally, as timm does.
        fill: RGB colour of padding in "border" mode, 0 to 255; the other modes pad with black.
        near: a picture that is larger than the view by no more pixels than this, in both
            directions, was made for the classifier: it is cropped, but not resized, so that its
            blocks stay whole (the paper's protocol). None resizes always, as timm does. Mode
            "center" only.
        coefficients: "file" for the file's own block grid carried through the geometry;
            "view" for the block DCT of the resized and cropped pixels (the paper's input);
            "none" for zeros, where no module will read them.
        icc: colour profiles are applied, see `afdcli.codec.profile`.
        means: False leaves the signed means out of the grid, for a module that reads the root mean
            squares alone: to make them is a tenth of the work on a photo.
    """

    height: int = 224
    width: int = 224
    interpolation: Interpolation = "bicubic"
    crop_pct: float = 0.875
    crop_mode: CropMode = "center"
    fill: tuple[int, int, int] = (124, 116, 104)
    near: int | None = NEAR
    coefficients: Source = "file"
    icc: bool = True
    means: bool = True

    @property
    def grid_channels(self) -> int:
        """Of `View.grid`."""
        return GRID_CHANNELS if self.means else GRID_CHANNELS // 2

    def fits(self, height: int, width: int) -> bool:
        """Whether an oriented picture of *height* x *width* pixels is `near` the view."""
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
            Without `ViewSpec.means` only the latter, 192 channels.
            Zero where no picture lies under the cell, and in Cb and Cr of a grey picture. Clipped
            to 2**15; magnitudes below 2**-14 are 0.
        file_context: (CONTEXT_CHANNELS,) float32: natural logarithm of each step (as oriented),
            then `CONTEXT_EXTRAS`: 1 if the coefficients are the file's own, log of view pixels per
            stored pixel in y and x, and log of the chroma subsampling factor in y and x.
    """

    pixels: NDArray[np.uint8]
    grid: NDArray[np.float16]
    file_context: NDArray[np.float32]


def spec_from_data_config(config: Mapping[str, Any]) -> ViewSpec:
    """The view that a timm data config asks for.

    Args:
        config: what ``timm.data.resolve_model_data_config`` returns; of it ``input_size``,
            ``interpolation``, ``crop_pct``, ``crop_mode`` and ``mean`` (the colour of borders).
            Missing entries take the defaults of ``timm.data.create_transform``.

    Raises:
        BackboneError: for an input that is not RGB, or an unknown interpolation or crop mode.
    """
    channels, height, width = config.get("input_size") or (3, 224, 224)
    interpolation: Any = config.get("interpolation") or "bilinear"
    crop_mode: Any = config.get("crop_mode") or "center"
    if channels != 3:
        raise BackboneError(f"the classifier wants {channels} input channels; afd gives it RGB, 3")
    if interpolation not in get_args(Interpolation):
        known = ", ".join(get_args(Interpolation))
        raise BackboneError(f"unknown interpolation {interpolation!r}; afd knows {known}")
    if crop_mode not in get_args(CropMode):
        known = ", ".join(get_args(CropMode))
        raise BackboneError(f"unknown crop mode {crop_mode!r}; afd knows {known}")
    red, green, blue = (round(255 * value) for value in config.get("mean") or IMAGENET_MEAN)
    return ViewSpec(
        height=int(height),
        width=int(width),
        interpolation=interpolation,
        crop_pct=float(config.get("crop_pct") or 0.875),
        crop_mode=crop_mode,
        fill=(red, green, blue),
    )
