"""Dollar bill."""

from __future__ import annotations

import numpy as np
from PIL import Image

from drawing.canvas import Canvas, blur
from drawing.colour import Array, hexed, tinted
from drawing.shapes import ring, smooth_curve


def dollar_bill() -> Image.Image:
    """A worn one-dollar note with guilloche borders and an oval portrait, on dark cloth."""
    c = Canvas(380, 210, seed=56)
    cloth = tinted(hexed("2b2622"), 1 + 0.05 * np.sin(c.x * 2.2) * np.sin(c.y * 2.2))
    c.rgb[:] = cloth * (1 + 0.12 * c.noise(120, 4))[..., None]
    note = c.polygon("16,30 364,24 366,178 18,184")
    c.shadow(note, 5, 6, 5, 0.7)
    u, v = c.frame(17, 27, -0.9)
    paper = tinted(hexed("c9c8ab"), 1 + 0.05 * c.noise(60, 6))
    ink = np.zeros(c.shape, np.float32)
    frame = (u > 14) & (u < 334) & (v > 12) & (v < 144)
    inner = (u > 28) & (u < 320) & (v > 25) & (v < 131)
    lace = 0.5 + 0.5 * np.sin(u * 1.5 + 2 * np.sin(v * 0.9)) * np.sin(v * 1.5 + 2 * np.sin(u * 0.9))
    ink = np.where(frame & ~inner, 0.55 + 0.45 * (lace > 0.45), ink)
    ink = np.where(inner & (np.abs((u + 3 * np.sin(v * 0.3)) % 3.4) < 0.8), 0.16, ink).astype(
        np.float32
    )
    green, black = hexed("3d5b3a"), hexed("23291f")
    c.lit(note, paper, c.noise(80, 4) * 1.1, 0.0)
    c.paint(note * ink, green)
    _portrait(c, black)
    _note_print(c, black, green)
    return c.photo(grain=0.016, soft=0.3, vignette=0.2)


def _note_print(c: Canvas, black: Array, green: Array) -> None:
    for x, y in ((46, 50), (336, 46), (48, 162), (338, 158)):
        c.paint(c.ellipse(x, y, 21, 18), hexed("c4c4a6"))
        c.paint(c.hoop(x, y, (19, 16), (16.5, 13.5)), green)
        c.paint(c.text(x, y, "1", 27), black)
    for x, y, line, size in (
        (190, 47, "THE UNITED STATES OF AMERICA", 11.5),
        (190, 172, "ONE DOLLAR", 13),
        (105, 66, "FEDERAL RESERVE NOTE", 6),
        (284, 72, "B 5307 4291 E", 8),
        (100, 140, "B 5307 4291 E", 8),
    ):
        band = c.text(x, y, line, size, -0.9)
        if size > 9:
            c.paint(blur((band > 0.2).astype(np.float32), 2.4) * 0.9, hexed("c9c8ab"))
        c.paint(band, black)
    teeth = zip(ring(96, 104, 19, 12), ring(96, 104, 22, 12, 15), strict=True)
    seal = c.polygon([corner for pair in teeth for corner in pair])
    c.paint(seal, black, 0.85)
    c.paint(c.ellipse(96, 104, 15, 15), hexed("c4c4a6"))
    c.paint(c.text(96, 104, "B", 22), black)
    c.paint(c.ellipse(284, 108, 21, 21), green, 0.75)
    c.paint(c.hoop(284, 108, 17, 15), hexed("c4c4a6"))
    c.paint(c.text(284, 108, "ONE", 24), black, 0.9)


def _portrait(c: Canvas, black: Array) -> None:
    cx, cy = 190, 108
    oval = c.ellipse(cx, cy, 43, 55)
    c.paint(c.ellipse(cx, cy, 48, 60), hexed("c9c8ab"))
    c.paint(c.hoop(cx, cy, (47, 59), (43, 55)), black)
    hatch = 0.55 + 0.45 * np.sin(c.y * 2.6)
    c.paint(oval, hexed("8d9176"))
    c.paint(oval * hatch, black, 0.75)
    coat = c.polygon(smooth_curve("150,165 156,140 176,130 204,130 224,140 230,165")) * oval
    c.paint(coat, black, 0.9)
    hair = c.dots([(190, 94, 25, 29), (170, 106, 10, 18), (210, 106, 10, 18)])
    c.relief(hair, hexed("a3a58c"), 6, 1, 0.1, 0.4 * np.sin(c.x * 1.9 + c.y).astype(np.float32))
    face = c.ellipse(190, 100, 17.5, 25)
    c.relief(face, hexed("c6c6a8"), 8, 0.9, 0.05)
    for x in (183, 197):
        c.paint(c.ellipse(x, 96, 3.4, 1.7), black, 0.9)
        c.paint(c.stroke([(x - 4, 91.5), (x + 4, 91)], 1.5), black, 0.7)
    c.paint(c.stroke("190,96 187,107 192,108", 1.3), black, 0.7)
    c.paint(c.stroke("184,115 190,116 196,115", 1.6), black, 0.8)
    c.paint(c.polygon("182,126 198,126 194,146 186,146"), hexed("c9c8ab"))
