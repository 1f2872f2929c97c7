"""The picture that ``afd inspect`` writes: eleven squares under a headline."""

from __future__ import annotations

import io

from PIL import Image, ImageDraw

from afdcli.codec.photo import Photo
from afdcli.inspect import squares
from afdcli.inspect.facts import Facts
from afdcli.inspect.patch import choose_patch
from afdcli.inspect.predict import Opinion
from afdcli.inspect.screen import size_text
from afdcli.inspect.tiles import PALE, PAPER, TILE, tile, write

_COLUMNS, _GAP, _HEAD = 4, 28, 96


def draw(photo: Photo, facts: Facts, opinion: Opinion) -> bytes:
    """The sheet as a PNG file."""
    patch = choose_patch(photo, opinion)
    content = [
        squares.whole(photo, opinion, patch),
        squares.seen(opinion),
        squares.drift(opinion),
        squares.gate(opinion),
        squares.blocks(photo, patch),
        squares.steps(opinion),
        squares.energy(opinion),
        *squares.tables(facts),
        squares.spectrum(facts),
        squares.answers(opinion),
    ]
    rows = -(-len(content) // _COLUMNS)
    size = (
        _GAP + _COLUMNS * (TILE[0] + _GAP),
        _HEAD + rows * (TILE[1] + _GAP // 2),
    )
    sheet = Image.new("RGB", size, PAPER)
    _headline(ImageDraw.Draw(sheet), facts, opinion, size[0] - 2 * _GAP)
    for n, square in enumerate(content):
        row, column = divmod(n, _COLUMNS)
        x, y = _GAP + column * (TILE[0] + _GAP), _HEAD + row * (TILE[1] + _GAP // 2)
        sheet.paste(tile(square), (x, y))
    file = io.BytesIO()
    sheet.save(file, "PNG", optimize=True)
    return file.getvalue()


def _headline(draw: ImageDraw.ImageDraw, facts: Facts, opinion: Opinion, width: int) -> None:
    write(draw, (_GAP, 14), facts.path.name, 26, width=width)
    quality = "quality factor not known" if facts.quality is None else f"QF {facts.quality:g}"
    parts = [
        " ".join(filter(None, (facts.codec.upper(), facts.process))),
        size_text(facts),
        facts.subsampling,
        quality,
        f"{facts.size:,} bytes, {facts.bits_per_pixel:.2f} bits per pixel",
    ]
    write(draw, (_GAP, 50), "   ".join(filter(None, parts)), 16, colour=PALE, width=width)
    if any(note.startswith("damaged") for note in facts.notes):
        write(draw, (_GAP, 72), "; ".join(facts.notes), 14, colour=(170, 40, 20), width=width)
