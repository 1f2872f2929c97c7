"""Read results row by row, in memory that does not grow with their number."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from afdcli.constants import DAMAGED, FAILED, OK
from afdcli.errors import ResultsError
from afdcli.results.rows import DIRECT
from afdcli.storage.folders import files_of
from afdcli.storage.paths import Place
from afdcli.storage.text import reason_of, restore

#: Rows of results that are held in memory at once, and per row group of Parquet.
ROW_GROUP = 5_000
REQUIRED = ("path", "status", "label", "prob")

#: Column name -> text; "" for an empty cell, "1" and "0" for true and false.
Cells = Mapping[str, str]
#: Column name -> cell.
Record = dict[str, Any]


def stream_results(path: Place) -> Iterator[Cells]:
    """Yield the rows of a results file, a folder of parts or a URL, in order.

    A last row that was cut off while it was written is left out.

    Raises:
        ResultsError: *path* does not exist, cannot be read, or does not hold results.
    """
    for file, rows in results_files(path):
        exact = restore if file.suffix.lower() == ".csv" else str
        for row in rows:
            if row is not None:
                yield {name: exact(_text(cell)) for name, cell in row.items()}


def _text(cell: object) -> str:
    if isinstance(cell, bool):
        return str(int(cell))
    return "" if cell is None else str(cell)


def results_files(path: Place) -> Iterator[tuple[Place, Iterator[Record | None]]]:
    """Yield each file of the results *path*, as named in messages, with its rows.

    A row is None if it is the last one and was cut off while it was written. In CSV all cells are
    text that `afdcli.storage.text.restore` makes exact.

    Raises:
        ResultsError: as `stream_results`; the rows raise it, too.
    """
    check_suffix(path)
    empty = True
    for shown, file in files_of(path):
        empty = False
        yield shown, _rows(shown, file)
    if empty:
        raise no_results(path)


def no_results(path: Place) -> ResultsError:
    """The error for a *path* with neither a file nor parts."""
    folder = isinstance(path, Path) and path.is_dir()
    kind = "is a folder, not a results file" if folder else "no such file"
    return ResultsError(f"{path}: {kind}; make one with afd classify PHOTOS --out {path.name}")


def check_suffix(path: Place) -> None:
    """Raise ResultsError if the name of *path* is not one of results."""
    if path.suffix.lower() not in _READERS:
        raise ResultsError(
            f"{path}: not a results file; results of afd classify end in {', '.join(_READERS)}"
        )


def _rows(path: Place, file: Path) -> Iterator[Record | None]:
    try:
        for number, row in enumerate(_READERS[file.suffix.lower()](file), 1):
            if row is not None:
                direct = (f"{DIRECT}prob",) if f"{DIRECT}label" in row else ()
                _check_columns(row, (*REQUIRED, *direct))
                if (status := row["status"]) not in (OK, DAMAGED, FAILED):
                    known = f"{OK}, {DAMAGED} or {FAILED}"
                    raise ValueError(f"row {number} has status {status!r}, not {known}")
            yield row
    except ImportError as error:
        raise ResultsError(
            f"{path}: Parquet needs pyarrow: pip install 'afdcli[parquet]'"
        ) from error
    # Parse errors of pyarrow and json are ValueErrors.
    except (OSError, ValueError, csv.Error, RecursionError, NotImplementedError) as error:
        reason = reason_of(error)
        raise ResultsError(f"{path}: not readable as results of afd classify: {reason}") from error


def _check_columns(names: Mapping[str, Any] | Sequence[str], required: Sequence[str]) -> None:
    if missing := [name for name in required if name not in names]:
        raise ValueError(f"no column {', '.join(missing)}")


def csv_rows(file: Path, required: Sequence[str] = REQUIRED) -> Iterator[dict[str, str] | None]:
    """The rows of a CSV file, as text; None for a last one that was cut off while it was written.

    Raises:
        ValueError: a column of *required* is missing, or a row has more or fewer cells than the
            header.
        OSError, csv.Error: the file cannot be read.
    """
    with file.open(encoding="utf-8-sig", errors="replace", newline="") as text:
        rows = filter(None, csv.reader(text))
        header = next(rows, [])
        _check_columns(header, required)
        short = ""
        for number, row in enumerate(rows, 1):
            wrong = f"row {number} has {len(row)} cells, but the header has {len(header)}"
            if short or len(row) > len(header):
                raise ValueError(f"{short or wrong} (text that contains a comma must be quoted)")
            if len(row) < len(header):
                short = wrong
            else:
                yield dict(zip(header, row, strict=True))
    if short:
        yield None


def json_objects(path: Path) -> Iterator[Record | None]:
    """The lines of a JSON Lines file; None for a last one that was cut off while it was written.

    Raises:
        ValueError: another line is no JSON object.
        OSError, RecursionError: the file cannot be read.
    """
    with path.open(encoding="utf-8", errors="replace", newline="\n") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                if not line.endswith("\n"):  # only the last line
                    yield None
                    return
                raise ValueError(f"line {number} is not JSON ({error})") from None
            if not isinstance(row, dict):
                raise ValueError(f"line {number} is not a JSON object")
            yield row


def _parquet_rows(file: Path) -> Iterator[Record]:
    from pyarrow import parquet

    with parquet.ParquetFile(file) as table:
        for batch in table.iter_batches(ROW_GROUP):
            yield from batch.to_pylist()


_READERS: dict[str, Callable[[Path], Iterator[Record | None]]] = {
    ".csv": csv_rows,
    ".jsonl": json_objects,
    ".parquet": _parquet_rows,
}
