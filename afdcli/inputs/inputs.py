"""The pictures of a run: files, folders, and a list on standard input."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from afdcli.errors import UsageError
from afdcli.inputs.archives import expand, is_source
from afdcli.inputs.discover import SUFFIXES, discover
from afdcli.inputs.found import Found

STDIN = "-"


@dataclass(frozen=True)
class Shard:
    """One of *count* parts of the inputs, the *index*-th from 1.

    Which part an input is in depends on its name in the results alone: other inputs, their order
    and the machine do not matter.
    """

    index: int = 1
    count: int = 1

    @classmethod
    def parse(cls, text: str) -> Shard:
        """From "I/N". Raises UsageError."""
        match = re.fullmatch(r"(\d+)/(\d+)", text)
        shard = cls(*map(int, match.groups())) if match else cls(0)
        if not 1 <= shard.index <= shard.count:
            raise UsageError(f"--shard {text}: write I/N, with I from 1 to N, as in 1/8")
        return shard

    def holds(self, found: Found) -> bool:
        """Whether an input belongs to this part."""
        digest = hashlib.sha256(found.relative.encode("utf-8", "surrogatepass")).digest()
        return int.from_bytes(digest[:8], "little") % self.count == self.index - 1


class Inputs:
    """Iterates over the pictures under *paths*, once, lazily.

    Args:
        paths: files and folders; "-" stands for the list in *stdin*; .tar and .parquet files and
            URLs are opened, see `afdcli.inputs.archives`.
        exclude: folders that are left out.
        stdin: lines of bytes, one path each; empty lines are skipped.
        shard: take only this part of them.

    Attributes:
        unlisted: folders that could not be listed, with the reason; the rest goes on.
        watch: called with each picture that is found, those of other shards included.

    Raises:
        UsageError: a path does not exist, or there is no picture at all.
    """

    def __init__(
        self,
        paths: Sequence[str | Path],
        *,
        exclude: Sequence[str | Path] = (),
        stdin: Iterable[bytes] = (),
        shard: Shard | None = None,
    ) -> None:
        self.unlisted: list[str] = []
        self.watch: Callable[[Found], None] | None = None
        self._shard = shard or Shard()
        self._paths = paths
        self._exclude = exclude
        found = chain.from_iterable(
            [
                self._discover(_paths_in(stdin), strict=False)
                if str(path) == STDIN
                else expand(str(path))
                if is_source(str(path))
                else self._discover([path], strict=True)
                for path in paths
            ]
        )
        first = next(found, None)
        if first is None:
            places = ", ".join(map(str, paths))
            raise UsageError(
                f"no images in {places}: afd looks for {' '.join(sorted(SUFFIXES))}, and for"
                " files that begin as an image does; files given explicitly are always read"
            )
        self._found = filter(self._holds, chain([first], found))

    def _holds(self, found: Found) -> bool:
        if self.watch is not None:
            self.watch(found)
        return self._shard.holds(found)

    def __iter__(self) -> Iterator[Found]:
        return self._found

    def _discover(self, paths: Iterable[str | Path], strict: bool) -> Iterator[Found]:
        return discover(
            paths, exclude=self._exclude, strict=strict, on_folder_error=self._note_unlisted
        )

    def _note_unlisted(self, folder: Path, error: OSError) -> None:
        self.unlisted.append(f"{folder}: {error.strerror or error}")

    def counter(self) -> Counter:
        """Count the pictures in the background, without opening them."""
        if any(str(path) == STDIN or is_source(str(path)) for path in self._paths):
            return Counter(None)
        found = discover(self._paths, exclude=self._exclude)
        return Counter(filter(self._shard.holds, found))


class Counter:
    """Counts *found* in a thread of its own; a context manager, leaving it stops the count.

    Attributes:
        total: the number, None until it is known; it never is where *found* is None.
    """

    def __init__(self, found: Iterator[Found] | None) -> None:
        self.total: int | None = None
        self._found = found
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._count, name="afd-count", daemon=True)

    def _count(self) -> None:
        count = 0
        for _ in self._found or ():
            count += 1
            if self._stop.is_set():
                return
        self.total = count

    def __enter__(self) -> Counter:
        if self._found is not None:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._found is not None:
            self._thread.join()


def _paths_in(lines: Iterable[bytes]) -> Iterator[Path]:
    for line in lines:
        text = line.rstrip(b"\r\n")
        if text:
            yield Path(os.fsdecode(text))
