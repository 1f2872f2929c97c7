"""A lock on an output, so that two runs never write to the same one.

It is ``flock`` on a small hidden file ``.NAME.lock`` beside the output. The kernel lets go of it
when the process ends in whatever way, ``kill -9`` too; the file, which says who holds the lock, may
then stay behind and does no harm. Network file systems pass ``flock`` on to their server (NFS since
Linux 2.6.12), so that it holds between machines there.

Object stores have no locks. For a URL the file is in the temporary folder of this machine: the
lock holds between the processes of one machine and user only.
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
#: What ``flock`` says on file systems without locks.
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)


def lock_path(out: Place) -> Path:
    """Where the lock of *out* lies; links are followed, so that two names of one file share it."""
    if isinstance(out, Path):
        real = Path(os.path.realpath(out))
        name = f".{real.name}.lock"
        if len(os.fsencode(name)) > _LONGEST_NAME:
            name = f".{_digest(real.name)}.lock"
        return real.with_name(name)
    return Path(tempfile.gettempdir()) / f"afd-{os.getuid()}-{_digest(str(out))}.lock"


@contextmanager
def locked(out: Place) -> Iterator[None]:
    """Hold the lock of *out*; a folder made for it is removed again where it stays empty.

    On a file system without locks the context goes on without one.

    Raises:
        UsageError: another process holds it; says which, where and since when.
        ResultsError: the disk refuses the file.
    """
    path = lock_path(out)
    made = [folder for folder in path.parents if not folder.exists()]  # the deepest first
    with trouble("write", out if isinstance(out, Path) else path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = _taken(path, out)
    try:
        yield
    finally:
        with suppress(OSError):  # the folder may be gone, or read-only by now
            if _is(file, path):
                path.unlink()
        os.close(file)
        for folder in made:
            with suppress(OSError):  # it is not empty
                folder.rmdir()


def _taken(path: Path, out: Place) -> int:
    """The open, locked file *path*."""
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _holder(file)
            os.close(file)
            raise UsageError(
                f"another run writes to {out} ({holder}); wait for it, or give another --out"
            ) from None
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                os.close(file)
                raise
        if _is(file, path):  # else its holder removed it between the two calls
            _sign(file)
            return file
        os.close(file)


def _is(file: int, path: Path) -> bool:
    """Whether the open *file* is still what lies at *path*."""
    try:
        return os.path.samestat(os.fstat(file), path.lstat())
    except FileNotFoundError:
        return False


def _sign(file: int) -> None:
    """Say in the open *file* who holds it."""
    since = datetime.now(timezone.utc).isoformat(" ", timespec="seconds")
    holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": since}
    os.ftruncate(file, 0)
    os.pwrite(file, json.dumps(holder).encode() + b"\n", 0)


def _holder(file: int) -> str:
    """Who holds the open *file*, as it says itself."""
    try:
        facts: Any = json.loads(os.pread(file, 4096, 0))
        return clean(f"process {facts['pid']} on {facts['host']}, since {facts['since']}")
    except (OSError, ValueError, KeyError, TypeError):  # it took the lock just now
        return "it began just now"


def _digest(text: str) -> str:
    return hashlib.sha256(os.fsencode(text)).hexdigest()[:32]
