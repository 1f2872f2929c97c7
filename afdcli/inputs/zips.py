"""Pictures in zip archives. Workers read each one at its offset in the file."""

from __future__ import annotations

import posixpath
import stat
import struct
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from afdcli.codec.sniff import SNIFF_BYTES
from afdcli.errors import ErrorCode, PhotoError
from afdcli.inputs import members
from afdcli.inputs.found import Source, Unreadable
from afdcli.inputs.kinds import Rule
from afdcli.inputs.members import Archive, Item

_ENCRYPTED = 0x1 | 0x40 | 0x2000  # bits in the flags of a member
_LOCAL_HEADER = struct.Struct("<4s22xHH")
_LONGEST_LINK = 4096  # bytes


@dataclass(frozen=True)
class ZipMember:
    """A member of a zip archive, read without `zipfile.ZipFile`, which reads the whole directory.

    Attributes:
        offset: of its local header, bytes.
        method: compression method.
        packed, size: compressed and uncompressed bytes.
        crc: checksum of the uncompressed bytes.
        part: read only this many bytes and do not check them; None for all.
    """

    archive: Archive
    offset: int
    method: int
    packed: int
    size: int
    crc: int
    part: int | None = None

    def read(self, limit: int) -> bytes:
        """See `Source`."""
        size = self.size if self.part is None else min(self.size, self.part)
        members.check_size(size, limit)
        info = zipfile.ZipInfo()
        info.compress_type, info.compress_size = self.method, self.packed
        info.file_size, info.CRC = self.size, self.crc
        with self.archive.open() as file:
            data = self._unpacked(file, info, size)
        if len(data) < size:
            raise PhotoError(ErrorCode.TRUNCATED, "it ends early in the zip archive")
        return data

    def _unpacked(self, file: BinaryIO, info: zipfile.ZipInfo, size: int) -> bytes:
        try:
            file.seek(self.offset)
            magic, name, extra = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
            if magic != b"PK\3\4":
                raise PhotoError(ErrorCode.CORRUPT, "the zip archive has no member at its offset")
            file.seek(name + extra, 1)
            with zipfile.ZipExtFile(file, "r", info) as member:
                data = member.read(size)
                if len(data) == size and self.part is None:
                    member.read(1)  # the checksum is checked at the end
        except (PhotoError, MemoryError):
            raise
        except NotImplementedError as error:
            raise PhotoError(ErrorCode.UNSUPPORTED, f"in a zip archive: {error}") from error
        except Exception as error:  # of zipfile and the decompressors
            message = f"damaged in the zip archive: {error}"
            raise PhotoError(ErrorCode.CORRUPT, message) from error
        return data


def list_zip(path: Path, rule: Rule) -> Iterator[Item]:
    """Yield the members of the zip at *path*, see `afdcli.inputs.archives.list_archive`.

    Raises:
        zipfile.BadZipFile, OSError, …: it cannot be read.
    """
    archive = Archive.at(path)
    with zipfile.ZipFile(path) as file:
        for info in file.infolist():
            if not info.is_dir():
                yield _item(path, archive, info, file.NameToInfo, rule)


def _item(
    path: Path,
    archive: Archive,
    info: zipfile.ZipInfo,
    names: dict[str, zipfile.ZipInfo],
    rule: Rule,
) -> Item:
    name = members.safe_name(info.filename)
    source = _source(archive, info, names)

    def head() -> bytes:
        try:
            is_member = isinstance(source, ZipMember)
            return replace(source, part=SNIFF_BYTES).read(SNIFF_BYTES) if is_member else b""  # type: ignore[type-var]
        except PhotoError:
            return b""

    kind = rule.skips(name, head)
    if kind:
        encrypted = info.flag_bits & _ENCRYPTED and kind == "empty"
        return members.skipped_member(path, name, "encrypted" if encrypted else kind)
    return members.member_row(path, name, source)


def _source(archive: Archive, info: zipfile.ZipInfo, names: dict[str, zipfile.ZipInfo]) -> Source:
    """The `Source` of a member; links are followed."""
    for _ in range(members.MAX_LINK_HOPS):
        if info.flag_bits & _ENCRYPTED:
            return Unreadable(ErrorCode.UNREADABLE, "it is encrypted; unpack the zip archive first")
        found = ZipMember(
            archive,
            info.header_offset,
            info.compress_type,
            info.compress_size,
            info.file_size,
            info.CRC,
        )
        if not stat.S_ISLNK(info.external_attr >> 16):
            return found
        try:
            link = found.read(_LONGEST_LINK).decode("utf-8", "surrogateescape")
        except PhotoError as error:
            return Unreadable(error.code, error.message)
        target = posixpath.normpath(posixpath.join(posixpath.dirname(info.filename), link))
        if target not in names:
            return members.missing_link(link)
        info = names[target]
    return Unreadable(ErrorCode.UNREADABLE, "it is a link in a loop of links")
