"""A small darkroom: a supersampled canvas with masks, paint, relief, shadows and grain.

All positions and sizes are output pixels, x to the right and y down. Masks are float32 arrays
(H * SCALE, W * SCALE) in 0..1; colours are RGB in 0..1. Every random number comes from the seed
of the canvas.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from PIL import Image, ImageDraw

from drawing.colour import Array, Colour, blend, cut
from drawing.shapes import Outline, Point, points, turned

SCALE = 3

LIGHT = np.array((-0.5, -0.6, 0.62), np.float32)  # towards the light: left, above, in front


def blur(field: Array, radius: float) -> Array:
    """Close to a Gaussian blur of deviation *radius* px; wide ones work on a smaller copy."""
    if field.ndim == 3:
        return np.stack([blur(plane, radius) for plane in np.moveaxis(field, -1, 0)], -1)
    step = max(1, int(radius * SCALE / 3))
    height, width = field.shape
    if step > 1:
        size = (max(1, round(width / step)), max(1, round(height / step)))
        field = np.asarray(Image.fromarray(field).resize(size, Image.Resampling.BOX))
    half = max(1, round(radius * SCALE / step))
    for _ in range(2):
        for _ in range(3):
            total = np.cumsum(np.pad(field, ((0, 0), (half + 1, half)), mode="edge"), 1, np.float64)
            field = (total[:, 2 * half + 1 :] - total[:, : -2 * half - 1]) / (2 * half + 1)
        field = np.ascontiguousarray(field.T)
    field = field.astype(np.float32)
    if step > 1:
        field = np.asarray(Image.fromarray(field).resize((width, height), Image.Resampling.BICUBIC))
    return field


def window(mask: Array, margin: float) -> tuple[slice, slice]:
    """The rows and columns where *mask* is not zero, and *margin* px around them."""
    spans = []
    for axis in (1, 0):
        used = np.flatnonzero(mask.any(axis))
        first, last = (int(used[0]), int(used[-1])) if len(used) else (0, 0)
        spans.append(slice(max(0, first - int(margin * SCALE)), last + 1 + int(margin * SCALE)))
    return spans[0], spans[1]


class Canvas:
    """A picture in the making: ``rgb`` (H * SCALE, W * SCALE, 3) float32, ``x`` and ``y`` grids.

    A *margin* (px left and right, px above and below) surrounds the drawn area; the origin stays
    at the corner of the latter.
    """

    def __init__(
        self,
        width: int,
        height: int,
        seed: int,
        colour: Colour = (1, 1, 1),
        margin: tuple[int, int] = (0, 0),
    ) -> None:
        left, top = self.margin = margin
        self.size = (width + 2 * left, height + 2 * top)
        self.shape = (self.size[1] * SCALE, self.size[0] * SCALE)
        self.rng = np.random.default_rng(seed)
        self.rgb = np.ones((*self.shape, 3), np.float32) * np.asarray(colour, np.float32)
        rows, columns = np.indices(self.shape, np.float32)
        self.x, self.y = (columns + 0.5) / SCALE - left, (rows + 0.5) / SCALE - top

    # Masks

    def polygon(self, *outlines: Outline) -> Array:
        """Union of filled polygons."""
        image = Image.new("L", self.shape[::-1])
        pen = ImageDraw.Draw(image)
        for outline in outlines:
            pen.polygon(self._samples(points(outline)).ravel().tolist(), fill=255)
        return np.asarray(image, np.float32) / 255

    def stroke(self, line: Outline, width: float, end: float | None = None) -> Array:
        """A line through its corners with round joints, tapering from *width* to *end* pixels."""
        image = Image.new("L", self.shape[::-1])
        pen = ImageDraw.Draw(image)
        dense = self._samples(points(line))
        steps = np.hypot(*np.diff(dense, axis=0).T)
        reach = np.concatenate([[0], np.cumsum(steps)])
        at = np.linspace(0, reach[-1], max(2, int(reach[-1] / 1.5)))
        radii = np.linspace(width, width if end is None else end, len(at)) * SCALE / 2
        places = zip(
            np.interp(at, reach, dense[:, 0]), np.interp(at, reach, dense[:, 1]), strict=True
        )
        for (x, y), r in zip(places, radii, strict=True):
            pen.ellipse((x - r, y - r, x + r, y + r), fill=255)
        return np.asarray(image, np.float32) / 255

    def ellipse(self, cx: float, cy: float, rx: float, ry: float, turn: float = 0.0) -> Array:
        """A filled ellipse, turned clockwise by *turn* degrees."""
        reach = max(rx, ry) + 1
        box = self._box(cx, cy, reach, reach)
        u, v = turned(self.x[box] - np.float32(cx), self.y[box] - np.float32(cy), turn)
        inside = (1 - np.hypot(u / rx, v / ry)) * min(rx, ry) * SCALE + 0.5
        mask = np.zeros(self.shape, np.float32)
        mask[box] = np.clip(inside, 0, 1)
        return mask

    def dots(self, spots: Iterable[tuple[float, float, float, float]]) -> Array:
        """Union of many upright ellipses (x, y, radius in x, radius in y)."""
        mask = np.zeros(self.shape, np.float32)
        for x, y, rx, ry in spots:
            box = self._box(x, y, rx + 1, ry + 1)
            inside = 1 - np.hypot((self.x[box] - x) / rx, (self.y[box] - y) / ry)
            cover = np.clip(inside * min(rx, ry) * SCALE + 0.5, 0, 1)
            mask[box] = np.maximum(mask[box], cover)
        return mask

    def frame(self, cx: float, cy: float, turn: float = 0.0) -> tuple[Array, Array]:
        """Pixel coordinates seen from (cx, cy), axes turned clockwise by *turn* degrees."""
        return turned(self.x - np.float32(cx), self.y - np.float32(cy), turn)

    def _samples(self, corners: Sequence[Point]) -> Array:
        return (np.asarray(corners, np.float64) + self.margin) * SCALE

    def _box(self, x: float, y: float, dx: float, dy: float) -> tuple[slice, slice]:
        x, y = x + self.margin[0], y + self.margin[1]
        ends = ((y - dy, y + dy), (x - dx, x + dx))
        rows, columns = (slice(max(0, int(a * SCALE)), max(0, int(b * SCALE) + 1)) for a, b in ends)
        return rows, columns

    # Textures

    def noise(self, size: float, octaves: int = 4, stretch: float = 1.0) -> Array:
        """Cloudy noise, mean 0 and deviation 1; *size* px of the largest lumps, *stretch* in x."""
        height, width = self.shape
        total = np.zeros(self.shape, np.float32)
        for octave in range(octaves):
            cell = size * SCALE / 2**octave
            rows = max(2, round(height / cell) + 1)
            columns = max(2, round(width / (cell * stretch)) + 1)
            grid = self.rng.random((rows, columns), dtype=np.float32)
            image = Image.fromarray(grid).resize((width, height), Image.Resampling.BICUBIC)
            total += np.asarray(image, np.float32) * np.float32(0.55**octave)
        return np.asarray((total - total.mean()) / total.std())

    def gradient(self, top: Colour, bottom: Colour, start: float = 0, end: float = 0) -> Array:
        """Colours blended from *top* at y = start to *bottom* at y = end (default: the height)."""
        t = np.clip((self.y - start) / ((end or self.size[1] - self.margin[1]) - start), 0, 1)
        return blend(top, bottom, t)

    # Paint

    def paint(self, mask: Array, colour: Colour, alpha: float = 1.0) -> None:
        """Cover the picture with *colour* (one, or one a pixel) where *mask* is."""
        box = window(mask, 0)
        cover = (mask[box] * np.float32(alpha))[..., None]
        fill = np.clip(cut(colour, box), 0, 1.2)
        self.rgb[box] = self.rgb[box] * (1 - cover) + fill * cover

    def darken(self, mask: Array, factor: float) -> None:
        """Multiply brightness by *factor* where *mask* is."""
        self.rgb *= (1 - mask * np.float32(1 - factor))[..., None]

    def shadow(self, mask: Array, dx: float, dy: float, soft: float, depth: float = 0.5) -> None:
        """Soft shadow of *mask*, moved by (dx, dy); call before painting the thing itself."""
        box = window(mask, 4 * soft + max(abs(dx), abs(dy)))
        moved = np.roll(mask[box], (round(dy * SCALE), round(dx * SCALE)), (0, 1))
        self.rgb[box] *= (1 - blur(moved, soft) * np.float32(depth))[..., None]

    def relief(
        self,
        mask: Array,
        colour: Colour,
        radius: float,
        height: float = 1.0,
        gloss: float = 0.2,
        bumps: Array | None = None,
        power: float = 20.0,
    ) -> None:
        """Paint *mask* as a rounded body: lit by LIGHT, edges *radius* px wide.

        *bumps* is added to the height (px); *gloss* is the strength of the highlight.
        """
        box = window(mask, 4 * radius)
        surface = np.zeros_like(mask)
        swell = np.sqrt(np.clip(2 * blur(mask[box], radius) - 1, 0, 1)) * np.float32(
            radius * height
        )
        surface[box] = blur(swell if bumps is None else swell + bumps[box], 0.4)
        self.lit(mask, colour, surface, gloss, power)

    def lit(
        self, mask: Array, colour: Colour, surface: Array, gloss: float, power: float = 20.0
    ) -> None:
        """Paint *mask* with the shading of a height field *surface* (px)."""
        box = window(mask, 1)
        dy, dx = np.gradient(surface[box] * SCALE)
        length = np.sqrt(dx * dx + dy * dy + 1)
        light = LIGHT / np.linalg.norm(LIGHT)
        facing = (-dx * light[0] - dy * light[1] + light[2]) / length
        half = light + np.array((0, 0, 1), np.float32)
        half /= np.linalg.norm(half)
        mirror = np.clip((-dx * half[0] - dy * half[1] + half[2]) / length, 0, 1) ** power
        shade = 0.35 + 0.95 * np.clip(facing, 0, 1)
        body = cut(colour, box) * shade[..., None] + np.float32(gloss) * mirror[..., None]
        cover = mask[box][..., None]
        self.rgb[box] = self.rgb[box] * (1 - cover) + np.clip(body, 0, 1.2) * cover

    # Development

    def photo(self, grain: float = 0.012, soft: float = 0.0, vignette: float = 0.12) -> Image.Image:
        """Develop: lens blur, vignette, downsampling, and grain of deviation *grain*."""
        rgb = self.rgb
        if soft:
            rgb = blur(rgb, soft)
        width, height = self.size
        across, down = (self.x + self.margin[0]) / width, (self.y + self.margin[1]) / height
        edge = ((across - 0.5) ** 2 + (down - 0.5) ** 2) * 2
        rgb = rgb * (1 - np.float32(vignette) * edge[..., None])
        small = rgb.reshape(height, SCALE, width, SCALE, 3).mean((1, 3))
        small += self.rng.normal(0, grain, small.shape).astype(np.float32)
        return Image.fromarray((np.clip(small, 0, 1) * 255 + 0.5).astype(np.uint8))
