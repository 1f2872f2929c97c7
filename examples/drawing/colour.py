"""Colours: RGB in 0..1, one (3,) or one a pixel (H, W, 3)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating[Any]]
Colour = tuple[float, float, float] | Array


def rgb(red: float, green: float, blue: float) -> Array:
    """A colour (3,)."""
    return np.array((red, green, blue), np.float32)


def hexed(code: str) -> Array:
    """``"c8102e"`` as a colour."""
    return rgb(*(int(code[i : i + 2], 16) / 255 for i in (0, 2, 4)))


def blend(first: Colour, second: Colour, share: Array | float) -> Array:
    """Colours between two colours, *share* (one or (H, W)) of the second."""
    t = np.asarray(share, np.float32)[..., None]
    return np.asarray(first, np.float32) * (1 - t) + np.asarray(second, np.float32) * t


def tinted(colour: Colour, light: Array) -> Array:
    """One colour under a *light* (H, W) that is 1 where the colour stays as it is: (H, W, 3)."""
    return np.asarray(colour, np.float32) * light[..., None]


def cut(colour: Colour, box: tuple[slice, slice]) -> Array:
    """The part of a colour per pixel inside *box*; a single colour as it is."""
    whole = np.asarray(colour, np.float32)
    return whole[box] if whole.ndim == 3 else whole


def ramp(t: Array, places: tuple[float, ...], codes: str) -> Array:
    """Colours (…, 3) by interpolation: *codes* "3a2408 a8761c" are those at the *places* of t."""
    stops = np.stack([hexed(code) for code in codes.split()])
    return np.stack([np.interp(t, places, stops[:, i]) for i in range(3)], -1)
