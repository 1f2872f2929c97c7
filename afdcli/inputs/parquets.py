"""Pictures in a column of a Parquet file. Workers read one row group at a time."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from afdcli.errors import ErrorCode, PhotoError
from afdcli.inputs import members
from afdcli.inputs.found import Source
from afdcli.inputs.members import Archive, DamagedError, Item

_BYTES = ("image", "bytes", "content", "jpg", "jpeg", "png", "webp", "data")  # in this order
_PATHS = ("path", "file_name", "filename", "name", "url", "__key__", "id")
_ROWS = 256  # number of names read at a time
_CELLS = 16  # number of cells in memory at a time
_BUFFER = 1 << 20  # bytes of a row group that are read ahead


@dataclass(frozen=True)
class ParquetCell:
    """One cell of a column of image bytes: row *row* of row group *group*."""

    archive: Archive
    column: str
    group: int
    row: int

    def read(self, limit: int) -> bytes:
        """See `Source`."""
        self.archive.open().close()  # checks that the file has not changed
        value = _column(self.archive, self.group, self.column).value(self.row)
        data = value.get("bytes") if isinstance(value, dict) else value
        if not isinstance(data, bytes):
            raise PhotoError(ErrorCode.UNREADABLE, "the cell holds no image bytes")
        members.check_size(len(data), limit)
        return data


def list_parquet(path: Path) -> Iterator[Item]:
    """Yield the rows of the Parquet file at *path*, see `afdcli.inputs.archives.list_archive`.

    Raises:
        DamagedError: it has no column of image bytes.
        pyarrow.ArrowException, OSError: the rest of it cannot be read.
    """
    from pyarrow import parquet

    archive = Archive.at(path)
    with parquet.ParquetFile(path) as table:
        schema = table.schema_arrow
        names = schema.names
        column = next((name for name in _BYTES if name in names and _holds_bytes(schema, name)), "")
        if not column:
            columns = ", ".join(_BYTES)
            raise DamagedError(f"no column of image bytes; it must be named {columns}")
        label = next((name for name in _PATHS if name in names), None)
        groups = [table.metadata.row_group(g).num_rows for g in range(table.num_row_groups)]
    number = 0
    for group, rows in enumerate(groups):
        known = _names(path, group, label) if label else iter(())
        for row in range(rows):
            source: Source = ParquetCell(archive, column, group, row)
            name = next(known, None)
            if name is not None and len(name) > members.LONGEST_NAME:
                name, source = None, members.name_too_long()
            yield members.member_row(path, members.safe_name(name or "") or f"{number}", source)
            number += 1


def _holds_bytes(schema: Any, name: str) -> bool:
    """Whether the cells of a column are bytes, or structs with a field of bytes."""
    import pyarrow as pa

    kind = schema.field(name).type
    if pa.types.is_struct(kind):
        number = kind.get_field_index("bytes")
        kind = kind.field(number).type if number >= 0 else kind
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    kind = getattr(kind, "storage_type", kind)  # of an extension type
    kinds = pa.types
    return any(
        is_kind(kind)
        for is_kind in (
            *(kinds.is_binary, kinds.is_large_binary, kinds.is_fixed_size_binary),
            kinds.is_binary_view,
        )
    )


def _names(path: Path, group: int, label: str) -> Iterator[str | None]:
    """The names in a row group, None if missing, each cut after `LONGEST_NAME` + 1 characters."""
    import pyarrow as pa
    from pyarrow import compute, parquet

    # A dictionary keeps equal names once: 30 equal names of 200 MB need 200 MB.
    with parquet.ParquetFile(path, read_dictionary=[label]) as table:
        for batch in table.iter_batches(_ROWS, row_groups=[group], columns=[label]):
            values = batch.column(0)
            numbers: Any = range(len(values))
            if pa.types.is_dictionary(values.type):
                numbers, values = values.indices.to_pylist(), values.dictionary
            if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
                values = values.cast(pa.large_binary())  # names need not be UTF-8
            if pa.types.is_binary(values.type) or pa.types.is_large_binary(values.type):
                values = compute.binary_slice(values, 0, members.LONGEST_NAME + 1)
            for n in numbers:
                value = None if n is None else values[n].as_py()
                if isinstance(value, bytes):
                    value = value.decode("utf-8", "surrogateescape")
                yield None if value is None else str(value)


class _Column:
    """Reads a column of a row group in batches; fast if rows are requested in order."""

    def __init__(self, archive: Archive, group: int, column: str) -> None:
        from pyarrow import parquet

        # Read page by page: a row group may be larger than memory.
        self._file = parquet.ParquetFile(archive.path, buffer_size=_BUFFER, pre_buffer=False)
        self._group, self._column = group, column
        self._begin()

    def _begin(self) -> None:
        self._rows: Any = self._file.iter_batches(
            _CELLS, row_groups=[self._group], columns=[self._column]
        )
        self._start, self._values = 0, None  # of the current batch

    def value(self, row: int) -> Any:
        """The cell in row *row* of the row group.

        Raises:
            PhotoError: CORRUPT if the row group ends before it.
        """
        if row < self._start:
            self._begin()
        while self._values is None or row >= self._start + len(self._values):
            self._start += len(self._values or ())
            self._values = None  # free its memory before the next batch is read
            if (batch := next(self._rows, None)) is None:
                raise PhotoError(ErrorCode.CORRUPT, "the row group ends before this row")
            self._values = batch.column(0)
        return self._values[row - self._start].as_py()


@functools.lru_cache(maxsize=1)
def _column(archive: Archive, group: int, column: str) -> _Column:
    return _Column(archive, group, column)
