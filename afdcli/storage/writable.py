"""Check, before slow work, that an output can be written; write all of it."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path

from afdcli.errors import UsageError
from afdcli.storage.paths import trouble

_DRAFT = 16  # bytes that drafts add to a name, as in ``NAME.meta.json.part``
_LONGEST_PATH = 4096 - _DRAFT
_URL = re.compile(r"[a-z][a-z0-9+.-]+:/")  # pathlib has removed one of the two slashes


def check_file(path: Path, option: str = "--out", inputs: Iterable[Path | None] = ()) -> None:
    """Check that the file *path* can be written and its folders created; creates nothing.

    Args:
        path: the file; neither it nor its folders need to exist.
        option: the option that named it, for the message.
        inputs: files that are read, so that none must be overwritten.

    Raises:
        UsageError: *path* is a folder, an input or was typed as a URL, permission is missing, …
    """
    if _URL.match(str(path)):
        raise UsageError(f"{option} {path} is at a URL: give a local file")
    for file in inputs:
        if file is not None and file.resolve() == path.resolve():
            raise UsageError(f"{option} {path}: would overwrite {file}; choose another name")
    if os.path.isdir(path):  # noqa: PTH112 - Path.is_dir() may raise
        raise UsageError(f"{option} {path} is a folder; give the name of a file in it")
    _check(path, path.parent, option, _DRAFT)
    if os.path.lexists(path) and not os.access(path, os.W_OK):
        raise _refused(path, option, "the file exists and is read-only")


def check_folder(path: Path, option: str = "--out") -> None:
    """Check that the folder *path* can be created or written into; creates nothing.

    Args:
        path: the folder; it need not exist.
        option: the option that named it, for the message.

    Raises:
        UsageError: as for `check_file`, or *path* is a file.
    """
    if os.path.lexists(path) and not os.path.isdir(path):  # noqa: PTH112
        raise UsageError(f"{option} {path} exists and is not a folder")
    _check(path, path, option, 0)


def _check(path: Path, folder: Path, option: str, spare: int) -> None:
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    if not os.path.isdir(folder):  # noqa: PTH112
        raise _refused(path, option, f"{folder} is not a folder")
    new = path.parts[len(folder.parts) :]
    try:
        longest = os.pathconf(folder, "PC_NAME_MAX") - spare
        if any(len(os.fsencode(name)) > longest for name in new):
            raise _refused(path, option, "the name is too long")
        if len(os.fsencode(path)) > _LONGEST_PATH:
            raise _refused(path, option, "the path is too long")
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _refused(path, option, error.strerror) from error


def _refused(path: Path, option: str, reason: str | None) -> UsageError:
    return UsageError(f"{option} {path} cannot be written: {reason}")


def write_at(file: int, data: bytes, at: int) -> None:
    """Write all of *data* at the offset *at* of the open *file*, which may take it in pieces.

    Raises:
        OSError: the disk fails.
    """
    rest = memoryview(data)
    while rest:
        written = os.pwrite(file, rest, at)
        rest, at = rest[written:], at + written


def save(path: Path, data: bytes) -> None:
    """Write a file; missing folders are created. Raises ResultsError if the disk fails."""
    with trouble("write", path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
