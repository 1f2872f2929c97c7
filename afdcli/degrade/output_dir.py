"""Output folder of ``afd degrade``: a unique name per input, never outside the folder."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path, PurePosixPath

from afdcli.errors import ResultsError
from afdcli.inputs.kinds import SUFFIXES
from afdcli.storage.paths import trouble
from afdcli.storage.text import unprintable

_LONGEST_NAME = 255  # bytes, on every common file system
_PART = f".afd-{os.getpid()}.part"


class Names:
    """Assigns a unique output path, with *suffix*, to each input, in input order.

    ``a.png`` becomes ``a.jpg``; if that is taken, ``a-2.jpg``, then ``a-3.jpg``. Names that differ
    only in case or Unicode composition count as equal, as on some file systems.
    """

    def __init__(self, suffix: str) -> None:
        self._suffix = suffix
        # 64-bit hashes: a run may have millions of inputs.
        self._files: set[int] = set()
        self._folders: set[int] = set()
        self._next: dict[int, int] = {}  # taken path -> lowest number that may be free

    def take(self, relative: str) -> PurePosixPath:
        """Assign an output path, relative to the output folder, to the input `Found.relative`."""
        parts = [p for p in unprintable(relative).split("/") if p not in ("", ".", "..")]
        parts = parts or ["unnamed"]
        folder = PurePosixPath()
        for part in parts[:-1]:
            folder = self._free(folder, part, "", (self._files,))
            self._folders.add(_key(folder))
        stem, suffix = os.path.splitext(parts[-1])  # noqa: PTH122
        if suffix.lower() not in SUFFIXES:
            stem += suffix  # not an image suffix, so part of the name
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
        if key != wanted and suffix:  # folders of one name share a number, files do not
            self._next[wanted] = number
        return path


def _name(stem: str, tail: str) -> str:
    """*stem* + *tail*, with the stem cut at a character if the name is too long."""
    while len(os.fsencode(stem + tail)) > _LONGEST_NAME:
        stem = stem[:-1]
    return stem + tail


def _key(path: PurePosixPath) -> int:
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", str(path)).casefold())
    return int.from_bytes(hashlib.blake2b(os.fsencode(folded), digest_size=8).digest(), "big")


class OutputFolder:
    """An output folder, in which each file is written atomically.

    Args:
        path: created if it does not exist.

    Raises:
        ResultsError: the folder cannot be created or written to; also raised by `write`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._checked: Path | None = None  # last subfolder that was checked and created
        with trouble("write", path):
            path.mkdir(parents=True, exist_ok=True)
            self._real = Path(os.path.realpath(path))
        self._inputs: set[str] = set()  # in this folder, links resolved

    def holds(self, path: Path) -> bool:
        """True if *path*, with links resolved, is in this folder."""
        return lies_in(path, self._real)

    def write(self, relative: PurePosixPath, data: bytes) -> bool:
        """Write *data* to the file *relative*. Returns True if it replaced an existing file."""
        target = self.path / relative
        part = target.parent / _PART
        with trouble("write", target):
            self._make_parent(target.parent)
            existed = os.path.lexists(target)
            try:
                part.write_bytes(data)
                part.replace(target)
            finally:
                with suppress(OSError):
                    part.unlink(missing_ok=True)
        return existed

    def is_own(self, path: Path) -> bool:
        """As `holds`, for an input; `remove` then spares it."""
        inside = self.holds(path)
        if inside:
            self._inputs.add(os.path.realpath(path))
        return inside

    def remove(self, earlier: Iterable[str], new: Iterable[str]) -> None:
        """Delete files of this folder that are among *earlier*, but not *new*, and empty folders.

        Inputs and what lies behind links are spared.

        Args:
            earlier, new: outputs as in manifests.
        """
        kept = {_key(PurePosixPath(unprintable(name))) for name in new}
        for name in sorted(earlier):
            relative = PurePosixPath(unprintable(name))
            target = self.path / relative
            if _key(relative) in kept or target.is_dir() or not self.holds(target.parent):
                continue
            if os.path.realpath(target) in self._inputs:
                continue
            with trouble("delete", target):
                target.unlink(missing_ok=True)
            with suppress(OSError):  # other files are in it
                for folder in target.parents[: len(relative.parts) - 1]:
                    folder.rmdir()

    def _make_parent(self, parent: Path) -> None:
        if parent == self._checked:
            return
        # Check before creating anything: a link in an older output folder may lead anywhere.
        if not self.holds(parent):
            raise ResultsError(f"{parent} leads out of {self.path}: remove the link")
        parent.mkdir(parents=True, exist_ok=True)
        self._checked = parent


def lies_in(path: Path, folder: Path) -> bool:
    """True if *path*, with links resolved, is *folder* or is in it."""
    try:
        return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))
    except (ValueError, OSError):  # a NUL in the path, or a circle of links
        return False
