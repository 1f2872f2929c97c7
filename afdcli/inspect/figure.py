"""The figure that ``afd inspect`` writes: the picture, its drift, its coefficients, the classes."""

from __future__ import annotations

import io
import logging
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from afdcli.codec.photo import Photo
from afdcli.constants import CELL, COMPONENTS, FREQUENCIES
from afdcli.inspect.axes import (
    COLOURS,
    EMPTY,
    INK,
    PALE,
    STYLE,
    Ticks,
    colour_bar,
    empty,
    legend,
    logarithmic,
    one_line,
    overlay,
    round_ticks,
    show_pixels,
    square,
    title,
)
from afdcli.inspect.facts import FileFacts
from afdcli.inspect.maps import PERCENTILES, MapScale, draw_map
from afdcli.inspect.patch import Patch, choose_patch
from afdcli.inspect.predict import TOP, Drift, Inspection
from afdcli.inspect.screen import bands_text, size_text, table_title
from afdcli.view.crop import upright
from afdcli.view.maps import step_map
from afdcli.view.orientation import turn

_INCHES, _DPI = (14.2, 12.8), 100
_VIEW, _BLOCKS = "#ffd200", "#ff3cc8"
_DIRECT, _AFD = "#969696", "#3f6fa8"
_LEAST_SHARE = 0.03  # of the picture's side: the smallest frame that is easy to find
#: Ends of the scale of drift: pictures that drift about as much share one.
_DEGREES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 40.0, 90.0, 180.0)
#: Multiples of the table of quality factor 50, named by their quality factor.
_QUALITIES = {0.1: "QF 95", 0.4: "80", 1.0: "50", 2.0: "25", 5.0: "10", 10.0: "5"}
#: Root of a block's AC energy, or root mean square of one coefficient.
_ENERGY = {1.0: "1", 10.0: "10", 100.0: "100", 1000.0: "1000"}
_STEPS = {1.0: "1", 10.0: "10", 100.0: "100", 255.0: "255"}


def draw(facts: FileFacts, inspection: Inspection, kind: str = "png") -> bytes:
    """The figure as a file: "png" (1420 x 1280 pixels), "svg" or "pdf"."""
    logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it would tell of its font cache
    file = io.BytesIO()
    with matplotlib.rc_context(STYLE):  # type: ignore[arg-type]
        figure = make_figure(facts, inspection)
        undated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind)
        figure.savefig(file, format=kind, dpi=_DPI, metadata=undated)
    return file.getvalue()


def make_figure(facts: FileFacts, inspection: Inspection) -> Figure:
    """A headline and eleven panels, in three rows."""
    figure = Figure(figsize=_INCHES, layout=ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.06))
    rows = figure.add_gridspec(4, 4, height_ratios=(0.18, 1, 1, 1))
    panels = [figure.add_subplot(rows[1 + n // 4, n % 4]) for n in range(10)]
    photo = facts.photo
    patch = choose_patch(photo, inspection)
    _headline(figure.add_subplot(rows[0, :]), facts)
    _picture(panels[0], photo, inspection, patch)
    _input(panels[1], inspection)
    _drift(panels[2], inspection)
    _fdm(panels[3], inspection)
    _blocks(panels[4], photo, patch)
    _coarseness(panels[5], inspection)
    _energy(panels[6], inspection)
    _spectrum(panels[7], facts)
    _tables(panels[8:10], facts)
    _classes(figure.add_subplot(rows[3, 2:]), inspection)
    return figure


def _headline(ax: Axes, facts: FileFacts) -> None:
    ax.set_axis_off()
    photo = facts.photo
    quality = "quality factor not known" if photo.quality is None else f"QF {photo.quality:g}"
    parts = [
        " ".join(filter(None, (photo.codec.upper(), facts.process))),
        size_text(photo),
        photo.subsampling,
        quality,
        f"{facts.size:,} bytes, {facts.bits_per_pixel:.2f} bits per pixel",
    ]
    below = one_line("   ".join(filter(None, parts)), 150)
    ax.text(0, 0.95, one_line(facts.path.name, 80), fontsize=20, va="top")
    ax.text(0, 0.4, below, fontsize=12, color=PALE, va="top")
    if photo.damage:
        notes = one_line("; ".join(photo.notes), 170)
        ax.text(0, 0, notes, fontsize=10, color="#aa2814", va="top")


def _picture(ax: Axes, photo: Photo, inspection: Inspection, patch: Patch) -> None:
    """The upright picture; what the classifier does not see is darkened."""
    pixels = upright(photo)
    show_pixels(ax, pixels)
    ax.add_patch(Rectangle((0, 0), pixels.shape[1], pixels.shape[0], color="black", alpha=0.6))
    top, left, bottom, right = inspection.framing.box
    seen = Rectangle((left, top), right - left, bottom - top, fill=False, ec=_VIEW, lw=2, zorder=3)
    bright = show_pixels(ax, pixels)
    bright.set(clip_path=ax.add_patch(seen), zorder=2)
    least = _LEAST_SHARE * max(pixels.shape)
    top, left, bottom, right = patch.upright
    width, height = max(least, right - left), max(least, bottom - top)
    corner = ((left + right - width) / 2, (top + bottom - height) / 2)
    ax.add_patch(Rectangle(corner, width, height, fill=False, ec=_BLOCKS, lw=2, zorder=3))
    title(ax, "Picture", f"the classifier sees {100 * inspection.framing.share:.1f} %")
    legend(ax, [("classifier input", _VIEW, 2), ("blocks below", _BLOCKS, 2)])


def _input(ax: Axes, inspection: Inspection) -> None:
    pixels = inspection.view.pixels
    title(ax, "Classifier input", f"{pixels.shape[1]} x {pixels.shape[0]} pixels")
    show_pixels(ax, pixels)


def _drift(ax: Axes, inspection: Inspection) -> None:
    drift, pixels = inspection.drift, inspection.view.pixels
    if drift is None:
        title(ax, "Drift")
        return empty(ax, "not known without an AFD module")
    mean, largest = float(drift.angles.mean()), float(drift.angles.max())
    title(ax, "Drift", f"angle that AFD corrects: mean {mean:.1f}°, largest {largest:.1f}°")
    norm = Normalize(0, _largest(drift), clip=True)
    show_pixels(ax, np.asarray(overlay(pixels, drift.angles, drift.covers, norm)))
    return colour_bar(ax, norm, round_ticks(0, _largest(drift), "°"))


def _largest(drift: Drift) -> float:
    """End of the scale of drift, degrees. A few extreme places would hide the others."""
    high = float(np.percentile(drift.angles, PERCENTILES[1]))
    return next(end for end in _DEGREES if end >= min(high, _DEGREES[-1]))


def _fdm(ax: Axes, inspection: Inspection) -> None:
    drift = inspection.drift
    if drift is None or drift.fdm is None:
        why = "this module has none" if drift else "not known without an AFD module"
        title(ax, "Feature drifting map (FDM)")
        return empty(ax, why)
    title(ax, "Feature drifting map (FDM)", "how strongly AFD corrects: 0 not at all, 1 fully")
    scale = MapScale.of([drift])
    show_pixels(ax, np.asarray(draw_map(inspection, scale)))
    ends = "colours: percentile {} to {} of the cells".format(*PERCENTILES)
    return colour_bar(ax, scale.norm, round_ticks(scale.low, scale.high), ends)


def _blocks(ax: Axes, photo: Photo, patch: Patch) -> None:
    """A few blocks, enlarged, upright, with their edges."""
    turned = turn(photo.orientation)
    height, width = turned.pair(photo.height, photo.width)
    top, left, bottom, right = patch.stored
    show_pixels(ax, turned.pixels(photo.pixels[top:bottom, left:right]), patch.upright)
    own, chroma = photo.file_coefficients is not None, (CELL, CELL)
    if photo.file_coefficients is not None:
        chroma = photo.file_coefficients.planes[-1].block_size
    for (rows, cols), colour in (((CELL, CELL), PALE), (chroma, _BLOCKS)):
        least = 0 if colour == PALE else CELL  # chroma blocks as small as luma's have no edges left
        ys, xs = turned.pair(
            [y for y in range(top + 1, bottom) if rows > least and y % rows == 0],
            [x for x in range(left + 1, right) if cols > least and x % cols == 0],
        )
        y0, x0, y1, x1 = patch.upright
        ax.hlines([height - y if turned.flip_y else y for y in ys], x0, x1, colour, lw=1)
        ax.vlines([width - x if turned.flip_x else x for x in xs], y0, y1, colour, lw=1)
    grid = "the file's own blocks" if own else "an 8x8 grid; the file has other blocks or none"
    title(ax, f"Blocks {patch.chosen}", grid)
    lines = [("8x8 block", PALE, 1.0), (f"{chroma[1]}x{chroma[0]} chroma block", _BLOCKS, 1.0)]
    legend(ax, lines if chroma != (CELL, CELL) else lines[:1])


def _coarseness(ax: Axes, inspection: Inspection) -> None:
    values = step_map(inspection.view)
    if not values.any():
        title(ax, "Coarsest quantisation so far")
        return empty(ax, "not known: no AC frequency is present")
    title(
        ax, "Coarsest quantisation so far", "of luma, at most; as a JPEG quality; grey: not known"
    )
    return _cells(ax, inspection, np.ma.masked_equal(values, 0), _QUALITIES)


def _energy(ax: Axes, inspection: Inspection) -> None:
    sizes = inspection.view.grid[-COMPONENTS * FREQUENCIES :]  # the root mean squares come last
    rms = sizes[1:FREQUENCIES].astype(np.float64)
    title(ax, "DCT energy by place", "luma, root of the AC energy of a block")
    _cells(ax, inspection, np.sqrt(np.square(rms).sum(axis=0)), _ENERGY)


def _cells(ax: Axes, inspection: Inspection, values: Any, ticks: Ticks) -> None:
    """Values (gh, gw) of the grid's cells, each as large as in the view."""
    extent = (0, CELL * values.shape[1], CELL * values.shape[0], 0)
    norm = logarithmic(ticks)
    image = ax.imshow(values, COLOURS, norm, extent=extent, interpolation="nearest")
    height, width = inspection.view.pixels.shape[:2]  # the last cells may reach beyond the view
    image.set_clip_path(Rectangle((0, 0), width, height, transform=ax.transData))
    square(ax, (0, 0, height, width))
    colour_bar(ax, norm, ticks)


def _tables(axes: Sequence[Axes], facts: FileFacts) -> None:
    tables = list(facts.tables.items())
    for n, (ax, kind) in enumerate(zip(axes, ("luma", "chroma"), strict=True)):
        if n < len(tables):
            name, steps = tables[n]
            title(ax, f"Quantisation {table_title(name)}", "rows: vertical frequency, as stored")
            _numbers(ax, steps, _STEPS)
        else:
            title(ax, f"Quantisation steps, {kind}")
            empty(ax, facts.unknown[0] if facts.unknown else "the file has no second table")


def _spectrum(ax: Axes, facts: FileFacts) -> None:
    bands = bands_text(facts).replace(" frequencies", "")
    title(ax, "DCT energy by frequency", f"luma AC: {bands}")
    _numbers(ax, facts.rms, _ENERGY)


def _numbers(ax: Axes, values: NDArray[Any], ticks: Ticks) -> None:
    norm = logarithmic(ticks)
    colours = COLOURS(norm(np.maximum(values, min(ticks))))[..., :3]
    ax.imshow(colours)
    for v, u in np.ndindex(8, 8):
        value = float(values[v, u])
        text = f"{value:.0f}" if value >= 9.95 or value == round(value) else f"{value:.1f}"
        light = float(colours[v, u] @ (0.299, 0.587, 0.114)) > 0.47
        ax.text(u, v, text, ha="center", va="center", color=INK if light else "white")
    colour_bar(ax, norm, ticks)


def _classes(ax: Axes, inspection: Inspection) -> None:
    named = [("without AFD", inspection.direct, _DIRECT), ("with AFD", inspection.restored, _AFD)]
    outputs = [output for output in named if output[1]]
    probs = [{top.index: top.prob for top in classes} for _, classes, _ in outputs]
    labels = {top.index: top.label for _, classes, _ in outputs for top in classes[:TOP]}
    order = sorted(labels, key=lambda index: -max(prob[index] for prob in probs))
    for n, ((_, _, colour), prob) in enumerate(zip(outputs, probs, strict=True)):
        ys, widths = [row + 0.24 * n for row in range(len(order))], [prob[i] for i in order]
        ax.barh(ys, [1.0] * len(order), 0.18, color=EMPTY)
        ax.barh(ys, widths, 0.18, color=colour)
        for y, width in zip(ys, widths, strict=True):
            ax.text(1.01, y, f"{100 * width:.1f} %", va="center")
    for row, index in enumerate(order):
        ax.text(0, row - 0.16, one_line(labels[index], 80), fontsize=10.5)
    ax.set(xlim=(0, 1.08), ylim=(max(len(order), 4) - 0.55, -0.45))
    title(ax, "Most probable classes")
    legend(ax, [(name, colour, 6) for name, _, colour in outputs])
