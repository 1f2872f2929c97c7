"""Consoles and exit codes that all commands share."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape

EXIT_OK = 0
EXIT_SOME_FAILED = 1  # some images failed; they are listed in the results
EXIT_USAGE = 2  # wrong usage, or nothing could be done
EXIT_FAULT = 3  # a fault of afd or of the machine
EXIT_INTERRUPTED = 130  # Ctrl-C
SLOW_S = 0.5  # seconds of silence that nobody wonders about


class _Output(Console):
    def on_broken_pipe(self) -> None:
        """Continue without output: the reader has gone (`afd … | head`). That is not an error."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def out(quiet: bool = False) -> Console:
    """Console for results, on standard output."""
    return _Output(quiet=quiet)


def err(quiet: bool = False) -> Console:
    """Console for progress, warnings and errors, on standard error."""
    return Console(stderr=True, quiet=quiet)


def say_loading(name: str, quiet: bool = False) -> None:
    """Print that the classifier *name* is loading. Say it first: importing torch takes seconds."""
    err(quiet).print(f"loading {name} …", markup=False, highlight=False, soft_wrap=True)


@contextmanager
def say_if_slow(text: str, quiet: bool = False) -> Iterator[None]:
    """Print *text* if what is done inside takes longer than half a second."""
    timer = threading.Timer(
        SLOW_S, lambda: err(quiet).print(text, markup=False, highlight=False, soft_wrap=True)
    )
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def duration(seconds: float) -> str:
    """*seconds* for people: "3.4 s", "2 min 05 s", "6 h 40 min", "3 days 4 h"."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours_left = divmod(hours, 24)
    if days > 1:
        return f"{days:,} days {hours_left} h"
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def reasons(failed: Counter[str]) -> str:
    """Error codes with their counts, most frequent first."""
    return ", ".join(f"{code} {count:,}" for code, count in failed.most_common())


def say_all_failed(done: str, failed: Counter[str], where: str) -> None:
    """Print that nothing was *done*, and why. The rows are in *where*."""
    who = "the only image" if failed.total() == 1 else f"all {failed.total():,} images"
    message = f"nothing was {done}: {who} failed ({reasons(failed)});"
    err().print(f"[bold red]afd:[/] {escape(message)} see {escape(where)}", soft_wrap=True)


@contextmanager
def stop_politely() -> Iterator[None]:
    """Make SIGTERM and SIGHUP end a run like Ctrl-C, so that nothing is left half-written.

    A signal that was ignored when the program started stays ignored, as ``nohup`` expects. (Python
    does the same with SIGINT, which shells ignore for background jobs of a script.)
    """

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    heard = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
    for number in heard:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number in heard:
            signal.signal(number, before[number])
