"""From the paths that somebody typed to the image files behind them, one at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from afdcli.codec.sniff import SNIFF_BYTES
from afdcli.errors import UsageError
from afdcli.inputs.found import Found, Skipped
from afdcli.inputs.kinds import HIDDEN, Rule, is_hidden
from afdcli.storage.text import printable

FolderError = Callable[[Path, OSError], None]
_SPECIAL = "special"  # pipes, sockets, devices, and links that lead nowhere
_UNREADABLE = "unreadable"


def discover(
    paths: Iterable[str | Path],
    *,
    exclude: Sequence[str | Path] = (),
    strict: bool = True,
    on_folder_error: FolderError | None = None,
    rule: Rule | None = None,
    on_skipped: Callable[[Skipped], None] | None = None,
) -> Iterator[Found]:
    """Yield the images under *paths*, in the order of *paths* and sorted inside folders.

    Folders are searched recursively, and lazily: memory grows with the largest folder, not with
    the tree. Files count as *rule* says; hidden ones are left out. A file that is named explicitly
    is taken whatever it is called. Symbolic links are followed;
    no folder is searched twice under one path, so a loop of links ends. Dangling links and special
    files with an image suffix are yielded, so that they become failed rows and not silence. The
    same file under two *paths* is yielded twice.

    Args:
        paths: files and folders.
        exclude: folders that are left out, e.g. the output folder.
        strict: refuse paths that do not exist, before anything is yielded. False yields them, for
            lists that were made by programs: reading them then fails, one by one.
        on_folder_error: called with each subfolder that cannot be listed; the search goes on.
        rule: which files count.
        on_skipped: called with each other file; hidden folders are searched for such, too.

    Raises:
        UsageError: a path does not exist, or a folder in *paths* cannot be listed.
    """
    if strict:
        paths = list(paths)
        for path in paths:
            check_path(Path(path))
    return _discover(paths, _Search(exclude, on_folder_error, rule or Rule(), on_skipped))


def check_path(path: Path) -> None:
    """See that *path* exists, and can be listed if it is a folder. Raises UsageError."""
    if not os.path.lexists(path):
        raise UsageError(f"{path}: no such file or folder")
    if os.path.isdir(path):  # noqa: PTH112 - is_dir() raises for a link into a closed folder
        try:
            os.scandir(path).close()
        except OSError as error:
            raise UsageError(f"{path}: cannot list this folder: {error.strerror}") from error


def _discover(paths: Iterable[str | Path], search: _Search) -> Iterator[Found]:
    here = Path.cwd()
    for item in paths:
        path = Path(item)
        if os.path.isdir(path):  # noqa: PTH112 - is_dir() raises for names that are too long
            yield from search.under(path)
        else:
            yield Found(path, _named(path, here))


def _named(path: Path, here: Path) -> str:
    whole = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow the link
    inside = whole.is_relative_to(here)
    return printable(whole.relative_to(here).as_posix() if inside else whole.name)


@dataclass(frozen=True)
class _Search:
    """How folders are searched; see `discover`."""

    exclude: Sequence[str | Path]
    on_error: FolderError | None
    rule: Rule
    on_skipped: Callable[[Skipped], None] | None

    def under(self, top: Path) -> Iterator[Found]:
        searched: set[tuple[int, int]] = set()
        # A stack, not recursion: the depth of a tree is its maker's choice.
        stack = [self._entries(top, top, searched)]
        while stack:
            entry = next(stack[-1], None)
            if entry is None:
                stack.pop()
            elif entry[1]:
                stack.append(self._entries(entry[0], top, searched))
            else:
                yield Found(entry[0], _inside(entry[0], top))

    def _entries(
        self, folder: Path, top: Path, searched: set[tuple[int, int]]
    ) -> Iterator[tuple[Path, bool]]:
        """Yield (path, is a folder) of what counts in *folder*, sorted by name."""
        try:
            status = folder.stat()
            identity = (status.st_dev, status.st_ino)
            if identity in searched or any(_is_at(path, status) for path in self.exclude):
                return
            searched.add(identity)
            with os.scandir(folder) as entries:
                found = [(entry.name, _is_folder(entry), entry) for entry in entries]
        except OSError as error:
            if self.on_error is not None:
                self.on_error(folder, error)
            return
        below = "" if folder == top else folder.relative_to(top).as_posix() + "/"
        for name, is_folder, entry in sorted(found, key=lambda item: item[0]):
            kind = self._skips(below + name, is_folder, entry)
            if not kind:
                yield folder / name, is_folder
            elif self.on_skipped is not None:
                self.on_skipped(Skipped(_inside(folder / name, top), kind))

    def _skips(self, name: str, is_folder: bool, entry: os.DirEntry[str]) -> str:
        """The kind of a file that does not count; "" for one that does, and for a folder."""
        if is_folder:
            # What is hidden is searched only to be counted.
            return HIDDEN if self.on_skipped is None and is_hidden(name) else ""
        try:
            return self.rule.skips(name, lambda: _head(entry))
        except _SpecialFileError:
            return _SPECIAL
        except OSError:
            return _UNREADABLE


class _SpecialFileError(Exception):
    """Opening this file would wait, for the writer of a pipe say."""


def _head(entry: os.DirEntry[str]) -> bytes:
    if not entry.is_file():
        raise _SpecialFileError
    with open(entry.path, "rb") as file:  # noqa: PTH123
        return file.read(SNIFF_BYTES)


def _inside(path: Path, top: Path) -> str:
    return printable(path.relative_to(top).as_posix())


def _is_at(path: str | Path, status: os.stat_result) -> bool:
    # Asked anew for every folder: an output folder may be made while the search goes on.
    try:
        return os.path.samestat(Path(path).stat(), status)
    except OSError:
        return False


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads nowhere or round in circles
        return False
