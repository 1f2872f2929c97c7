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

from afdcli.codec.sniff import SNIFF_BYTES, sniff
from afdcli.errors import ErrorCode, PhotoError
from afdcli.inputs import members
from afdcli.inputs.found import Source, Unreadable
from afdcli.inputs.kinds import Rule
from afdcli.inputs.members import Archive, Item

_ENCRYPTED = 0x1 | 0x40 | 0x2000  # bits in the flags of a member
_LOCAL_HEADER = struct.Struct("<4s22xHH")
_LONGEST_LINK = 4096  # bytes
_CUT = "it ends early in the zip archive"
_UNIX = 3  # value of `ZipInfo.create_system`
_SPECIAL = (stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFCHR, stat.S_IFBLK)
_MANY = 1 << 20  # bytes; of more, only the first are unpacked unless they are those of a picture


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
        if len(data) < size and (size <= _MANY or sniff(data)):
            raise PhotoError(ErrorCode.TRUNCATED, _CUT)
        return data

    def _unpacked(self, file: BinaryIO, info: zipfile.ZipInfo, size: int) -> bytes:
        """The first *size* bytes; fewer if the archive ends, or if they are no picture."""
        try:
            magic, name, extra = b"", 0, 0
            if self.offset <= self.archive.size - _LOCAL_HEADER.size:
                file.seek(self.offset)
                magic, name, extra = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
            if magic != b"PK\3\4":
                raise PhotoError(ErrorCode.CORRUPT, "the zip archive has no member at its offset")
            file.seek(name + extra, 1)
            with zipfile.ZipExtFile(file, "r", info) as member:
                data = member.read(min(size, SNIFF_BYTES))
                if size > _MANY and not sniff(data):
                    return data  # a gigabyte of zeros takes a megabyte in an archive
                data += member.read(size - len(data))
                if len(data) == size and self.part is None:
                    member.read(1)  # the checksum is checked at the end
        except (PhotoError, MemoryError):
            raise
        except EOFError as error:
            raise PhotoError(ErrorCode.TRUNCATED, _CUT) from error
        except NotImplementedError as error:
            raise PhotoError(ErrorCode.UNSUPPORTED, f"in a zip archive: {error}") from error
        except Exception as error:  # of zipfile and the decompressors
            reason = str(error).removesuffix(f" for file {info.filename!r}")  # it has no name here
            message = f"damaged in the zip archive: {reason}"
            raise PhotoError(ErrorCode.CORRUPT, message) from error
        return data


def list_zip(path: Path, rule: Rule) -> Iterator[Item]:
    """Yield the members of the zip at *path*, see `afdcli.inputs.archives.list_archive`.

    Raises:
        zipfile.BadZipFile, OSError, …: it cannot be read.
    """
    archive = Archive.at(path)
    if not zipfile.is_zipfile(path):
        reason = (
            "central directory missing: the file is truncated or not a zip; none of it was read"
        )
        yield members.failed_archive(path, reason)
        return
    with zipfile.ZipFile(path) as file:
        for info in file.infolist():
            if not _is_folder(info):
                yield _item(path, archive, info, file.NameToInfo, rule)


def _name(info: zipfile.ZipInfo) -> str:
    """Name of a member as stored; some programs for Windows separate folders by backslashes."""
    name = info.filename
    return name if info.create_system == _UNIX else name.replace("\\", "/")


def _is_folder(info: zipfile.ZipInfo) -> bool:
    return _name(info).endswith("/")


def _item(
    path: Path,
    archive: Archive,
    info: zipfile.ZipInfo,
    names: dict[str, zipfile.ZipInfo],
    rule: Rule,
) -> Item:
    name = members.safe_name(_name(info))
    if info.create_system == _UNIX and stat.S_IFMT(info.external_attr >> 16) in _SPECIAL:
        return members.skipped_member(path, name, "special")
    source = _source(archive, info, names)
    if source is None:
        return members.skipped_member(path, name, "link")
    readable = True

    def head() -> bytes:
        nonlocal readable
        try:
            if isinstance(source, ZipMember):
                return replace(source, part=SNIFF_BYTES).read(SNIFF_BYTES)
        except PhotoError:
            pass
        readable = False
        return b""

    kind = rule.skips(name, head)
    if kind == "empty" and not readable:
        kind = "encrypted" if info.flag_bits & _ENCRYPTED else "unreadable"
    if kind:
        return members.skipped_member(path, name, kind)
    return members.member_row(path, name, source)


def _source(
    archive: Archive, info: zipfile.ZipInfo, names: dict[str, zipfile.ZipInfo]
) -> Source | None:
    """The `Source` of a member; links are followed. None for a link to a folder."""
    for _ in range(members.MAX_LINK_HOPS):
        if _is_folder(info):
            return None
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
            link = found.read(_LONGEST_LINK)
        except PhotoError as error:
            return Unreadable(error.code, error.message)
        text = link.decode("utf-8", "surrogateescape")
        target = posixpath.normpath(posixpath.join(posixpath.dirname(_name(info)), text))
        if target not in names and f"{target}/" not in names:
            return members.missing_link(text)
        info = names.get(target) or names[f"{target}/"]
    return Unreadable(ErrorCode.UNREADABLE, "it is a link in a loop of links")
