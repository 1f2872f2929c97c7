"""Render tables in the terminal, in Markdown and in HTML; the tidy summary as CSV and JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

import pandas as pd
import rich.table
from markupsafe import Markup
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from afdcli.report.runs import CAREFUL
from afdcli.report.table import Cell, Column, Table
from afdcli.storage.text import neutralise

if TYPE_CHECKING:
    import jinja2

_STYLES = {"good": "green", "bad": "red", "few": "yellow", "strong": "bold", "": ""}
_GAP = 2  # characters between columns of the terminal
_MIN_NAME = 24  # characters of row names that a narrow terminal keeps; numbers are never cut


def to_console(console: Console, tables: Sequence[Table], remarks: Sequence[str]) -> None:
    """Print *tables*, then *remarks*; remarks that begin with `CAREFUL` are highlighted."""
    for table in tables:
        console.print(Text(table.caption, style="bold"))
        if table.lead.text:
            console.print(Text(table.lead.text, style=f"bold {_STYLES[table.lead.tone]}"))
        for part in to_rich(table, console.width):
            console.print(part)
        for note in table.notes:
            console.print(Text(f"  {note}", style="dim"))
        console.print()
    for remark in remarks:
        warns = remark.startswith(CAREFUL)
        console.print(Text(remark, style="yellow" if warns else "dim"))


@dataclass(eq=False)
class _Strip:
    """A column with its cells."""

    column: Column
    cells: list[Cell]

    @property
    def width(self) -> int:
        return max(map(cell_len, [self.column.name, *(cell.text for cell in self.cells)]))


def to_rich(table: Table, width: int) -> list[rich.table.Table]:
    """*table* for a terminal of *width* characters: shortened, or at worst several tables."""
    strips = [_Strip(c, [row[n] for row in table.rows]) for n, c in enumerate(table.columns)]
    if not table.header:
        return [_rich(strips, header=False)]
    steps = [(strip.column.shorten, False, strip) for strip in strips]
    steps += [(strip.column.drop, True, strip) for strip in strips]
    for priority, drop, strip in sorted(steps, key=lambda step: -step[0]):
        total = min(strips[0].width, _MIN_NAME) + sum(_GAP + s.width for s in strips[1:])
        if not priority or total <= width:
            break
        if drop:
            strips.remove(strip)
        else:
            strip.cells = [replace(cell, text=cell.brief or cell.text) for cell in strip.cells]
    parts: list[list[_Strip]] = []
    room = 0
    for strip in strips[1:]:
        needed = _GAP + strip.width
        if not parts or (needed > room and len(parts[-1]) > 1):
            parts.append([strips[0]])
            room = width - min(strips[0].width, _MIN_NAME)
        parts[-1].append(strip)
        room -= needed
    return [_rich(part) for part in parts]


def _rich(strips: Sequence[_Strip], header: bool = True) -> rich.table.Table:
    drawn = rich.table.Table(
        box=box.SIMPLE_HEAD if header else None,
        show_header=header,
        show_edge=False,
        padding=(0, 1),
        pad_edge=False,
        collapse_padding=True,
    )
    for strip in strips:
        wraps = not header and strip is strips[-1]  # remarks of the headline
        names = strip.column.left and header  # which are cut before numbers are
        drawn.add_column(
            Text(strip.column.name),
            justify="left" if strip.column.left else "right",
            no_wrap=not wraps,
            overflow="fold" if wraps else "ellipsis",
            min_width=None if wraps or names else strip.width,
        )
    for row in zip(*(strip.cells for strip in strips), strict=True):
        drawn.add_row(*(Text(cell.text, style=_STYLES[cell.tone]) for cell in row))
    return drawn


def to_markdown(tables: Sequence[Table], remarks: Sequence[str]) -> str:
    """Convert *tables* to GitHub tables under headings, followed by *remarks*."""
    blocks: list[str] = []
    for table in tables:
        blocks.append(f"### {_escape(table.caption)}")
        if table.lead.text:
            blocks.append(f"**{_escape(table.lead.text)}**")
        if table.rows:
            shown = [n for n, column in enumerate(table.columns) if not column.bar]
            rules = ["---" if column.left else "---:" for column in table.columns]
            names = [_escape(column.name) for column in table.columns]
            rows = [[_escape(cell.text) for cell in row] for row in table.rows]
            lines = [" | ".join(row[n] for n in shown) for row in (names, rules, *rows)]
            blocks.append("\n".join(f"| {line} |" for line in lines))
        blocks += map(_escape, table.notes)
    return "\n\n".join([*blocks, *map(_escape, remarks)]) + "\n"


def _escape(cell: str) -> str:
    return re.sub(r"[\\|`*_\[<]", r"\\\g<0>", cell)


def to_html(table: Table) -> Markup:
    """Convert *table* to a scrollable HTML element, with all text escaped."""
    made: Markup = templates().get_template("table.html").module.table(table)  # type: ignore[attr-defined]
    return made


@cache
def templates() -> jinja2.Environment:
    """The templates of the HTML page, in ``html/``."""
    import jinja2

    return jinja2.Environment(
        loader=jinja2.PackageLoader("afdcli.report", "html"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def to_csv(summary: pd.DataFrame) -> str:
    """Convert the tidy *summary* to CSV; undefined numbers are empty cells."""
    safe = summary.copy()
    for name in ("results", "group", "value", "metric"):
        safe[name] = safe[name].map(neutralise)
    text: str = safe.to_csv(index=False, lineterminator="\n", float_format="%.10g")
    return text


def to_json(summary: pd.DataFrame, remarks: Sequence[str]) -> str:
    """Convert to ``{"summary": [one object per row], "remarks": […]}``; undefined is null."""
    records = summary.astype(object).where(summary.notna(), None).to_dict(orient="records")
    content = {"summary": records, "remarks": list(remarks)}
    return json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
