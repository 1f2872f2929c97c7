"""Daisy, starfish and monarch butterfly."""

from __future__ import annotations

import numpy as np
from PIL import Image

from drawing.canvas import Canvas, blur, window
from drawing.colour import Array, blend, hexed, ramp, tinted
from drawing.scenery import foliage, sand, sky
from drawing.shapes import Point, placed, points, smooth_curve, turned


def daisy() -> Image.Image:
    """A daisy in front of a meadow out of focus."""
    c = Canvas(300, 300, seed=31)
    sky(c, hexed("2f4d1c"), hexed("7fa045"), 0.0)
    foliage(c, 170, hexed("1d3511"), hexed("5d8a34"), 40)
    c.rgb = blur(c.rgb, 4)
    cx, cy, inner, outer = 150, 142, 34, 128
    stem = c.stroke("150,180 158,300", 9, 11)
    c.relief(stem, hexed("56822c"), 6, 1, 0.15)
    streaks = c.noise(5, 3)
    for layer, (count, reach, tone) in enumerate(((17, 1.0, "cfd2d8"), (17, 0.95, "f4f4f2"))):
        for k in range(count):
            angle = 360 * (k + 0.45 * layer) / count + 4 * c.rng.standard_normal()
            length = outer * reach * (1 + 0.05 * c.rng.standard_normal())
            _petal(c, (cx, cy), angle, inner * 0.7, length, tone, streaks)
    disc = c.ellipse(cx, cy, inner, inner)
    c.shadow(disc, 0, 2, 4, 0.6)
    r = np.hypot(c.x - cx, c.y - cy) / inner
    tint = ramp(r, (0, 0.5, 0.85, 1), "c9a016 f5c722 e8a812 a86a0a")
    nth = np.arange(420)
    a, d = nth * np.pi * (3 - 5**0.5), inner * np.sqrt((nth + 0.5) / len(nth))
    florets = c.dots(
        (x, y, 1.2, 1.2) for x, y in zip(cx + d * np.cos(a), cy + d * np.sin(a), strict=True)
    )
    c.relief(disc, tinted(tint, 0.8 + 0.4 * florets), 12, 0.9, 0.12, 1.4 * blur(florets, 0.4))
    return c.photo(grain=0.014, soft=0.3)


def _petal(
    c: Canvas, at: Point, angle: float, start: float, end: float, tone: str, streaks: Array
) -> None:
    bend = 3.4 * float(c.rng.standard_normal())
    half = points("0,5 0.3,10 0.6,11.5 0.85,7 1,0.4 0.85,-7 0.6,-11.5 0.3,-10 0,-5")
    outline = [placed(start + (end - start) * t, v, *at, angle + bend * t * t) for t, v in half]
    mask = c.polygon(smooth_curve(outline))
    c.shadow(mask, 2, 2, 2.5, 0.45)
    box = window(mask, 24)
    u, v = turned(c.x[box] - at[0], c.y[box] - at[1], angle)
    veins, light = np.zeros(c.shape, np.float32), np.ones(c.shape, np.float32)
    veins[box] = 0.25 * np.sin(v * 1.6 + 0.2 * streaks[box]) - 0.06 * np.abs(v)
    root = np.clip((u - start) / (end - start), 0, 1)
    light[box] = 0.72 + 0.33 * root + 0.03 * streaks[box]
    c.relief(mask, hexed(tone) * light[..., None], 6, 0.7, 0.12, veins)


def starfish() -> Image.Image:
    """An orange starfish on wet sand."""
    c = Canvas(320, 290, seed=32)
    sand(c, hexed("c9ae84"))
    cx, cy = 160, 150
    outline: list[Point] = []
    arms = [-94, -20, 50, 127, 197]
    profile = points("0.32,-29 0.6,-18 0.85,-12 0.98,-7 1.01,0 0.98,7 0.85,12 0.6,18 0.32,29")
    for k, angle in enumerate(arms):
        reach, bend = 128 + 8 * np.cos(k * 2.1), 10 * np.sin(k * 1.7 + 1)
        outline += [placed(reach * t, v, cx, cy, angle + bend * t) for t, v in profile]
    body = c.polygon(smooth_curve(outline))
    c.shadow(body, 7, 8, 6, 0.6)
    knobs = []
    for k, angle in enumerate(arms):
        for t in np.arange(0.06, 0.98, 0.058):
            turn = angle + 10 * t * np.sin(k * 1.7 + 1)
            size = 1.15 - 0.5 * t
            for side in (-2, -1, 0, 1, 2):
                u = (128 + 8 * np.cos(k * 2.1)) * t - abs(side) * 2
                spot = placed(u, side * (13.5 - 9.5 * t), cx, cy, turn)
                wart = size * (3.0 if side == 0 else 2.1)
                knobs.append((*spot, wart, wart))
    warts = c.dots(knobs)
    skin = tinted(hexed("c4571c"), 1 + 0.10 * c.noise(14, 5))
    pale = warts * body * 0.6
    skin = blend(skin, hexed("f2c48c"), pale)
    c.relief(body, skin, 15, 1.1, 0.15, blur(warts, 0.5) * 1.3 + c.noise(3, 2) * 0.15)
    return c.photo(grain=0.016, soft=0.3)


def monarch() -> Image.Image:
    """A monarch butterfly, wings spread, on white paper."""
    c = Canvas(360, 250, seed=33, colour=(0.97, 0.97, 0.96), margin=(0, 25))
    fore = "176,92 140,50 92,24 38,22 18,36 30,66 44,100 62,126 110,132 172,118"
    hind = "172,114 120,124 74,132 62,158 70,196 100,222 134,220 158,184 174,140"
    cells_fore = [
        "168,96 128,56 98,44 106,74 140,98",
        "92,44 70,38 66,56 98,76",
        "96,82 62,62 58,78 94,96",
        "94,102 60,86 64,104 98,114",
        "166,106 136,104 104,100 106,112 138,120",
    ]
    cells_hind = [
        "166,124 132,130 112,142 126,160 158,150",
        "106,140 80,144 78,160 112,160",
        "112,166 80,168 86,186 116,176",
        "120,178 96,192 106,206 126,186",
        "130,166 132,186 120,206 140,202 160,160",
    ]
    scales = c.noise(3, 3)
    for mirror in (False, True):
        for wing, cells in ((hind, cells_hind), (fore, cells_fore)):
            mirrored = [[_flip(p, mirror) for p in points(cell)] for cell in cells]
            _wing(c, [_flip(p, mirror) for p in points(wing)], mirrored, scales)
    body = c.polygon(smooth_curve("180,66 187,78 188,110 185,150 180,186 175,150 172,110 173,78"))
    c.shadow(body, 3, 4, 3, 0.5)
    c.relief(body, tinted((0.10, 0.085, 0.08), 1 + 0.3 * scales), 6, 1.2, 0.3)
    for side in (-1, 1):
        line = [(180 + x * side, y) for x, y in ((2, 68), (12, 42), (30, 20))]
        feeler = c.stroke(smooth_curve(line, False), 1.6)
        feeler = np.maximum(feeler, c.ellipse(180 + 30 * side, 20, 2.4, 2.4))
        c.paint(feeler, (0.07, 0.06, 0.06))
    return c.photo(grain=0.012, soft=0.3, vignette=0.1)


def _flip(point: Point, mirror: bool) -> Point:
    return (360 - point[0] if mirror else point[0], point[1])


def _wing(c: Canvas, outline: list[Point], cells: list[list[Point]], scales: Array) -> None:
    wing = c.polygon(smooth_curve(outline))
    c.shadow(wing, 4, 7, 6, 0.4)
    c.relief(wing, tinted((0.085, 0.07, 0.065), 1 + 0.25 * scales), 3, 0.3, 0.05)
    warm = np.clip((c.y - 30) / 190, 0, 1)
    orange = blend(hexed("e07a18"), hexed("f29a2c"), warm)
    orange = orange * (1 + 0.05 * scales)[..., None]
    for cell in cells:
        c.relief(c.polygon(smooth_curve(cell)), orange, 4, 0.25, 0.03)
    rim = smooth_curve(outline)
    mx, my = np.mean(rim, 0)
    for k, (x, y) in enumerate(rim[2::4]):
        for depth, size in ((0.06, 1.9), (0.115, 1.5)):
            dot = (x + (mx - x) * depth * (1.0 + 0.1 * (k % 2)), y + (my - y) * depth)
            if abs(x - 180) > 34:
                c.paint(c.ellipse(*dot, size, size) * wing, (0.96, 0.94, 0.90))
