"""What every command shares: consoles, the error line, exit codes and common options."""

from __future__ import annotations

import functools
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, ParamSpec, TypeVar

import typer
from rich.console import Console
from rich.markup import escape

from afdcli.errors import AfdError

EXIT_OK = 0
EXIT_SOME_FAILED = 1  # some images failed; they are listed in the results
EXIT_USAGE = 2  # wrong usage, or nothing could be done
EXIT_INTERRUPTED = 130  # Ctrl-C

P = ParamSpec("P")
R = TypeVar("R")

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


def friendly(command: Callable[P, R]) -> Callable[P, R]:
    """Turn an `AfdError` into one line and exit code 2; ``--debug`` lets the traceback through."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except AfdError as error:
            if kwargs.get("debug"):
                raise
            err().print(f"[bold red]afd:[/] {escape(str(error))}", soft_wrap=True)
            raise typer.Exit(EXIT_USAGE) from None
        except KeyboardInterrupt:
            err().print("[bold]afd:[/] interrupted")
            raise typer.Exit(EXIT_INTERRUPTED) from None
        except BrokenPipeError:
            # The reader of our standard output went away (`afd … | head`): not our failure.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            raise typer.Exit(EXIT_OK) from None

    return wrapped


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
