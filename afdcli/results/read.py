"""Read the results of ``afd classify``: CSV, JSONL or Parquet, one file or a folder of parts."""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from afdcli.errors import ResultsError
from afdcli.results.json_lines import json_objects
from afdcli.results.metadata import metadata_part, metadata_path
from afdcli.results.rows import DAMAGED, DIRECT, FAILED, OK, UNSURE
from afdcli.storage.folders import files_of
from afdcli.storage.paths import Place, is_file, read_text
from afdcli.storage.text import reason_of, restore

SUFFIXES = (".csv", ".jsonl", ".parquet")
REQUIRED = ("path", "status", "label", "prob")
NUMBERS = ("width", "height", "quality", "drift", "target", "exif_latitude", "exif_longitude")
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

    @property
    def compared(self) -> bool:
        """True if the plain backbone was run in the same pass (``--compare``)."""
        return DIRECT + "label" in self.rows

    @property
    def uses_afd(self) -> bool:
        """True if ``label`` was predicted with an AFD module, False if by the plain backbone.

        Read from the metadata. Without metadata, the rows decide: only a module measures drift.
        """
        on = self._fact("afd", "on")
        if isinstance(on, bool):
            return on
        return self.compared or ("drift" in self.rows and bool(self.rows["drift"].notna().any()))

    @property
    def backbone(self) -> str:
        """Name of the classifier, "" if unknown."""
        return str(self._fact("backbone", "name") or "")

    @property
    def plug(self) -> str:
        """Plug point of the AFD module, "stem" or "input"; "" without one or if it is unknown."""
        return str(self._fact("afd", "plug") or "")

    def _fact(self, part: str, name: str) -> object:
        return metadata_part(self.metadata, part).get(name)


def read_results(path: Place) -> Results:
    """Read a results file, a folder of parts or a URL, also while ``afd classify`` writes to it.

    Raises:
        ResultsError: *path* does not exist, cannot be read, or does not hold results.
    """
    check_suffix(path)
    pieces = [_read(shown, file) for shown, file in files_of(path)]
    if not pieces:
        raise no_results(path)
    tables, notes = zip(*pieces, strict=True)
    rows = tables[0] if len(tables) == 1 else pd.concat(tables, ignore_index=True)
    metadata = read_metadata(path)
    remarks = [remark for some in notes for remark in some]
    status = metadata.get("status", "finished")
    if status != "finished":
        remarks.append(f"{path.name}: the run is not complete (its status: {status})")
    return Results(path, rows, metadata, tuple(remarks))


def check_suffix(path: Place) -> None:
    """Check that the name of *path* is one of results.

    Raises:
        ResultsError: it is not.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise ResultsError(
            f"{path}: not a results file; results of afd classify end in {', '.join(SUFFIXES)}"
        )


def no_results(path: Place) -> ResultsError:
    """The error for a *path* with neither a file nor parts."""
    folder = isinstance(path, Path) and path.is_dir()
    kind = "is a folder, not a results file" if folder else "no such file"
    return ResultsError(f"{path}: {kind}; make one with afd classify PHOTOS --out {path.name}")


def no_parquet(path: Place) -> ResultsError:
    """The error for a Parquet file without pyarrow."""
    return ResultsError(f"{path}: Parquet needs pyarrow: pip install 'afdcli[parquet]'")


def _read(path: Place, file: Path) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Read one file. Returns its typed rows and remarks; *path* is its name in messages."""
    try:
        raw = _READERS[file.suffix.lower()](file)
    except ImportError as error:
        raise no_parquet(path) from error
    # Parse errors of pandas, pyarrow and json are ValueErrors.
    except (OSError, ValueError, csv.Error, RecursionError, NotImplementedError) as error:
        reason = reason_of(error)
        raise ResultsError(f"{path}: not readable as results of afd classify: {reason}") from error
    direct = (DIRECT + "label", DIRECT + "prob") if DIRECT + "label" in raw.columns else ()
    missing = [name for name in (*REQUIRED, *direct) if name not in raw.columns]
    if missing:
        raise ResultsError(
            f"{path}: not a results file of afd classify: no column {', '.join(missing)}"
        )
    rows, remarks = _whole_rows(path, raw)
    return _typed(path, rows), remarks


def _read_csv(path: Path) -> pd.DataFrame:
    cut_off = check_row_lengths(path)
    # Everything as text first: a class may be called "None", "NA" or "1e5".
    rows = pd.read_csv(
        path, dtype=str, keep_default_na=False, encoding_errors="replace", usecols=_is_needed
    )
    if cut_off and "status" in rows:
        rows.loc[rows.index[-1], "status"] = ""
    for name in rows.columns:
        text = rows[name]
        quoted = text.str.startswith("'", na=False).to_numpy(dtype=bool)
        if quoted.any():
            rows.loc[quoted, name] = text[quoted].map(restore)
    return rows


def check_row_lengths(path: Path) -> bool:
    """Check that no row of a CSV file is longer than its header.

    pandas would shift or drop the cells of such a row without a word.

    Returns:
        True if the last row is cut off: it has fewer cells than the header, and no line end.

    Raises:
        ValueError: a row has more cells than the header.
        OSError, csv.Error: the file cannot be read.
    """
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        rows = filter(None, csv.reader(file))  # pandas skips empty lines, too
        columns = cells = len(next(rows, ()))
        for number, row in enumerate(rows, 1):
            cells = len(row)
            if cells > columns:
                raise ValueError(
                    f"row {number} has {cells} cells, but the header has {columns}"
                    " (text that contains a comma must be quoted)"
                )
    if cells == columns:
        return False
    with path.open("rb") as raw:
        raw.seek(-1, os.SEEK_END)
        return raw.read() != b"\n"


def _read_jsonl(path: Path) -> pd.DataFrame:
    table: pd.DataFrame = pd.DataFrame(
        {name: cell for name, cell in (row or {}).items() if _is_needed(name)}
        for row in json_objects(path)
    )
    return table


def _read_parquet(path: Path) -> pd.DataFrame:
    table: pd.DataFrame = pd.read_parquet(path)
    needed: pd.DataFrame = table.loc[:, [_is_needed(name) for name in table.columns]]
    return needed


def _is_needed(column: object) -> bool:
    """False for the columns of the second and later classes, which no report uses."""
    return _LOWER_RANKED.fullmatch(str(column)) is None


_READERS = {".csv": _read_csv, ".jsonl": _read_jsonl, ".parquet": _read_parquet}


def _whole_rows(path: Place, rows: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Drop a last row that was cut off while being written; refuse any other unknown status."""
    odd = np.flatnonzero(~rows["status"].isin([OK, DAMAGED, FAILED]).to_numpy())
    if not len(odd):
        return rows.reset_index(drop=True), ()
    if len(odd) > 1 or odd[0] != len(rows) - 1:
        value = rows["status"].iloc[odd[0]]
        raise ResultsError(
            f"{path}: row {odd[0] + 1} has status {value!r}, not {OK}, {DAMAGED} or {FAILED}"
        )
    remark = f"{path.name}: the last row is incomplete (the run was cut off) and is left out"
    return rows.iloc[:-1].reset_index(drop=True), (remark,)


def _typed(path: Place, rows: pd.DataFrame) -> pd.DataFrame:
    columns: dict[str, pd.Series[float] | pd.Series[str]] = {}
    for name in rows.columns:
        column = rows[name]
        plain = str(name).removeprefix(DIRECT)
        if plain in ("correct", UNSURE):
            columns[name] = _truth(path, column)
        elif plain in NUMBERS or plain.startswith(("index", "prob")):
            columns[name] = _number(path, column)
        elif column.dtype.kind in "fiub":  # a column of the user's own
            columns[name] = column
        else:
            columns[name] = column.astype(object).where(column.notna(), "").astype(str)
    typed: pd.DataFrame = pd.DataFrame(columns, index=rows.index)
    return typed


def _number(path: Place, column: pd.Series[str]) -> pd.Series[float]:
    numbers: pd.Series[float] = pd.to_numeric(column, errors="coerce").astype("float64")
    numbers = numbers.where(np.isfinite(numbers))
    _refuse(path, column, numbers.isna(), "a number")
    return numbers


def _truth(path: Place, column: pd.Series[str]) -> pd.Series[float]:
    text = column.where(column.notna(), "").astype(str).str.lower()
    truth: pd.Series[float] = text.map(TRUTH).astype("float64")
    _refuse(path, column, truth.isna(), "true or false")
    return truth


def _refuse(path: Place, column: pd.Series[str], unread: pd.Series[bool], wanted: str) -> None:
    """Raise ResultsError if a cell in *unread* is not empty: it holds no *wanted*."""
    wrong = unread & column.notna() & (column.astype(str) != "") & (column.astype(str) != "nan")
    if wrong.any():
        row = int(np.flatnonzero(wrong.to_numpy())[0])
        value = str(column.iloc[row])[:40]
        raise ResultsError(f"{path}: row {row + 1}: {column.name} is {value!r}, not {wanted}")


def read_metadata(path: Place) -> Mapping[str, object]:
    """The metadata of the results at *path*; empty if there are none.

    Raises:
        ResultsError: they cannot be read.
    """
    beside = metadata_path(path)
    if not is_file(beside):
        return {}
    try:
        metadata = json.loads(read_text(beside))
    except (OSError, ValueError) as error:
        raise ResultsError(f"{beside}: not readable as JSON ({error}); fix or delete it") from error
    if not isinstance(metadata, dict):
        raise ResultsError(f"{beside}: not a JSON object; fix or delete it")
    return metadata
