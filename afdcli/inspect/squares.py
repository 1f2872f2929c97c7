"""What stands in each square of the picture that ``afd inspect`` writes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from afdcli.codec.photo import Photo
from afdcli.constants import CELL, COMPONENTS, FREQUENCIES
from afdcli.inspect import colours
from afdcli.inspect.colours import Scale
from afdcli.inspect.facts import Facts
from afdcli.inspect.patch import Patch
from afdcli.inspect.predict import Opinion
from afdcli.inspect.screen import bands_text, table_title
from afdcli.inspect.tiles import PALE, PAPER, SIDE, Square, fitted, numbers, write
from afdcli.view.crop import upright
from afdcli.view.maps import step_map
from afdcli.view.orientation import turn

_FRAME, _PATCH = (255, 210, 0), (255, 60, 200)
_NO_MODULE = "not known without an AFD module"
_LEAST = 10  # pixels along a side of the frame around the blocks
_SEEN = 0.45  # share of the picture that shows through a heat map


def whole(photo: Photo, opinion: Opinion, patch: Patch) -> Square:
    """The upright picture; what the classifier does not see is darkened."""
    full = Image.fromarray(upright(photo))
    image = fitted(full)
    y, x = image.height / full.height, image.width / full.width
    top, left, bottom, right = opinion.framing.box
    frame = (round(left * x), round(top * y), round(right * x) - 1, round(bottom * y) - 1)
    dark = Image.blend(image, Image.new("RGB", image.size), 0.6)
    inside = (frame[0], frame[1], frame[2] + 1, frame[3] + 1)
    dark.paste(image.crop(inside), inside[:2])
    draw = ImageDraw.Draw(dark)
    draw.rectangle(_ordered(frame), outline=_FRAME, width=2)
    top, left, bottom, right = patch.upright
    small = (round(left * x), round(top * y), round(right * x) - 1, round(bottom * y) - 1)
    draw.rectangle(_findable(small), outline=_PATCH, width=2)
    share = f"{100 * opinion.framing.share:.1f} %"
    return Square("Picture and crop", f"yellow: {share} is seen; pink: the blocks below", dark)


def _findable(box: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """*box*, larger where it would be too small to see."""
    x, y = (max(0, _LEAST - (box[k + 2] - box[k]) + 1) // 2 for k in (0, 1))
    return box[0] - x, box[1] - y, box[2] + x, box[3] + y


def _ordered(box: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """*box* with sides of at least one pixel."""
    return box[0], box[1], max(box[0], box[2]), max(box[1], box[3])


def seen(opinion: Opinion) -> Square:
    """The view."""
    height, width = opinion.view.pixels.shape[:2]
    image = fitted(Image.fromarray(opinion.view.pixels))
    return Square("What the classifier sees", f"{width} x {height} pixels", image)


def drift(opinion: Opinion) -> Square:
    """Drift over the view."""
    if opinion.drift is None:
        return Square("Drift", _NO_MODULE, None)
    angles = opinion.drift.angles
    scale = colours.degrees(float(angles.max()))
    remark = f"mean {angles.mean():.1f}°, largest {angles.max():.1f}°"
    return Square("Drift", remark, _overlay(opinion, angles, opinion.drift.reach, scale), scale)


def gate(opinion: Opinion) -> Square:
    """Feature drifting map over the view."""
    title = "Feature drifting map (FDM)"
    if opinion.drift is None:
        return Square(title, _NO_MODULE, None)
    opening = opinion.drift.gate
    if opening is None:
        return Square(title, "this module has none: it works everywhere alike", None)
    remark = f"mean over channels; {opening.min():.2f} to {opening.max():.2f}"
    reach = (CELL * opening.shape[0], CELL * opening.shape[1])
    if opening.size == 1:
        remark, reach = f"one for the picture: {opening.item():.2f}", _size(opinion)
    image = _overlay(opinion, opening, reach, colours.GATE)
    return Square(title, remark, image, colours.GATE)


def _size(opinion: Opinion) -> tuple[int, int]:
    height, width = opinion.view.pixels.shape[:2]
    return height, width


def _overlay(
    opinion: Opinion, values: NDArray[np.float32], reach: tuple[int, int], scale: Scale
) -> Image.Image:
    """*values*, which cover *reach* pixels of the view, over the view in grey."""
    height, width = _size(opinion)
    field = Image.fromarray(scale.shares(values).astype(np.float32))
    # Enlarged about the centres of its cells, then cut where the last cells leave the view.
    field = field.resize((reach[1], reach[0]), Image.Resampling.BILINEAR)
    heat = Image.fromarray(colours.viridis(np.asarray(field)[:height, :width]))
    grey = Image.fromarray(opinion.view.pixels).convert("L").convert("RGB")
    return fitted(Image.blend(heat, grey, _SEEN))


def blocks(photo: Photo, patch: Patch) -> Square:
    """A few blocks, enlarged, upright, with the grid on them."""
    top, left, bottom, right = patch.stored
    turned = turn(photo.orientation)
    cut = photo.pixels[top:bottom, left:right]
    image = fitted(Image.fromarray(np.ascontiguousarray(turned.pixels(cut))), smooth=False)
    chroma, own = (8, 8), photo.file_coefficients is not None
    if photo.file_coefficients is not None:
        chroma = photo.file_coefficients.planes[-1].block_size
    rows = _lines(top, bottom, chroma[0])
    cols = _lines(left, right, chroma[1])
    rows, cols = turned.pair(rows, cols)
    rows = _flipped(rows, turned.flip_y)
    cols = _flipped(cols, turned.flip_x)
    draw = ImageDraw.Draw(image)
    for share, strong in rows:
        y = share * image.height
        draw.line((0, y, image.width, y), fill=_PATCH if strong else PALE, width=1 + strong)
    for share, strong in cols:
        x = share * image.width
        draw.line((x, 0, x, image.height), fill=_PATCH if strong else PALE, width=1 + strong)
    grid = "the file's 8x8 blocks" if own else "8x8 grid of afd, not of the file"
    if chroma != (8, 8):
        grid = "grey: 8x8 blocks; pink: those of chroma"
    return Square(f"Blocks {patch.chosen}", grid, image)


def _lines(start: int, stop: int, chroma: int) -> list[tuple[float, bool]]:
    """Block edges inside start ... stop as shares of it; True where a chroma block begins too."""
    edges = range(start + 8, stop, 8)
    return [((edge - start) / (stop - start), edge % chroma == 0 and chroma > 8) for edge in edges]


def _flipped(lines: list[tuple[float, bool]], flip: bool) -> list[tuple[float, bool]]:
    return [(1 - share, strong) for share, strong in lines] if flip else lines


def steps(opinion: Opinion) -> Square:
    """Step map of the view."""
    values = step_map(opinion.view)
    title = "Quantisation, at most so coarse"
    if not values.any():
        return Square(title, "nothing to tell: no AC frequency is present", None)
    pixels = colours.STEPS.colours(values)
    pixels[values == 0] = (236, 236, 236)
    remark = "luma, as JPEG quality; grey: cannot tell"
    return Square(title, remark, _cells(opinion, pixels), colours.STEPS)


def energy(opinion: Opinion) -> Square:
    """AC energy per cell of the view."""
    sizes = opinion.view.grid[-COMPONENTS * FREQUENCIES :]  # the root mean squares come last
    rms = sizes[1:FREQUENCIES].astype(np.float64)
    pixels = colours.ENERGY.colours(np.sqrt(np.square(rms).sum(axis=0)))
    remark = "luma, root of the AC energy of a block"
    return Square("DCT energy by place", remark, _cells(opinion, pixels), colours.ENERGY)


def _cells(opinion: Opinion, pixels: NDArray[np.uint8]) -> Image.Image:
    """Colours (gh, gw, 3) of the grid's cells, each as large as in the view."""
    height, width = _size(opinion)
    image = Image.fromarray(pixels)
    size = (CELL * image.width, CELL * image.height)
    return fitted(
        image.resize(size, Image.Resampling.NEAREST).crop((0, 0, width, height)), smooth=False
    )


def tables(facts: Facts) -> tuple[Square, Square]:
    """The first two quantisation tables."""
    found = [
        Square(
            f"Quantisation {table_title(table)}",
            "rows: vertical frequency, as stored",
            numbers(table.steps, colours.TABLE),
            colours.TABLE,
        )
        for table in facts.tables[:2]
    ]
    why = facts.unknown[0] if facts.unknown else "the file has no further table"
    empty = [Square(f"Quantisation steps, {kind}", why, None) for kind in ("luma", "chroma")]
    first, second = (found + empty[len(found) :])[:2]
    return first, second


def spectrum(facts: Facts) -> Square:
    """Energy by frequency."""
    rms = facts.spectrum.rms
    remark = bands_text(facts).replace(" frequencies", "")
    return Square(
        "DCT energy by frequency", f"AC: {remark}", numbers(rms, colours.ENERGY), colours.ENERGY
    )


def answers(opinion: Opinion) -> Square:
    """Bars of the top classes without and with AFD."""
    image = Image.new("RGB", (SIDE, SIDE), PAPER)
    draw = ImageDraw.Draw(image)
    y = 4
    for name, top_classes, colour in (
        ("without AFD", opinion.direct, (150, 150, 150)),
        ("with AFD", opinion.restored, (70, 110, 160)),
    ):
        if not top_classes:
            continue
        write(draw, (0, y), name, 15)
        y += 24
        for guess in top_classes:
            write(draw, (0, y), guess.label, 13, width=SIDE - 70)
            write(draw, (SIDE, y), f"{100 * guess.prob:.1f} %", 13, anchor="ra")
            draw.rectangle((0, y + 18, SIDE - 1, y + 25), fill=(236, 236, 236))
            if guess.prob > 0:
                draw.rectangle((0, y + 18, guess.prob * (SIDE - 1), y + 25), fill=colour)
            y += 36
        y += 12
    return Square("What the classifier says", "most probable classes", image)
