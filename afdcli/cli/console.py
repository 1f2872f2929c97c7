"""What all commands share: consoles, exit codes, and how results and failures are printed."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from afdcli.results.retry import Retry

EXIT_OK = 0
EXIT_SOME_FAILED = 1  # some images failed; they are listed in the results
EXIT_USAGE = 2  # wrong usage, or nothing could be done
EXIT_FAULT = 3  # a fault of afd or of the machine
EXIT_INTERRUPTED = 130  # Ctrl-C
SLOW_S = 0.5  # seconds without output that need no explanation

#: Path, error code and reason of a file that failed.
Failed = tuple[str, str, str]


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


def say(text: str, quiet: bool = False) -> None:
    """Print one line, as it is, on standard error."""
    err(quiet).print(text, markup=False, highlight=False, soft_wrap=True)


def say_loading(name: str, quiet: bool = False) -> None:
    """Print that the classifier *name* is loading. Say it first: importing torch takes seconds."""
    say(f"loading {name} …", quiet)


@contextmanager
def say_if_slow(text: str, quiet: bool = False) -> Iterator[None]:
    """Print *text* if what is done inside takes longer than half a second."""
    timer = threading.Timer(SLOW_S, say, (text, quiet))
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


def counted(number: int, noun: str) -> str:
    """*number* with its *noun*: "1 picture", "1,200 pictures"."""
    return f"{number:,} {noun}{'s' * (number != 1)}"


def reasons(failed: Counter[str]) -> str:
    """Error codes with their counts, most frequent first."""
    return ", ".join(f"{code} {count:,}" for code, count in failed.most_common())


def print_facts(screen: Console, title: str, lines: Iterable[tuple[str, str]]) -> None:
    """Print a table of names and facts."""
    table = Table(show_header=False, title=title, title_justify="left")
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in lines:
        table.add_row(name, Text(text))  # Text: file and class names are not markup
    screen.print(table)


def files_table(title: str) -> Table:
    """An empty table for one row per file."""
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("file", overflow="fold")
    return table


def show_failed(screen: Console, first: Sequence[Failed], count: int, where: object) -> None:
    """Print the *first* of *count* failed files, and *where*, in which file, all stand."""
    if not first:
        return
    table = files_table("failed")
    table.add_column("error", no_wrap=True)
    table.add_column("reason", overflow="fold")
    for cells in first:
        table.add_row(*map(Text, cells))
    screen.print(table)
    if count > len(first):
        text = f"and {count - len(first):,} more; see the rows with status failed in {where}\n"
        screen.print(Text(text), soft_wrap=True)


def failed_facts(first: Sequence[Failed]) -> list[dict[str, str]]:
    """The first failed files for `print_json`."""
    return [dict(zip(("path", "error", "note"), cells, strict=True)) for cells in first]


def show_next(screen: Console, *words: object) -> None:
    """Print the command to run next, as typed in a shell."""
    screen.print(Text(f"next: {next_command(*words)}"), soft_wrap=True)


def next_command(*words: object) -> str:
    """*words* as a command."""
    return shlex.join(map(str, words))


def retry_lines(retry: Retry, file: Path) -> Iterator[Text]:
    """What to print about a list of failed files, written to *file*."""
    if retry.remark:
        yield Text(f"note: {retry.remark}")
    if retry.listed:
        files = counted(retry.listed, "failed file")
        yield Text(f"retry: afd classify - < {shlex.quote(str(file))}  ({files})")
    else:
        yield Text(f"{file} is empty: no failed files to retry")


def print_json(content: Mapping[str, Any]) -> None:
    """Print *content* as one JSON object on standard output."""
    typer.echo(json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False))


def run_code(failures: int, done: int, unlisted: Sequence[str]) -> int:
    """Exit code of a run over images; *unlisted* are folders that could not be listed."""
    if failures and not done:
        return EXIT_USAGE
    return EXIT_SOME_FAILED if failures or unlisted else EXIT_OK


def end_run(code: int, done: str, failed: Counter[str], where: str) -> None:
    """Exit unless *code* is 0. Says first if nothing was *done*, why, and *where* the rows are."""
    if code == EXIT_USAGE:
        who = "the only image" if failed.total() == 1 else f"all {failed.total():,} images"
        message = f"nothing was {done}: {who} failed ({reasons(failed)});"
        err().print(f"[bold red]afd:[/] {escape(message)} see {escape(where)}", soft_wrap=True)
    if code:
        raise typer.Exit(code)


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
