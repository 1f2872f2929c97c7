"""Files without a name: nothing is left of them, however their process ends."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def memory_file() -> Iterator[int]:
    """An empty file, in memory where the system has ``memfd_create``; closed and gone at the end.

    Elsewhere it is a temporary file that has lost its name already. Yields the file descriptor.

    Raises:
        OSError: neither memory nor a temporary folder can be had.
    """
    fd = open_memory_file()
    try:
        yield fd
    finally:
        os.close(fd)


def open_memory_file() -> int:
    """As `memory_file`; the caller closes it."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("afd", os.MFD_CLOEXEC)
    with tempfile.TemporaryFile(buffering=0) as file:
        return os.dup(file.fileno())


def path_of(fd: int) -> Path:
    """A path under which this process can open *fd* again, for libraries that take paths only."""
    return Path("/proc/self/fd" if Path("/proc/self/fd").is_dir() else "/dev/fd", str(fd))
