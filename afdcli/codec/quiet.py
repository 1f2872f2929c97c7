"""Capture what C libraries write to standard error, so that it stays off the terminal."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from afdcli.codec.memory_file import scratch_file


@contextmanager
def captured_stderr() -> Iterator[list[str]]:
    """Redirect file descriptor 2 of the whole process. Not thread-safe.

    Yields:
        A list that holds the captured lines once the context has ended.
    """
    lines: list[str] = []
    sink = scratch_file("stderr")
    try:
        terminal = os.dup(2)
    except OSError:  # a daemon without standard error: nothing to protect
        yield lines
        return
    os.dup2(sink, 2)
    try:
        yield lines
    finally:
        os.dup2(terminal, 2)
        os.close(terminal)
        if os.lseek(sink, 0, os.SEEK_CUR):  # nearly always nothing was written
            text = os.pread(sink, 1 << 16, 0).decode("utf-8", "replace")
            lines += [line.strip() for line in text.splitlines() if line.strip()]
            os.lseek(sink, 0, os.SEEK_SET)
            os.ftruncate(sink, 0)
