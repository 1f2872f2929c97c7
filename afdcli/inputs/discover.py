"""Find the image files under the given paths, one at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from afdcli.codec.sniff import SNIFF_BYTES
from afdcli.errors import UsageError
from afdcli.inputs.found import Found, Skipped
from afdcli.inputs.kinds import HIDDEN, Rule, is_hidden
from afdcli.inputs.naming import name_from
from afdcli.storage.text import printable

FolderError = Callable[[Path, OSError], None]
_SPECIAL = "special"  # pipes, sockets, devices and dangling links
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

    Folders are searched recursively and lazily: memory grows with the largest folder, not with the
    tree. *rule* decides which files count; hidden files never do. Files given explicitly are read
    regardless of their name. Symbolic links are followed, but no folder is searched twice under one
    path, so loops of links end. Dangling links and special files with an image suffix are yielded,
    so that they become failed rows instead of being dropped silently. The same file under two
    *paths* is yielded twice.

    Args:
        paths: files and folders.
        exclude: folders to leave out, e.g. the output folder.
        strict: check all paths before anything is yielded. False yields paths that do not exist,
            for lists made by programs: reading those fails one by one.
        on_folder_error: called with each subfolder that cannot be listed; the search continues.
        rule: which files are images; None for the default.
        on_skipped: called with each file that is not; hidden folders are then searched, too.

    Raises:
        UsageError: a path does not exist, or a folder in *paths* cannot be listed.
    """
    if strict:
        paths = list(paths)
        for path in paths:
            check_path(Path(path))
    return _discover(paths, _Search(exclude, on_folder_error, rule or Rule(), on_skipped))


def check_path(path: Path) -> None:
    """Check that *path* exists and, if it is a folder, can be listed.

    Raises:
        UsageError: it does not, or cannot.
    """
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
        if os.path.isdir(path):  # noqa: PTH112 - Path.is_dir() may raise
            yield from search.under(path)
        else:
            yield Found(path, name_from(here, path))


@dataclass(frozen=True)
class _Search:
    """The options of `discover`, and the search itself."""

    exclude: Sequence[str | Path]
    on_error: FolderError | None
    rule: Rule
    on_skipped: Callable[[Skipped], None] | None

    def under(self, top: Path) -> Iterator[Found]:
        searched: set[tuple[int, int]] = set()
        # A stack, not recursion: the tree may be deeper than Python's recursion limit.
        stack = [self._entries(top, top, searched)]
        while stack:
            entry = next(stack[-1], None)
            if entry is None:
                stack.pop()
            elif entry[1]:
                stack.append(self._entries(entry[0], top, searched))
            else:
                yield Found(entry[0], _relative(entry[0], top))

    def _entries(
        self, folder: Path, top: Path, searched: set[tuple[int, int]]
    ) -> Iterator[tuple[Path, bool]]:
        """Yield (path, whether it is a folder) of the images and folders in *folder*, by name."""
        try:
            status = folder.stat()
            identity = (status.st_dev, status.st_ino)
            if identity in searched or any(_is_same_folder(path, status) for path in self.exclude):
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
            kind = self._skip_kind(below + name, is_folder, entry)
            if not kind:
                yield folder / name, is_folder
            elif self.on_skipped is not None:
                self.on_skipped(Skipped(_relative(folder / name, top), kind))

    def _skip_kind(self, name: str, is_folder: bool, entry: os.DirEntry[str]) -> str:
        """Under which kind a file is skipped; "" for an image or a folder."""
        if is_folder:
            # Hidden folders are searched only to count their files.
            return HIDDEN if self.on_skipped is None and is_hidden(name) else ""
        try:
            return self.rule.skips(name, lambda: _head(entry))
        except _SpecialFileError:
            return _SPECIAL
        except OSError:
            return _UNREADABLE


class _SpecialFileError(Exception):
    """Opening this file could block, as with a named pipe."""


def _head(entry: os.DirEntry[str]) -> bytes:
    if not entry.is_file():
        raise _SpecialFileError
    with open(entry.path, "rb") as file:  # noqa: PTH123
        return file.read(SNIFF_BYTES)


def _relative(path: Path, top: Path) -> str:
    return printable(path.relative_to(top).as_posix())


def _is_same_folder(path: str | Path, status: os.stat_result) -> bool:
    # Checked for every folder: an output folder may be created during the search.
    try:
        return os.path.samestat(Path(path).stat(), status)
    except OSError:
        return False


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a dangling link or a loop of links
        return False
