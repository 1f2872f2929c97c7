"""Outlines: lists of points (px), or the same as text, "10,20 30,25"."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from drawing.colour import Array

Point = tuple[float, float]
Outline = str | Sequence[Point]


def points(outline: Outline) -> list[Point]:
    """Corners of an outline, whichever way it is written."""
    if not isinstance(outline, str):
        return list(outline)
    pairs = (pair.split(",") for pair in outline.split())
    return [(float(x), float(y)) for x, y in pairs]


def smooth_curve(outline: Outline, closed: bool = True, steps: int = 12) -> list[Point]:
    """Catmull-Rom spline through the corners of *outline*."""
    p = np.asarray(points(outline), np.float64)
    p = np.vstack([p[-1:], p, p[:2]]) if closed else np.vstack([p[:1], p, p[-1:]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    out = []
    for a, b, c, d in zip(p[:-3], p[1:-2], p[2:-1], p[3:], strict=True):
        cubic = (-a + 3 * b - 3 * c + d) * t**3 + (2 * a - 5 * b + 4 * c - d) * t**2
        out.append(0.5 * (cubic + (c - a) * t + 2 * b))
    curve = [(float(x), float(y)) for x, y in np.vstack(out)]
    return curve if closed else [*curve, (float(p[-1][0]), float(p[-1][1]))]


def turned(dx: Array, dy: Array, turn: float) -> tuple[Array, Array]:
    """Offsets along axes turned clockwise by *turn* degrees."""
    c, s = np.float32(np.cos(np.radians(turn))), np.float32(np.sin(np.radians(turn)))
    return dx * c + dy * s, dy * c - dx * s


def placed(u: float, v: float, cx: float, cy: float, turn: float) -> Point:
    """The point *u* right and *v* down of (cx, cy), turned clockwise about it by *turn* degrees."""
    c, s = float(np.cos(np.radians(turn))), float(np.sin(np.radians(turn)))
    return cx + u * c - v * s, cy + u * s + v * c
