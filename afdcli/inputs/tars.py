"""Pictures in tar archives, plain ones and compressed ones.

Workers read the members of a plain tar directly, each at its offset in the file.

A compressed tar has no random access: it is unpacked once from start to end. The listing process
does that and unpacks the pictures into files of a few megabytes, which are deleted when their
pictures have been read (`afdcli.workers.listing`). Memory does not grow with the archive, disk
use is limited to the pictures in progress, and no member is unpacked twice. Only an archive with
links is read twice more, to find their targets.
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
from afdcli.inputs.found import Found, Source, Unreadable
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
        pieces: (offset in the archive, offset in the member, bytes) of the stored parts, with zeros
            between them. Only GNU sparse files have more than one.
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
    """Raises for an unreadable header; tarfile itself would treat it as the end of the archive."""

    @classmethod
    def fromtarfile(cls, tar: tarfile.TarFile) -> Any:
        at = tar.offset
        try:
            found = super().fromtarfile(tar)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]
            raise
        except tarfile.EmptyHeaderError as error:  # type: ignore[attr-defined]
            raise DamagedError(
                f"it ends at byte {at:,} without an end-of-archive marker"
            ) from error
        except tarfile.TruncatedHeaderError as error:  # type: ignore[attr-defined]
            raise DamagedError(f"it ends inside the header at byte {at:,}") from error
        except tarfile.HeaderError as error:
            raise DamagedError(f"the header at byte {at:,} is damaged ({error})") from error
        if found.size < 0:
            raise DamagedError(f"the header at byte {at:,} is damaged (negative size)")
        return found


def list_tar(path: Path, rule: Rule, spool: Spool) -> Iterator[Item]:
    """Yield the members of the tar at *path*, see `afdcli.inputs.archives.list_archive`.

    Raises:
        DamagedError: the rest is damaged; the members yielded before are intact.
        OSError, EOFError, zlib.error, lzma.LZMAError, …: the same, from the decompressors.
    """
    archive = Archive.at(path)
    with path.open("rb") as file:
        magic = file.read(6)
    opener = next((opener for start, opener in _OPENERS if magic.startswith(start)), None)
    yield from _TarLister(path, archive, opener, rule, spool).items()


class _TarLister:
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
            yield from self._check_end(tar)

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
        """Yield (number, member); None instead of a member is a pause while much is skipped."""
        file: Any = tar.fileobj
        number = 0
        while (member := tar.next()) is not None:
            tar.members.clear()  # type: ignore[attr-defined]  # tarfile would keep all members
            cut = member.offset_data + sum(size for _, size in _stored_parts(member))
            cut -= self._archive.size
            if self._opener is None and cut > 0:
                raise DamagedError(
                    f"it ends inside {members.safe_name(member.name)}, {cut:,} bytes early"
                )
            yield number, member
            if self._opener is not None:
                while file.tell() + PAUSE_BYTES < tar.offset:
                    file.seek(file.tell() + PAUSE_BYTES)
                    yield number, None
            number += 1

    def _item(self, tar: tarfile.TarFile, member: tarfile.TarInfo) -> Item:
        name = members.safe_name(member.name)
        if not member.isreg():
            return members.skipped_member(self._path, name, "special")
        if self._opener is None or not _has_sound_map(member):
            source = self._tar_member(member)
            kind = self._rule.skips(name, lambda: _first_bytes(source))
            return self._row(name, source) if not kind else self._skip(name, kind)
        file = tar.extractfile(member)
        head = b"" if file is None or is_hidden(name) else file.read(SNIFF_BYTES)
        if kind := self._rule.skips(name, lambda: head):
            return self._skip(name, kind)
        return self._row(name, self._unpacked(file, member.size, head, self._spool))

    def _row(self, name: str, source: Source) -> Found:
        return members.member_row(self._path, name, source)

    def _skip(self, name: str, kind: str) -> Item:
        return members.skipped_member(self._path, name, kind)

    def _tar_member(self, member: tarfile.TarInfo) -> Source:
        if not _has_sound_map(member):
            return Unreadable(ErrorCode.CORRUPT, "its sparse map is damaged in the archive")
        start, pieces = member.offset_data, []
        for to, size in _stored_parts(member):
            pieces.append((start, to, size))
            start += size
        return TarMember(self._archive, member.size, tuple(pieces))

    @staticmethod
    def _unpacked(file: IO[bytes] | None, size: int, head: bytes, spool: Spool) -> Source:
        """Unpack a member of a compressed tar; only its first bytes if it is not a picture."""
        if file is None or not sniff(head):
            return spool.keep([head])
        if size > LARGEST_UNPACKED:
            message = f"{size} bytes is more than the limit of {LARGEST_UNPACKED}"
            return Unreadable(ErrorCode.TOO_LARGE, f"{message} in a compressed archive")

        def chunks() -> Iterator[bytes]:
            yield head
            while chunk := file.read(_CHUNK):
                yield chunk

        return spool.keep(chunks())

    def _take(self, tar: tarfile.TarFile, member: tarfile.TarInfo, spool: Spool) -> Source:
        """The `Source` of a link's target."""
        if self._opener is None or not _has_sound_map(member):
            return self._tar_member(member)
        file = tar.extractfile(member)
        return self._unpacked(file, member.size, file.read(SNIFF_BYTES) if file else b"", spool)

    def _link(self, number: int, member: tarfile.TarInfo, links: Links) -> Iterator[Item]:
        name, source = members.safe_name(member.name), links.source(number)
        if source is None:
            if links.to_folder(number):
                yield self._skip(name, "link")
                return
            source = members.missing_link(member.linkname)
            kind = self._rule.skips(name, lambda: b"")
            yield self._skip(name, "special") if kind else self._row(name, source)
            return
        there = source
        if kind := self._rule.skips(name, lambda: _first_bytes(there)):
            yield self._skip(name, kind)
            return
        if self._opener is not None and not isinstance(there, Unreadable):
            # Copy it: the file that holds targets of links belongs to this process alone.
            source = self._spool.keep([there.read(LARGEST_UNPACKED)])
        yield self._row(name, source)

    def _check_end(self, tar: tarfile.TarFile) -> Iterator[Item]:
        """Check that no members follow the end-of-archive marker; yields pauses."""
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
                        raise DamagedError(
                            f"more members begin at byte {at + n:,}, after the end-of-archive "
                            f"marker at byte {tar.offset:,}"
                        )
            yield PAUSE


def _stored_parts(member: tarfile.TarInfo) -> list[tuple[int, int]]:
    """(offset in the member, bytes) of the parts of a file that are stored in the archive."""
    if not member.isreg():
        return []
    sparse: Any = member.sparse  # typeshed has the wrong type
    return sparse or [(0, member.size)]


def _has_sound_map(member: tarfile.TarInfo) -> bool:
    """Whether the parts of a sparse file are in order and within its size.

    tarfile does not check this: with a part of -1 bytes it would read to the end of the archive;
    with a byte that is in no part it would loop forever.
    """
    end = 0
    for at, size in _stored_parts(member):
        if size < 0 or (size and at < end):
            return False
        end = at + size if size else end  # unused entries of the old header are (0, 0)
    return end <= member.size


def _first_bytes(source: Source) -> bytes:
    """First bytes of a plain tar's member or of an unpacked one; b"" if unreadable."""
    if isinstance(source, TarMember):
        size = min(SNIFF_BYTES, source.size)
        pieces = tuple((at, to, min(n, size - to)) for at, to, n in source.pieces if to < size)
        return replace(source, size=size, pieces=pieces).read(size)
    if isinstance(source, Spooled):
        return replace(source, size=min(SNIFF_BYTES, source.size)).read(SNIFF_BYTES)
    return b""
