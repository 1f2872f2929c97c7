"""Keeps C libraries from writing on the user's terminal, and hands over what they wrote."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from afdcli.codec.memory_file import memory_file


@contextmanager
def captured_stderr() -> Iterator[list[str]]:
    """Send file descriptor 2 of the whole process to a file without a name.

    Yields:
        A list that holds the lines written, once the block has ended. Not for two threads at once.
    """
    lines: list[str] = []
    with memory_file() as sink:
        try:
            terminal = os.dup(2)
        except OSError:  # no standard error at all (a daemon): nothing can be spilled there
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
