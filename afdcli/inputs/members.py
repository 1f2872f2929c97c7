"""What members of all kinds of archives share: names, checks, and room for unpacked bytes."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from afdcli.errors import ErrorCode, PhotoError
from afdcli.inputs.found import Found, Lost, Skipped, Source
from afdcli.storage.text import printable

LONGEST_NAME = 4096  # characters
LARGEST_UNPACKED = 256 << 20  # bytes of one member of a compressed tar


class DamagedError(Exception):
    """The archive does not go on as it should; the text says where and how."""


@dataclass(frozen=True)
class Pause:
    """Nothing was found yet, though much was read: a moment to see how late it is."""


Item = Found | Skipped | Pause
PAUSE = Pause()
PAUSE_BYTES = 64 << 20  # read between two pauses


@dataclass(frozen=True)
class Archive:
    """A file with pictures in it, as it was when it was listed.

    Attributes:
        path: absolute.
        size, changed: bytes, and nanoseconds of the last change.
    """

    path: Path
    size: int
    changed: int

    @classmethod
    def at(cls, path: Path) -> Archive:
        """Raises OSError."""
        status = path.stat()
        return cls(path.absolute(), status.st_size, status.st_mtime_ns)

    def open(self) -> BinaryIO:
        """Open it to read a member, if it is still the file that was listed.

        Raises:
            PhotoError: it has changed, and members may be elsewhere now.
            OSError: it cannot be opened.
        """
        file = self.path.open("rb")
        status = os.fstat(file.fileno())
        if (status.st_size, status.st_mtime_ns) != (self.size, self.changed):
            file.close()
            raise PhotoError(ErrorCode.UNREADABLE, "its archive changed while it was in use")
        return file


def check_size(size: int, limit: int) -> None:
    """Raises PhotoError (TOO_LARGE) where *size* is above *limit*."""
    if size > limit:
        message = f"{size} bytes is more than the limit of {limit}"
        raise PhotoError(ErrorCode.TOO_LARGE, message)


def inside(name: str) -> str:
    """A name from inside an archive, relative, without ``..``, and not endless."""
    parts = name[: LONGEST_NAME + 1].split("/")
    return "/".join(part for part in parts if part not in ("", ".", ".."))[:LONGEST_NAME]


def found(archive: Path, name: str, source: Source) -> Found:
    """The member *name* (see `inside`) of *archive*."""
    # A NUL in a path would be an error of Python wherever it is used.
    path = archive / name.replace("\0", "\N{REPLACEMENT CHARACTER}")
    return Found(path, printable(f"{archive.name}/{name}"), source)


def skipped(archive: Path, name: str, kind: str) -> Skipped:
    """Such a member that is no row."""
    return Skipped(printable(f"{archive.name}/{name}"), kind)


def lost(archive: Path, reason: str, code: ErrorCode = ErrorCode.CORRUPT) -> Found:
    """The row of *archive* itself, of which something is lost."""
    return Found(archive, printable(archive.name), Lost(code, reason))


@dataclass(frozen=True)
class Spooled:
    """Bytes that were unpacked into a file for a while.

    Attributes:
        keep: holds the file open for as long as somebody may read; stays in its process.
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
class Held:
    """Bytes that travel with the input, to machines that do not see the file."""

    data: bytes = field(repr=False)

    def read(self, limit: int) -> bytes:
        """See `Source`."""
        check_size(len(self.data), limit)
        return self.data


def portable(source: Source | None) -> Source | None:
    """*source* as other machines can read it.

    Raises:
        OSError: the unpacked bytes are gone.
    """
    if isinstance(source, Spooled):
        return Held(source.read(source.size))
    return source


class TemporaryFile:
    """An empty temporary file that all processes of this user can open; gone with this object.

    On Linux it has no name, so that nothing is left of a run that is killed.

    Attributes:
        path: to open it.
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
    """Where members of compressed archives are unpacked to, in the process that lists.

    Attributes:
        path: of the file to append to; None: nothing is kept.
    """

    def __init__(self) -> None:
        self.path: Path | None = None

    def keep(self, chunks: Iterable[bytes]) -> Source:
        """Append *chunks*, and say where they are.

        Errors of *chunks* pass. A full disk makes a source that fails.
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
            message = "no room to unpack it in the temporary folder"
            return Lost(ErrorCode.UNREADABLE, message)
        return Spooled(self.path, start, size)


def _written(file: Any, data: bytes) -> bool:
    """Whether the disk had room for *data*."""
    try:
        return bool(file.write(data) == len(data))
    except OSError:
        return False
