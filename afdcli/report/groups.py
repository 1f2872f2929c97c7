"""Group rows by folder, by band of quality factors, or by any column."""

from __future__ import annotations

import bisect
import itertools
import os.path
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from afdcli.errors import UsageError
from afdcli.report.pictures import Positions

DEFAULT = ("folder", "quality")
UNKNOWN = "unknown"
#: First quality factor of each band; the last band ends at 100.
BAND_STARTS = (1, 10, 15, 20, 30, 50, 75, 90)
#: A column of numbers with more distinct values than this is binned by quintiles.
MAX_VALUES = 15
QUINTILES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


def group(rows: pd.DataFrame, by: str, pool: Sequence[pd.DataFrame] = ()) -> dict[str, Positions]:
    """Group *rows* by "folder", "parent", "quality" (in bands) or any of their columns.

    "folder" is the first folder of the path after those that all paths share; "parent" is all
    folders of the path. A column of many numbers is binned by quintiles; "exif_time" by months.

    Args:
        rows: with the column "path".
        by: "folder", "parent", "quality" or a column of *rows*.
        pool: all tables that are compared. Quintiles are computed over all of them.

    Returns:
        Name of each group -> positions of its rows, ascending. Bands and numbers come in ascending
        order, folders in the order of `natural`, others by falling size; "unknown" last.

    Raises:
        UsageError: there is no such column.
    """
    if by in ("folder", "parent"):
        return _gather(_folders(rows["path"], whole=by == "parent"), lambda name, _: natural(name))
    if by not in rows:
        known = ", ".join(["folder", "parent", *map(str, rows.columns)])
        raise UsageError(f"--by {by}: no such column; there are {known}")
    column = rows[by]
    if by == "exif_time":
        column = column.astype(str).str[:7]  # of YYYY-MM-DDTHH:MM:SS
        return _gather(column, lambda name, _: (name == UNKNOWN, name))
    if by != "quality" and column.dtype.kind not in "fiu":
        return _gather(column, lambda name, size: (-size, natural(name)))
    bins = _bands(column) if by == "quality" else _number_bins(column, pool, by)
    order = [*map(str, bins.cat.categories), UNKNOWN]
    return _gather(bins.astype(object), lambda name, _: order.index(name))


def _gather(names: pd.Series[Any], key: Callable[[str, int], Any]) -> dict[str, Positions]:
    """Positions by name, sorted by *key* of name and size; empty names are "unknown"."""
    names = names.where(names.notna() & (names != ""), UNKNOWN).astype(str)
    found = names.groupby(names.to_numpy()).indices
    order = sorted(found, key=lambda name: key(str(name), len(found[name])))
    return {str(name): np.asarray(found[name]) for name in order}


def band_names() -> list[str]:
    """Names of the quality bands. Without the "QF", spreadsheets would take them for dates."""
    ends = [*(start - 1 for start in BAND_STARTS[1:]), 100]
    return [f"QF {a}-{b}" for a, b in zip(BAND_STARTS, ends, strict=True)]


def band_name(quality: float) -> str:
    """Name of the band of a quality factor, 1 to 100."""
    return band_names()[max(0, bisect.bisect_right(BAND_STARTS, round(quality)) - 1)]


def _bands(quality: pd.Series[float]) -> pd.Series[Any]:
    edges = [*BAND_STARTS, 101]
    bands: pd.Series[Any] = pd.cut(quality.round(), edges, right=False, labels=band_names())
    return bands


def _number_bins(
    numbers: pd.Series[float], pool: Sequence[pd.DataFrame], by: str
) -> pd.Series[Any]:
    pooled = pd.concat([table[by] for table in pool if by in table] or [numbers]).dropna()
    values = np.sort(pooled.unique())
    if len(values) <= MAX_VALUES:
        kept = pd.Series(pd.Categorical(numbers, categories=values))
        named: pd.Series[Any] = kept.cat.rename_categories([f"{value:g}" for value in values])
        return named
    edges = np.unique(np.quantile(pooled, QUINTILES)).tolist()
    names = [f"{low:.3g} to {high:.3g}" for low, high in itertools.pairwise(edges)]
    if len(set(names)) < len(names):  # two close edges look equal
        names = [f"{low!r} to {high!r}" for low, high in itertools.pairwise(edges)]
    bins: pd.Series[Any] = pd.cut(numbers, edges, labels=names, include_lowest=True)
    return bins


def _folders(paths: pd.Series[str], whole: bool) -> pd.Series[str]:
    parents = paths.str.replace(r"/?[^/]*$", "", regex=True)
    if whole:
        whole_paths: pd.Series[str] = parents.where(parents != "", ".")
        return whole_paths
    distinct = parents.unique().tolist()
    absolute = [parent.startswith("/") for parent in distinct]
    shared = os.path.commonpath(distinct) if all(absolute) or not any(absolute) else ""
    names = {folder: folder.removeprefix(shared).lstrip("/") for folder in distinct}
    first = {folder: name.split("/")[0] or "." for folder, name in names.items()}
    folders: pd.Series[str] = parents.map(first)
    return folders


def natural(name: str) -> list[tuple[int, str]]:
    """Sort key that orders numbers in names by value: ``qf7``, ``qf10``, ``qf25``."""
    parts = re.split(r"([0-9]+)", name.casefold())
    # Of two numbers without leading zeros, the longer one is larger.
    parts[1::2] = [part.lstrip("0") for part in parts[1::2]]
    return [(len(part) if i % 2 else 0, part) for i, part in enumerate(parts)]
