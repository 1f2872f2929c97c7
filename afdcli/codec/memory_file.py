"""Files without a name: nothing is left behind, however their process ends."""

from __future__ import annotations

import os
import tempfile
from functools import cache
from pathlib import Path


@cache
def scratch_file(use: str) -> int:
    """The descriptor of a file in memory that this process keeps for one *use*.

    Opening one for every picture would take longer than using it. A forked process has its own.

    Raises:
        OSError: there is neither memory nor a temporary folder for it.
    """
    return open_memory_file()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=scratch_file.cache_clear)


def open_memory_file() -> int:
    """The descriptor of an empty file in memory; the caller closes it.

    Without ``memfd_create`` it is a temporary file that is already unlinked.

    Raises:
        OSError: there is neither memory nor a temporary folder for it.
    """
    if hasattr(os, "memfd_create"):
        return os.memfd_create("afd", os.MFD_CLOEXEC)
    with tempfile.TemporaryFile(buffering=0) as file:
        return os.dup(file.fileno())


def path_of(fd: int) -> Path:
    """A path by which this process can open *fd* again, for libraries that only take paths."""
    return Path("/proc/self/fd" if Path("/proc/self/fd").is_dir() else "/dev/fd", str(fd))
