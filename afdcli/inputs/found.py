"""One input of a run: where it is, and its name in the results."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from afdcli.errors import ErrorCode, PhotoError


class Source(Protocol):
    """Where the bytes of one picture are. It must pickle: workers read it."""

    def read(self, limit: int) -> bytes:
        """All bytes of the picture.

        Args:
            limit: most bytes allowed.

        Raises:
            PhotoError: TOO_LARGE above *limit*; UNREADABLE, CORRUPT, TRUNCATED or UNSUPPORTED.
        """


@dataclass(frozen=True)
class Found:
    """One input.

    Attributes:
        path: of the file; only a label if there is a *source*.
        relative: its name in the results, with forward slashes and never with "..". It is relative
            to the searched folder. With several inputs, the name of its input comes first, see
            `afdcli.inputs.naming.input_names`. For a file given explicitly, it is relative to the
            current folder if the file is below it, else the bare file name. In a list on standard
            input, it is relative to the current folder, else the full path. Escaped by
            `afdcli.storage.text.printable`.
        source: where its bytes are, if they are not the file at *path*.
    """

    path: Path
    relative: str
    source: Source | None = None


@dataclass(frozen=True)
class Skipped:
    """A file in a folder, archive or store that does not become a row.

    Attributes:
        relative: as in `Found`.
        kind: the category it is counted under, see `afdcli.inputs.kinds`.
    """

    relative: str
    kind: str


@dataclass(frozen=True)
class Unreadable:
    """A `Source` that is already known to be unreadable; its row fails.

    It stands for one picture, or for the unreadable rest of an archive.
    """

    code: ErrorCode
    message: str

    def read(self, limit: int) -> bytes:
        """Always raises, see `Source`."""
        raise PhotoError(self.code, self.message)
