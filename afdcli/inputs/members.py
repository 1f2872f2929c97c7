"""Shared by all kinds of archives: names of members, checks, and space for unpacked bytes."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from afdcli.errors import ErrorCode, PhotoError
from afdcli.inputs.found import Found, Skipped, Source, Unreadable
from afdcli.storage.text import printable

LONGEST_NAME = 4096  # characters
MAX_LINK_HOPS = 40  # links that point to links; the limit of Linux
LARGEST_UNPACKED = 256 << 20  # bytes of one member of a compressed tar


class DamagedError(Exception):
    """The archive is damaged; the message says where and how."""


@dataclass(frozen=True)
class Pause:
    """Yielded after reading much without a member, so that time limits can be checked."""


Item = Found | Skipped | Pause
PAUSE = Pause()
PAUSE_BYTES = 64 << 20  # read between two pauses


@dataclass(frozen=True)
class Archive:
    """An archive file, as it was when it was listed.

    Attributes:
        path: absolute.
        size: bytes.
        changed: time of the last change, nanoseconds.
    """

    path: Path
    size: int
    changed: int

    @classmethod
    def at(cls, path: Path) -> Archive:
        """The archive at *path*. Raises OSError if it cannot be opened."""
        status = path.stat()
        return cls(path.absolute(), status.st_size, status.st_mtime_ns)

    def open(self) -> BinaryIO:
        """Open it to read a member, after checking that it has not changed.

        Raises:
            PhotoError: it has changed, so offsets of members may be wrong.
            OSError: it cannot be opened.
        """
        file = self.path.open("rb")
        status = os.fstat(file.fileno())
        if (status.st_size, status.st_mtime_ns) != (self.size, self.changed):
            file.close()
            raise PhotoError(ErrorCode.UNREADABLE, "its archive changed while it was in use")
        return file


def check_size(size: int, limit: int) -> None:
    """Check a number of bytes. Raises PhotoError: TOO_LARGE if *size* is above *limit*."""
    if size > limit:
        message = f"{size} bytes is more than the limit of {limit}"
        raise PhotoError(ErrorCode.TOO_LARGE, message)


def safe_name(name: str) -> str:
    """A member's name made safe: relative, without ``..``, at most `LONGEST_NAME` characters."""
    parts = name[: LONGEST_NAME + 1].split("/")
    return "/".join(part for part in parts if part not in ("", ".", ".."))[:LONGEST_NAME]


def member_row(archive: Path, name: str, source: Source) -> Found:
    """The row of member *name* (see `safe_name`) of *archive*; failed if the name was cut."""
    if len(name) >= LONGEST_NAME:
        source = name_too_long()
    # Python raises ValueError for a NUL in a path.
    path = archive / name.replace("\0", "\N{REPLACEMENT CHARACTER}")
    return Found(path, printable(f"{archive.name}/{name}"), source)


def skipped_member(archive: Path, name: str, kind: str) -> Skipped:
    """A member, named as in `member_row`, that does not become a row."""
    return Skipped(printable(f"{archive.name}/{name}"), kind)


def failed_archive(archive: Path, reason: str, code: ErrorCode = ErrorCode.CORRUPT) -> Found:
    """The failed row of *archive* itself, for the part that cannot be read."""
    return Found(archive, printable(archive.name), Unreadable(code, reason))


@dataclass(frozen=True)
class Spooled:
    """Bytes that were unpacked into a temporary file.

    Attributes:
        path: of the file.
        offset, size: of the bytes in it.
        keep: keeps the file open as long as this object exists; not pickled.
    """

    path: Path
    offset: int
    size: int
    keep: Any = field(default=None, compare=False, repr=False)

    def read(self, limit: int) -> bytes:
        """See `Source`."""
        check_size(self.size, limit)
        with self.path.open("rb") as file:
            file.seek(self.offset)
            return file.read(self.size)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "keep": None}


@dataclass(frozen=True)
class InMemory:
    """Bytes that are sent along with the input, to machines that cannot open the file."""

    data: bytes = field(repr=False)

    def read(self, limit: int) -> bytes:
        """See `Source`."""
        check_size(len(self.data), limit)
        return self.data


def missing_link(target: str) -> Unreadable:
    """The source of a link in an archive to *target*, which does not exist."""
    return Unreadable(ErrorCode.UNREADABLE, f"it is a link to {target[:200]}, which does not exist")


def name_too_long() -> Unreadable:
    """The source of a member whose name is longer than `LONGEST_NAME`."""
    message = f"its name is longer than {LONGEST_NAME:,} characters"
    return Unreadable(ErrorCode.TOO_LARGE, message)


def portable(source: Source | None) -> Source | None:
    """*source* in a form that other machines can read.

    Raises:
        OSError: the unpacked bytes are no longer there.
    """
    if isinstance(source, Spooled):
        return InMemory(source.read(source.size))
    return source


class TemporaryFile:
    """An empty temporary file that this user's processes can open; deleted with this object.

    On Linux it has no name, so a killed run leaves nothing behind.

    Attributes:
        path: by which other processes open it.
    """

    def __init__(self) -> None:
        self._file: Any = tempfile.TemporaryFile(prefix="afd-")  # noqa: SIM115
        self.path = Path(f"/proc/{os.getpid()}/fd/{self._file.fileno()}")
        if not self.path.exists():
            self._file.close()
            self._file = tempfile.NamedTemporaryFile(prefix="afd-")  # noqa: SIM115
            self.path = Path(self._file.name)

    def __del__(self) -> None:
        self._file.close()


class Spool:
    """Where the listing process unpacks members of compressed archives.

    Attributes:
        path: of the file to append to; None reads the members and discards them.
    """

    def __init__(self) -> None:
        self.path: Path | None = None

    def keep(self, chunks: Iterable[bytes]) -> Source:
        """Append *chunks* to the file; return the source that reads them back.

        Errors while reading *chunks* are raised. If the disk is full, the source is an
        `Unreadable`.
        """
        if self.path is None:
            return Spooled(Path(), 0, sum(map(len, chunks)))
        room = True
        with self.path.open("r+b", buffering=0) as file:
            start = file.seek(0, os.SEEK_END)
            for chunk in chunks:
                room = room and _written(file, chunk)
            size = file.tell() - start
            if not room:
                file.truncate(start)
        if not room:
            message = "the temporary folder has no room to unpack it"
            return Unreadable(ErrorCode.UNREADABLE, message)
        return Spooled(self.path, start, size)


def _written(file: Any, data: bytes) -> bool:
    """Write *data*; return False if the disk is full."""
    try:
        return bool(file.write(data) == len(data))
    except OSError:
        return False
