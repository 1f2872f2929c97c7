"""Pizza and strawberry."""

from __future__ import annotations

import numpy as np
from PIL import Image

from drawing.canvas import SCALE, Canvas, blur
from drawing.colour import Array, blend, hexed, tinted
from drawing.scenery import wood
from drawing.shapes import smooth_curve


def pizza() -> Image.Image:
    """A pepperoni pizza on a plate on a wooden table, seen from above at an angle."""
    c = Canvas(360, 280, seed=11)
    c.rgb[:] = wood(c, hexed("3b2012"), hexed("7a4a26"), planks=80)
    cx, cy, rx, ry = 180, 142, 158, 122
    plate = c.ellipse(cx, cy, rx + 14, ry + 11)
    c.shadow(plate, 6, 10, 8, 0.7)
    c.relief(plate, (0.88, 0.87, 0.84), 9, 0.5, 0.15)
    u, v = c.frame(cx, cy)
    wobble = blur(c.noise(40, 3), 1) * 0.018
    r = np.hypot(u / rx, v / ry) + wobble
    dough = np.clip((1 - r) * 250, 0, 1)
    c.shadow(dough, 3, 5, 4, 0.6)
    toast = np.clip(0.5 + c.noise(18, 5) * 0.28, 0, 1)
    crust = blend(hexed("e0ab62"), hexed("93551f"), toast)
    rim = np.exp(-(((r - 0.93) / 0.055) ** 2)) * 9
    c.lit(dough, crust, rim + c.noise(6, 4) * 0.5, 0.12)
    _cheese(c, r)
    spots = [(0.05, 0)] + [(0.44, a) for a in (10, 78, 150, 218, 290)]
    spots += [(0.74, a) for a in (38, 88, 130, 172, 215, 262, 310, 352)]
    speck, bubbles = c.noise(4, 3), c.noise(5, 3)
    for k, (distance, angle) in enumerate(spots):
        a = np.radians(angle + 9 * np.sin(k * 5.1))
        _pepperoni(
            c, cx + rx * distance * np.cos(a), cy + ry * distance * np.sin(a), k, speck, bubbles
        )
    for x, y, turn in c.rng.random((26, 3)) * (1, 1, 180):
        a, d = x * 2 * np.pi, 0.82 * np.sqrt(y)
        leaf = c.ellipse(cx + rx * d * np.cos(a), cy + ry * d * np.sin(a), 7, 2.6, turn)
        c.relief(leaf, hexed("3c6a20"), 2.5, 0.8, 0.25)
    return c.photo(grain=0.02, soft=0.35)


def _cheese(c: Canvas, r: Array) -> None:
    sauce = blur((r < 0.88 + 0.02 * c.noise(12, 2)).astype(np.float32), 1)
    c.paint(sauce, hexed("b32a10"))
    melt = np.clip(c.noise(34, 5) * 1.2 + 1.0, 0, 1) * sauce
    melt *= blur((r < 0.84).astype(np.float32), 3)
    brown = np.clip(c.noise(22, 5) * 0.5 - 0.25, 0, 1)
    tone = blend(hexed("f3c35e"), hexed("b5621c"), brown)
    tone = tone * (1 + 0.06 * c.noise(5, 3))[..., None]
    c.lit(melt, tone, blur(c.noise(20, 4), 1.2) * 1.5 + c.noise(3, 2) * 0.08, 0.35, 30)


def _pepperoni(c: Canvas, x: float, y: float, k: int, speck: Array, bubbles: Array) -> None:
    disc = c.ellipse(x, y, 23 + k % 3, 18 + k % 2, 20 * k)
    c.shadow(disc, 1.5, 2, 1.5, 0.45)
    meat = tinted(hexed("a5281a"), 1 + 0.13 * speck)
    c.relief(disc, meat, 6, -0.5, 0.4, bubbles * 0.35, 25)
    c.darken(np.clip(disc - c.ellipse(x, y, 20.5 + k % 3, 15.5 + k % 2, 20 * k), 0, 1), 0.72)


def strawberry() -> Image.Image:
    """One ripe strawberry lying on a wooden board."""
    c = Canvas(300, 260, seed=12)
    c.rgb[:] = wood(c, hexed("8a5a2c"), hexed("c9924f"), turn=8)
    shape = "92,70 150,56 207,72 232,112 214,165 178,212 150,232 124,214 86,166 68,112"
    body = c.polygon(smooth_curve(shape))
    c.shadow(body, 12, 12, 9, 0.65)
    seeds = [(row, k) for row in range(11) for k in range(-6, 7)]
    pits, pips = [], []
    for row, k in seeds:
        y = 72 + row * 14.5
        half = float(body[int(y * SCALE)].sum()) / (2 * SCALE)
        across = (k + 0.5 * (row % 2)) * 22 / max(half, 1)
        if abs(across) > 1.2 or half < 20:
            continue
        x = 150 + half * np.sin(across)
        y += 5 * np.cos(across)
        slim = max(0.35, np.cos(across))
        pits.append((x, y, 4.6 * slim, 6.0))
        pips.append((x, y + 0.4, 1.9 * slim, 3.0))
    pale = np.clip((92 - c.y) / 60, 0, 0.35)
    red = blend(hexed("d3151a"), hexed("f08a5a"), pale)
    red = red * (1 + 0.04 * c.noise(20, 4))[..., None]
    c.relief(body, red, 20, 1.6, 0.7, -3.0 * blur(c.dots(pits), 1.2), 40)
    c.relief(c.dots(pips) * body, hexed("e9c45c"), 2, 0.8, 0.3)
    veins = (1 + 0.08 * c.noise(8, 3))[..., None]
    for k, angle in enumerate((-172, -150, -124, -96, -68, -40, -14, 6, 174)):
        a = np.radians(angle)
        tip = (150 + 74 * np.cos(a), 62 + 30 * np.sin(a) + 22)
        side = (12 * np.sin(a) + 3, -10 * np.cos(a))
        middle = (150 + 38 * np.cos(a), 58 + 26 * np.sin(a))
        leaf = [(150, 62), (middle[0] + side[0], middle[1] + side[1]), tip]
        leaf += [(middle[0] - side[0], middle[1] - side[1] + 6)]
        mask = c.polygon(smooth_curve(leaf))
        c.shadow(mask, 2, 4, 2.5, 0.5)
        green = hexed("4d8a24" if k % 2 else "3a741c") * veins
        c.relief(mask, green, 6, 0.8, 0.2)
    stalk = c.stroke(smooth_curve("150,60 156,38 172,16", False), 6, 5)
    c.relief(stalk, hexed("6f9a3c"), 3, 1, 0.2)
    return c.photo(grain=0.015, soft=0.3)
