"""The pictures of a run: files, folders, and a list on standard input."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections import Counter as Kinds
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from afdcli.errors import UsageError
from afdcli.inputs.archives import check_readable, is_archive
from afdcli.inputs.discover import check_path, discover
from afdcli.inputs.found import Found, Skipped
from afdcli.inputs.kinds import READ_SUFFIXES, SUFFIXES, Rule
from afdcli.inputs.remote import behind, check_url
from afdcli.storage.paths import is_url, place

STDIN = "-"
Lister = Callable[[Path, Rule], Iterator[Found | Skipped]]


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
        match = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text)
        shard = cls(*map(int, match.groups())) if match else cls(0)
        if not 1 <= shard.index <= shard.count:
            raise UsageError(f"--shard {text}: write I/N, with I from 1 to N, as in 1/8")
        return shard

    def holds(self, found: Found | Skipped) -> bool:
        """Whether an input belongs to this part."""
        digest = hashlib.sha256(found.relative.encode("utf-8", "surrogatepass")).digest()
        return int.from_bytes(digest[:8], "little") % self.count == self.index - 1


class Inputs:
    """Iterates over the pictures under *paths*, once, lazily.

    Args:
        paths: files and folders; "-" stands for the list in *stdin*; archives and URLs are opened,
            see `afdcli.inputs.archives` and `afdcli.inputs.remote`.
        exclude: folders that are left out.
        stdin: lines of bytes, one path each; empty lines are skipped.
        shard: take only this part of them.
        rule: which files in folders, archives and stores count.
        lister: lists an archive; needed where there is one.

    Attributes:
        unlisted: folders that could not be listed, with the reason; the rest goes on.
        watch: called with each picture that is found, those of other shards included.
        skipped: kind -> how many files were seen so far that are no rows.

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
        rule: Rule | None = None,
        lister: Lister | None = None,
    ) -> None:
        self.unlisted: list[str] = []
        self.watch: Callable[[Found], None] | None = None
        self.skipped: Kinds[str] = Kinds()
        self._shard = shard or Shard()
        self._rule = rule or Rule()
        self._lister = lister
        self._paths = [_local(str(path)) for path in paths]
        self._exclude = exclude
        self._by_bytes = 0  # of the rows so far, those in folders that no suffix made
        for path in self._paths:
            if path != STDIN:
                _check(path)
        named = chain.from_iterable(
            _paths_in(stdin) if path == STDIN else [path] for path in self._paths
        )
        found = self._counted(chain.from_iterable(map(self._open, named)))
        first = next(found, None)
        if first is None:
            raise self._nothing()
        self._found = filter(self._holds, chain([first], found))

    def _holds(self, found: Found) -> bool:
        if self.watch is not None:
            self.watch(found)
        return self._shard.holds(found)

    def __iter__(self) -> Iterator[Found]:
        return self._found

    def _open(self, path: str) -> Iterator[Found | Skipped]:
        """What is behind a path, which need not exist."""
        path = _local(path)
        if is_url(path):
            return behind(path, self._rule)
        if _is_archive(path):
            if self._lister is None:
                raise ValueError("archives need a lister")
            return self._lister(Path(path), self._rule)
        return self._discover(path)

    def _discover(self, path: str) -> Iterator[Found]:
        is_folder = os.path.isdir(path)  # noqa: PTH112
        for found in discover(
            [path],
            exclude=self._exclude,
            strict=False,
            on_folder_error=self._note_unlisted,
            rule=self._rule,
            on_skipped=self._skip,
        ):
            by_bytes = is_folder and not self._rule.named(found.relative)
            self._by_bytes += by_bytes and self._shard.holds(found)
            yield found

    def _counted(self, items: Iterable[Found | Skipped]) -> Iterator[Found]:
        """The rows among *items*; the others are counted."""
        for item in items:
            if isinstance(item, Skipped):
                self._skip(item)
            else:
                yield item

    def _skip(self, skipped: Skipped) -> None:
        self.skipped[skipped.kind] += self._shard.holds(skipped)

    def _note_unlisted(self, folder: Path, error: OSError) -> None:
        self.unlisted.append(f"{folder}: {error.strerror or error}")

    def _nothing(self) -> UsageError:
        places = ", ".join(self._paths)
        others = f" ({skipped_text(self.skipped)})" if self.skipped.total() else ""
        if self._rule.suffixes is not None:
            return UsageError(
                f"no images in {places}{others}: --suffixes takes only names that end in"
                f" {' '.join(sorted(self._rule.suffixes))}"
            )
        return UsageError(
            f"no images in {places}{others}: afd looks for {' '.join(sorted(READ_SUFFIXES))}, for"
            " other image suffixes, and for files that begin as an image does; files given"
            " explicitly are always read"
        )

    def counter(self) -> Counter:
        """Count the pictures in the background, by their names, without opening them."""
        if any(path == STDIN or is_url(path) or _is_archive(path) for path in self._paths):
            return Counter(None)
        names = Rule(SUFFIXES if self._rule.suffixes is None else self._rule.suffixes)
        found = discover(self._paths, exclude=self._exclude, rule=names, strict=False)
        return Counter(filter(self._shard.holds, found), lambda: self._by_bytes)


def skipped_text(skipped: Mapping[str, int]) -> str:
    """What was left out, as in "5 skipped: 3 text, 2 video"."""
    kinds = sorted(((n, kind) for kind, n in skipped.items() if n), key=lambda k: (-k[0], k[1]))
    return f"{sum(skipped.values()):,} skipped: {', '.join(f'{n:,} {kind}' for n, kind in kinds)}"


def _local(path: str) -> str:
    """*path*, of a ``file://`` URL what it names: folders of this machine have one search only."""
    return str(place(path)) if path.startswith("file://") else path


def _is_archive(path: str) -> bool:
    return is_archive(path) and not os.path.isdir(path)  # noqa: PTH112


def _check(path: str) -> None:
    """See, before the work begins, that *path* can be opened. Raises UsageError."""
    if is_url(path):
        check_url(path)
        return
    check_path(Path(path))
    if _is_archive(path):
        check_readable(path)


class Counter:
    """Counts *found* in a thread of its own; a context manager, leaving it stops the count.

    Args:
        found: by name; None where nobody can know.
        more: how many were found so far that names do not show.
    """

    def __init__(self, found: Iterator[Found] | None, more: Callable[[], int] = lambda: 0) -> None:
        self._total: int | None = None
        self._found = found
        self._more = more
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._count, name="afd-count", daemon=True)

    def _count(self) -> None:
        count = 0
        for _ in self._found or ():
            count += 1
            if self._stop.is_set():
                return
        self._total = count

    @property
    def total(self) -> int | None:
        """The number, None until it is known; near the end of the run it is exact."""
        return None if self._total is None else self._total + self._more()

    def __enter__(self) -> Counter:
        if self._found is not None:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._found is not None:
            self._thread.join()


def _paths_in(lines: Iterable[bytes]) -> Iterator[str]:
    for line in lines:
        text = line.rstrip(b"\r\n")
        if text:
            yield os.fsdecode(text)
