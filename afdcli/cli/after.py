"""What commands print after a run: failed files, the next command, or all of it as JSON."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from afdcli.results.retry import Retry

#: Path, error code and reason of a file that failed.
Failed = tuple[str, str, str]


def files_table(title: str) -> Table:
    """An empty table for one row per file."""
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("file", overflow="fold")
    return table


def show_failed(screen: Console, first: Sequence[Failed], count: int, where: object) -> None:
    """Print the *first* failed files by name, how many more there are, and *where* they stand.

    Args:
        count: number of failed files.
        where: the file whose rows list all of them.
    """
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


def show_next(screen: Console, *words: object) -> None:
    """Print the command to run next, as typed in a shell."""
    screen.print(Text(f"next: {next_command(*words)}"), soft_wrap=True)


def next_command(*words: object) -> str:
    """*words* as a command."""
    return shlex.join(map(str, words))


def print_json(content: Mapping[str, Any]) -> None:
    """Print *content* as one JSON object on standard output."""
    typer.echo(json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False))


def failed_facts(first: Sequence[Failed]) -> list[dict[str, str]]:
    """The first failed files for `print_json`."""
    return [dict(zip(("path", "error", "note"), cells, strict=True)) for cells in first]


def retry_lines(retry: Retry, file: Path) -> Iterator[Text]:
    """What to print about a list of failed files, written to *file*."""
    if retry.remark:
        yield Text(f"note: {retry.remark}")
    if retry.listed:
        files = f"{retry.listed:,} failed file{'s' * (retry.listed > 1)}"
        yield Text(f"retry: afd classify - < {shlex.quote(str(file))}  ({files})")
    else:
        yield Text(f"{file} is empty: there is no failed file to retry")
