"""What links inside a tar lead to."""

from __future__ import annotations

import posixpath
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from afdcli.inputs.found import Source
from afdcli.inputs.members import PAUSE, Item, Spool, TemporaryFile

#: Members with their numbers, and None for a pause.
Members = Iterator[tuple[int, tarfile.TarInfo | None]]
_MOST_HOPS = 40  # links that lead to links; as Linux


class Links:
    """What the links of a tar lead to; goes through the archive once for names, once for places.

    Args:
        opened: opens the archive from its beginning.
        listed: its members.
        take: where the bytes of a member are.
    """

    def __init__(
        self,
        opened: Callable[[], Any],
        listed: Callable[[tarfile.TarFile], Members],
        take: Callable[[tarfile.TarFile, tarfile.TarInfo, Spool], Source],
    ) -> None:
        self._opened, self._listed, self._take = opened, listed, take
        self._targets: dict[int, int] = {}  # number of a link -> number of what it leads to
        self._folders: set[int] = set()  # links that lead to folders
        self._sources: dict[int, Source] = {}  # number of a member -> its bytes
        self._file = TemporaryFile()

    def source(self, number: int) -> Source | None:
        """Where the bytes are that the link *number* leads to."""
        return self._sources.get(self._targets.get(number, -1))

    def to_folder(self, number: int) -> bool:
        """Whether it leads to a folder."""
        return number in self._folders

    def follow(self) -> Iterator[Item]:
        """Find what all links lead to. What lies behind damage is not found."""
        wanted: set[int] = set()
        with _until_damage():
            yield from self._names(wanted)
        spool = Spool()
        spool.path = self._file.path
        with _until_damage(), self._opened() as tar:
            for number, member in self._listed(tar):
                if member is None:
                    yield PAUSE
                elif number in wanted and member.isreg():
                    self._sources[number] = self._take(tar, member, spool)

    def _names(self, wanted: set[int]) -> Iterator[Item]:
        last: dict[str, int] = {}  # name -> number of the last member so called
        links: dict[int, tuple[str, int]] = {}  # link -> name it leads to, member if known already
        folders: set[str] = set()
        try:
            with self._opened() as tar:
                for number, member in self._listed(tar):
                    if member is None:
                        yield PAUSE
                        continue
                    name = posixpath.normpath(member.name.lstrip("/"))
                    if member.islnk():  # to a member before it
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
                        folders.update(_above(name, folders))
        finally:
            for link in links:
                number, hops = link, 0
                while number in links and hops < _MOST_HOPS:
                    name, known = links[number]
                    number, hops = known if known >= 0 else last.get(name, -1), hops + 1
                if number >= 0 and number not in links:
                    self._targets[link] = number
                    wanted.add(number)
                elif name in folders:
                    self._folders.add(link)


@contextmanager
def _until_damage() -> Iterator[None]:
    """End at whatever tarfile and the decompressors raise: the list of members tells of it."""
    try:
        yield
    except MemoryError:
        raise
    except Exception:
        return


def _above(name: str, known: set[str]) -> Iterator[str]:
    """The folders above *name* that are not *known* yet."""
    while (name := posixpath.dirname(name)) and name not in known:
        yield name
