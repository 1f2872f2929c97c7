"""Move, copy and link single files without ever replacing another."""

from __future__ import annotations

import errno
import filecmp
import os
import shutil
from pathlib import Path

from afdcli.sort.moves import COPY, LINK, Move

PART = ".afd-part"  # a copy on its way; sorts are locked, so there is one at a time
_TOLERANCE = 2_000_000_000  # nanoseconds; FAT keeps times to two seconds


def carry_out(move: Move, target: Path) -> None:
    """Move, copy or link the picture of *move* to *target*.

    Raises:
        FileExistsError: there is another file at *target*.
        OSError: the disk fails, or permission is missing.
    """
    if move.how == LINK:
        target.symlink_to(move.source)
    elif move.how == COPY:
        _claim(target, None)
        _place(target, Path(move.source), move.changed)
    else:
        folder = os.path.dirname(move.source)  # noqa: PTH120
        link = move.link and os.path.normpath(os.path.join(folder, move.link))  # noqa: PTH118
        bring(Path(move.source), target, link)


def bring(source: Path, target: Path, link: str = "") -> None:
    """Move *source* to *target*, on this disk or another one. Raises as `carry_out`.

    Args:
        link: *source* is a symbolic link, and *target* is to lead here.
    """
    if link:
        if not is_link_to(target, link):
            target.symlink_to(link)
        source.unlink()
        return
    _claim(target, source)
    try:
        source.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            _unclaim(target)
            raise
        _place(target, source, source.stat().st_mtime_ns)
        source.unlink()


def is_same_copy(move: Move, target: Path) -> bool:
    """True if *target* is the copy that *move* made, unchanged."""
    if target.is_symlink() or not target.is_file():
        return False
    status = target.stat()
    near = abs(status.st_mtime_ns - move.changed) <= _TOLERANCE
    return status.st_size == move.size and near


def equal(one: Path, other: Path) -> bool:
    """True if both files hold the same bytes."""
    return one.is_file() and other.is_file() and filecmp.cmp(one, other, shallow=False)


def is_link_to(path: Path, goal: str) -> bool:
    """True if *path* is a symbolic link that says *goal*."""
    return path.is_symlink() and os.readlink(path) == goal  # noqa: PTH115


def _claim(target: Path, source: Path | None) -> None:
    """Create an empty *target*, which a rename may then replace.

    Hard links, which never replace a file, are missing on many network disks and memory cards. An
    empty file, or a copy of *source*, is what a kill left of an earlier try.
    """
    try:
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
    except FileExistsError:
        ours = not target.is_symlink() and target.is_file() and not target.stat().st_size
        if not ours and (source is None or not equal(source, target)):
            raise


def _unclaim(target: Path) -> None:
    if not target.stat().st_size:
        target.unlink()


def _place(target: Path, source: Path, changed: int) -> None:
    """Replace the claimed *target* by a copy of the file *source*.

    Args:
        changed: time of its last change, nanoseconds.
    """
    part = target.with_name(PART)
    try:
        shutil.copy2(source, part)
        os.utime(part, ns=(changed, changed))
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        _unclaim(target)
        raise
