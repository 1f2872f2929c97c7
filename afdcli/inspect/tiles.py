"""The tiles of the picture that ``afd inspect`` writes: a caption, a square, a colour bar."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from afdcli.inspect.colours import Scale

SIDE = 320  # pixels of the square
INK, PALE, PAPER = (20, 20, 20), (105, 105, 105), (255, 255, 255)
_EMPTY = (236, 236, 236)

_CAPTION, _FOOT = 44, 34
TILE = (SIDE, _CAPTION + SIDE + _FOOT)

_READABLE = {"×": "x", "–": "-", "→": "->", "≈": "~"}


@dataclass(frozen=True)
class Square:
    """The content of a tile.

    Attributes:
        title: what it shows.
        remark: a smaller line beneath the title.
        image: RGB, at most `SIDE` x `SIDE`; None where there is nothing to show, and the remark
            says why.
        scale: of its colours, or None.
    """

    title: str
    remark: str
    image: Image.Image | None
    scale: Scale | None = None


def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own font."""
    return ImageFont.load_default(size)


def readable(text: str) -> str:
    """*text* in the letters of Pillow's font, which knows ASCII and little more."""
    return "".join(_letters(letter) for letter in text)


def _letters(letter: str) -> str:
    if letter in "°…" or letter in _READABLE:
        return _READABLE.get(letter, letter)
    parts = unicodedata.normalize("NFKD", letter)
    plain = "".join(part for part in parts if not unicodedata.combining(part))
    return plain if plain.isascii() and plain.isprintable() else "?"


def write(
    draw: ImageDraw.ImageDraw,
    at: tuple[float, float],
    text: str,
    size: int,
    *,
    colour: tuple[int, int, int] = INK,
    width: float | None = None,
    anchor: str = "la",
) -> None:
    """Draw one line at *at*, cut with an ellipsis where it is wider than *width*."""
    face, line = font(size), readable(text)
    while width is not None and len(line) > 1 and face.getlength(line) > width:
        line = line[:-2].rstrip() + "…"
    draw.text(at, line, fill=colour, font=face, anchor=anchor)


def tile(square: Square) -> Image.Image:
    """The whole tile, `TILE` pixels."""
    image = Image.new("RGB", TILE, PAPER)
    draw = ImageDraw.Draw(image)
    write(draw, (0, 2), square.title, 17, width=SIDE)
    if square.image is None:
        draw.rectangle((0, _CAPTION, SIDE - 1, _CAPTION + SIDE - 1), fill=_EMPTY)
        _paragraph(draw, square.remark)
        return image
    write(draw, (0, 24), square.remark, 13, colour=PALE, width=SIDE)
    left = (SIDE - square.image.width) // 2
    top = _CAPTION + (SIDE - square.image.height) // 2
    image.paste(square.image, (left, top))
    if square.scale is not None:
        _bar(image, draw, square.scale)
    return image


def _paragraph(draw: ImageDraw.ImageDraw, text: str) -> None:
    face, lines = font(15), [""]
    for word in readable(text).split():
        longer = f"{lines[-1]} {word}".strip()
        if face.getlength(longer) > SIDE - 48:
            lines.append(word)
        else:
            lines[-1] = longer
    top = _CAPTION + SIDE / 2 - 10 * len(lines)
    for n, line in enumerate(lines):
        write(draw, (SIDE / 2, top + 20 * n), line, 15, colour=PALE, anchor="ma")


def _bar(image: Image.Image, draw: ImageDraw.ImageDraw, scale: Scale) -> None:
    top, ends = _CAPTION + SIDE + 6, np.array([scale.low, scale.high])
    space = np.geomspace if scale.log else np.linspace
    strip = scale.colours(space(ends[0], ends[1], SIDE))
    image.paste(Image.fromarray(np.repeat(strip[None], 9, axis=0)), (0, top))
    for value, name in scale.ticks:
        x = float(scale.shares(np.array(value))) * (SIDE - 1)
        draw.line((x, top + 9, x, top + 12), fill=INK)
        anchor = "la" if x < 12 else "ra" if x > SIDE - 12 else "ma"
        write(draw, (x, top + 14), name, 12, anchor=anchor)


def fitted(image: Image.Image, *, smooth: bool = True) -> Image.Image:
    """*image* as large as the square allows, in proportion."""
    factor = SIDE / max(image.size)
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    if not smooth:
        return image.resize(size, Image.Resampling.NEAREST)
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def numbers(values: NDArray[Any], scale: Scale) -> Image.Image:
    """An 8x8 table with its numbers on coloured cells."""
    cell = SIDE // 8
    colours = scale.colours(values)
    image = Image.fromarray(colours).resize((SIDE, SIDE), Image.Resampling.NEAREST)
    draw = ImageDraw.Draw(image)
    for v, u in np.ndindex(8, 8):
        value = float(values[v, u])
        text = f"{value:.0f}" if value >= 9.95 or value == round(value) else f"{value:.1f}"
        light = float(colours[v, u] @ np.array([0.299, 0.587, 0.114]))
        ink = INK if light > 120 else PAPER
        middle = (cell * u + cell / 2, cell * v + cell / 2)
        write(draw, middle, text, 13 if len(text) < 5 else 11, colour=ink, anchor="mm")
    return image
