"""Pictures that are no files of their own: in tar shards, in Parquet columns, and behind URLs.

An input that names one of these is opened and its pictures are listed, lazily; the workers then
read the bytes of each picture themselves. What lies in an archive is named ``ARCHIVE/MEMBER`` in
the results, a Parquet row by its path column or by its number.
"""

from __future__ import annotations

import functools
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from afdcli.errors import ErrorCode, PhotoError, UsageError
from afdcli.inputs.discover import SUFFIXES
from afdcli.inputs.found import Found, Source
from afdcli.storage.paths import file_system, is_url
from afdcli.storage.text import printable

_BYTES = ("image", "bytes", "content", "jpg", "jpeg", "png", "webp", "data")  # in this order
_PATHS = ("path", "file_name", "filename", "name", "url", "__key__", "id")


@dataclass(frozen=True)
class Member:
    """A member of an uncompressed tar archive (WebDataset shards are such)."""

    archive: Path
    offset: int
    size: int

    def read(self, limit: int) -> bytes:
        """See `Source`."""
        _check(self.size, limit)
        with self.archive.open("rb") as file:
            file.seek(self.offset)
            return file.read(self.size)


@dataclass(frozen=True)
class ParquetCell:
    """One row of a column of image bytes."""

    file: Path
    column: str
    group: int
    row: int

    def read(self, limit: int) -> bytes:
        """See `Source`."""
        value = _row_group(self.file, self.group, self.column)[self.row].as_py()
        data = value.get("bytes") if isinstance(value, dict) else value
        if not isinstance(data, bytes):
            raise PhotoError(ErrorCode.UNREADABLE, "the cell holds no bytes")
        _check(len(data), limit)
        return data


@dataclass(frozen=True)
class Remote:
    """A file behind a URL that fsspec opens (``s3://``, ``gs://``, ``https://``, ``file://``)."""

    url: str

    def read(self, limit: int) -> bytes:
        """See `Source`."""
        system, path = file_system(self.url)
        size = system.size(path)
        if size is not None:
            _check(size, limit)
        data: bytes = system.cat_file(path)
        return data


def read_source(source: Source, limit: int) -> bytes:
    """The bytes of *source*; whatever goes wrong is about this picture.

    Raises:
        PhotoError: UNREADABLE or TOO_LARGE.
    """
    try:
        return source.read(limit)
    except (PhotoError, MemoryError):
        raise
    except Exception as error:  # of tarfile, pyarrow, and every store that fsspec knows
        reason = " ".join(str(error).split()) or type(error).__name__
        raise PhotoError(ErrorCode.UNREADABLE, f"cannot be read: {reason}") from error


def is_source(name: str) -> bool:
    """True where *name* is to be opened here: a URL, or a .tar or .parquet file."""
    return is_url(name) or name.lower().endswith((".tar", ".parquet"))


def expand(name: str) -> Iterator[Found]:
    """The pictures in *name*, see `is_source`.

    Raises:
        UsageError: it does not exist, is unreadable, or nothing is installed that reads it.
    """
    try:
        if is_url(name):
            yield from _behind(name)
        elif name.lower().endswith(".tar"):
            yield from _in_tar(Path(name))
        else:
            yield from _in_parquet(Path(name))
    except UsageError:
        raise
    except ImportError as error:
        raise UsageError(f"{name}: {error}") from error
    except Exception as error:  # of tarfile, pyarrow, and every store that fsspec knows
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UsageError(f"{name}: cannot be read: {reason}") from error


def _in_tar(archive: Path) -> Iterator[Found]:
    with tarfile.open(archive, "r:") as tar:
        for member in tar:
            if member.isfile() and PurePosixPath(member.name).suffix.lower() in SUFFIXES:
                inside = _harmless(member.name)
                source = Member(archive.absolute(), member.offset_data, member.size)
                yield Found(archive / inside, printable(f"{archive.name}/{inside}"), source)


def _in_parquet(file: Path) -> Iterator[Found]:
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise UsageError(f"{file}: Parquet needs pip install 'afdcli[parquet]'") from error
    table = parquet.ParquetFile(file)
    names = table.schema_arrow.names
    column = next((name for name in _BYTES if name in names), None)
    if column is None:
        raise UsageError(f"{file}: no column of image bytes; one named {', '.join(_BYTES)} is read")
    label = next((name for name in _PATHS if name in names), None)
    number = 0
    for group in range(table.num_row_groups):
        known = table.read_row_group(group, [label])[label] if label else None
        for row in range(table.metadata.row_group(group).num_rows):
            inside = _harmless(str(known[row].as_py())) if known is not None else f"{number}"
            source = ParquetCell(file.absolute(), column, group, row)
            yield Found(file / inside, printable(f"{file.name}/{inside}"), source)
            number += 1


def _behind(url: str) -> Iterator[Found]:
    system, top = file_system(url)
    if system.isfile(top) and not url.endswith("/"):  # a web server's list of a folder is a file
        yield Found(Path(PurePosixPath(top).name), printable(PurePosixPath(top).name), Remote(url))
        return
    found = False
    for path in sorted(system.find(top)):
        if PurePosixPath(path).suffix.lower() in SUFFIXES:
            found = True
            inside = str(path)[len(str(top).rstrip("/")) + 1 :]
            yield Found(Path(inside), printable(inside), Remote(f"{url.rstrip('/')}/{inside}"))
    if not found and not system.exists(top):
        raise UsageError(f"{url}: no such file or folder")


@functools.lru_cache(maxsize=2)
def _row_group(file: Path, group: int, column: str) -> Any:
    """A column of a row group: neighbours are read one after the other."""
    from pyarrow import parquet

    return parquet.ParquetFile(file).read_row_group(group, [column])[column]


def _harmless(name: str) -> str:
    """A name from inside an archive, relative and without ``..``."""
    return "/".join(part for part in name.split("/") if part not in ("", ".", ".."))


def _check(size: int, limit: int) -> None:
    if size > limit:
        message = f"{size} bytes is more than the limit of {limit}"
        raise PhotoError(ErrorCode.TOO_LARGE, message)
