"""Tables on a terminal and in Markdown; the tidy summary as CSV and JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from afdcli.report.sheet import Sheet
from afdcli.storage.text import neutralise


def to_console(console: Console, sheets: Sequence[Sheet], remarks: Sequence[str]) -> None:
    """Print *sheets*, then *remarks*."""
    for sheet in sheets:
        console.print(Text(sheet.title, style="bold"))
        console.print(_table(sheet))
        for note in sheet.notes:
            console.print(Text(f"  {note}", style="dim"))
        console.print()
    for remark in remarks:
        warns = remark.startswith("careful: ")
        console.print(Text(remark, style="yellow" if warns else "dim"))


def _table(sheet: Sheet) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD if sheet.header else None,
        show_header=bool(sheet.header),
        show_edge=False,
        padding=(0, 1),
        pad_edge=False,
        collapse_padding=True,
    )
    for number in range(len(sheet.header) or sheet.left):
        is_text = number < sheet.left
        table.add_column(
            Text(sheet.header[number]) if sheet.header else "",
            justify="left" if is_text else "right",
            no_wrap=bool(sheet.header) or number < 2,
            overflow="ellipsis" if is_text else "fold",
            # Names give way before numbers do.
            min_width=None if is_text and sheet.header else _width(sheet, number),
        )
    for row in sheet.rows:
        table.add_row(*row)
    return table


def _width(sheet: Sheet, number: int) -> int | None:
    if not sheet.header and number == 2:
        return None
    cells = [row[number].cell_len for row in sheet.rows]
    return max([*cells, len(sheet.header[number]) if sheet.header else 0], default=0)


def to_markdown(sheets: Sequence[Sheet], remarks: Sequence[str]) -> str:
    """*sheets* as GitHub tables under headings, then *remarks*."""
    blocks: list[str] = []
    for sheet in sheets:
        header = sheet.header or ("",) * sheet.left
        rules = ["---" if number < sheet.left else "---:" for number in range(len(header))]
        lines = [header, rules, *([cell.plain for cell in row] for row in sheet.rows)]
        table = "\n".join("| " + " | ".join(map(_escape, line)) + " |" for line in lines)
        blocks += [f"### {_escape(sheet.title)}", table, *map(_escape, sheet.notes)]
    return "\n\n".join([*blocks, *map(_escape, remarks)]) + "\n"


def _escape(cell: str) -> str:
    for mark in ("\\", "|", "`", "*", "_", "[", "<"):
        cell = cell.replace(mark, "\\" + mark)
    return cell


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
