"""The inputs of a run: files, folders, archives, URLs, and a list of paths on standard input."""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path

from afdcli.errors import UsageError
from afdcli.inputs.archives import check_readable, is_archive, is_compressed_tar
from afdcli.inputs.background_count import BackgroundCount
from afdcli.inputs.discover import check_path, discover
from afdcli.inputs.found import Found, Skipped, Unreadable
from afdcli.inputs.kinds import READ_SUFFIXES, SUFFIXES, Rule
from afdcli.inputs.naming import input_names, name_from
from afdcli.inputs.remote import Remote, list_url
from afdcli.inputs.selection import Selection
from afdcli.storage.paths import file_system, is_url, place
from afdcli.storage.text import printable

STDIN = "-"
_SHOWN = 200  # characters of a folder that cannot be listed
Lister = Callable[[Path, Rule], Iterator[Found | Skipped]]


@dataclass(frozen=True)
class Shard:
    """Part *index* (from 1) of the inputs, divided into *count* parts.

    The part of an input depends only on its name in the results, not on other inputs, their order
    or the machine.
    """

    index: int = 1
    count: int = 1

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Parse "I/N". Raises UsageError if *text* is not of this form."""
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
    """An iterator over the pictures under *paths*; it is lazy and runs once.

    Args:
        paths: files, folders, archives and URLs; "-" stands for the list in *stdin*. See
            `afdcli.inputs.archives` and `afdcli.inputs.remote`.
        exclude: folders to leave out.
        stdin: lines of bytes, one path each; empty lines are skipped.
        shard: yield only this part of the inputs.
        rule: which files in folders, archives and stores become rows.
        lister: lists an archive; required if there is one.
        selection: which of the inputs to yield.

    Attributes:
        unlisted: folders that could not be listed, with the reason; the search continues.
        listed: pictures of this shard that were found so far, chosen or not.
        watch: called with each picture that is found, including those of other shards.
        skipped: kind -> number of files of this shard so far that do not become rows.

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
        selection: Selection | None = None,
    ) -> None:
        self.listed = 0
        self.unlisted: list[str] = []
        self.watch: Callable[[Found], None] | None = None
        self.skipped: Counter[str] = Counter()
        self._shard = shard or Shard()
        self._rule = rule or Rule()
        self._lister = lister
        self._selection = selection or Selection()
        self._paths = [_local(str(path)) for path in paths]
        self._exclude = exclude
        self._by_bytes = 0  # rows so far in folders that only their first bytes made images
        for path in self._paths:
            if path != STDIN:
                _check(path)
        self._stdin = stdin
        found = self._counted(chain.from_iterable(self._opened()))
        first = next(found, None)
        if first is None:
            raise self._nothing()
        self._drawn = False
        self._found = self._selection.take(self._listed(chain([first], found)))

    def _listed(self, inputs: Iterable[Found]) -> Iterator[Found]:
        """Yield those of this shard."""
        for found in inputs:
            if self.watch is not None:
                self.watch(found)
            if self._shard.holds(found):
                self.listed += 1
                yield found
        self._drawn = True

    def __iter__(self) -> Iterator[Found]:
        return self._found

    def again(self) -> Inputs | None:
        """All these pictures once more, of all shards; None with "-", which is read only once."""
        if STDIN in self._paths:
            return None
        return Inputs(self._paths, exclude=self._exclude, rule=self._rule, lister=self._lister)

    @property
    def unpacks(self) -> bool:
        """Whether there is an archive that has to be unpacked from start to end.

        Not if only the first pictures of the run are taken: these may be kept.
        """
        return self._selection.limit is None and any(
            _is_archive(path) and is_compressed_tar(path) for path in self._paths
        )

    @property
    def drawing(self) -> bool:
        """True until `Selection.sample` is drawn, for which all inputs are listed."""
        return self._selection.sample is not None and not self._drawn

    @property
    def places(self) -> tuple[str, ...]:
        """The paths as absolute paths and URLs; "-" is the current folder."""
        return tuple(
            path if is_url(path) else os.path.abspath("." if path == STDIN else path)  # noqa: PTH100
            for path in self._paths
        )

    def _opened(self) -> Iterator[Iterator[Found | Skipped]]:
        """The pictures of each path; the names of several paths come first in those of pictures."""
        names = input_names(self.places)
        for path, name in zip(self._paths, names, strict=True):
            if path == STDIN:
                yield self._listed_on_stdin()
            elif len(set(names)) > 1:
                yield self._named(path, name)
            else:
                yield self._open(path)

    def _named(self, path: str, name: str) -> Iterator[Found | Skipped]:
        """As `_open`, but named from *name*, so that two paths never give the same name.

        Files in the current folder keep their names, unless another path ends in the same name.
        """
        name = printable(name)
        own = name.rpartition("/")[2]  # the names of files and of pictures in archives begin so
        for item in self._open(path):
            if _is_below(item, path):
                yield replace(item, relative=f"{name}/{item.relative}")
            elif item.relative.partition("/")[0] == own:
                yield replace(item, relative=name + item.relative.removeprefix(own))
            else:
                yield item

    def _open(self, path: str) -> Iterator[Found | Skipped]:
        """List the pictures at *path*, which need not exist."""
        path = _local(path)
        if is_url(path):
            return list_url(path, self._rule)
        if _is_archive(path):
            if self._lister is None:
                raise ValueError("archives need a lister")
            return self._lister(Path(path), self._rule)
        return self._discover(path)

    def _listed_on_stdin(self) -> Iterator[Found | Skipped]:
        """As `_open`; local pictures are named from the current folder, or by their full path.

        Only so do the names in the results lead back to them: no folder was given.
        """
        here = Path.cwd()
        listed = (os.fsdecode(text) for line in self._stdin if (text := line.rstrip(b"\r\n")))
        for item in chain.from_iterable(map(self._open, listed)):
            if isinstance(item, Found) and item.source is None:
                yield replace(item, relative=name_from(here, item.path, full=True))
            else:
                yield item

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
        """Yield the rows among *items* and count the others."""
        for item in items:
            if isinstance(item, Skipped):
                self._skip(item)
            else:
                yield item

    def _skip(self, skipped: Skipped) -> None:
        self.skipped[skipped.kind] += self._shard.holds(skipped)

    def _note_unlisted(self, folder: Path, error: OSError) -> None:
        name = str(folder)
        name = name if len(name) <= _SHOWN else f"{name[:_SHOWN]}…"
        self.unlisted.append(f"{name}: {error.strerror or error}")

    def _nothing(self) -> UsageError:
        places = ", ".join(self._paths)
        others = f" ({skipped_text(self.skipped)})" if self.skipped.total() else ""
        if self.unlisted:
            others += f" (cannot be listed: {self.unlisted[0]})"
        if self._rule.suffixes is not None:
            return UsageError(
                f"no images in {places}{others}: --suffixes takes only names that end in"
                f" {' '.join(sorted(self._rule.suffixes))}"
            )
        return UsageError(
            f"no images in {places}{others}: afd looks for {' '.join(sorted(READ_SUFFIXES))}, for"
            " other image suffixes, and for files whose first bytes are those of an image; files"
            " given explicitly are always read"
        )

    def counter(self) -> BackgroundCount:
        """A count of the pictures by their names, in the background, without opening files."""
        if any(path == STDIN or is_url(path) or _is_archive(path) for path in self._paths):
            return BackgroundCount(None)
        names = Rule(SUFFIXES if self._rule.suffixes is None else self._rule.suffixes)
        found = discover(self._paths, exclude=self._exclude, rule=names, strict=False)
        held, most = filter(self._shard.holds, found), self._selection.most
        return BackgroundCount(islice(held, most), lambda: self._by_bytes, most)


def skipped_text(skipped: Mapping[str, int]) -> str:
    """A summary of skipped files, e.g. "5 skipped: 3 text, 2 video"."""
    kinds = sorted(((n, kind) for kind, n in skipped.items() if n), key=lambda k: (-k[0], k[1]))
    return f"{sum(skipped.values()):,} skipped: {', '.join(f'{n:,} {kind}' for n, kind in kinds)}"


def _local(path: str) -> str:
    """*path* with ``file://`` removed, so that local folders are always searched the same way."""
    return str(place(path)) if path.startswith("file://") else path


def _is_archive(path: str) -> bool:
    return is_archive(path) and not os.path.isdir(path)  # noqa: PTH112


def _is_below(item: Found | Skipped, path: str) -> bool:
    """Whether *item* was found in the folder or URL *path*, and is not a file or archive itself."""
    if not is_url(path):
        return os.path.isdir(path)  # noqa: PTH112
    source = item.source if isinstance(item, Found) else None
    return not isinstance(source, Unreadable) and source != Remote(path)


def _check(path: str) -> None:
    """Check before the work begins that *path* can be opened; UsageError if not."""
    if not path:  # pathlib takes it for the current folder: an unset variable would pass unseen
        raise UsageError("an input path is empty: write . for the current folder")
    if is_url(path):
        if is_archive(path):
            raise UsageError(f"{path}: archives at URLs are not read: download it first")
        file_system(path)
        return
    check_path(Path(path))
    if _is_archive(path):
        check_readable(path)
