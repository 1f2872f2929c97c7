"""Pictures in a column of a Parquet file. Workers read them by row group."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from afdcli.errors import ErrorCode, PhotoError
from afdcli.inputs import members
from afdcli.inputs.found import Lost, Source
from afdcli.inputs.members import Archive, DamagedError, Item

_BYTES = ("image", "bytes", "content", "jpg", "jpeg", "png", "webp", "data")  # in this order
_PATHS = ("path", "file_name", "filename", "name", "url", "__key__", "id")
_ROWS = 256  # whose names are read at a time


@dataclass(frozen=True)
class ParquetCell:
    """One row of a column of image bytes."""

    archive: Archive
    column: str
    group: int
    row: int

    def read(self, limit: int) -> bytes:
        """See `Source`."""
        self.archive.open().close()  # sees that it is still the same
        value = _row_group(self.archive, self.group, self.column)[self.row].as_py()
        data = value.get("bytes") if isinstance(value, dict) else value
        if not isinstance(data, bytes):
            raise PhotoError(ErrorCode.UNREADABLE, "the cell holds no bytes")
        members.check_size(len(data), limit)
        return data


def list_parquet(path: Path) -> Iterator[Item]:
    """The rows of the Parquet file at *path*, see `afdcli.inputs.archives.list_archive`.

    Raises:
        DamagedError: it has no column of image bytes.
        pyarrow.ArrowException, OSError: it cannot be read, from here on.
    """
    from pyarrow import parquet

    archive = Archive.at(path)
    with parquet.ParquetFile(path) as table:
        names = table.schema_arrow.names
        column = next((name for name in _BYTES if name in names), None)
        if column is None:
            columns = ", ".join(_BYTES)
            raise DamagedError(f"no column of image bytes; one named {columns} is read")
        label = next((name for name in _PATHS if name in names), None)
        groups = [table.metadata.row_group(g).num_rows for g in range(table.num_row_groups)]
    number = 0
    for group, rows in enumerate(groups):
        known = _names(path, group, label) if label else iter(())
        for row in range(rows):
            source: Source = ParquetCell(archive, column, group, row)
            name = next(known, None)
            if name is not None and len(name) > members.LONGEST_NAME:
                message = f"its name is longer than {members.LONGEST_NAME:,} characters"
                name, source = None, Lost(ErrorCode.TOO_LARGE, message)
            yield members.found(path, f"{number}" if name is None else members.inside(name), source)
            number += 1


def _names(path: Path, group: int, label: str) -> Iterator[str]:
    """The names in a row group; of endless ones the beginning."""
    import pyarrow as pa
    from pyarrow import compute, parquet

    # Equal names are kept once, as the file has them: 30 of 200 MB each need 200 MB.
    with parquet.ParquetFile(path, read_dictionary=[label]) as table:
        for batch in table.iter_batches(_ROWS, row_groups=[group], columns=[label]):
            values = batch.column(0)
            numbers: Any = range(len(values))
            if pa.types.is_dictionary(values.type):
                numbers, values = values.indices.to_pylist(), values.dictionary
            if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
                values = values.cast(pa.large_binary())  # need not be UTF-8
            if pa.types.is_binary(values.type) or pa.types.is_large_binary(values.type):
                values = compute.binary_slice(values, 0, members.LONGEST_NAME + 1)
            for n in numbers:
                value = None if n is None else values[n].as_py()
                if isinstance(value, bytes):
                    value = value.decode("utf-8", "surrogateescape")
                yield str(value)


@functools.lru_cache(maxsize=2)
def _row_group(archive: Archive, group: int, column: str) -> Any:
    """A column of a row group: neighbours are read one after the other."""
    from pyarrow import parquet

    return parquet.ParquetFile(archive.path).read_row_group(group, [column])[column]
