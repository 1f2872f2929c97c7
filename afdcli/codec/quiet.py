"""Capture what C libraries write to standard error, so that it stays off the terminal."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from afdcli.codec.memory_file import memory_file


@contextmanager
def captured_stderr() -> Iterator[list[str]]:
    """Redirect file descriptor 2 of the whole process. Not thread-safe.

    Yields:
        A list that holds the captured lines once the context has ended.
    """
    lines: list[str] = []
    with memory_file() as sink:
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
            os.lseek(sink, 0, os.SEEK_SET)
            text = os.read(sink, 1 << 16).decode("utf-8", "replace")
            lines += [line.strip() for line in text.splitlines() if line.strip()]
