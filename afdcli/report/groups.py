"""Group rows by folder, by band of quality factors, or by any column."""

from __future__ import annotations

import bisect
import itertools
import os.path
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from afdcli.errors import UsageError

DEFAULT = ("folder", "quality")
UNKNOWN = "unknown"
#: First quality factor of each band; the last band ends at 100.
BAND_STARTS = (1, 10, 15, 20, 30, 50, 75, 90)
#: A column of numbers with more distinct values than this is binned by quintiles.
MAX_VALUES = 15
QUINTILES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


@dataclass(frozen=True)
class Grouping:
    """A partition of rows into groups.

    Attributes:
        by: what the rows are grouped by.
        names: names of the groups: bands and numbers in ascending order, folders in the order of
            `natural`, others by falling size.
        members: positions of the rows of each group, ascending.
    """

    by: str
    names: tuple[str, ...]
    members: tuple[npt.NDArray[np.intp], ...]


def group(rows: pd.DataFrame, by: str, pool: Sequence[pd.DataFrame] = ()) -> Grouping:
    """Group *rows* by "folder", "parent", "quality" (in bands) or any of their columns.

    "folder" is the first folder of the path after those that all paths share; "parent" is all
    folders of the path. A column of many numbers is binned by quintiles; "exif_time" by months.

    Args:
        rows: with the column "path".
        by: "folder", "parent", "quality" or a column of *rows*.
        pool: all tables that are compared. Quintiles are computed over all of them.

    Raises:
        UsageError: there is no such column.
    """
    if by in ("folder", "parent"):
        return _by_text(by, _folders(rows["path"], whole=by == "parent"), ordered=True)
    if by not in rows:
        known = ", ".join(["folder", "parent", *map(str, rows.columns)])
        raise UsageError(f"--by {by}: no such column; there are {known}")
    column = rows[by]
    if by == "quality":
        return _by_order(by, _bands(column))
    if by == "exif_time":
        months = column.astype(str).str[:7]  # of YYYY-MM-DDTHH:MM:SS
        return _by_order(by, months.where(months != "").astype("category"))
    if column.dtype.kind in "fiu":
        pooled = pd.concat([table[by] for table in pool if by in table] or [column])
        return _by_order(by, _number_bins(column, pooled))
    return _by_text(by, column.astype(str))


def band_names() -> list[str]:
    """Names of the quality bands. Without the "QF", spreadsheets would take them for dates."""
    ends = [*(start - 1 for start in BAND_STARTS[1:]), 100]
    return [f"QF {a}-{b}" for a, b in zip(BAND_STARTS, ends, strict=True)]


def band_name(quality: float) -> str:
    """Name of the band of a quality factor, 1 to 100."""
    return band_names()[max(0, bisect.bisect_right(BAND_STARTS, round(quality)) - 1)]


def _bands(quality: pd.Series[float]) -> pd.Series[str]:
    edges = [*BAND_STARTS, 101]
    bands: pd.Series[str] = pd.cut(quality.round(), edges, right=False, labels=band_names())
    return bands


def _number_bins(numbers: pd.Series[float], pooled: pd.Series[float]) -> pd.Series[str]:
    values = np.sort(pooled.dropna().unique())
    if len(values) <= MAX_VALUES:
        kept = pd.Series(pd.Categorical(numbers, categories=values))
        named: pd.Series[str] = kept.cat.rename_categories([f"{value:g}" for value in values])
        return named
    edges = np.unique(np.quantile(pooled.dropna(), QUINTILES)).tolist()
    names = [f"{low:.3g} to {high:.3g}" for low, high in itertools.pairwise(edges)]
    if len(set(names)) < len(names):  # two close edges look equal
        names = [f"{low!r} to {high!r}" for low, high in itertools.pairwise(edges)]
    bins: pd.Series[str] = pd.cut(numbers, edges, labels=names, include_lowest=True)
    return bins


def _folders(paths: pd.Series[str], whole: bool) -> pd.Series[str]:
    parents = paths.str.replace(r"/?[^/]*$", "", regex=True)
    distinct = parents.unique().tolist()
    if whole:
        names = {parent: parent or "." for parent in distinct}
    else:
        absolute = [parent.startswith("/") for parent in distinct]
        shared = os.path.commonpath(distinct) if all(absolute) or not any(absolute) else ""
        names = {parent: _first(parent.removeprefix(shared)) for parent in distinct}
    return parents.map(names)


def _first(folder: str) -> str:
    return folder.lstrip("/").split("/")[0] or "."


def _by_order(by: str, column: pd.Series[str]) -> Grouping:
    names = [str(name) for name in column.cat.categories]
    codes = column.cat.codes.to_numpy()
    return _gather(by, [*names, UNKNOWN], np.where(codes < 0, len(names), codes))


def natural(name: str) -> list[tuple[int, str]]:
    """Sort key that orders numbers in names by value: ``qf7``, ``qf10``, ``qf25``."""
    parts = re.split(r"([0-9]+)", name.casefold())
    # Of two numbers without leading zeros, the longer one is larger.
    parts[1::2] = [part.lstrip("0") for part in parts[1::2]]
    return [(len(part) if i % 2 else 0, part) for i, part in enumerate(parts)]


def _by_text(by: str, column: pd.Series[str], ordered: bool = False) -> Grouping:
    codes, values = pd.factorize(column)
    names = [str(value) or UNKNOWN for value in values]
    # Largest first, unless *ordered*; groups of equal size by name.
    sizes = np.bincount(codes, minlength=len(names)) * (not ordered)
    order = sorted(range(len(names)), key=lambda i: (-int(sizes[i]), natural(names[i])))
    rank = np.empty(len(order), dtype=np.intp)
    rank[order] = np.arange(len(order))
    return _gather(by, [names[i] for i in order], rank[codes])


def _gather(by: str, names: list[str], codes: npt.NDArray[np.intp]) -> Grouping:
    order = np.argsort(codes, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(codes, minlength=len(names)))[:-1])
    filled = [(name, part) for name, part in zip(names, parts, strict=True) if len(part)]
    return Grouping(by, tuple(name for name, _ in filled), tuple(part for _, part in filled))
