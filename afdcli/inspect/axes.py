"""Matplotlib axes as panels: style, titles, pictures, colour bars, text that the font has."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from functools import cache
from typing import Any

import matplotlib
import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator, NullLocator
from numpy.typing import NDArray
from PIL import Image

from afdcli.storage.text import clean

INK, PALE, EMPTY = "#141414", "#696969", "#ececec"
#: Lightness rises evenly: readable in grey, and by the colour-blind.
COLOURS = matplotlib.colormaps["viridis"].with_extremes(bad=EMPTY)

_FONT = "DejaVu Sans"  # comes with matplotlib
STYLE = {
    "font.family": _FONT,
    "font.size": 9.0,
    "text.color": INK,
    "text.parse_math": False,  # a file name may hold a $
    "xtick.labelsize": 8.0,
    "legend.frameon": False,
    "legend.fontsize": 9.0,
    "svg.fonttype": "none",
    "svg.hashsalt": "afd",
}
_MOST_PIXELS = 800  # along a side of a drawn picture
_FEW_PIXELS = 100  # pictures that are smaller are drawn pixel by pixel
_HEAT = 0.6  # share of the heat map in an overlay

#: The numbers that a colour bar names, and their names; the first and the last are its ends.
Ticks = dict[float, str]


def title(ax: Axes, text: str, remark: str = "") -> None:
    """Title and remark above a panel without axes."""
    ax.set_axis_off()
    ax.set_title(one_line(text, 42), loc="left", fontsize=11.5, pad=19)
    note = ax.text(0, 1.025, one_line(remark, 56), color=PALE, transform=ax.transAxes)
    note.set_in_layout(False)


def empty(ax: Axes, reason: str) -> None:
    """A panel with nothing but the *reason* for that."""
    ax.set(xlim=(0, 1), ylim=(0, 1), box_aspect=1)
    ax.add_patch(Rectangle((0, 0), 1, 1, color=EMPTY))
    text = "\n".join(textwrap.wrap(one_line(reason, 300), 30))
    ax.text(0.5, 0.5, text, ha="center", va="center", color=PALE, fontsize=11)


def show_pixels(
    ax: Axes, pixels: NDArray[np.uint8], box: tuple[float, float, float, float] | None = None
) -> AxesImage:
    """(H, W, 3) uint8 in the middle of a square panel, as large as it fits.

    Args:
        box: (top, left, bottom, right) of the picture in the panel's coordinates; default: pixels.
    """
    height, width = pixels.shape[:2]
    small = Image.fromarray(np.ascontiguousarray(pixels))
    small.thumbnail((_MOST_PIXELS, _MOST_PIXELS), Image.Resampling.LANCZOS, reducing_gap=3.0)
    top, left, bottom, right = box or (0, 0, height, width)
    smooth = "nearest" if max(height, width) < _FEW_PIXELS else "antialiased"
    image = ax.imshow(np.asarray(small), extent=(left, right, bottom, top), interpolation=smooth)
    square(ax, (top, left, bottom, right))
    return image


def square(ax: Axes, box: tuple[float, float, float, float]) -> None:
    """Let the panel show a square around *box*: (top, left, bottom, right)."""
    top, left, bottom, right = box
    x, y, half = (left + right) / 2, (top + bottom) / 2, max(right - left, bottom - top) / 2
    ax.set(xlim=(x - half, x + half), ylim=(y + half, y - half), aspect="equal")


def overlay(
    pixels: NDArray[np.uint8], values: NDArray[Any], covers: tuple[int, int], norm: Normalize
) -> Image.Image:
    """*pixels* (H, W, 3) in grey under *values* in colours: (W, H) RGB.

    Args:
        values: (h, w), evenly spread.
        covers: (height, width) in pixels that *values* cover; may reach beyond the picture.
    """
    height, width = pixels.shape[:2]
    field = Image.fromarray(np.asarray(norm(values), np.float32))
    field = field.resize((covers[1], covers[0]), Image.Resampling.BILINEAR)
    colours = COLOURS(np.asarray(field)[:height, :width], bytes=True)[..., :3]
    grey = Image.fromarray(pixels).convert("L").convert("RGB")
    return Image.blend(grey, Image.fromarray(np.ascontiguousarray(colours)), _HEAT)


def colour_bar(ax: Axes, norm: Normalize, ticks: Ticks, name: str = "") -> None:
    """The colours of *norm* beneath a panel, with *ticks*, and *name* below these."""
    beneath = ax.inset_axes((0, -0.055, 1, 0.03))
    assert ax.figure is not None
    mappable = ScalarMappable(norm, COLOURS)
    bar = ax.figure.colorbar(mappable, cax=beneath, orientation="horizontal")
    bar.outline.set_visible(False)
    beneath.xaxis.set_major_locator(FixedLocator(list(ticks)))
    beneath.xaxis.set_major_formatter(FixedFormatter(list(ticks.values())))
    beneath.xaxis.set_minor_locator(NullLocator())
    beneath.set_xlabel(name, color=PALE, fontsize=8, labelpad=1)


def logarithmic(ticks: Ticks) -> LogNorm:
    """From the first to the last of *ticks*; numbers beyond take the colour of that end."""
    return LogNorm(min(ticks), max(ticks), clip=True)


def round_ticks(low: float, high: float, unit: str = "") -> Ticks:
    """Round numbers from *low* to *high*, and their names."""
    numbers = MaxNLocator(5, steps=[1, 2, 5, 10]).tick_values(low, high)
    return {float(n): f"{n:.3g}{unit}" for n in numbers if low <= n <= high}


def legend(ax: Axes, lines: Sequence[tuple[str, str, float]]) -> None:
    """A legend beneath a panel: name, colour and width of each line."""
    handles = [Line2D([], [], color=colour, lw=width, label=name) for name, colour, width in lines]
    ax.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, 0), ncols=len(handles))


def one_line(text: str, length: int) -> str:
    """*text* in one line of at most *length* letters that the font has."""
    text = "".join(c if ord(c) in _letters() else "\N{REPLACEMENT CHARACTER}" for c in clean(text))
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


@cache
def _letters() -> frozenset[int]:
    return frozenset(font_manager.get_font(font_manager.findfont(_FONT)).get_charmap())
