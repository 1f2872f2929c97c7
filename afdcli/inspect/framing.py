"""What the classifier's view shows of a picture: scale, crop and padding."""

from __future__ import annotations

from dataclasses import dataclass

from afdcli.view.geometry import Geometry


@dataclass(frozen=True)
class Framing:
    """The view's frame.

    Attributes:
        scale: (y, x) view pixels per picture pixel.
        origin: (y, x) of the view's corner in the resized picture, negative where it is padded.
        box: (top, left, bottom, right) of what is shown, in pixels of the upright picture.
        share: of the picture's area that the view shows, 0 to 1.
        padding: share of the view's area that shows no picture, 0 to 1.
    """

    scale: tuple[float, float]
    origin: tuple[int, int]
    box: tuple[float, float, float, float]
    share: float
    padding: float


def framing(where: Geometry) -> Framing:
    """The frame of a picture with geometry *where*."""
    axes = (where.y, where.x)
    scales = [axis.resized / axis.picture for axis in axes]
    spans = [
        (axis.shown[0] / scale, axis.shown[1] / scale)
        for axis, scale in zip(axes, scales, strict=True)
    ]
    (top, bottom), (left, right) = spans
    filled = [(axis.shown[1] - axis.shown[0]) / axis.view for axis in axes]
    return Framing(
        scale=(scales[0], scales[1]),
        origin=(where.y.offset, where.x.offset),
        box=(top, left, bottom, right),
        share=(bottom - top) * (right - left) / (where.y.picture * where.x.picture),
        padding=1 - filled[0] * filled[1],
    )
