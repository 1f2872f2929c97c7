"""Pictures in tar archives, plain ones and compressed ones.

Members of a plain tar are read by the workers, each at its place in the file.

A compressed tar has no places: it is unpacked from its beginning to its end, once. Listing does
that, and unpacks the pictures on the way into files of a few megabytes, which are gone as soon as
the pictures in them are read (`afdcli.workers.listing`). So memory does not grow with the archive,
disk space grows with the pictures that are on their way, and no member is unpacked twice. Only an
archive with links is gone through twice more, to see what they lead to.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from afdcli.codec.sniff import SNIFF_BYTES, sniff
from afdcli.errors import ErrorCode
from afdcli.inputs import members
from afdcli.inputs.found import Found, Lost, Source
from afdcli.inputs.kinds import Rule, is_hidden
from afdcli.inputs.members import (
    LARGEST_UNPACKED,
    PAUSE,
    PAUSE_BYTES,
    Archive,
    DamagedError,
    Item,
    Spool,
    Spooled,
)
from afdcli.inputs.tar_links import Links, Members

_OPENERS: tuple[tuple[bytes, Callable[[Path], Any]], ...] = (
    (b"\x1f\x8b", gzip.open),
    (b"BZh", bz2.open),
    (b"\xfd7zXZ\0", lzma.open),
)
_BLOCK = tarfile.BLOCKSIZE
_CHUNK = 1 << 20


@dataclass(frozen=True)
class TarMember:
    """A member of a plain tar archive.

    Attributes:
        size: bytes of the member.
        pieces: (offset in the archive, offset in the member, bytes), of what is stored; between
            them there are zeros. One for all but GNU's sparse files.
    """

    archive: Archive
    size: int
    pieces: tuple[tuple[int, int, int], ...]

    def read(self, limit: int) -> bytes:
        """See `Source`."""
        members.check_size(self.size, limit)
        data = bytearray(self.size)
        with self.archive.open() as file:
            for at, to, size in self.pieces:
                file.seek(at)
                data[to : to + size] = file.read(size)
        return bytes(data)


class _Header(tarfile.TarInfo):
    """tarfile takes a header that it cannot read for the end of the archive; this raises."""

    @classmethod
    def fromtarfile(cls, tar: tarfile.TarFile) -> Any:
        at = tar.offset
        try:
            found = super().fromtarfile(tar)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise
        except tarfile.EmptyHeaderError as error:  # type: ignore[attr-defined]
            raise DamagedError(f"it ends at byte {at:,} without an end mark") from error
        except tarfile.TruncatedHeaderError as error:  # type: ignore[attr-defined]
            raise DamagedError(f"it ends inside the header at byte {at:,}") from error
        except tarfile.HeaderError as error:
            raise DamagedError(f"the header at byte {at:,} is damaged ({error})") from error
        if found.size < 0:
            raise DamagedError(f"the header at byte {at:,} is damaged (negative size)")
        return found


def list_tar(path: Path, rule: Rule, spool: Spool) -> Iterator[Item]:
    """The members of the tar at *path*, see `afdcli.inputs.archives.list_archive`.

    Raises:
        DamagedError: it does not go on; what was yielded before is sound.
        OSError, EOFError, zlib.error, lzma.LZMAError, …: from the decompressors, likewise.
    """
    archive = Archive.at(path)
    with path.open("rb") as file:
        magic = file.read(6)
    opener = next((opener for start, opener in _OPENERS if magic.startswith(start)), None)
    yield from _Tar(path, archive, opener, rule, spool).items()


class _Tar:
    def __init__(
        self,
        path: Path,
        archive: Archive,
        opener: Callable[[Path], Any] | None,
        rule: Rule,
        spool: Spool,
    ) -> None:
        self._path = path
        self._archive = archive
        self._opener = opener
        self._rule = rule
        self._spool = spool
        self._links: Links | None = None

    def items(self) -> Iterator[Item]:
        with self._opened() as tar:
            for number, member in self._members(tar):
                if member is None:
                    yield PAUSE
                elif member.islnk() or member.issym():
                    if self._links is None:
                        self._links = Links(self._opened, self._members, self._take)
                        yield from self._links.follow()
                    yield from self._link(number, member, self._links)
                elif not member.isdir():
                    yield self._item(tar, member)
            yield from self._behind_end(tar)

    @contextmanager
    def _opened(self) -> Iterator[tarfile.TarFile]:
        if self._opener is None:
            with tarfile.open(self._path, "r:", tarinfo=_Header) as tar:
                yield tar
            return
        with (
            self._opener(self._path) as plain,
            tarfile.open(fileobj=plain, mode="r|", tarinfo=_Header) as tar,
        ):
            yield tar

    def _members(self, tar: tarfile.TarFile) -> Members:
        """All members with their numbers; None now and then, while much is passed over."""
        file: Any = tar.fileobj
        number = 0
        while (member := tar.next()) is not None:
            tar.members.clear()  # type: ignore[attr-defined]  # it would keep them all
            cut = member.offset_data + sum(size for _, size in _map(member))
            cut -= self._archive.size
            if self._opener is None and cut > 0:
                raise DamagedError(
                    f"it ends inside {members.inside(member.name)}, {cut:,} bytes early"
                )
            yield number, member
            if self._opener is not None:
                while file.tell() + PAUSE_BYTES < tar.offset:
                    file.seek(file.tell() + PAUSE_BYTES)
                    yield number, None
            number += 1

    def _item(self, tar: tarfile.TarFile, member: tarfile.TarInfo) -> Item:
        name = members.inside(member.name)
        if not member.isreg():
            return members.skipped(self._path, name, "special")
        if self._opener is None or not _has_sound_map(member):
            source = self._place(member)
            kind = self._rule.skips(name, lambda: _head_of(source))
            return self._row(name, source) if not kind else self._skip(name, kind)
        file = tar.extractfile(member)
        head = b"" if file is None or is_hidden(name) else file.read(SNIFF_BYTES)
        if kind := self._rule.skips(name, lambda: head):
            return self._skip(name, kind)
        return self._row(name, self._unpacked(file, member.size, head, self._spool))

    def _row(self, name: str, source: Source) -> Found:
        if len(name) >= members.LONGEST_NAME:
            message = f"its name is longer than {members.LONGEST_NAME:,} characters"
            source = Lost(ErrorCode.TOO_LARGE, message)
        return members.found(self._path, name, source)

    def _skip(self, name: str, kind: str) -> Item:
        return members.skipped(self._path, name, kind)

    def _place(self, member: tarfile.TarInfo) -> Source:
        if not _has_sound_map(member):
            return Lost(ErrorCode.CORRUPT, "the map of this sparse file is damaged in the archive")
        start, pieces = member.offset_data, []
        for to, size in _map(member):
            pieces.append((start, to, size))
            start += size
        return TarMember(self._archive, member.size, tuple(pieces))

    @staticmethod
    def _unpacked(file: IO[bytes] | None, size: int, head: bytes, spool: Spool) -> Source:
        """The bytes of a member of a compressed tar; of what is no picture only the first few."""
        if file is None or not sniff(head):
            return spool.keep([head])
        if size > LARGEST_UNPACKED:
            message = f"{size} bytes is more than the limit of {LARGEST_UNPACKED}"
            return Lost(ErrorCode.TOO_LARGE, f"{message} in a compressed archive")

        def chunks() -> Iterator[bytes]:
            yield head
            while chunk := file.read(_CHUNK):
                yield chunk

        return spool.keep(chunks())

    def _take(self, tar: tarfile.TarFile, member: tarfile.TarInfo, spool: Spool) -> Source:
        """What a link leads to."""
        if self._opener is None or not _has_sound_map(member):
            return self._place(member)
        file = tar.extractfile(member)
        return self._unpacked(file, member.size, file.read(SNIFF_BYTES) if file else b"", spool)

    def _link(self, number: int, member: tarfile.TarInfo, links: Links) -> Iterator[Item]:
        name, source = members.inside(member.name), links.source(number)
        if source is None:
            if links.to_folder(number):
                yield self._skip(name, "link")
                return
            source = Lost(
                ErrorCode.UNREADABLE, f"a link to {member.linkname[:200]}, which is not there"
            )
            kind = self._rule.skips(name, lambda: b"")
            yield self._skip(name, "special") if kind else self._row(name, source)
            return
        there = source
        if kind := self._rule.skips(name, lambda: _head_of(there)):
            yield self._skip(name, kind)
            return
        if self._opener is not None and not isinstance(there, Lost):
            # A copy: what the links lead to is kept here, and not seen by workers.
            source = self._spool.keep([there.read(LARGEST_UNPACKED)])
        yield self._row(name, source)

    def _behind_end(self, tar: tarfile.TarFile) -> Iterator[Item]:
        """See that nothing follows the end mark, to the end of the file."""
        file: Any = tar.fileobj
        while True:
            at = file.tell()
            if not (data := file.read(PAUSE_BYTES)):
                return
            if data.strip(b"\0"):
                for n in range(0, len(data) - _BLOCK + 1, _BLOCK):
                    block = data[n : n + _BLOCK]
                    with suppress(tarfile.HeaderError):
                        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
                        where = f"byte {at + n:,}, behind the end mark at byte {tar.offset:,}"
                        raise DamagedError(f"more members begin at {where}")
            yield PAUSE


def _map(member: tarfile.TarInfo) -> list[tuple[int, int]]:
    """(offset in the member, bytes) of what of a file lies in the archive."""
    if not member.isreg():
        return []
    sparse: Any = member.sparse  # its type in typeshed is wrong
    return sparse or [(0, member.size)]


def _has_sound_map(member: tarfile.TarInfo) -> bool:
    """Whether the pieces of a sparse file are in order and lie inside of it.

    tarfile does not look: it would read a piece of -1 bytes to the end of the archive, and search
    for a byte in no piece for ever.
    """
    end = 0
    for at, size in _map(member):
        if size < 0 or (size and at < end):
            return False
        end = at + size if size else end  # unused places of the old header are (0, 0)
    return end <= member.size


def _head_of(source: Source) -> bytes:
    """The first bytes of a member of a plain tar, or of what was unpacked; b"" of what is lost."""
    if isinstance(source, TarMember):
        size = min(SNIFF_BYTES, source.size)
        pieces = tuple((at, to, min(n, size - to)) for at, to, n in source.pieces if to < size)
        return replace(source, size=size, pieces=pieces).read(size)
    if isinstance(source, Spooled):
        return replace(source, size=min(SNIFF_BYTES, source.size)).read(SNIFF_BYTES)
    return b""
