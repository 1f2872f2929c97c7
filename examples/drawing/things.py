"""Things: pizza, strawberry, soccer ball and coffee mug."""

from __future__ import annotations

import numpy as np
from PIL import Image

from drawing.canvas import SCALE, Canvas, blur
from drawing.colour import Array, blend, hexed, rgb, tinted
from drawing.scenery import blades, foliage, grass, sky, studio, wood
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


def soccer_ball() -> Image.Image:
    """A classic black and white ball on a lawn."""
    c = Canvas(320, 280, seed=23)
    sky(c, hexed("6f9fd8"), hexed("dbe8f2"), 0.6, 120)
    foliage(c, 96, hexed("142410"), hexed("3e5f2c"), 8)
    c.rgb = blur(c.rgb, 2.5)
    grass(c, 118, hexed("24491a"), hexed("75a83e"))
    cx, cy, r = 162, 140, 112
    c.shadow(c.ellipse(cx + 24, cy + 100, 108, 22), 0, 0, 7, 0.75)
    ball = c.ellipse(cx, cy, r, r)
    c.paint(ball, _leather(c, cx, cy, r))
    root = np.sort(c.rng.random(520))
    x = cx - 104 + 208 * c.rng.random(520)
    blades(c, x, cy + 106 + 24 * root, 14 + 10 * root, hexed("24491a"), hexed("75a83e"))
    return c.photo(grain=0.014, soft=0.3)


def _panels() -> Array:
    """Normals (32, 3) of a truncated icosahedron over their distances; 12 pentagons come first."""
    g = (1 + 5**0.5) / 2
    five = [p for a in (-1, 1) for b in (-g, g) for p in ((0, a, b), (a, b, 0), (b, 0, a))]
    corners = np.array(five) / np.hypot(1, g)
    near = corners @ corners.T > 0.4
    triples = [(i, j, k) for i in range(12) for j in range(i) for k in range(j)]
    faces = [t for t in triples if near[t[0], t[1]] and near[t[0], t[2]] and near[t[1], t[2]]]
    six = np.array([corners[list(face)].sum(0) for face in faces])
    six /= np.linalg.norm(six, axis=1)[:, None]
    a, b = np.radians(24), np.radians(-18)
    spin = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    tilt = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    planes = np.vstack([corners / 2.327, six / 2.267])
    return np.asarray(planes @ spin @ tilt, np.float32)


def _leather(c: Canvas, cx: float, cy: float, r: float) -> Array:
    """Shaded panels of a ball: at each pixel the plane that a ray from the middle meets first."""
    nx, ny = (c.x - cx) / r, (c.y - cy) / r
    nz = np.sqrt(np.clip(1 - nx * nx - ny * ny, 0, 1))
    reach = np.stack([nx * p[0] + ny * p[1] + nz * p[2] for p in _panels()])
    first = reach.argmax(0)
    ordered = np.partition(reach, -2, axis=0)
    seam = np.clip((ordered[-1] - ordered[-2]) / 0.012, 0, 1)
    tone = np.where(first < 12, 0.05, 0.93)[..., None] * rgb(1, 1, 0.985)
    tone = tone * (0.35 + 0.65 * seam)[..., None]
    lamp = rgb(-0.45, -0.62, 0.64)
    facing = np.clip(nx * lamp[0] + ny * lamp[1] + nz * lamp[2], 0, 1)
    green = tinted((0.04, 0.10, 0.02), np.clip(ny, 0, 1))
    shine = 0.35 * np.clip(nx * -0.26 + ny * -0.36 + nz * 0.9, 0, 1) ** 40
    return np.asarray(tinted(tone, 0.38 + 0.68 * facing) + green + shine[..., None], np.float32)


def coffee_mug() -> Image.Image:
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
