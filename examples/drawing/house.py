"""Umbrella, lamp, cup, watch and scissors."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import numpy as np
from PIL import Image

from drawing.canvas import Canvas, blur
from drawing.colour import Array, hexed, rgb, tinted
from drawing.scenery import gold, studio, wood
from drawing.shapes import Point, placed, points, smooth_curve


def umbrella() -> Image.Image:
    """An open umbrella, red and white panels, leaning a little, on white."""
    c = Canvas(340, 300, seed=41)
    studio(c, (0.98, 0.98, 0.98), (0.90, 0.90, 0.91))
    turn = -9.0
    shaft = c.stroke([_turn(p, turn) for p in ((170, 30), (170, 250))], 5)
    hook = [_turn(p, turn) for p in ((170, 232), (170, 262), (178, 276), (191, 276), (198, 264))]
    ends = [-148, -118, -52, 28, 104, 148]
    seams = [[_turn(_rib(e, t), turn) for t in np.linspace(0, 1, 16)] for e in ends]
    canopy = c.polygon()
    hems = []
    for left, right, a, b in zip(seams, seams[1:], ends, ends[1:], strict=False):
        middle = _turn(((a + b) / 2 + 170, 146 - 13 - 9 * (1 - abs(a + b) / 300)), turn)
        hems.append(smooth_curve([left[-1], middle, right[-1]], False))
        canopy = np.maximum(canopy, c.polygon([*left, *hems[-1], *right[::-1]]))
    c.relief(shaft, (0.62, 0.63, 0.65), 2.5, 1, 0.5)
    c.darken(blur(shaft * (c.y < 165), 2), 0.6)
    c.relief(c.stroke(smooth_curve(hook, False), 9), hexed("7a4520"), 4, 1, 0.5)
    weave = c.noise(2, 2) * 0.02 + c.noise(60, 3) * 0.03
    tones = np.ones((*c.shape, 3), np.float32)
    for k, (left, right) in enumerate(pairwise(seams)):
        panel = c.polygon([*left, *hems[k], *right[::-1]])
        tone = hexed("c3142d") if k % 2 == 0 else (0.95, 0.94, 0.92)
        tones[panel > 0.5] = tone
    u, v = c.frame(*_turn((170, 160), turn), turn)
    dome = 80 * np.sqrt(np.clip(1.05 - (u / 158) ** 2 - (v / 150) ** 2, 0.02, 1))
    ribs = c.polygon()
    for seam in seams[1:-1]:
        ribs = np.maximum(ribs, c.stroke(seam, 3))
    surface = dome + 1.4 * blur(ribs, 2.5) + 0.25 * c.noise(30, 2)
    c.lit(canopy, tones * (1.06 + weave)[..., None], surface.astype(np.float32), 0.10, 12)
    for seam in seams:
        c.paint(c.stroke(seam, 1.3) * canopy, (0.25, 0.05, 0.07), 0.55)
        c.relief(c.ellipse(*seam[-1], 2.6, 2.6), (0.7, 0.7, 0.7), 1.5, 1, 0.5)
    tip = c.stroke([_turn((170, 18), turn), _turn((170, 36), turn)], 5, 7)
    c.relief(tip, (0.3, 0.3, 0.32), 3, 1, 0.4)
    return c.photo(grain=0.011, soft=0.3)


def _turn(point: Point, degrees: float) -> Point:
    return placed(point[0] - 170, point[1] - 150, 170, 150, degrees)


def _rib(end: float, t: float) -> Point:
    """Along one rib, from the tip (t = 0) to the hem (t = 1), *end* px left or right of it."""
    bow = float(np.sin(t * np.pi / 2))
    return 170 + end * bow, 36 + 110 * (1 - float(np.cos(t * np.pi / 2))) * (
        1 - 0.10 * abs(end) / 148
    )


def lamp() -> Image.Image:
    """A lit table lamp: pleated shade, green ceramic foot, on a side table by a warm wall."""
    c = Canvas(240, 320, seed=42, margin=(30, 0))
    wall = tinted(hexed("b99a72"), 1 + 0.03 * c.noise(120, 4))
    glow = np.exp(-((c.x - 120) ** 2 + (c.y - 100) ** 2) / 16000)[..., None]
    c.rgb[:] = wall * (0.6 + 0.6 * glow)
    table = c.polygon("-30,284 270,284 270,320 -30,320")
    c.paint(table, wood(c, hexed("2e170b"), hexed("6b3a1c")))
    foot = points("120,160 128,164 132,178 150,196 162,222 152,254 136,270 138,280 148,288")
    outline = smooth_curve([*foot, *[(240 - x, y) for x, y in foot[::-1]]])
    body = c.polygon(outline)
    c.shadow(body, 8, 6, 8, 0.6)
    glaze = tinted(hexed("3f6b52"), 1 + 0.10 * c.noise(16, 5))
    c.relief(body, glaze, 11, 1.5, 0.6, None, 35)
    for y, half in ((166, 9), (272, 18), (287, 30)):
        c.relief(c.ellipse(120, y, half, 4.5), gold(np.full(c.shape, 0.6, np.float32)), 3, 1, 0.5)
    shade = c.polygon("82,42 158,42 208,156 32,156")
    shade = np.maximum(shade, c.ellipse(120, 156, 88, 11))
    across = (c.x - 120) / np.clip(38 + (c.y - 42) * 0.44, 1, None)
    pleat = 0.03 * np.sin(np.arcsin(np.clip(across, -0.999, 0.999)) * 34)
    bulb = np.exp(-(across**2) * 1.5 - ((c.y - 118) / 62) ** 2)
    light = np.clip(0.62 + 0.48 * bulb - 0.20 * across**2 + pleat, 0, 1.15)[..., None]
    c.paint(shade, rgb(1.0, 0.90, 0.70) * light)
    c.paint(
        c.hoop(120, 155, (88, 11), (88, 9)),
        hexed("b98a4a"),
        0.7,
    )
    c.paint(c.ellipse(120, 42, 38, 4), hexed("fff3cf"))
    c.relief(c.stroke("120,28 120,40", 5), hexed("b8862c"), 2.5, 1, 0.6)
    return c.photo(grain=0.018, soft=0.4, vignette=0.3)


def cup() -> Image.Image:
    """A blue mug with a handle on a light table."""
    c = Canvas(300, 280, seed=43)
    studio(c, (0.86, 0.85, 0.82), (0.74, 0.72, 0.69))
    body = c.polygon("58,66 204,66 196,228 66,228")
    body = np.maximum(body, c.ellipse(131, 228, 65, 17))
    handle = smooth_curve("198,98 226,90 254,106 258,146 236,184 196,196", False)
    grip = c.stroke(handle, 19, 17)
    c.shadow(c.ellipse(150, 236, 88, 16), 10, 4, 9, 0.6)
    c.shadow(grip, 8, 14, 9, 0.35)
    glaze = tinted(hexed("1f4fa0"), 1 + 0.03 * c.noise(50, 4))
    c.relief(grip, glaze, 8, 1.2, 0.5, None, 30)
    nx = np.clip((c.x - 131) / (73 - (c.y - 66) * 0.05), -1, 1)
    shade = 0.45 + 0.75 * np.clip(0.75 * np.sqrt(1 - nx * nx) - 0.55 * nx, 0, 1)
    c.paint(body, glaze * shade[..., None])
    for x, width, strength in ((84, 7, 0.55), (176, 4, 0.15)):
        streak = np.exp(-(((c.x - x) / width) ** 2)) * np.clip((c.y - 80) / 30, 0, 1)
        c.rgb += (streak * np.clip((222 - c.y) / 30, 0, 1) * body * strength)[..., None]
    band = np.abs(c.y - 17 * np.sqrt(np.clip(1 - nx * nx, 0, 1)) - 150) < 26
    c.paint(body * band, rgb(0.93, 0.92, 0.88) * shade[..., None])
    c.relief(c.ellipse(131, 66, 73, 19), glaze * 1.1, 3, 0.7, 0.5)
    inner = c.ellipse(131, 67, 67, 15.5)
    c.paint(inner, tinted((0.88, 0.87, 0.84), np.clip(0.55 + (c.x - 64) / 180, 0, 1)))
    coffee = c.ellipse(131, 74, 59, 10) * inner
    c.paint(coffee, tinted(hexed("3a1d0c"), np.clip(1.3 - (c.x - 70) / 200, 0.5, 2)))
    return c.photo(grain=0.014, soft=0.35)


def watch() -> Image.Image:
    """A steel wrist watch with a white dial, its bracelet running left and right, on white."""
    c = Canvas(360, 270, seed=44, margin=(0, 20))
    studio(c, (0.97, 0.97, 0.98), (0.93, 0.93, 0.94))
    cx, cy = 180, 135
    steel = tinted((0.66, 0.67, 0.69), 1 + 0.04 * c.noise(3, 2, 12.0))
    for side in (-1, 1):
        _bracelet(c, cx, cy, side, steel)
    case = c.ellipse(cx, cy, 108, 108)
    crown = c.polygon("284,123 299,125 299,146 284,148")
    c.shadow(np.maximum(case, crown), 5, 7, 6, 0.5)
    ridge = np.sin(c.y * 2.6).astype(np.float32) * 0.5
    c.relief(crown, steel, 4, 1, 0.5, ridge)
    c.relief(case, steel, 10, 1.0, 0.7, None, 12)
    angle, radius = np.arctan2(c.y - cy, c.x - cx), np.hypot(c.x - cx, c.y - cy)
    brushed = 0.55 + 0.30 * np.cos(2 * angle + 0.9) + 0.08 * np.cos(7 * angle)
    flutes = (np.cos(angle * 72) * 1.3).astype(np.float32)
    c.relief(
        c.hoop(cx, cy, 100, 79), tinted(hexed("d9b45c"), 0.6 + 0.6 * brushed), 6, 0.8, 0.5, flutes
    )
    dial = c.ellipse(cx, cy, 77, 77)
    c.paint(dial, tinted(hexed("e9e2cf"), 0.75 + 0.4 * brushed))
    c.darken(np.clip(dial - blur(dial, 3), 0, 1), 0.6)
    _dial(c, cx, cy)
    glare = np.clip(1 - np.abs((c.x - cx) * 0.8 + (c.y - cy) + 55) / 22, 0, 1) * (radius < 78)
    c.rgb += (0.05 * glare)[..., None]
    return c.photo(grain=0.011, soft=0.3)


def _dial(c: Canvas, cx: float, cy: float) -> None:
    ink, metal = (0.08, 0.08, 0.1), hexed("b58a34")
    for k in range(60):
        tick = [placed(0, -d, cx, cy, 6 * k) for d in (71, 75)]
        c.paint(c.stroke(tick, 0.9), ink)
    for k in range(12):
        bar = c.stroke([placed(0, -d, cx, cy, 30 * k) for d in (54, 68)], 5)
        c.shadow(bar, 1, 1.5, 0.8, 0.4)
        c.relief(bar, metal, 2, 1, 0.6)
    window = c.polygon("214,127 234,127 234,143 214,143")
    c.relief(window, (0.97, 0.97, 0.97), 1.5, -0.6, 0.1)
    c.paint(c.text(224, 135, "12", 13), ink)
    c.paint(c.text(cx, cy - 34, "afd", 11), ink)
    for turn, length, wide, end in ((-58, 38, 6, 4), (52, 56, 4.4, 2.6), (160, 62, 1.4, 1)):
        ends = [placed(0, 12, cx, cy, turn), placed(0, -length, cx, cy, turn)]
        hand = c.stroke(ends, wide, end)
        c.shadow(hand, 1.5, 2.5, 1.2, 0.35)
        c.relief(hand, metal * 0.8, 2, 1, 0.5)
    c.relief(c.ellipse(cx, cy, 5, 5), (0.7, 0.7, 0.7), 3, 1, 0.5)


def _bracelet(c: Canvas, cx: float, cy: float, side: int, steel: Array) -> None:
    for k in range(7):
        start, half = 76 + k * 19, 58 - 3.0 * k
        for low, high in ((-1, -0.42), (-0.40, 0.40), (0.42, 1)):
            shift = 6 if low == -0.40 else 0
            xs = (cx + side * (start + shift), cx + side * (start + shift + 18))
            box = [
                (xs[0], cy + low * half),
                (xs[1], cy + low * (half - 3)),
                (xs[1], cy + high * (half - 3)),
                (xs[0], cy + high * half),
            ]
            link = c.polygon(box)
            c.shadow(link, 2, 3, 3, 0.25)
            c.relief(link, steel * (1.12 if shift else 0.95), 3, 0.5, 0.45, None, 12)


def scissors() -> Image.Image:
    """Open office scissors with dark grips, lying on a pale table."""
    c = Canvas(260, 320, seed=45)
    studio(c, (0.90, 0.89, 0.86), (0.84, 0.83, 0.80))
    pivot = (130, 168)
    steel = tinted((0.70, 0.71, 0.73), 1 + 0.05 * c.noise(3, 2, 0.3))
    for side in (-1, 1):
        at = partial(_along, pivot, 12 * side)
        blade = c.polygon([at(-9, -30), at(9, -30), at(10, 20), at(6 * -side, 150), at(-10, 20)])
        c.shadow(blade, 5, 7, 5, 0.5)
        c.relief(blade, steel * (1.0 if side > 0 else 0.9), 5, 0.6, 0.5, None, 14)
        shank = c.stroke(
            smooth_curve([at(0, -20), at(-4 * side, -50), at(-12 * side, -74)], False), 15, 16
        )
        cx, cy = at(-16 * side, -106)
        eye = np.clip(
            c.ellipse(cx, cy, 30, 41, 12 * side) - c.ellipse(cx, cy, 18, 29, 12 * side), 0, 1
        )
        grip = np.maximum(shank * (1 - c.ellipse(cx, cy, 18, 29, 12 * side)), eye)
        c.shadow(grip, 5, 7, 5, 0.5)
        c.relief(grip, (0.10, 0.10, 0.12), 6, 1.2, 0.45, None, 25)
    screw = c.ellipse(*pivot, 6.5, 6.5)
    c.relief(screw, (0.6, 0.6, 0.6), 3, 1, 0.5)
    c.paint(c.polygon("126,165 134,170 133,172 125,167"), (0.2, 0.2, 0.2))
    return c.photo(grain=0.012, soft=0.3)


def _along(pivot: Point, turn: float, u: float, v: float) -> Point:
    """The point *v* px up and *u* px right of the pivot, in a frame turned by *turn* degrees."""
    return placed(u, -v, *pivot, turn)
