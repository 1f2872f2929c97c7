"""Pyramid, car, motorbike and aeroplane."""

from __future__ import annotations

import numpy as np
from PIL import Image

from drawing.canvas import Canvas, blur
from drawing.colour import Array, blend, hexed, rgb, tinted
from drawing.scenery import foliage, grass, sand, sky
from drawing.shapes import ring, smooth_curve


def pyramid() -> Image.Image:
    """A stone pyramid in the desert under a clear sky."""
    c = Canvas(340, 240, seed=61)
    sky(c, hexed("5a87c0"), hexed("d9e0e2"), 0.25, 180)
    sand(c, hexed("c8a673"), 186)
    apex, left, right, corner = (168, 34), (20, 196), (326, 190), (218, 206)
    sunny, shady = [apex, left, corner], [apex, corner, right]
    for outline, light in ((sunny, 1.12), (shady, 0.62)):
        mask = c.polygon(outline)
        course = (c.y - 34) / 172
        row = np.floor(course * 40)
        ragged = 0.5 + 0.5 * np.sin(row * 12.9898) * np.sin(row * 4.1)
        brick = np.floor(c.x / (5 + 3 * ragged) + row * 0.37)
        speck = np.sin(brick * 78.233 + row * 37.719) * 43758.5453
        speck = speck - np.floor(speck)
        joint = ((course * 40) % 1 < 0.28).astype(np.float32)
        tone = light * (1 - 0.30 * joint) * (0.84 + 0.26 * speck) * (1 + 0.08 * c.noise(50, 5))
        c.paint(mask, hexed("bb9660") * tone[..., None])
    dune = c.polygon(smooth_curve("-20,200 60,190 150,204 230,200 360,186 360,260 -20,260"))
    tint = tinted(hexed("c6a26d"), 1 + 0.06 * c.noise(40, 5))
    c.lit(dune, tint, c.noise(50, 4, 3.0) * 1.6, 0.0)
    haze = 0.16 * np.exp(-(((c.y - 188) / 26) ** 2))
    c.rgb = blend(c.rgb, rgb(0.88, 0.85, 0.80), haze)
    return c.photo(grain=0.016, soft=0.35)


def car_side() -> Image.Image:
    """A saloon parked by the kerb, seen from the side, in black and white."""
    c = Canvas(300, 198, seed=62)
    _street(c)
    c.shadow(c.ellipse(152, 134, 92, 8), 0, 0, 3, 0.8)
    body = (
        "62,120 61,106 70,98 100,93 124,78 136,75 176,75 190,79 212,94 236,96 243,104 "
        "244,122 236,127 70,127"
    )
    shell = c.polygon(smooth_curve(body))
    paint = tinted((1, 1, 1), np.where(c.y < 110, 0.80, 0.52))
    c.relief(shell, paint, 5, 0.7, 0.35)
    for window in (
        "108,94 127,80 150,79 151,94",
        "155,94 155,79 175,79 182,94",
        "186,94 180,80 189,82 202,94",
    ):
        c.paint(c.polygon(window), (0.10, 0.10, 0.11))
        c.paint(c.polygon(window) * np.clip((88 - c.y) / 10, 0, 1), (0.42, 0.42, 0.44), 0.5)
    c.paint(c.stroke("62,113 243,113", 2), (0.16, 0.16, 0.16))
    for x in (153, 104, 190):
        c.paint(c.stroke([(x, 96), (x - 1, 124)], 0.9), (0.2, 0.2, 0.2))
    for x in (145, 180):
        c.paint(c.stroke([(x - 4, 100), (x, 100)], 1.6), (0.2, 0.2, 0.2))
    c.paint(c.ellipse(65, 106, 4, 4), (0.9, 0.9, 0.9))
    c.paint(c.polygon("238,101 244,102 244,110 238,110"), (0.25, 0.25, 0.25))
    for x in (97, 211):
        c.paint(c.ellipse(x, 125, 17, 17) * (c.y < 128), (0.05, 0.05, 0.05))
        _car_wheel(c, x, 127)
    return c.photo(grain=0.02, soft=0.45).convert("L")


def _street(c: Canvas) -> None:
    white = rgb(1, 1, 1)
    c.rgb[:] = tinted(white, 0.62 + 0.03 * c.noise(80, 4))
    foliage(c, -10, 0.05 * white, 0.50 * white, 3)
    c.paint(c.polygon("150,0 262,0 262,58 150,58"), 0.80 * white)
    for x in (166, 206, 240):
        c.paint(c.polygon([(x, 14), (x + 15, 14), (x + 15, 38), (x, 38)]), 0.18 * white)
    c.paint(c.stroke("60,100 64,-5", 12, 9), 0.20 * white)
    hedge = blur((c.y > 52 + 3 * c.noise(16, 4)).astype(np.float32), 0.8)
    c.paint(hedge, tinted(white, np.clip(0.14 + 0.05 * c.noise(5, 4), 0, 1)))
    c.rgb = blur(c.rgb, 0.8)
    c.paint(c.polygon("0,96 300,96 300,118 0,118"), tinted(white, 0.55 + 0.03 * c.noise(20, 4)))
    tar = 0.42 + 0.03 * c.noise(40, 6, 3.0) + 0.03 * c.noise(3, 2)
    c.paint(c.polygon("0,118 300,118 300,198 0,198"), tinted(white, tar))


def _car_wheel(c: Canvas, x: float, y: float) -> None:
    c.relief(c.ellipse(x, y, 14, 14), (0.11, 0.11, 0.11), 4, 0.8, 0.1)
    c.relief(c.ellipse(x, y, 9, 9), (0.62, 0.62, 0.62), 3, 0.7, 0.4)
    for k in range(8):
        a = np.pi * k / 4
        c.paint(c.ellipse(x + 6 * np.cos(a), y + 6 * np.sin(a), 1.4, 1.4), (0.15, 0.15, 0.15))
    c.paint(c.ellipse(x, y, 2.4, 2.4), (0.25, 0.25, 0.25))


def motorbike() -> Image.Image:
    """A red cruiser motorbike in profile on a white studio ground."""
    c = Canvas(360, 230, seed=63, colour=(0.98, 0.98, 0.98), margin=(0, 30))
    chrome = np.clip(0.62 + 0.28 * np.sin(c.y * 0.5 + c.x * 0.1), 0, 1)[..., None] * rgb(1, 1, 1.02)
    dark, paint = rgb(0.09, 0.09, 0.10), hexed("a5121c")
    rear, front = (88.0, 158.0), (284.0, 158.0)
    c.shadow(c.ellipse(186, 206, 140, 6), 0, 0, 3, 0.6)
    for wheel, r in ((rear, 46), (front, 47)):
        _spoked_wheel(c, *wheel, r)
    fork = np.maximum(c.stroke("284,158 238,62", 7), c.stroke("277,160 232,66", 4))
    c.relief(fork, chrome, 3, 1, 0.5)
    frame = c.stroke("238,84 196,168 130,172 88,158", 7)
    frame = np.maximum(frame, c.stroke("240,80 150,96 92,156", 6))
    c.relief(frame, dark, 3, 1, 0.4)
    _engine(c, chrome, dark)
    for line in ("190,150 150,172 40,178", "176,146 140,164 36,168"):
        c.relief(c.stroke(smooth_curve(line, False), 9, 11), chrome, 5, 1, 0.6)
    fender = c.hoop(*rear, 53, 45)
    fender *= (c.y < 152) & (c.x < 126)
    c.relief(fender.astype(np.float32), paint, 4, 0.9, 0.6)
    guard = c.hoop(*front, 53, 46) * (c.y < 140)
    c.relief(guard.astype(np.float32), paint, 4, 0.9, 0.6)
    tank = c.polygon(smooth_curve("168,98 176,82 204,70 232,72 240,84 226,98 196,106"))
    c.relief(tank, paint, 11, 1.2, 0.8, None, 25)
    c.relief(c.stroke("186,92 222,86", 4), (0.85, 0.8, 0.6), 2, 0.5, 0.3)
    seat = c.polygon(
        smooth_curve("76,92 96,86 112,96 136,100 168,94 176,104 150,116 112,114 82,104")
    )
    c.relief(seat, dark * 0.8, 8, 1, 0.35)
    side = c.polygon(smooth_curve("118,118 150,116 152,140 128,144"))
    c.relief(side, paint, 6, 1, 0.6)
    bars = c.stroke(smooth_curve("238,66 230,48 216,44 204,50", False), 5)
    c.relief(bars, chrome, 2.5, 1, 0.6)
    c.relief(c.stroke("214,45 200,52", 8), dark, 3, 1, 0.3)
    c.relief(c.stroke("230,46 224,30", 2.5), chrome, 1.5, 1, 0.5)
    c.relief(c.ellipse(223, 26, 8, 5, -20), chrome, 3, 1, 0.6)
    c.relief(c.ellipse(250, 72, 13, 13), chrome, 7, 1.1, 0.8)
    c.relief(c.ellipse(44, 122, 6, 7), hexed("d83a1c"), 3, 1, 0.5)
    return c.photo(grain=0.010, soft=0.3, vignette=0.03)


def _spoked_wheel(c: Canvas, x: float, y: float, r: float) -> None:
    tyre = c.hoop(x, y, r, r - 11)
    c.relief(tyre, (0.10, 0.10, 0.105), 5, 0.9, 0.2)
    rim = c.hoop(x, y, r - 10, r - 14)
    c.relief(rim, (0.72, 0.72, 0.74), 2, 1, 0.6)
    for k in range(24):
        a = 2 * np.pi * k / 24
        b = a + (0.5 if k % 2 else -0.5)
        spoke = [(x + q * np.cos(t), y + q * np.sin(t)) for q, t in ((8, b), (r - 13, a))]
        c.paint(c.stroke(spoke, 1.1), (0.55, 0.55, 0.57), 0.9)
    disc = c.hoop(x, y, 18, 11)
    c.relief(disc, (0.6, 0.6, 0.62), 3, 0.5, 0.4)
    c.relief(c.ellipse(x, y, 8, 8), (0.5, 0.5, 0.52), 4, 1, 0.5)


def _engine(c: Canvas, chrome: Array, dark: Array) -> None:
    crank = c.polygon(smooth_curve("140,140 164,130 200,134 212,150 200,172 150,176 136,162"))
    c.relief(crank, (0.45, 0.45, 0.47), 6, 1, 0.5)
    for x, y, r in ((192, 152, 16), (156, 156, 13)):
        c.relief(c.ellipse(x, y, r, r), chrome, 7, 1, 0.6)
        c.relief(c.ellipse(x, y, r * 0.55, r * 0.55), chrome * 0.7, 4, 0.8, 0.5)
    for turn, (x, y) in ((-24, (160, 118)), (20, (196, 118))):
        u, v = c.frame(x, y, turn)
        block = ((np.abs(u) < 15) & (np.abs(v) < 20)).astype(np.float32)
        fins = np.where((v + 40) % 4.6 < 2.6, 0.60, 0.13)
        c.relief(block, fins[..., None] * rgb(1, 1, 1.02), 2, 0.6, 0.3)
        cap = ((np.abs(u) < 13) & (np.abs(v + 22) < 5)).astype(np.float32)
        c.relief(cap, chrome, 4, 1, 0.6)
    c.relief(c.ellipse(180, 124, 11, 11), chrome, 6, 1, 0.7)
    c.relief(c.polygon(ring(180, 124, 6, 6)), dark, 3, 0.5, 0.3)


def airplane() -> Image.Image:
    """A yellow propeller trainer standing on an airfield, seen from the side."""
    c = Canvas(340, 200, seed=64)
    sky(c, hexed("8fb2d8"), hexed("e6ebee"), 0.8, 110)
    foliage(c, 96, hexed("1f2a17"), hexed("4f6138"), 7)
    c.rgb = blur(c.rgb, 1)
    grass(c, 116, hexed("5d6b30"), hexed("a9a35c"), 5)
    c.shadow(c.ellipse(170, 157, 128, 6), 0, 0, 4, 0.7)
    paint = tinted(hexed("f0a418"), 1 + 0.02 * c.noise(30, 3))
    white, dark = rgb(0.93, 0.93, 0.92), rgb(0.09, 0.09, 0.10)
    c.relief(c.polygon("44,108 20,104 24,99 70,101"), paint * 0.85, 3, 0.6, 0.2)
    c.relief(c.polygon(smooth_curve("34,104 20,58 30,46 44,48 66,94")), paint, 4, 0.5, 0.2)
    c.paint(c.polygon("21,60 24,52 47,56 51,65"), hexed("b3201c"))
    hull = c.polygon(smooth_curve(_HULL))
    c.relief(hull, paint, 13, 1.0, 0.45)
    c.paint(hull * (np.abs(c.y - 114 + (c.x - 170) * 0.02) < 2), hexed("b3201c"))
    c.relief(hull * (c.x > 268), rgb(0.16, 0.16, 0.17), 10, 1.0, 0.4)
    glass = c.polygon(smooth_curve("128,92 142,74 176,68 208,76 226,92 180,95"))
    c.relief(glass, rgb(0.30, 0.38, 0.45), 8, 0.9, 0.7)
    for line in ("150,92 154,72", "178,94 178,69", "203,93 200,74"):
        c.paint(c.stroke(line, 2.6), paint)
    c.relief(c.polygon("250,122 196,118 118,134 124,139 206,137 262,129"), paint * 0.9, 4, 0.7, 0.3)
    for radius, tone in ((11, "1d3f8a"), (7.5, "f2f2f0"), (4, "b3201c")):
        c.paint(c.ellipse(96, 105, radius, radius), hexed(tone))
    c.paint(c.text(62, 104, "46", 13), dark)
    for x in (230, 252):
        c.relief(c.stroke([(x - 4, 130), (x, 152)], 4), white * 0.6, 2, 1, 0.4)
        c.relief(c.ellipse(x, 153, 9, 9), dark, 4, 0.8, 0.2)
        c.relief(c.ellipse(x, 153, 3.6, 3.6), white * 0.7, 2, 0.8, 0.3)
    c.relief(c.stroke("48,112 40,124", 3), dark, 1.5, 1, 0.2)
    c.relief(c.ellipse(39, 127, 4.5, 4.5), dark, 2, 0.8, 0.2)
    c.relief(c.stroke("309,68 307,108 311,146", 5, 3.5), dark, 2, 1, 0.4)
    c.relief(c.ellipse(309, 107, 9, 6.5), hexed("b3201c"), 5, 1, 0.6)
    return c.photo(grain=0.015, soft=0.35)


_HULL = (
    "30,98 80,93 128,89 180,88 232,89 272,90 298,95 305,107 298,118 270,125 "
    "210,129 150,125 90,115 46,111 31,106"
)
