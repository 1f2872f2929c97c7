"""Render tables in the terminal, in Markdown and in HTML; the tidy summary as CSV and JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
import rich.table
from markupsafe import Markup, escape
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from afdcli.report.table import Cell, Column, Table
from afdcli.storage.text import neutralise

_STYLES = {"good": "green", "bad": "red", "few": "yellow", "strong": "bold", "": ""}
_GAP = 2  # characters between columns of the terminal
_MIN_NAME = 24  # characters of row names that a narrow terminal keeps; numbers are never cut


def to_console(console: Console, tables: Sequence[Table], remarks: Sequence[str]) -> None:
    """Print *tables*, then *remarks*; remarks that begin with ``careful:`` are highlighted."""
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
        warns = remark.startswith("careful: ")
        console.print(Text(remark, style="yellow" if warns else "dim"))


def to_rich(table: Table, width: int) -> list[rich.table.Table]:
    """Convert *table* for a terminal of *width* characters; several tables if it is too wide."""
    return [_rich(part) for part in _fitting(table, width)]


def _rich(table: Table) -> rich.table.Table:
    drawn = rich.table.Table(
        box=box.SIMPLE_HEAD if table.header else None,
        show_header=table.header,
        show_edge=False,
        padding=(0, 1),
        pad_edge=False,
        collapse_padding=True,
    )
    for number, column in enumerate(table.columns):
        wraps = not table.header and number == len(table.columns) - 1  # remarks of the headline
        drawn.add_column(
            Text(column.name),
            justify="left" if column.left else "right",
            no_wrap=not wraps,
            overflow="fold" if wraps else "ellipsis",
            # Names are cut before numbers are.
            min_width=None if wraps or (column.left and table.header) else _width(table, number),
        )
    for row in table.rows:
        drawn.add_row(*(Text(cell.text, style=_STYLES[cell.tone]) for cell in row))
    return drawn


def _width(table: Table, number: int) -> int:
    cells = (cell_len(row[number].text) for row in table.rows)
    return max([cell_len(table.columns[number].name), *cells])


def _fitting(table: Table, width: int) -> list[Table]:
    """Shorten and drop columns of *table* until it fits; if it never does, split it into parts."""
    if not table.header:
        return [table]
    steps = [(c.shorten, c, True) for c in table.columns if c.shorten]
    steps += [(c.drop, c, False) for c in table.columns if c.drop]
    for _, column, shorten in sorted(steps, key=lambda step: -step[0]):
        if _total(table) <= width:
            return [table]
        if column in table.columns:
            at = table.columns.index(column)
            table = _shortened(table, at) if shorten else _without(table, column)
    parts, used = [[0]], width + 1
    for number in range(1, len(table.columns)):
        needed = _GAP + _width(table, number)
        if (used + needed > width and len(parts[-1]) > 1) or number == 1:
            parts = parts if number == 1 else [*parts, [0]]
            used = min(_width(table, 0), _MIN_NAME)
        parts[-1].append(number)
        used += needed
    return [_select(table, part) for part in parts]


def _total(table: Table) -> int:
    widths = [_width(table, number) for number in range(len(table.columns))]
    return min(widths[0], _MIN_NAME) + sum(widths[1:]) + _GAP * (len(widths) - 1)


def _without(table: Table, *dropped: Column) -> Table:
    return _select(table, [n for n, column in enumerate(table.columns) if column not in dropped])


def _select(table: Table, kept: Sequence[int]) -> Table:
    return replace(
        table,
        columns=tuple(table.columns[number] for number in kept),
        rows=tuple(tuple(row[number] for number in kept) for row in table.rows),
    )


def _shortened(table: Table, at: int) -> Table:
    def brief(row: tuple[Cell, ...]) -> tuple[Cell, ...]:
        cell = replace(row[at], text=row[at].brief or row[at].text)
        return (*row[:at], cell, *row[at + 1 :])

    return replace(table, rows=tuple(map(brief, table.rows)))


def _without_bars(table: Table) -> Table:
    return _without(table, *(column for column in table.columns if column.bar))


def to_markdown(tables: Sequence[Table], remarks: Sequence[str]) -> str:
    """Convert *tables* to GitHub tables under headings, followed by *remarks*."""
    blocks: list[str] = []
    for table in map(_without_bars, tables):
        blocks.append(f"### {_escape(table.caption)}")
        if table.lead.text:
            blocks.append(f"**{_escape(table.lead.text)}**")
        if table.rows:
            rules = ["---" if column.left else "---:" for column in table.columns]
            names = [_escape(column.name) for column in table.columns]
            rows = [[_escape(cell.text) for cell in row] for row in table.rows]
            blocks.append("\n".join("| " + " | ".join(row) + " |" for row in (names, rules, *rows)))
        blocks += map(_escape, table.notes)
    return "\n\n".join([*blocks, *map(_escape, remarks)]) + "\n"


def _escape(cell: str) -> str:
    for mark in ("\\", "|", "`", "*", "_", "[", "<"):
        cell = cell.replace(mark, "\\" + mark)
    return cell


def to_html(table: Table) -> Markup:
    """Convert *table* to a scrollable HTML element, with all text escaped."""
    table = _without_bars(table)
    rows = Markup("\n").join(
        Markup("<tr>{}</tr>").format(Markup("").join(map(_td, table.columns, row, range(len(row)))))
        for row in table.rows
    )
    made = Markup(
        '<div class="scroll{tall}" role="group" tabindex="0" aria-label="{caption}">\n'
        "<table{sorts}>\n<caption>{caption}</caption>\n<thead><tr>{head}</tr></thead>\n"
        "<tbody>\n{rows}\n</tbody>\n</table>\n</div>"
    ).format(
        tall=" tall" if table.sortable else "",
        sorts=Markup(' class="sortable"') if table.sortable else "",
        caption=table.caption,
        head=Markup("").join(map(_th, table.columns)),
        rows=rows,
    )
    notes = (Markup('\n<p class="note">{}</p>').format(note) for note in table.notes)
    return made + Markup("").join(notes)


def _th(column: Column) -> Markup:
    if not column.name:
        return Markup("<td></td>")
    kind = Markup(_class(column.html_class))
    return Markup('<th scope="col"{}>{}</th>').format(kind, column.name)


def _td(column: Column, cell: Cell, number: int) -> Markup:
    if number == 0:
        return Markup('<th scope="row">{}</th>').format(cell.text)
    exact = "" if math.isnan(cell.number) else f' data-number="{cell.number:.10g}"'
    kind = _class(f"{column.html_class} {cell.tone}".strip())
    text = escape(cell.text)
    if cell.brief and cell.text.startswith(f"{cell.brief} "):  # the interval has its own line
        text = Markup("{} <small>{}</small>").format(cell.brief, cell.text[len(cell.brief) + 1 :])
    return Markup(f"<td{exact}{kind}>{{}}</td>").format(text)


def _class(names: str) -> str:
    return f' class="{names}"' if names else ""


def to_csv(summary: pd.DataFrame) -> str:
    """Convert the tidy *summary* to CSV; undefined numbers are empty cells."""
    safe = summary.copy()
    for name in ("results", "group", "value", "metric"):
        safe[name] = safe[name].map(neutralise)
    text: str = safe.to_csv(index=False, lineterminator="\n", float_format="%.10g")
    return text


def to_json(summary: pd.DataFrame, remarks: Sequence[str]) -> str:
    """Convert to ``{"summary": [one object per row], "remarks": […]}``; undefined is null."""
    records = [
        {name: None if isinstance(cell, float) and math.isnan(cell) else cell for name, cell in row}
        for row in (row.items() for row in summary.to_dict(orient="records"))
    ]
    content = {"summary": records, "remarks": list(remarks)}
    return json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
