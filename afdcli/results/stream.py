"""Read results row by row, in memory that does not grow with their number."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path

from afdcli.errors import ResultsError
from afdcli.results.json_lines import json_objects
from afdcli.results.read import REQUIRED, check_suffix, no_parquet, no_results
from afdcli.results.rows import DAMAGED, FAILED, OK
from afdcli.storage.folders import files_of
from afdcli.storage.paths import Place
from afdcli.storage.text import reason_of, restore

#: Column name -> text; "" for an empty cell, "1" and "0" for true and false.
Cells = Mapping[str, str]

_AT_ONCE = 5_000  # rows of a Parquet file that are held in memory


def stream_results(path: Place) -> Iterator[Cells]:
    """Yield the rows of a results file, a folder of parts or a URL, in order.

    A last row that was cut off while it was written is left out.

    Raises:
        ResultsError: *path* does not exist, cannot be read, or does not hold results.
    """
    check_suffix(path)
    empty = True
    for shown, file in files_of(path):
        empty = False
        yield from _rows(shown, file)
    if empty:
        raise no_results(path)


def _rows(path: Place, file: Path) -> Iterator[Cells]:
    """Rows of one file; *path* is its name in messages."""
    number = 0
    try:
        for row in _READERS[file.suffix.lower()](file):
            number += 1
            if missing := [name for name in REQUIRED if name not in row]:
                columns = ", ".join(missing)
                raise ResultsError(
                    f"{path}: not a results file of afd classify: no column {columns}"
                )
            if row["status"] not in (OK, DAMAGED, FAILED):
                raise ValueError(f"row {number} has status {row['status']!r}")
            yield row
    except ImportError as error:
        raise no_parquet(path) from error
    except (OSError, ValueError, csv.Error, RecursionError) as error:
        reason = reason_of(error)
        raise ResultsError(f"{path}: not readable as results of afd classify: {reason}") from error


def _csv_rows(file: Path) -> Iterator[Cells]:
    with file.open(encoding="utf-8", errors="replace", newline="") as text:
        rows = filter(None, csv.reader(text))
        header = next(rows, [])
        short = 0  # number of a row with too few cells: the run was cut off while writing the last
        for number, row in enumerate(rows, 1):
            if short or len(row) > len(header):
                at, cells = (short, "fewer") if short else (number, "more")
                raise ValueError(f"row {at} has {cells} cells than the header")
            if len(row) < len(header):
                short = number
                continue
            yield dict(zip(header, map(restore, row), strict=True))


def _jsonl_rows(file: Path) -> Iterator[Cells]:
    for row in json_objects(file):
        if row is not None:
            yield {name: _text(cell) for name, cell in row.items()}


def _parquet_rows(file: Path) -> Iterator[Cells]:
    from pyarrow import parquet

    with parquet.ParquetFile(file) as table:
        for batch in table.iter_batches(_AT_ONCE):
            for row in batch.to_pylist():
                yield {name: _text(cell) for name, cell in row.items()}


def _text(cell: object) -> str:
    if isinstance(cell, bool):
        return str(int(cell))
    return "" if cell is None else str(cell)


_READERS = {".csv": _csv_rows, ".jsonl": _jsonl_rows, ".parquet": _parquet_rows}
