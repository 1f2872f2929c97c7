"""What every command shares: consoles, exit codes and common options."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console

EXIT_OK = 0
EXIT_SOME_FAILED = 1  # some images failed; they are listed in the results
EXIT_USAGE = 2  # wrong usage, or nothing could be done
EXIT_FAULT = 3  # a fault of afd or of the machine
EXIT_INTERRUPTED = 130  # Ctrl-C

DebugOption = Annotated[bool, typer.Option("--debug", help="Show the full traceback of an error.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]


class _Output(Console):
    def on_broken_pipe(self) -> None:
        """Go on in silence: the reader went away (`afd … | head`), and that is no failure."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def out(quiet: bool = False) -> Console:
    """Console for results, on standard output."""
    return _Output(quiet=quiet)


def err(quiet: bool = False) -> Console:
    """Console for progress, warnings and errors, on standard error."""
    return Console(stderr=True, quiet=quiet)


@contextmanager
def stop_politely() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end a run as Ctrl-C does, so that nothing is left half-written."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    signals = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, interrupt) for number in signals]
    try:
        yield
    finally:
        for number, handler in zip(signals, before, strict=True):
            signal.signal(number, handler)
