"""Backgrounds and materials shared by several pictures."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from drawing.canvas import SCALE, Canvas, blur
from drawing.colour import Array, Colour, blend, tinted


def sky(c: Canvas, top: Colour, bottom: Colour, clouds: float = 0.3, horizon: float = 0) -> None:
    """Sky down to y = horizon (0: everywhere) with soft clouds of strength 0..1."""
    c.rgb[:] = c.gradient(top, bottom, 0, horizon)
    puff = np.clip(c.noise(160, 6, 2.0) * 0.5 + 0.1, 0, 1) * clouds
    c.paint(puff, (0.97, 0.97, 0.98))


def studio(c: Canvas, wall: Colour, floor: Colour) -> None:
    """A seamless paper background, brighter around the middle."""
    c.rgb[:] = c.gradient(wall, floor)
    c.rgb *= (1 + 0.015 * c.noise(200, 2))[..., None]


def foliage(c: Canvas, below: float, dark: Colour, bright: Colour, ragged: float = 14) -> None:
    """Out-of-focus trees under a ragged line at about y = below."""
    edge = below + c.noise(70, 5)[:1].repeat(c.shape[0], 0) * ragged
    mask = blur((c.y > edge).astype(np.float32), 1.5)
    t = np.clip(c.noise(26, 5) * 0.25 + 0.4, 0, 1)
    c.paint(mask, blend(dark, bright, t))


def grass(c: Canvas, above: float, dark: Colour, bright: Colour, blade: float = 16) -> None:
    """A lawn from y = above down, its blades (px) growing towards the viewer."""
    width, height = c.size
    c.paint((c.y > above).astype(np.float32), dark)
    count = int(width * (height - above) / 6)
    near = np.sort(c.rng.random(count))
    x, tall = c.rng.random(count) * width, blade * (0.25 + 0.9 * near)
    blades(c, x, above + near * (height - above + 4), tall, dark, bright)


def blades(c: Canvas, x: Array, y: Array, tall: Array, dark: Colour, bright: Colour) -> None:
    """Blades of grass with roots (x, y), drawn in this order, about *tall* px high."""
    image = Image.fromarray((np.clip(c.rgb, 0, 1) * 255).astype(np.uint8))
    pen = ImageDraw.Draw(image)
    for left, low, size, (lean, mix) in zip(x, y, tall, c.rng.random((len(x), 2)), strict=True):
        rise = size * (0.6 + 0.6 * mix)
        line = np.array((left, low, left + (lean - 0.5) * rise, low - rise)) * SCALE
        pen.line(line.tolist(), to_bytes(blend(dark, bright, mix)), max(1, round(size * 0.15)))
    c.rgb[:] = np.asarray(image, np.float32) / 255


def to_bytes(colour: Colour) -> tuple[int, int, int]:
    """Colour as Pillow's fill."""
    red, green, blue = (int(min(max(v, 0), 1) * 255) for v in colour)
    return red, green, blue


def wood(c: Canvas, dark: Colour, bright: Colour, planks: float = 0, turn: float = 0) -> Array:
    """Colours (H, W, 3) of wood grain along x (turned), with seams every *planks* px."""
    _, v = c.frame(0, 0, turn)
    warp = c.noise(90, 3, 3.0) * 4
    rings = np.sin((v + warp) * 0.9) * 0.5 + np.sin((v + warp * 1.7) * 2.3) * 0.3
    t = np.clip(0.5 + 0.22 * rings + 0.12 * c.noise(6, 3, 8.0), 0, 1)
    if planks:
        row = np.floor((v + 500) / planks)
        t = t + ((row * 0.37) % 1 - 0.5) * 0.3
        t -= 0.7 * (np.abs((v + 500) % planks) < 1.4)
    return blend(dark, bright, np.clip(t, 0, 1))


def sand(c: Canvas, colour: Colour, above: float = 0) -> None:
    """Sand, lit from the left, from y = above down."""
    mask = blur((c.y > above).astype(np.float32), 0.5)
    surface = c.noise(60, 3, 2.5) * 1.6 + c.noise(2.2, 2) * 0.10
    tint = tinted(colour, 1 + 0.05 * c.noise(3, 2))
    c.lit(mask, tint, surface, 0.0)
