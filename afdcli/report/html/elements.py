"""What a page is made of, whatever it says: cells, tables, figures, topics."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from afdcli.report import text
from afdcli.report.stats import Estimate
from afdcli.report.summary import FEW, Group
from afdcli.storage.text import clean


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Attributes:
        text: as shown.
        number: the exact number as in the summary, "" where the cell is text or unknown.
        tone: "good", "bad" or "": where the interval of a difference excludes zero.
    """

    text: str
    number: str = ""
    tone: str = ""


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        caption: what it shows.
        header: column names.
        rows: cells; the first of each row is its heading.
        sortable: True where the reader may sort it.
        notes: sentences below it.
    """

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    sortable: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plot:
    """A drawing with its numbers.

    Attributes:
        title: which of several it is, "" for the only one of its topic.
        caption: what it shows, in words.
        about: the same with its topic, for those who cannot see it.
        svg: the element, made by afd: the only text of the page that is not escaped.
        numbers: what is drawn.
    """

    title: str
    caption: str
    about: str
    svg: str
    numbers: Table


@dataclass(frozen=True)
class Topic:
    """A section of the page.

    Attributes:
        name: of its anchor.
        title: its heading.
        about: sentences under the heading.
        plots, tables: one or more per run.
    """

    name: str
    title: str
    about: tuple[str, ...] = ()
    plots: tuple[Plot, ...] = ()
    tables: tuple[Table, ...] = ()


#: How an estimate is shown.
Show = Callable[[Estimate], str]


def exact(value: float) -> str:
    """*value* as in the summary CSV; "" where it is unknown."""
    return "" if math.isnan(value) else f"{value:.10g}"


def count(value: float) -> Cell:
    """A number of files."""
    return Cell(f"{value:,.0f}", exact(value))


def number(e: Estimate, show: Show) -> Cell:
    """An estimate."""
    return Cell(show(e), exact(e.value))


def percent(e: Estimate) -> str:
    """A share with its interval."""
    return text.percent(e, unit=" %")


def points(e: Estimate) -> Cell:
    """A difference of accuracies in points, toned where its interval excludes zero."""
    tone = "good" if e.low > 0 else "bad" if e.high < 0 else ""
    return Cell(text.points(e).plain, exact(e.value), tone)


#: A column of a table of groups: its name, the metric that it shows, and how.
Column = tuple[str, str, Show]


def group_table(
    caption: str, name: str, groups: Sequence[Group], columns: Sequence[Column]
) -> Table:
    """*groups* down, *columns* across, as far as any group has a number for them."""
    kept = [c for c in columns if any(c[1] in group.estimates for group in groups)]
    rows = tuple(
        (
            Cell(clean(group.value)),
            size(group),
            *(_cell(group, metric, show) for _, metric, show in kept),
        )
        for group in groups
    )
    few = any(group.n < FEW for group in groups)
    notes = (f"* fewer than {FEW} pictures: too few to say anything",) if few else ()
    return Table(caption, (name, "n", *(c[0] for c in kept)), rows, notes=notes)


def size(group: Group) -> Cell:
    """The pictures of a group, starred where they are too few to say anything."""
    return Cell(text.count(group).plain, str(group.n))


def _cell(group: Group, metric: str, show: Show) -> Cell:
    e = group.get(metric)
    return points(e) if metric.endswith("_difference") else number(e, show)


def plain(metric: str, e: Estimate) -> str:
    """An estimate of *metric* in a sentence, without its interval."""
    if metric.endswith("_difference"):
        return text.points(e, interval=False, unit=" points").plain
    return text.percent(e, interval=False, unit=" %")
