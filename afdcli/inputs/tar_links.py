"""Targets of the links in a tar."""

from __future__ import annotations

import posixpath
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from afdcli.inputs.found import Source
from afdcli.inputs.members import MAX_LINK_HOPS, PAUSE, Item, Spool, TemporaryFile

#: (number, member), where None instead of a member is a pause.
Members = Iterator[tuple[int, tarfile.TarInfo | None]]


class Links:
    """Targets of the links in a tar. Reads the archive twice: once for names, once for contents.

    Args:
        opened: opens the archive at its beginning; a context manager.
        listed: yields the members of the opened archive.
        take: makes the `Source` of a member.
    """

    def __init__(
        self,
        opened: Callable[[], Any],
        listed: Callable[[tarfile.TarFile], Members],
        take: Callable[[tarfile.TarFile, tarfile.TarInfo, Spool], Source],
    ) -> None:
        self._opened, self._listed, self._take = opened, listed, take
        self._targets: dict[int, int] = {}  # number of a link -> number of its target
        self._folders: set[int] = set()  # numbers of links to folders
        self._sources: dict[int, Source] = {}  # number of a member -> its bytes
        self._file = TemporaryFile()

    def source(self, number: int) -> Source | None:
        """Source of the target of link *number*; None if it is not a file in the archive."""
        return self._sources.get(self._targets.get(number, -1))

    def to_folder(self, number: int) -> bool:
        """Whether the target of link *number* is a folder."""
        return number in self._folders

    def follow(self) -> Iterator[Item]:
        """Find the targets of all links; yields pauses. Targets behind damage are not found."""
        wanted: set[int] = set()
        with _until_damage():
            yield from self._find_targets(wanted)
        spool = Spool()
        spool.path = self._file.path
        with _until_damage(), self._opened() as tar:
            for number, member in self._listed(tar):
                if member is None:
                    yield PAUSE
                elif number in wanted and member.isreg():
                    self._sources[number] = self._take(tar, member, spool)

    def _find_targets(self, wanted: set[int]) -> Iterator[Item]:
        last: dict[str, int] = {}  # name -> number of the last member of that name
        links: dict[int, tuple[str, int]] = {}  # link -> name of its target, its number or -1
        folders: set[str] = set()
        try:
            with self._opened() as tar:
                for number, member in self._listed(tar):
                    if member is None:
                        yield PAUSE
                        continue
                    name = posixpath.normpath(member.name.lstrip("/"))
                    if member.islnk():  # a hard link points to an earlier member
                        target = posixpath.normpath(member.linkname.lstrip("/"))
                        links[number] = (target, last.get(target, -1))
                    elif member.issym():
                        base = "" if member.linkname.startswith("/") else posixpath.dirname(name)
                        path = posixpath.join(base, member.linkname.lstrip("/"))
                        links[number] = (posixpath.normpath(path), -1)
                    if member.isdir():
                        folders.add(name)
                    else:
                        last[name] = number
                        folders.update(_parents(name, folders))
        finally:
            for link in links:
                number, hops = link, 0
                while number in links and hops < MAX_LINK_HOPS:
                    name, known = links[number]
                    number, hops = known if known >= 0 else last.get(name, -1), hops + 1
                if number >= 0 and number not in links:
                    self._targets[link] = number
                    wanted.add(number)
                elif name in folders:
                    self._folders.add(link)


@contextmanager
def _until_damage() -> Iterator[None]:
    """Ignore errors of tarfile and the decompressors: listing the members reports them."""
    try:
        yield
    except MemoryError:
        raise
    except Exception:
        return


def _parents(name: str, known: set[str]) -> Iterator[str]:
    """The parent folders of *name* that are not in *known*."""
    while (name := posixpath.dirname(name)) and name not in known:
        yield name
