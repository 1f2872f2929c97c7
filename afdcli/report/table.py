"""Tables, which `afdcli.report.render` draws in the terminal, in Markdown and in HTML."""

from __future__ import annotations

from dataclasses import dataclass

DASH = "–"  # for an undefined number
_SPARE = 4  # priority to drop from which on phones leave a column out


@dataclass(frozen=True)
class Cell:
    """One cell.

    Attributes:
        text: the text shown.
        number: the exact number, to sort by; None if the cell is text or the number is unknown.
        tone: style of the text: "good", "bad", "few", "strong" or "" (plain).
        brief: shorter text for a narrow terminal; "" for the same text.
    """

    text: str
    number: float | None = None
    tone: str = ""
    brief: str = ""


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        name: heading; "" for none.
        left: True to align left, for text; numbers are aligned right.
        shorten, drop: priorities for a narrow terminal, highest first: the column is shortened to
            its brief cells, or left out; 0 for never.
        bar: True for a bar of block characters, which only the terminal shows.
    """

    name: str
    left: bool = False
    shorten: int = 0
    drop: int = 0
    bar: bool = False

    @property
    def html_class(self) -> str:
        """CSS class: "left" for text, "spare" for a column that phones leave out, or ""."""
        return "left" if self.left else "spare" if self.drop > _SPARE else ""


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        caption: heading of the table.
        columns: the first column names the rows.
        rows: one cell per column.
        notes: sentences below the table.
        sortable: True if readers of the HTML page can sort it.
        lead: the main sentence, above the rows.
    """

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()
    sortable: bool = False
    lead: Cell = Cell("")

    @property
    def header(self) -> bool:
        """False if no column has a name, as in the headline."""
        return any(column.name for column in self.columns)
