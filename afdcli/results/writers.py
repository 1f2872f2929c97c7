"""Results files: CSV, JSONL and Parquet, written while the run goes on.

CSV and JSONL take their name at once and grow by whole lines, each burst of rows in one write:
``tail -f`` shows them, and a killed run leaves every row that it had finished. Parquet cannot be
read before its footer is written: its rows grow as JSONL in a journal, ``NAME.part``, and become
Parquet at the end; the journal of a run that was cut off stays, so that it can be resumed.
Paths come in the form of `afdcli.storage.text.printable`; `cells.restore` undoes what CSV adds.
"""

from __future__ import annotations

import csv
import importlib.util
import json
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from types import TracebackType

from afdcli.errors import ResultsError, UsageError
from afdcli.results.rows import Cell, Columns, Row
from afdcli.storage.paths import Place, trouble
from afdcli.storage.text import neutralise
from afdcli.storage.writable import check_file

ROW_GROUP = 5_000  # rows that Parquet holds in memory


def journal(path: Path) -> Path:
    """The file that takes the rows of the results *path* while the run goes on."""
    return path.with_name(path.name + ".part") if path.suffix.lower() == ".parquet" else path


class Sink(ABC):
    """A results file being written. A context manager: leaving it finishes the file.

    Raises:
        ResultsError: on any trouble with the disk, from every method.
    """

    def __init__(self, columns: Columns) -> None:
        self.columns = columns

    @abstractmethod
    def write(self, rows: Sequence[Row]) -> None:
        """Append *rows*; for CSV and JSONL they are in the file on return."""

    @abstractmethod
    def close(self, finished: bool = True) -> None:
        """Finish the file with the rows so far; *finished*: there are no more to come."""

    def cells(self, row: Row) -> dict[str, Cell]:
        """The row's cells, with all text fit for any encoding."""
        return {
            # No-op for paths; a class name or a remark may still hold a lone surrogate.
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
            if error is None:  # else the first error is the one to tell
                raise
        finally:
            self.release()

    def release(self) -> None:  # noqa: B027 - most hold nothing
        """Let go of what `close` leaves, also where it failed."""


class _LineSink(Sink):
    """A text file of one line per row.

    Args:
        keep: bytes of an older file to go on behind; 0 starts a new one.
    """

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
        self._check()
        self._append("".join(self.line(row) for row in rows))

    def close(self, finished: bool = True) -> None:
        """See `Sink`."""
        if self._file.closed:
            return
        try:
            if finished:
                self._check()
        finally:
            with trouble("write", self.path):
                self._file.close()

    def _check(self) -> None:
        """See that the file has not lost its name, after which nobody would find the rows."""
        path = journal(self.path)
        try:
            there = os.path.samestat(os.fstat(self._file.fileno()), path.stat())
        except FileNotFoundError:
            there = False
        except OSError as error:
            raise ResultsError(f"cannot read {path}: {error.strerror}") from error
        if not there:
            raise ResultsError(
                f"{path} was deleted, renamed or replaced while the run wrote to it: its rows are"
                " lost; start again"
            )

    def header(self) -> str:
        """What stands before the first row."""
        return ""

    @abstractmethod
    def line(self, row: Row) -> str:
        """*row* as one line, with its line end."""

    def _append(self, text: str) -> None:
        data = memoryview(text.encode())
        with trouble("write", self.path):
            while data:
                data = data[self._file.write(data) :]


class CsvSink(_LineSink):
    """RFC 4180 with a header, UTF-8, ``\\n`` line ends; True is 1 and False is 0."""

    def __init__(self, path: Path, columns: Columns, keep: int = 0) -> None:
        self._lines: list[str] = []
        # The CRLF makes csv quote a lone \r as well as \n (Python < 3.13 looks at its own line
        # end only); `_pop` takes it off again.
        self._writer = csv.writer(_Append(self._lines.append), lineterminator="\r\n")
        super().__init__(path, columns, keep)

    def header(self) -> str:
        """See `_LineSink`."""
        return self._pop(self.columns.names)

    def line(self, row: Row) -> str:
        """See `_LineSink`."""
        return self._pop([self._cell(cell) for cell in self.cells(row).values()])

    def _pop(self, cells: Sequence[Cell]) -> str:
        self._writer.writerow(cells)
        return self._lines.pop().removesuffix("\r\n") + "\n"

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
    """Parquet with typed columns, a row group per `ROW_GROUP` rows; made from a JSONL journal."""

    def close(self, finished: bool = True) -> None:
        """See `Sink`; a journal that is not *finished* stays beside the Parquet file."""
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
    """Make the Parquet file *new* of the JSONL file *lines*."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    schema = pa.schema([(name, kinds[kind]) for name, kind in columns.types.items()])
    with pq.ParquetWriter(new, schema) as writer, lines.open("rb") as file:
        while group := [json.loads(line) for line in islice(file, ROW_GROUP)]:
            writer.write_table(pa.Table.from_pylist(group, schema=schema))


_SINKS: dict[str, type[_LineSink]] = {".csv": CsvSink, ".jsonl": JsonlSink, ".parquet": ParquetSink}


def check_target(path: Path) -> None:
    """See, before the work begins, that results can be written to the file *path*.

    Raises:
        UsageError: unknown ending, Parquet without pyarrow, or as `check_file`.
    """
    check_ending(path)
    if os.path.isdir(path):  # noqa: PTH112 - pathlib's raises where a name is too long
        raise UsageError(
            f"--out {path} is a folder; give the name of a file in it"
            " (or --rows-per-part, if it holds the parts of an earlier run)"
        )
    check_file(path)


def check_ending(out: Place) -> None:
    """See that the ending of *out* names a format that can be written.

    Raises:
        UsageError: it does not.
    """
    if out.suffix.lower() not in _SINKS:
        raise UsageError(f"--out {out}: the name must end in {', '.join(_SINKS)}")
    if out.suffix.lower() == ".parquet" and importlib.util.find_spec("pyarrow") is None:
        raise UsageError(
            f"--out {out}: Parquet needs pyarrow; run `pip install 'afdcli[parquet]'`"
            " or choose .csv or .jsonl"
        )


def open_sink(path: Path, columns: Columns, keep: int = 0) -> Sink:
    """Start the results file *path*; the ending chooses the format.

    Args:
        keep: bytes of its `journal` to go on behind; 0 replaces an older file.
    """
    check_target(path)
    return _SINKS[path.suffix.lower()](path, columns, keep)


class _Append:
    """A file-like object for `csv.writer`, which writes each row with one call."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self.write = write
