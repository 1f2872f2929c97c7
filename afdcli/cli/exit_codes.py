"""Error handling of all commands: one line on standard error and the right exit code."""

from __future__ import annotations

import errno
import os
import re
import select
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import typer
from rich.text import Text
from typer.core import TyperGroup

from afdcli.cli.console import EXIT_FAULT, EXIT_INTERRUPTED, EXIT_OK, EXIT_USAGE, err, out
from afdcli.cli.help import show as show_help
from afdcli.errors import AfdError, UsageError
from afdcli.storage.text import clean

#: Errors of the machine, not of the command line.
_MACHINE = {
    errno.ENOSPC: "no space is left on the disk",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file would be larger than the system allows",
    errno.EIO: "the disk or file system has failed",
    errno.ENOMEM: "out of memory",
    errno.EMFILE: "too many open files",
    errno.ENFILE: "too many open files on this machine",
}
_NO_MEMORY = re.compile(r"can't allocate|cannot allocate|out of memory|bad_alloc|not enough memory")
_SEE_DEBUG = "run with --debug for the traceback"


class Group(TyperGroup):
    """The commands of ``afd``. Their errors print no traceback without --debug."""

    def main(  # type: ignore[override]
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any
    ) -> NoReturn:
        """Parse, run the command, and exit."""
        words = sys.argv[1:] if args is None else list(args)
        debug = "--debug" in words
        output = os.fstat(1)
        try:
            code = super().main(words, prog_name or "afd", **{**extra, "standalone_mode": False})
            sys.stdout.flush()  # at exit, a failure would print a traceback
        except SystemExit as end:
            if not isinstance(end.__context__, BrokenPipeError):
                raise
            # typer assumes that it was standard output.
            code = _judge_pipe(end.__context__, output, debug)
        except BrokenPipeError as error:
            code = _judge_pipe(error, output, debug)
        except Exception as error:
            code = tell(error, debug)
        _drop_unwritten()
        sys.exit(code)

    def format_help(self, ctx: typer.Context, formatter: Any) -> None:  # type: ignore[override]
        """Print the help."""
        show_help(out(), self, ctx)

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]  # typer vendors its own Context
        """Run the command."""
        try:
            Path.cwd()
        except OSError as error:
            raise UsageError(
                f"the current folder cannot be used ({error.strerror}): change to another one"
            ) from error
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:  # typer would print nothing
            raise typer.Exit(tell(error)) from None


def tell(error: BaseException, debug: bool = False) -> int:
    """Print *error* in one line on standard error, or its traceback; returns its exit code."""
    code, message = judge(error)
    with suppress(OSError, ValueError):  # standard error may be closed or full
        if debug:
            traceback.print_exception(error)
        line = Text.assemble(("afd:", "bold red"), f" {clean(' '.join(message.split()))}")
        err().print(line, soft_wrap=True)
    return code


def _judge_pipe(error: BrokenPipeError, output: os.stat_result, debug: bool) -> int:
    """Exit code 0 if the reader of standard output has gone (`afd … | head`).

    Args:
        output: what standard output was at the start; rich replaces it when its reader has gone.
    """
    poll = select.poll()
    poll.register(1, 0)
    gone = any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))
    gone = gone or not os.path.samestat(output, os.fstat(1))
    return EXIT_OK if gone else tell(error, debug)


def judge(error: BaseException) -> tuple[int, str]:
    """Exit code and message for *error*."""
    if isinstance(error, KeyboardInterrupt):
        return EXIT_INTERRUPTED, "interrupted"
    if isinstance(error, AfdError):
        text = _one_line(error) if "Traceback" in str(error) else str(error)
        for cause in _causes(error):
            if isinstance(cause, OSError) and (cause.errno in _MACHINE or _no_folder(cause)):
                return EXIT_FAULT, f"{text}{_cure(cause)}; {_SEE_DEBUG}"
        hint = f"; {_SEE_DEBUG}" if error.exit_code == EXIT_FAULT else ""
        return error.exit_code, f"{text}{hint}"
    if isinstance(error, typer.Abort):
        return EXIT_USAGE, "standard input has ended"
    if callable(message := getattr(error, "format_message", None)):  # typer's own errors
        command = getattr(getattr(error, "ctx", None), "command_path", "afd")
        return EXIT_USAGE, f"{message().rstrip('.')}; see {command} --help"
    return EXIT_FAULT, f"{_fault(error)}; {_SEE_DEBUG}"


def _fault(error: BaseException) -> str:
    """The message for an unexpected *error*."""
    text = _one_line(error)
    if isinstance(error, MemoryError) or _NO_MEMORY.search(text):
        return f"out of memory ({text or 'MemoryError'}): close other programs, or try smaller"
    if "shared memory" in text:  # from torch, in the processes that make training pairs
        return f"shared memory (/dev/shm) cannot be used or has no room: {text}"
    if isinstance(error, OSError):
        if _no_folder(error):
            return f"no folder for temporary files can be used{_cure(error)}"
        file = f": {error.filename}" if error.filename else ""
        if error.errno in _MACHINE:
            return f"{_MACHINE[error.errno]}{file}{_cure(error)}"
        return f"unexpected {type(error).__name__}, {error.strerror or text}{file}"
    if isinstance(error, ImportError):
        return f"a Python package cannot be loaded: {text}"
    return f"unexpected {type(error).__name__}{f', {text}' if text else ''}"


def _no_folder(error: OSError) -> bool:
    """True if `tempfile` found no folder that it can write to."""
    return "No usable temporary directory" in str(error)


def _cure(error: OSError) -> str:
    if _no_folder(error):
        return "; set TMPDIR to a folder that is writable"
    return "; raise the limit, as in `ulimit -n 1024`" if error.errno == errno.EMFILE else ""


def _one_line(error: BaseException) -> str:
    """The first line of the message; if it contains a traceback, the last line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [""]
    if not any("Traceback" in line for line in lines):
        return lines[0]
    return re.sub(r"^[\w.]+(Error|Exception): ", "", lines[-1])


def _causes(error: BaseException) -> Iterator[BaseException]:
    """*error* and its chain of causes."""
    while error is not None:
        yield error
        error = error.__cause__  # type: ignore[assignment]


def prepare(debug: bool) -> None:
    """Handle closed or non-UTF-8 standard streams, and errors in threads.

    Only for the program, not for callers in Python.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:  # the lowest free number
        pass  # a file opened later must not become standard output
    os.close(number)
    sys.stdin = sys.stdin or open(0)  # noqa: SIM115
    sys.stdout = sys.stdout or open(1, "w")  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    if not debug:
        threading.excepthook = lambda gone: gone.exc_value and tell(gone.exc_value)
        sys.unraisablehook = lambda _: None  # libraries complain while Python exits


def _drop_unwritten() -> None:
    """Discard output that cannot be written, or Python complains at exit."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            try:
                stream.flush()
            except (OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
