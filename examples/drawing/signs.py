"""Stop sign, yin-yang and soccer ball: plain shapes with a known layout."""

from __future__ import annotations

import numpy as np
from PIL import Image

from drawing.canvas import Canvas, blur
from drawing.colour import Array, hexed, rgb, tinted
from drawing.scenery import blades, foliage, grass, sky
from drawing.shapes import Point, ring


def stop_sign() -> Image.Image:
    """A stop sign on its post, trees and sky out of focus behind."""
    c = Canvas(300, 300, seed=21)
    sky(c, hexed("7fa6cf"), hexed("d5e2ec"), 0.5)
    foliage(c, 190, hexed("18260f"), hexed("53703a"))
    c.rgb = blur(c.rgb, 2)
    post = c.polygon([(141, 60), (159, 60), (158, 300), (142, 300)])
    c.relief(post, hexed("8d9092"), 9, 0.8, 0.2)
    turn = 22.5 + 2
    cx, cy, r = 150, 132, 122
    plate = c.polygon(ring(cx, cy, r, 8, turn))
    c.shadow(plate, 2, 4, 3, 0.4)
    dirt = (1 + 0.05 * c.noise(70, 5) - 0.10 * np.clip((c.y - 130) / 150, 0, 1))[..., None]
    c.relief(plate, rgb(0.86, 0.85, 0.84) * dirt, 2, 0.6, 0.1)
    field = c.polygon(ring(cx, cy, r - 7, 8, turn))
    red = hexed("bf1222") * dirt
    c.paint(field, red + 0.08 * np.clip(1 - np.hypot(c.x - 90, c.y - 60) / 150, 0, 1)[..., None])
    letters = c.polygon()
    for k, strokes in enumerate(_stop_letters()):
        for line in strokes:
            points = [_on_plate(x, y, cx - 88 + k * 47, cy + 34) for x, y in line]
            letters = np.maximum(letters, c.stroke(points, 12.5))
    c.paint(letters, rgb(0.93, 0.92, 0.90) * dirt)
    for y in (cy - 90, cy + 88):
        bolt = c.ellipse(cx, y, 3.5, 3.5)
        c.relief(bolt, (0.5, 0.5, 0.5), 2, 1, 0.4)
    return c.photo(grain=0.014, soft=0.35)


def _on_plate(x: float, y: float, left: float, base: float) -> Point:
    """From the unit box of a letter to the picture, leaning as the sign does."""
    return left + 38 * x + 2.5 * y, base - 68 * y + 1.5 * x


def _stop_letters() -> list[list[list[Point]]]:
    """Strokes of S, T, O, P in a unit box, y up."""
    a = np.linspace(0, np.pi, 24)
    bowl = [(0.5 + 0.42 * np.cos(t), 0.76 + 0.24 * np.sin(t)) for t in a * 0.92 + 0.12]
    spine = [(0.08, 0.74), (0.14, 0.62), (0.34, 0.53), (0.66, 0.46), (0.86, 0.36), (0.92, 0.25)]
    foot = [(0.5 + 0.42 * np.cos(t), 0.24 - 0.24 * np.sin(t)) for t in a * 0.92 + 0.05]
    oval = [(0.5 + 0.44 * np.cos(t), 0.5 + 0.5 * np.sin(t)) for t in np.linspace(0, 2 * np.pi, 60)]
    hook = [(0.55 + 0.36 * np.cos(t), 0.74 + 0.25 * np.sin(t)) for t in np.pi / 2 - a]
    p = [(0.1, 0.0), (0.1, 1.0), (0.55, 0.99), *hook, (0.1, 0.49)]
    return [
        [[*bowl, *spine, *foot]],
        [[(0.0, 1.0), (1.0, 1.0)], [(0.5, 1.0), (0.5, 0.0)]],
        [oval],
        [p],
    ]


def yin_yang() -> Image.Image:
    """A yin-yang inlaid in stone, black and white, on a pale slab."""
    c = Canvas(280, 280, seed=22)
    c.rgb[:] = tinted((0.90, 0.89, 0.86), 1 + 0.025 * c.noise(90, 6))
    cx, cy, r = 140, 140, 118
    disc = c.ellipse(cx, cy, r, r)
    c.shadow(disc, 4, 5, 5, 0.5)
    top, bottom = (cx, cy - r / 2), (cx, cy + r / 2)
    white = (c.x > cx).astype(np.float32)
    white = np.maximum(white, c.ellipse(*top, r / 2, r / 2))
    white *= 1 - c.ellipse(*bottom, r / 2, r / 2)
    white = np.maximum(white, c.ellipse(*bottom, 17, 17)) * (1 - c.ellipse(*top, 17, 17))
    speck = c.noise(7, 4)
    ink = tinted((0.055, 0.055, 0.06), 1 + 0.3 * speck)
    chalk = tinted((0.97, 0.97, 0.95), 1 + 0.012 * speck)
    c.relief(disc, ink, 3, 0.5, 0.18)
    inner = c.ellipse(cx, cy, r - 4, r - 4)
    c.paint(white * inner, chalk)
    glow = np.clip(1 - np.hypot(c.x - 80, c.y - 70) / 170, 0, 1) ** 2
    c.rgb += (0.07 * glow * disc)[..., None]
    return c.photo(grain=0.012, soft=0.3, vignette=0.2).convert("L")


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
