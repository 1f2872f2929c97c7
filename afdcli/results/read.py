"""Read the results of ``afd classify``: CSV, JSONL or Parquet, one file or a folder of parts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd

from afdcli.errors import ResultsError
from afdcli.results.metadata import read_metadata
from afdcli.results.rows import DIRECT, UNSURE
from afdcli.results.stream import REQUIRED, results_files
from afdcli.storage.paths import Place

NUMBERS = ("width", "height", "quality", "drift", "target", "exif_latitude", "exif_longitude")
_AT_ONCE = 50_000  # rows that are held as Python objects
#: The columns of the second and later classes, which no report uses.
_LOWER_RANKED = re.compile(rf"({DIRECT})?(label|index|prob)_\d+")
TRUTH = {"true": 1.0, "1": 1.0, "1.0": 1.0, "false": 0.0, "0": 0.0, "0.0": 0.0}


@dataclass(frozen=True)
class Results:
    """The results of one run.

    Attributes:
        path: file, folder of parts or URL that they were read from.
        rows: one row per input, in input order, with the columns of `afdcli.results.rows` except
            those of the second and later classes. Numbers are float64, NaN for an empty cell;
            ``correct`` and ``unsure`` columns are 1.0, 0.0 or NaN; all other columns are text, ""
            for an empty cell.
        metadata: content of ``<path>.meta.json``; empty if there is no such file.
        remarks: sentences about what was left out, such as an incomplete last row.
    """

    path: Place
    rows: pd.DataFrame
    metadata: Mapping[str, object]
    remarks: tuple[str, ...] = ()


def read_results(path: Place) -> Results:
    """Read a results file, a folder of parts or a URL, also while ``afd classify`` writes to it.

    Raises:
        ResultsError: *path* does not exist, cannot be read, or does not hold results.
    """
    tables, remarks = [pd.DataFrame(columns=list(REQUIRED))], []
    for shown, rows in results_files(path):
        number = 0
        while some := list(islice(rows, _AT_ONCE)):
            if some[-1] is None:
                some.pop()
                what = "the last row is incomplete (the run was cut off) and is left out"
                remarks.append(f"{shown.name}: {what}")
            if some:
                needed = [name for name in some[0] or () if not _LOWER_RANKED.fullmatch(name)]
                index = range(number, number + len(some))
                tables.append(_typed(shown, pd.DataFrame(some, index, needed)))
                number += len(some)
    metadata = read_metadata(path)
    status = metadata.get("status", "finished")
    if status != "finished":
        remarks.append(f"{path.name}: the run is not complete (its status: {status})")
    rows = pd.concat(tables[1:] or tables, ignore_index=True)
    return Results(path, rows, metadata, tuple(remarks))


def _typed(path: Place, rows: pd.DataFrame) -> pd.DataFrame:
    columns: dict[str, pd.Series[Any]] = {}
    for name, column in rows.items():
        plain = str(name).removeprefix(DIRECT)
        if plain in ("correct", UNSURE):
            truth = column.astype(str).str.lower().map(TRUTH).astype("float64")
            columns[str(name)] = _checked(path, column, truth, "true or false")
        elif plain in NUMBERS or plain in ("index", "prob"):
            numbers = pd.to_numeric(column, errors="coerce").astype("float64")
            finite = numbers.where(np.isfinite(numbers))
            columns[str(name)] = _checked(path, column, finite, "a number")
        elif column.dtype.kind in "fiub":  # a column of the user's own
            columns[str(name)] = column
        else:
            text = column.astype(object).where(column.notna(), "").astype(str)
            escaped = path.suffix.lower() == ".csv"
            columns[str(name)] = text.str.removeprefix("'") if escaped else text
    table: pd.DataFrame = pd.DataFrame(columns, index=rows.index)
    return table


def _checked(
    path: Place, column: pd.Series[Any], numbers: pd.Series[float], wanted: str
) -> pd.Series[float]:
    """*numbers*, of which only those of empty cells may be NaN: others hold no *wanted*."""
    cells = column[numbers.isna()].dropna().astype(str)
    wrong = cells[~cells.isin(["", "nan"])]
    if len(wrong):
        value, number = wrong.iloc[0][:40], wrong.index[0] + 1
        raise ResultsError(f"{path}: row {number}: {column.name} is {value!r}, not {wanted}")
    return numbers
