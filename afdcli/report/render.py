"""Tables on a screen, in Markdown and on a page; the tidy summary as CSV and JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
import rich.table
from markupsafe import Markup
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from afdcli.report.table import Cell, Column, Table
from afdcli.storage.text import neutralise

_STYLES = {"good": "green", "bad": "red", "few": "yellow", "strong": "bold", "": ""}
_GAP = 2  # characters between columns of a screen
_NAME = 24  # characters that names of rows keep on a narrow screen; numbers are never cut


def to_console(console: Console, tables: Sequence[Table], remarks: Sequence[str]) -> None:
    """Print *tables*, then *remarks*; those that begin with ``careful:`` stand out."""
    for table in tables:
        console.print(Text(table.caption, style="bold"))
        for part in to_rich(table, console.width):
            console.print(part)
        for note in table.notes:
            console.print(Text(f"  {note}", style="dim"))
        console.print()
    for remark in remarks:
        warns = remark.startswith("careful: ")
        console.print(Text(remark, style="yellow" if warns else "dim"))


def to_rich(table: Table, width: int) -> list[rich.table.Table]:
    """*table* for a screen of *width* columns: shortened, and cut where that is not enough."""
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
        wraps = not table.header and number == len(table.columns) - 1  # the remark of a fact
        drawn.add_column(
            Text(column.name),
            justify="left" if column.left else "right",
            no_wrap=not wraps,
            overflow="fold" if wraps else "ellipsis",
            # Names give way before numbers do.
            min_width=None if wraps or (column.left and table.header) else _width(table, number),
        )
    for row in table.rows:
        drawn.add_row(*(Text(cell.text, style=_STYLES[cell.tone]) for cell in row))
    return drawn


def _width(table: Table, number: int) -> int:
    cells = (cell_len(row[number].text) for row in table.rows)
    return max([cell_len(table.columns[number].name), *cells])


def _fitting(table: Table, width: int) -> list[Table]:
    """*table* with columns shortened, then left out, as they say; or in parts below each other."""
    if not table.header:
        return [table]
    steps = [(c.shorten, c, True) for c in table.columns if c.shorten]
    steps += [(c.drop, c, False) for c in table.columns if c.drop]
    for _, column, shorten in sorted(steps, key=lambda step: -step[0]):
        if _total(table) <= width:
            return [table]
        if column in table.columns:
            at = table.columns.index(column)
            table = _shortened(table, at) if shorten else _select(table, _others(table, at))
    parts, used = [[0]], width + 1
    for number in range(1, len(table.columns)):
        needed = _GAP + _width(table, number)
        if (used + needed > width and len(parts[-1]) > 1) or number == 1:
            parts = parts if number == 1 else [*parts, [0]]
            used = min(_width(table, 0), _NAME)
        parts[-1].append(number)
        used += needed
    return [_select(table, part) for part in parts]


def _total(table: Table) -> int:
    widths = [_width(table, number) for number in range(len(table.columns))]
    return min(widths[0], _NAME) + sum(widths[1:]) + _GAP * (len(widths) - 1)


def _others(table: Table, at: int) -> list[int]:
    return [number for number in range(len(table.columns)) if number != at]


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
    return _select(table, [n for n, column in enumerate(table.columns) if not column.bar])


def to_markdown(tables: Sequence[Table], remarks: Sequence[str]) -> str:
    """*tables* as GitHub tables under headings, then *remarks*."""
    blocks: list[str] = []
    for table in map(_without_bars, tables):
        blocks.append(f"### {_escape(table.caption)}")
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
    """*table* as an element that scrolls if it has to; all text is escaped."""
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
    form = '<th scope="col">{}</th>' if column.name else "<td>{}</td>"
    return Markup(form).format(column.name)


def _td(column: Column, cell: Cell, number: int) -> Markup:
    if number == 0:
        return Markup('<th scope="row">{}</th>').format(cell.text)
    exact = "" if math.isnan(cell.number) else f' data-number="{cell.number:.10g}"'
    names = " ".join(filter(None, ("left" if column.left else "", cell.tone)))
    kind = f' class="{names}"' if names else ""
    return Markup(f"<td{exact}{kind}>{{}}</td>").format(cell.text)


def to_csv(summary: pd.DataFrame) -> str:
    """The tidy *summary* as CSV; an empty cell where a number is undefined."""
    safe = summary.copy()
    for name in ("results", "group", "value", "metric"):
        safe[name] = safe[name].map(neutralise)
    text: str = safe.to_csv(index=False, lineterminator="\n", float_format="%.10g")
    return text


def to_json(summary: pd.DataFrame, remarks: Sequence[str]) -> str:
    """``{"summary": [one object per row], "remarks": […]}``; null where a number is undefined."""
    records = [
        {name: None if isinstance(cell, float) and math.isnan(cell) else cell for name, cell in row}
        for row in (row.items() for row in summary.to_dict(orient="records"))
    ]
    content = {"summary": records, "remarks": list(remarks)}
    return json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
