"""Write results files in CSV, JSONL or Parquet while a run goes on.

CSV and JSONL files are appended to in whole lines, one write per batch of rows: ``tail -f`` shows
them, and a killed run leaves every finished row. A Parquet file cannot be read before its footer is
written. So its rows are first appended to a JSONL journal, ``NAME.part``, which becomes Parquet at
the end. The journal of an interrupted run remains, so that the run can be resumed.
Paths are in the form of `afdcli.storage.text.printable`. CSV cells are also escaped by
`afdcli.storage.text.neutralise`; `afdcli.storage.text.restore` undoes it.
"""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from types import TracebackType

from afdcli.errors import ResultsError, UsageError
from afdcli.results.rows import Cell, Columns, Row
from afdcli.results.stream import ROW_GROUP
from afdcli.storage.paths import Place, trouble
from afdcli.storage.text import neutralise
from afdcli.storage.writable import check_file


def journal(path: Path) -> Path:
    """File to which rows of the results *path* are appended during the run."""
    return path.with_name(path.name + ".part") if path.suffix.lower() == ".parquet" else path


class Sink(ABC):
    """A results file that is being written. As a context manager it closes the file on exit.

    Raises:
        ResultsError: the disk reports an error; raised by every method.
    """

    def __init__(self, columns: Columns) -> None:
        self.columns = columns

    @abstractmethod
    def write(self, rows: Sequence[Row]) -> None:
        """Append *rows*. CSV and JSONL files hold them on return."""

    @abstractmethod
    def close(self, finished: bool = True) -> None:
        """Finish the file with the rows so far; not *finished* if rows are missing."""

    def cells(self, row: Row) -> dict[str, Cell]:
        """Cells of *row* by column name; all text can be encoded as UTF-8."""
        return {
            # Paths are escaped already; class names and notes may hold lone surrogates.
            name: cell.encode(errors="backslashreplace").decode() if isinstance(cell, str) else cell
            for name, cell in self.columns.flatten(row).items()
        }

    def __enter__(self) -> Sink:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.close(finished=error is None)
        except ResultsError:
            if error is None:  # otherwise the first error is passed on
                raise
        finally:
            self.release()

    def release(self) -> None:  # noqa: B027 - most sinks have nothing to free
        """Free what is left after `close`, even if `close` failed."""


class _LineSink(Sink):
    """A text file with one line per row; appends behind *keep* bytes of it, 0 starts anew."""

    def __init__(self, path: Path, columns: Columns, keep: int = 0) -> None:
        super().__init__(columns)
        self.path = path
        with trouble("write", path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = journal(path).open("r+b" if keep else "wb", buffering=0)
            if keep:
                self._file.truncate(keep)
                self._file.seek(keep)
                return
        try:
            self._append(self.header())
        except ResultsError:
            self._file.close()
            raise

    def write(self, rows: Sequence[Row]) -> None:
        """See `Sink`."""
        self._check_in_place()
        self._append("".join(self.line(row) for row in rows))

    def close(self, finished: bool = True) -> None:
        """See `Sink`."""
        if self._file.closed:
            return
        try:
            if finished:
                self._check_in_place()
        finally:
            with trouble("write", self.path):
                self._file.close()

    def _check_in_place(self) -> None:
        """Raise ResultsError if the path no longer leads to the open file: rows would be lost."""
        path = journal(self.path)
        try:
            in_place = os.path.samestat(os.fstat(self._file.fileno()), path.stat())
        except FileNotFoundError:
            in_place = False
        except OSError as error:
            raise ResultsError(f"cannot read {path}: {error.strerror}") from error
        if not in_place:
            raise ResultsError(
                f"{path} was deleted, renamed or replaced during the run: its rows are lost;"
                " start again"
            )

    def header(self) -> str:
        """Text before the first row."""
        return ""

    @abstractmethod
    def line(self, row: Row) -> str:
        """*row* as one line that ends with a line break."""

    def _append(self, text: str) -> None:
        data = memoryview(text.encode())
        with trouble("write", self.path):
            while data:
                data = data[self._file.write(data) :]


class CsvSink(_LineSink):
    """CSV as in RFC 4180, in UTF-8, with a header and ``\\n`` line ends; booleans are 1 and 0."""

    def header(self) -> str:
        """See `_LineSink`."""
        return self._format(self.columns.names)

    def line(self, row: Row) -> str:
        """See `_LineSink`."""
        return self._format([self._cell(cell) for cell in self.cells(row).values()])

    def _format(self, cells: Sequence[Cell]) -> str:
        text = io.StringIO()
        # With CRLF line ends, csv quotes cells with a lone \r or \n (Python < 3.13 quotes only its
        # own line end).
        csv.writer(text, lineterminator="\r\n").writerow(cells)
        return text.getvalue().removesuffix("\r\n") + "\n"

    @staticmethod
    def _cell(cell: Cell) -> Cell:
        if isinstance(cell, str):
            return neutralise(cell)
        return int(cell) if isinstance(cell, bool) else cell


class JsonlSink(_LineSink):
    """One JSON object per line, UTF-8; an empty cell is null."""

    def line(self, row: Row) -> str:
        """See `_LineSink`."""
        return json.dumps(self.cells(row), ensure_ascii=False, allow_nan=False) + "\n"


class ParquetSink(JsonlSink):
    """Parquet with typed columns and row groups of `ROW_GROUP` rows, made from a JSONL journal."""

    def close(self, finished: bool = True) -> None:
        """See `Sink`. Unless *finished*, the journal remains next to the Parquet file."""
        if self._file.closed:
            return
        super().close(finished)
        with trouble("write", self.path):
            new = self.path.with_name(self.path.name + ".new")
            to_parquet(journal(self.path), self.columns, new)
            new.replace(self.path)
            if finished:
                journal(self.path).unlink()


def to_parquet(lines: Path, columns: Columns, new: Path) -> None:
    """Write the rows of the JSONL file *lines* to the Parquet file *new*. Raises OSError."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    schema = pa.schema([(name, kinds[kind]) for name, kind in columns.types.items()])
    with pq.ParquetWriter(new, schema) as writer, lines.open("rb") as file:
        while group := [json.loads(line) for line in islice(file, ROW_GROUP)]:
            writer.write_table(pa.Table.from_pylist(group, schema=schema))


_SINKS: dict[str, type[_LineSink]] = {".csv": CsvSink, ".jsonl": JsonlSink, ".parquet": ParquetSink}


def check_target(path: Path) -> None:
    """Check, before slow work, that results can be written to the file *path*.

    Raises:
        UsageError: *path* is a folder; or see `check_ending` and `check_file`.
    """
    check_ending(path)
    if os.path.isdir(path):  # noqa: PTH112 - pathlib's raises where a name is too long
        raise UsageError(
            f"--out {path} is a folder; give the name of a file in it"
            " (or --rows-per-part if it holds parts of an earlier run)"
        )
    check_file(path)


def check_ending(out: Place) -> None:
    """Check that the suffix of *out* names a format that can be written.

    Raises:
        UsageError: the suffix is unknown, or pyarrow is missing for Parquet.
    """
    if out.suffix.lower() not in _SINKS:
        raise UsageError(f"--out {out}: the name must end in {', '.join(_SINKS)}")
    if out.suffix.lower() == ".parquet" and importlib.util.find_spec("pyarrow") is None:
        raise UsageError(
            f"--out {out}: Parquet needs pyarrow; run `pip install 'afdcli[parquet]'`"
            " or choose .csv or .jsonl"
        )


def open_sink(path: Path, columns: Columns, keep: int = 0) -> Sink:
    """Open the results file *path* for writing, in the format of its suffix.

    Args:
        keep: bytes of its `journal` to keep, after which rows are appended; 0 replaces the file.

    Raises:
        UsageError: see `check_target`.
        ResultsError: the disk reports an error.
    """
    check_target(path)
    return _SINKS[path.suffix.lower()](path, columns, keep)
