"""A lock on an output, so that two runs never write to the same one.

It is ``flock`` on a small hidden file ``.NAME.lock`` beside the output. The kernel releases it
however the process ends, even by ``kill -9``. The lock file, which names the holder, may then be
left over and does no harm. Network file systems forward ``flock`` to their server (NFS since Linux
2.6.12), so there the lock also works between machines.

Object stores have no locks. For a URL the lock file is in this machine's temporary folder, so it
works only between processes of one user on one machine.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from afdcli.errors import UsageError
from afdcli.storage.paths import Place, trouble
from afdcli.storage.text import clean

_LONGEST_NAME = 255  # bytes, on every common file system
#: Errors that ``flock`` gives on file systems without locks.
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)


def lock_path(out: Place) -> Path:
    """Path of the lock file of *out*. Links are followed: two names of one file share a lock."""
    if isinstance(out, Path):
        real = Path(os.path.realpath(out))
        name = f".{real.name}.lock"
        if len(os.fsencode(name)) > _LONGEST_NAME:
            name = f".{_digest(real.name)}.lock"
        return real.with_name(name)
    return Path(tempfile.gettempdir()) / f"afd-{os.getuid()}-{_digest(str(out))}.lock"


@contextmanager
def locked(out: Place, option: str = "--out") -> Iterator[None]:
    """Hold the lock of *out*. Missing folders are created, and removed again if left empty.

    On a file system without locks the context runs unlocked.

    Args:
        option: the option that named it, for the message.

    Raises:
        UsageError: another process holds the lock; the message says which one and since when.
        ResultsError: the lock file cannot be written.
    """
    path = lock_path(out)
    made = [folder for folder in path.parents if not folder.exists()]  # deepest first
    with trouble("write", out if isinstance(out, Path) else path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = _acquire(path, out, option)
    try:
        yield
    finally:
        with suppress(OSError):  # the folder may have been deleted or made read-only
            if _is_same_file(file, path):
                path.unlink()
        os.close(file)
        for folder in made:
            with suppress(OSError):  # not empty
                folder.rmdir()


def _acquire(path: Path, out: Place, option: str) -> int:
    """Open and lock the file *path*; the file descriptor."""
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _read_holder(file)
            os.close(file)
            raise UsageError(
                f"another run writes to {out} ({holder}); wait for it, or give another {option}"
            ) from None
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                os.close(file)
                raise
        if _is_same_file(file, path):  # else the last holder deleted it between open and flock
            _write_holder(file)
            return file
        os.close(file)


def _is_same_file(file: int, path: Path) -> bool:
    """Whether the open *file* is still the one at *path*."""
    try:
        return os.path.samestat(os.fstat(file), path.lstat())
    except FileNotFoundError:
        return False


def _write_holder(file: int) -> None:
    """Write into the open *file* who holds it."""
    since = datetime.now(timezone.utc).isoformat(" ", timespec="seconds")
    holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": since}
    os.ftruncate(file, 0)
    os.pwrite(file, json.dumps(holder).encode() + b"\n", 0)


def _read_holder(file: int) -> str:
    """Who holds the lock, read from the open *file*."""
    try:
        facts: Any = json.loads(os.pread(file, 4096, 0))
        return clean(f"process {facts['pid']} on {facts['host']}, since {facts['since']}")
    except (OSError, ValueError, KeyError, TypeError):  # the holder has not written it yet
        return "started just now"


def _digest(text: str) -> str:
    return hashlib.sha256(os.fsencode(text)).hexdigest()[:32]
