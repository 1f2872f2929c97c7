"""The panels that ``afd inspect`` prints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich import box
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table as Grid
from rich.text import Text

from afdcli.codec.photo import DAMAGED, Photo
from afdcli.constants import WORDS
from afdcli.inspect.facts import FileFacts
from afdcli.inspect.predict import TOP, Inspection
from afdcli.models.afd_file import LoadedModule
from afdcli.models.loader import Backbone
from afdcli.storage.text import clean
from afdcli.view.orientation import turn

_CROPS = {"center": "cut from the centre", "squash": "squashed", "border": "with borders"}
WIDE = 116  # columns from which on panels stand side by side


def show(
    screen: Console,
    facts: FileFacts,
    inspection: Inspection,
    backbone: Backbone,
    loaded: LoadedModule | None,
) -> None:
    """Print all panels, side by side where *screen* is wide enough."""
    answers = _answers(inspection, loaded)
    file = _panel("file", _pairs(_file(facts)))
    seen = _panel("classifier", Group(_pairs(_frame(inspection, backbone)), Text(), *answers))
    energy = _square("luma, root mean square", facts.rms.round().astype(int))
    tables = [_square(table_title(name), steps) for name, steps in facts.tables.items()] + [energy]
    content: RenderableType = Group(*tables)
    if screen.width >= WIDE:
        both = Grid.grid(expand=True, padding=(0, 1, 0, 0))
        both.add_column(ratio=1)
        both.add_column(ratio=1)
        both.add_row(file, seen)
        screen.print(both)
        content = Grid.grid(padding=(0, 3, 0, 0))
        content.add_row(*tables)
    else:
        screen.print(file, seen)
    screen.print(_panel("8x8 DCT, stored picture", content))


def _panel(title: str, content: RenderableType) -> Panel:
    return Panel(content, title=title, title_align="left", box=box.ROUNDED)


def _pairs(lines: Iterator[tuple[str, str | Text]]) -> Grid:
    grid = Grid.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in lines:
        grid.add_row(name, value if isinstance(value, Text) else Text(value))
    return grid


def _file(facts: FileFacts) -> Iterator[tuple[str, str | Text]]:
    photo = facts.photo
    own = photo.file_coefficients is not None and photo.file_coefficients.exact
    lossless = photo.codec in ("png", "gif", "bmp")
    every_pixel = "none: this format keeps every pixel's colour"
    yield "path", clean(str(facts.path))
    yield "codec", ", ".join(filter(None, (photo.codec.upper(), facts.process)))
    yield "size", size_text(photo)
    yield "bytes", f"{facts.size:,} ({facts.bits_per_pixel:.2f} bits per pixel)"
    yield "sampling", every_pixel if lossless else photo.subsampling or "not known"
    yield "quality factor", _quality(facts)
    yield "coefficients", "the file's own" if own else "computed from the decoded pixels"
    yield "AC energy, luma", bands_text(facts)
    for note in photo.notes:
        yield "note", Text(clean(note), style="yellow" if note.startswith(DAMAGED) else "")
    for sentence in facts.unknown:
        yield "not known", sentence


def size_text(photo: Photo) -> str:
    """Stored size and, with an EXIF orientation, the upright size."""
    text = f"{photo.width} × {photo.height}"
    if photo.orientation == 1:
        return text
    height, width = turn(photo.orientation).pair(photo.height, photo.width)
    return f"{text} stored, orientation {photo.orientation}, upright {width} × {height}"


def _quality(facts: FileFacts) -> str:
    if facts.photo.quality is None:
        return "not known: no quantisation tables at hand"
    return f"{facts.photo.quality:g}, estimated"


def bands_text(facts: FileFacts) -> str:
    """Shares of the AC energy in the low, middle and high band."""
    if (bands := facts.bands) is None:
        return "none: the picture is flat"
    names = ("low", "middle", "high frequencies")
    return ", ".join(f"{100 * s:.1f} % {name}" for s, name in zip(bands, names, strict=True))


def _frame(inspection: Inspection, backbone: Backbone) -> Iterator[tuple[str, str | Text]]:
    spec, frame = backbone.spec, inspection.framing
    yield "backbone", f"{clean(backbone.name)}, {len(backbone.class_names):,} classes"
    if backbone.note:
        yield "classes", clean(backbone.note)
    yield "view", f"{spec.width} × {spec.height}, {_CROPS[spec.crop_mode]}"
    y, x = frame.scale
    scale = f"× {y:.3f}" if round(y, 3) == round(x, 3) else f"× {x:.3f} in x, × {y:.3f} in y"
    yield "resized", "not at all: the blocks stay whole" if y == x == 1 else scale
    top, left, bottom, right = (round(edge) for edge in frame.box)
    text = f"{100 * frame.share:.1f} % of the picture: x {left} to {right}, y {top} to {bottom}"
    yield "sees", text + (f"; {100 * frame.padding:.1f} % is padding" if frame.padding else "")


def _answers(inspection: Inspection, loaded: LoadedModule | None) -> Iterator[RenderableType]:
    table = Grid(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("without AFD", overflow="fold")
    table.add_column("", justify="right", no_wrap=True)
    if inspection.restored:
        table.add_column("with AFD", overflow="fold")
        table.add_column("", justify="right", no_wrap=True)
    for rank, first in enumerate(inspection.direct[:TOP]):
        row: list[str | Text] = []
        for top in (first, *inspection.restored[rank : rank + 1]):
            row += [Text(clean(top.label)), f"{100 * top.prob:.1f} %"]
        table.add_row(*row, style="bold" if rank == 0 else "")
    yield table
    yield Text()
    yield _pairs(_module(inspection, loaded))


def _module(
    inspection: Inspection, loaded: LoadedModule | None
) -> Iterator[tuple[str, str | Text]]:
    drift = inspection.drift
    if loaded is None or drift is None:
        yield "AFD", "none, so no drift is known"
        return
    place = f"behind the stem ({WORDS['stem']}): {loaded.where}"
    if loaded.plug != "stem":
        place = "in front of the classifier"
    yield "AFD", f"{clean(loaded.path.name)}, {place}"
    mean, largest = drift.angles.mean(), drift.angles.max()
    yield "drift", f"mean {mean:.2f}°, largest {largest:.2f}° ({WORDS['drift']})"
    if drift.fdm is not None:
        low, high = drift.fdm.min(), drift.fdm.max()
        yield "FDM", f"mean {drift.fdm.mean():.3f}, {low:.3f} to {high:.3f} ({WORDS['FDM']})"
    if loaded.note:
        yield "note", Text(clean(loaded.note), style="yellow")


def table_title(components: str) -> str:
    """Title of the quantisation table of *components*."""
    kinds = {"Y": "luma (Y)", "Cb, Cr": "chroma (Cb, Cr)"}
    return f"steps, {kinds.get(components, f'components {components}')}"


def _square(title: str, values: NDArray[np.integer[Any]]) -> Grid:
    """An 8x8 table of integers; rows are vertical frequencies."""
    grid = Grid(
        title=title, title_justify="left", box=None, show_header=False, padding=(0, 0, 0, 1)
    )
    for _ in range(8):
        grid.add_column(justify="right", no_wrap=True, min_width=3)
    for row in values:
        grid.add_row(*map(str, row))
    return grid
