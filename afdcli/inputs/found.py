"""One input of a run: where it is, and what it is called in results."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class Source(Protocol):
    """Where the bytes of one picture are; pickles, and is read in a worker."""

    def read(self, limit: int) -> bytes:
        """At most *limit* bytes. Raises PhotoError: UNREADABLE or TOO_LARGE."""


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
