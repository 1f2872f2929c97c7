"""Where the outputs of a run go: one free name per input, never outside the output folder."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from contextlib import suppress
from pathlib import Path, PurePosixPath

from afdcli.errors import ResultsError
from afdcli.inputs.kinds import SUFFIXES
from afdcli.storage.text import unprintable

_LONGEST_NAME = 255  # bytes, on every common file system
_PART = f".afd-{os.getpid()}.part"


class Names:
    """Hands out output paths in input order; nothing is handed out twice.

    ``a.png`` becomes ``a.jpg``; where that is taken, ``a-2.jpg``, then ``a-3.jpg``. Names that
    differ only in case or in Unicode composition count as one, as on some file systems.

    Args:
        suffix: how outputs end, with the dot.
    """

    def __init__(self, suffix: str) -> None:
        self._suffix = suffix
        # 64-bit hashes: a run may have millions of inputs.
        self._files: set[int] = set()
        self._folders: set[int] = set()
        self._next: dict[int, int] = {}  # taken path -> the first number that may be free

    def take(self, relative: str) -> PurePosixPath:
        """The output path, relative, for the input called *relative* (see `Found`)."""
        parts = [p for p in unprintable(relative).split("/") if p not in ("", ".", "..")]
        parts = parts or ["unnamed"]
        folder = PurePosixPath()
        for part in parts[:-1]:
            folder = self._free(folder, part, "", (self._files,))
            self._folders.add(_key(folder))
        stem, suffix = os.path.splitext(parts[-1])  # noqa: PTH122
        if suffix.lower() not in SUFFIXES:
            stem += suffix  # no suffix of an image, so it belongs to the name
        path = self._free(folder, stem, self._suffix, (self._files, self._folders))
        self._files.add(_key(path))
        return path

    def _free(
        self, folder: PurePosixPath, stem: str, suffix: str, taken: tuple[set[int], ...]
    ) -> PurePosixPath:
        path = folder / _name(stem, suffix)
        wanted = key = _key(path)
        number = self._next.get(wanted, 2)
        while any(key in keys for keys in taken):
            path = folder / _name(stem, f"-{number}{suffix}")
            key = _key(path)
            number += 1
        if key != wanted and suffix:  # an input folder keeps its number, a file gets the next
            self._next[wanted] = number
        return path


def _name(stem: str, tail: str) -> str:
    """*stem* + *tail*, the stem shortened by whole characters where that is too long."""
    while len(os.fsencode(stem + tail)) > _LONGEST_NAME:
        stem = stem[:-1]
    return stem + tail


def _key(path: PurePosixPath) -> int:
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", str(path)).casefold())
    return int.from_bytes(hashlib.blake2b(os.fsencode(folded), digest_size=8).digest(), "big")


class Folder:
    """An output folder; files in it appear whole or not at all.

    Args:
        path: made if it does not exist.

    Raises:
        ResultsError: it cannot be made or written to; from `write` as well.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._checked: Path | None = None  # the last folder that was seen to lie inside
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._real = Path(os.path.realpath(path))
        except OSError as error:
            raise _refused(path, error) from error

    def holds(self, path: Path) -> bool:
        """Whether *path*, links followed, lies in this folder."""
        return lies_in(path, self._real)

    def write(self, relative: PurePosixPath, data: bytes) -> bool:
        """Write the file *relative*; True if one of that name was replaced."""
        target = self.path / relative
        part = target.parent / _PART
        try:
            self._make_parent(target.parent)
            existed = os.path.lexists(target)
            try:
                part.write_bytes(data)
                part.replace(target)
            except BaseException:
                with suppress(OSError):
                    part.unlink(missing_ok=True)
                raise
        except OSError as error:
            raise _refused(target, error) from error
        return existed

    def _make_parent(self, parent: Path) -> None:
        if parent == self._checked:
            return
        # Checked before anything is made: a link in an older output folder may lead anywhere.
        if not self.holds(parent):
            raise ResultsError(f"{parent} leads out of {self.path}: remove that link")
        parent.mkdir(parents=True, exist_ok=True)
        self._checked = parent


def lies_in(path: Path, folder: Path) -> bool:
    """Whether *path*, links followed, is *folder* or lies in it."""
    try:
        return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))
    except (ValueError, OSError):  # a NUL in the path, which no file has; links in a circle
        return False


def _refused(path: Path, error: OSError) -> ResultsError:
    return ResultsError(f"cannot write {path}: {error.strerror or error}")
