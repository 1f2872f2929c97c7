"""One input of a run: where it is, and what it is called in results."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from afdcli.errors import ErrorCode, PhotoError


class Source(Protocol):
    """Where the bytes of one picture are; pickles, and is read in a worker."""

    def read(self, limit: int) -> bytes:
        """At most *limit* bytes. Raises PhotoError: UNREADABLE, CORRUPT or TOO_LARGE."""


@dataclass(frozen=True)
class Found:
    """One input.

    Attributes:
        path: to open it.
        relative: its name in results, with forward slashes, never absolute and never with "..":
            relative to the folder it was found in; for a file that was named explicitly, relative
            to the current folder if it lies there, else its bare name. In the
            form of `afdcli.storage.text.printable`.
        source: where its bytes are, if not in a file at *path*; see `afdcli.inputs.archives`.
    """

    path: Path
    relative: str
    source: Source | None = None


@dataclass(frozen=True)
class Skipped:
    """A file in a folder, archive or store that is no row.

    Attributes:
        relative: as of a `Found`.
        kind: under which it is counted, see `afdcli.inputs.kinds`.
    """

    relative: str
    kind: str


@dataclass(frozen=True)
class Lost:
    """A `Source` that cannot be read, as is known already: the row of it fails.

    It stands for one picture, or for what is lost of an archive.
    """

    code: ErrorCode
    message: str

    def read(self, limit: int) -> bytes:
        """See `Source`: always raises."""
        raise PhotoError(self.code, self.message)
