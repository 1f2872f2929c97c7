"""Files without a name: nothing is left over, however their process ends."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def memory_file() -> Iterator[int]:
    """Context manager: the descriptor of an empty file in memory, closed at the end.

    Without ``memfd_create`` it is a temporary file that is already unlinked.

    Raises:
        OSError: there is neither memory nor a temporary folder for it.
    """
    fd = open_memory_file()
    try:
        yield fd
    finally:
        os.close(fd)


def open_memory_file() -> int:
    """As `memory_file`, but the caller closes the descriptor."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("afd", os.MFD_CLOEXEC)
    with tempfile.TemporaryFile(buffering=0) as file:
        return os.dup(file.fileno())


def path_of(fd: int) -> Path:
    """A path by which this process can open *fd* again, for libraries that only take paths."""
    return Path("/proc/self/fd" if Path("/proc/self/fd").is_dir() else "/dev/fd", str(fd))
