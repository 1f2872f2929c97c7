"""From the paths that somebody typed to the image files behind them, one at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from afdcli.codec.sniff import SNIFF_BYTES, sniff, sniff_foreign
from afdcli.errors import UsageError
from afdcli.inputs.found import Found
from afdcli.storage.text import printable

#: Files in a folder that count as images, by suffix, in any case. Others count where their first
#: bytes are those of an image. A file that is named explicitly is taken whatever it is called.
SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".avif", ".bmp", ".tif", ".tiff", ".gif")
)

FolderError = Callable[[Path, OSError], None]


def discover(
    paths: Iterable[str | Path],
    *,
    exclude: Sequence[str | Path] = (),
    strict: bool = True,
    on_folder_error: FolderError | None = None,
) -> Iterator[Found]:
    """Yield the images under *paths*, in the order of *paths* and sorted inside folders.

    Folders are searched recursively, and lazily: memory grows with the largest folder, not with
    the tree. Names that start with a dot are skipped inside folders. Symbolic links are followed;
    no folder is searched twice under one path, so a loop of links ends. Dangling links and special
    files with an image suffix are yielded, so that they become failed rows and not silence. The
    same file under two *paths* is yielded twice.

    Args:
        paths: files and folders.
        exclude: folders that are left out, e.g. the output folder.
        strict: refuse paths that do not exist, before anything is yielded. False yields them, for
            lists that were made by programs: reading them then fails, one by one.
        on_folder_error: called with each subfolder that cannot be listed; the search goes on.

    Raises:
        UsageError: a path does not exist, or a folder in *paths* cannot be listed.
    """
    if strict:
        paths = list(paths)
        for path in paths:
            _check(Path(path))
    return _discover(paths, exclude, on_folder_error)


def _check(path: Path) -> None:
    if not os.path.lexists(path):
        raise UsageError(f"{path}: no such file or folder")
    if path.is_dir():
        try:
            os.scandir(path).close()
        except OSError as error:
            raise UsageError(f"{path}: cannot list this folder: {error.strerror}") from error


def _discover(
    paths: Iterable[str | Path], excluded: Sequence[str | Path], on_error: FolderError | None
) -> Iterator[Found]:
    here = Path.cwd()
    for item in paths:
        path = Path(item)
        if os.path.isdir(path):  # noqa: PTH112 - is_dir() raises for names that are too long
            yield from _search(path, excluded, on_error)
        else:
            yield Found(path, _named(path, here))


def _named(path: Path, here: Path) -> str:
    whole = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow the link
    inside = whole.is_relative_to(here)
    return printable(whole.relative_to(here).as_posix() if inside else whole.name)


def _search(
    top: Path, excluded: Sequence[str | Path], on_error: FolderError | None
) -> Iterator[Found]:
    searched: set[tuple[int, int]] = set()
    # A stack, not recursion: the depth of a tree is its maker's choice.
    stack = [_entries(top, searched, excluded, on_error)]
    while stack:
        entry = next(stack[-1], None)
        if entry is None:
            stack.pop()
        elif entry[1]:
            stack.append(_entries(entry[0], searched, excluded, on_error))
        else:
            yield Found(entry[0], printable(entry[0].relative_to(top).as_posix()))


def _entries(
    folder: Path,
    searched: set[tuple[int, int]],
    excluded: Sequence[str | Path],
    on_error: FolderError | None,
) -> Iterator[tuple[Path, bool]]:
    """Yield (path, is a folder) of what counts in *folder*, sorted by name."""
    try:
        status = folder.stat()
        identity = (status.st_dev, status.st_ino)
        if identity in searched or any(_is_at(path, status) for path in excluded):
            return
        searched.add(identity)
        with os.scandir(folder) as entries:
            names = sorted(
                (entry.name, is_folder)
                for entry in entries
                if not entry.name.startswith(".")
                and (
                    (is_folder := _is_folder(entry))
                    or os.path.splitext(entry.name)[1].lower() in SUFFIXES  # noqa: PTH122
                    or _holds_image(entry)
                )
            )
    except OSError as error:
        if on_error is not None:
            on_error(folder, error)
        return
    for name, is_folder in names:
        yield folder / name, is_folder


def _holds_image(entry: os.DirEntry[str]) -> bool:
    """True for a file that begins as an image does, of whatever format."""
    try:
        if not entry.is_file():  # opening a pipe would wait for its writer
            return False
        with open(entry.path, "rb") as file:  # noqa: PTH123
            head = file.read(SNIFF_BYTES)
    except OSError:
        return False
    return bool(sniff(head) or sniff_foreign(head))


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
