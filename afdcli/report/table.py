"""A table, made once and drawn on a screen, in Markdown and on a page by `afdcli.report.render`."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Cell:
    """One cell.

    Attributes:
        text: as shown.
        number: the exact number, to sort by; NaN where the cell is text or the number unknown.
        tone: "good", "bad", "few", "strong" or "": how it stands out.
        brief: what a narrow screen shows instead; "" for the same.
    """

    text: str
    number: float = math.nan
    tone: str = ""
    brief: str = ""


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        name: above it; "" for none.
        left: True for text, which is aligned left; numbers are aligned right.
        shorten, drop: where a screen is too narrow, columns are shortened to their brief cells,
            or left out, the highest number first; 0 for never.
        bar: True for a drawing of block characters, which only a screen shows.
    """

    name: str
    left: bool = False
    shorten: int = 0
    drop: int = 0
    bar: bool = False


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        caption: what it shows.
        columns: the first one names the rows.
        rows: one cell per column.
        notes: sentences below it.
        sortable: True where a page lets the reader sort it.
    """

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()
    sortable: bool = False

    @property
    def header(self) -> bool:
        """False for a list of facts, whose columns have no names."""
        return any(column.name for column in self.columns)
