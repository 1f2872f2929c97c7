"""``afd sort``: sort the classified pictures into folders, and put them back."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from afdcli.cli import console, options
from afdcli.cli.command import ConfigOption
from afdcli.cli.help import INPUT, OUTPUT
from afdcli.cli.options import argument
from afdcli.errors import UsageError
from afdcli.storage.writable import check_folder

if TYPE_CHECKING:
    from rich.console import Console

    from afdcli.sort.run import Problems, Sorted, Sorting

_SHOWN = 15  # folders on the screen

RESULTS = argument(
    "RESULTS", "Results of afd classify: a file, a folder of parts or a URL. Default: results.csv."
)
PHOTOS = INPUT.option(
    "--photos DIR", "Folder of the classified files, if they have moved; repeatable."
)
UNDO = INPUT.option(
    "--undo FILE", "Put everything back. FILE is the list of moves that afd sort wrote."
)
TO = OUTPUT.option("--to DIR", "Make the folders here.")
BY = OUTPUT.option(
    "--by label|quality|unsure|COLUMN",
    "Column of the results that names the folder; also target_label, correct, codec,"
    " error, … quality comes in bands.",
)
MIN_PROB = OUTPUT.option(
    "--min-prob P",
    "Sort pictures whose label has a probability below P (0 to 1) into the folder"
    " unsure. Default: by the column unsure, if there is one.",
    (0.0, 1.0),
)
LINK = OUTPUT.option("--link", "Make symbolic links instead of moving the files.")
COPY = OUTPUT.option("--copy", "Copy the files instead of moving them.")
DRY_RUN = OUTPUT.option("--dry-run", "Only show the folders with their counts.")


def sort(
    results: Annotated[str | None, RESULTS] = None,
    photos: Annotated[list[Path] | None, PHOTOS] = None,
    undo: Annotated[Path | None, UNDO] = None,
    to: Annotated[Path | None, TO] = None,
    by: Annotated[str, BY] = "label",
    min_prob: Annotated[float | None, MIN_PROB] = None,
    link: Annotated[bool, LINK] = False,
    copy: Annotated[bool, COPY] = False,
    dry_run: Annotated[bool, DRY_RUN] = False,
    config: ConfigOption = None,
    quiet: Annotated[bool, options.QUIET] = False,
    debug: Annotated[bool, options.DEBUG] = False,
) -> None:
    """Sort the classified files into one folder per label. Nothing is ever overwritten.

    Moves the files, unless you give --link or --copy, and writes a list of moves for --undo. Files
    without a label (failed ones) stay where they are. After an interruption, undo and sort again.

    Examples:
        afd sort results.csv --to sorted --min-prob 0.5
        afd sort --undo sorted/afd-moves.jsonl
    """
    with console.stop_politely():
        if undo is not None:
            if results is not None or to is not None:
                raise UsageError(
                    "--undo takes only the list of moves: give neither RESULTS nor --to"
                )
            _undo(undo, console.out(quiet))
            return
        if to is None:
            raise UsageError("give --to DIR, the folder to sort into (or --undo FILE)")
        if link and copy:
            raise UsageError("--link and --copy exclude each other")
        check_folder(to, "--to")

        from afdcli.results.origins import Origins
        from afdcli.results.stream import check_suffix
        from afdcli.sort.plan import Plan
        from afdcli.sort.run import Sorting
        from afdcli.storage.paths import place

        where = place(results or "results.csv")
        check_suffix(where)
        how = "link" if link else "copy" if copy else "move"
        sorting = Sorting(where, to, Plan(by, min_prob), Origins.of(where, photos or []), how)
        _sort(sorting, dry_run, quiet)


_DONE = {"move": "moved", "copy": "copied", "link": "linked"}


def _sort(sorting: Sorting, dry_run: bool, quiet: bool) -> None:
    from afdcli.cli.live import counting

    try:
        with counting(console.err(quiet), "rows") as on_rows:
            done = sorting.count(on_rows) if dry_run else sorting.run(on_rows)
    except KeyboardInterrupt:
        console.say(f"afd: interrupted; undo it with --undo and the last list in {sorting.into}")
        raise typer.Exit(console.EXIT_INTERRUPTED) from None
    screen = console.out(quiet)
    if done.folders:
        screen.print(_folders(done))
    for line in _lines(done, sorting, dry_run):
        screen.print(Text(line), soft_wrap=True)
    _show_problems(done.problems, f"not {_DONE[sorting.how]}")
    if done.moves is not None:
        screen.print(Text(f"undo: afd sort --undo {shlex.quote(str(done.moves))}"), soft_wrap=True)
    if done.problems.counts:
        some = done.folders or done.in_place
        raise typer.Exit(console.EXIT_SOME_FAILED if some else console.EXIT_USAGE)


def _folders(done: Sorted) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("folder", overflow="fold")
    table.add_column("pictures", justify="right", no_wrap=True)
    most = done.folders.most_common()
    for folder, count in most[:_SHOWN]:
        table.add_row(Text(folder), f"{count:,}")
    if len(most) > _SHOWN:
        rest = sum(count for _, count in most[_SHOWN:])
        table.add_row(f"… {len(most) - _SHOWN:,} more", f"{rest:,}")
    return table


def _lines(done: Sorted, sorting: Sorting, dry_run: bool) -> Iterator[str]:
    pictures = console.counted(done.folders.total(), "picture")
    folders = console.counted(len(done.folders), "folder")
    verb = "would be " * dry_run + _DONE[sorting.how]
    yield f"{pictures} {verb} into {folders} in {sorting.into}"
    if done.in_place:
        yield f"{console.counted(done.in_place, 'picture')} already in place"
    if done.valueless:
        one = done.valueless == 1
        stay = "stays where it is: its row has" if one else "stay where they are: their rows have"
        yield f"{console.counted(done.valueless, 'picture')} {stay} no {sorting.plan.by}"


def _show_problems(problems: Problems, title: str) -> None:
    for reason, count in problems.counts.most_common():
        line = f"{title}: {count:,}, e.g. {problems.first[reason]}: {reason}"
        console.err().print(Text.assemble(("afd:", "bold red"), f" {line}"), soft_wrap=True)


def _undo(path: Path, screen: Console) -> None:
    from afdcli.sort.undo import undo

    done = undo(path)
    screen.print(f"{console.counted(done.put_back, 'picture')} put back")
    if done.removed:
        screen.print(f"{done.removed:,} copies and links removed")
    if done.already:
        screen.print(f"{done.already:,} had been put back or removed already")
    _show_problems(done.problems, "not put back")
    if done.problems.counts:
        raise typer.Exit(console.EXIT_SOME_FAILED)
