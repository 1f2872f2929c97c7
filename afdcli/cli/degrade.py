"""``afd degrade``: compress photos badly, as in the paper."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from afdcli.cli.console import (
    EXIT_INTERRUPTED,
    EXIT_SOME_FAILED,
    EXIT_USAGE,
    DebugOption,
    QuietOption,
    err,
    out,
    reasons,
    say_all_failed,
    stop_politely,
)
from afdcli.cli.help import COMPRESSION, INPUT, OUTPUT, SPEED
from afdcli.cli.options import (
    MOST_WORKERS,
    PATHS_HELP,
    ExcludeOption,
    OverwriteOption,
    SeedOption,
    SuffixesOption,
    TimeoutOption,
    option,
)
from afdcli.errors import UsageError

if TYPE_CHECKING:
    from afdcli.codec.encode import Codec, Recipe
    from afdcli.degrade.run import Settings, Tally
    from afdcli.inputs.inputs import Inputs

_DEFAULT_QUALITY = 10
_DEFAULT_ROUNDS = 2


def degrade(
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PATH",
            help=PATHS_HELP + " Default: the current folder.",
            rich_help_panel=INPUT,
        ),
    ] = None,
    exclude: ExcludeOption = None,
    suffixes: SuffixesOption = None,
    qf: Annotated[
        str | None,
        option(
            "--qf",
            metavar="N[,N...]",
            panel=COMPRESSION,
            help="Quality factor, 1 to 100. Several write one subfolder each: qf25/ ..."
            " Default: 10.",
        ),
    ] = None,
    severity: Annotated[
        str | None,
        option(
            "--severity",
            metavar="N[,N...]",
            panel=COMPRESSION,
            help="ImageNet-C severity instead of --qf: 1 to 5 are QF 25, 18, 15, 10, 7.",
        ),
    ] = None,
    multi: Annotated[
        bool,
        option(
            "--multi",
            panel=COMPRESSION,
            help="Compress several times. Each round draws its quality factor from"
            " 25, 18, 15, 10, 7; --qf sets that of the last round.",
        ),
    ] = False,
    rounds: Annotated[
        int | None,
        option(
            "--rounds",
            metavar="N",
            panel=COMPRESSION,
            least=1,
            most=100,
            help="Number of rounds; implies --multi. Default: 2.",
        ),
    ] = None,
    codec: Annotated[
        str, option("--codec", metavar="jpeg|avif|webp", panel=COMPRESSION, help="File format.")
    ] = "jpeg",
    subsampling: Annotated[
        str,
        option(
            "--subsampling",
            metavar="4:4:4|4:2:2|4:2:0",
            panel=COMPRESSION,
            help="Resolution of the chroma.",
        ),
    ] = "4:2:0",
    crop: Annotated[
        int | None,
        option(
            "--crop",
            metavar="PX",
            panel=COMPRESSION,
            least=1,
            most=8192,
            help="First resize the short side to PX x 256/224 and crop the central PX x PX pixels;"
            " photos with sides of PX to PX + 16 pixels are only cropped.",
        ),
    ] = None,
    seed: SeedOption = 0,
    folder: Annotated[
        Path,
        option("--out", "-o", metavar="DIR", panel=OUTPUT, help="Folder to write to."),
    ] = Path("degraded"),
    overwrite: OverwriteOption = False,
    workers: Annotated[
        int | None,
        option(
            "--workers",
            metavar="N",
            panel=SPEED,
            least=1,
            most=MOST_WORKERS,
            help="Processes that read and write images. Default: one per core.",
        ),
    ] = None,
    timeout: TimeoutOption = 120.0,
    quiet: QuietOption = False,
    debug: DebugOption = False,
) -> None:
    """Compress images badly, as the paper does: once or several times.

    Keeps relative paths and writes DIR/manifest.csv with one row per file. Images that cannot be
    read get a row too; the exit code is then 1. The same seed gives the same files.

    Examples:
        afd degrade photos/ --qf 25,18,15,10,7
        afd degrade photos/ --multi --codec avif --out twice
    """
    if multi and rounds is None:
        rounds = _DEFAULT_ROUNDS
    recipes = _recipes(
        _qualities(qf, severity, rounds is not None), rounds or 1, codec, subsampling
    )

    from afdcli.cli.live import Live
    from afdcli.degrade.manifest import NAME
    from afdcli.degrade.run import Settings, check_sources
    from afdcli.degrade.run import degrade as run
    from afdcli.inputs.inputs import STDIN, Inputs
    from afdcli.inputs.kinds import Rule
    from afdcli.storage.paths import is_url
    from afdcli.workers.listing import Lister
    from afdcli.workers.pool import MEMORY_LIMIT

    paths = sources or ["."]
    check_sources([path for path in paths if path != STDIN], folder)
    inputs = Inputs(
        paths,
        exclude=[folder, *(exclude or ())],
        stdin=sys.stdin.buffer if STDIN in paths else (),
        rule=Rule.parse(suffixes),
        lister=Lister(timeout, MEMORY_LIMIT),
    )
    settings = Settings(recipes, folder, crop, seed, workers, timeout, overwrite)
    with stop_politely(), Live(err(quiet), inputs, len(recipes)) as live:
        try:
            tally = run(
                inputs, settings, [p for p in paths if p != STDIN and not is_url(p)], live.update
            )
        except KeyboardInterrupt:
            message = f"afd: interrupted; {live.rows} rows are in {folder / NAME}"
            err().print(message, markup=False, soft_wrap=True)
            raise typer.Exit(EXIT_INTERRUPTED) from None
    _show(out(quiet), tally, settings, inputs)
    if tally.failures and not tally.written:
        photos = Counter({code: rows // len(recipes) for code, rows in tally.failed.items()})
        say_all_failed("written", photos, str(folder / NAME))
        raise typer.Exit(EXIT_USAGE)
    if tally.failures or inputs.unlisted:
        raise typer.Exit(EXIT_SOME_FAILED)


def _qualities(qf: str | None, severity: str | None, drawn: bool) -> list[int | None]:
    """Quality factor of the last round for each subfolder; None if it is drawn."""
    from afdcli.codec.encode import severity as quality_of

    if qf is not None and severity is not None:
        raise UsageError("--qf and --severity set the same thing: give only one")
    if severity is not None:
        return [quality_of(level) for level in _numbers("--severity", severity)]
    if qf is not None:
        return list(_numbers("--qf", qf))
    return [None if drawn else _DEFAULT_QUALITY]


def _recipes(
    qualities: list[int | None], rounds: int, codec: str, subsampling: str
) -> tuple[Recipe, ...]:
    from afdcli.codec.encode import Recipe

    name: Codec = codec.lower()  # type: ignore[assignment]  # Recipe checks the name
    if re.fullmatch(r"4\d\d", subsampling):
        subsampling = ":".join(subsampling)
    return tuple(Recipe(name, quality, subsampling, rounds) for quality in qualities)


def _numbers(option: str, text: str) -> list[int]:
    """The numbers in "25,18" or "1..5", without repeats."""
    found: dict[int, None] = {}
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,4})(?:\.\.(\d{1,4}))?\s*", part)
        if match is None:
            raise UsageError(f"{option} {text}: give whole numbers, as in 10 or 25,18,10")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise UsageError(f"{option} {text}: {first}..{last} is empty")
        found |= dict.fromkeys(range(first, last + 1))
    return list(found)


def _show(screen: Console, tally: Tally, settings: Settings, inputs: Inputs) -> None:
    table = Table(show_header=False, title="afd degrade", title_justify="left")
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in _lines(tally, settings, inputs):
        table.add_row(name, Text(text))  # Text: file names are not markup
    screen.print(table)


def _lines(tally: Tally, settings: Settings, inputs: Inputs) -> Iterator[tuple[str, str]]:
    from afdcli.inputs.inputs import skipped_text

    replaced = f", {tally.replaced:,} of them replaced older ones" if tally.replaced else ""
    yield "written", f"{_count(tally.written, 'file')}{replaced}"
    if tally.failures:
        yield "failed", f"{tally.failures:,} ({reasons(tally.failed)})"
    yield "compression", _recipe(settings.recipes)
    if tally.written:
        before, after = decimal(tally.bytes_before), decimal(tally.bytes_after)
        ratio = tally.bytes_before / tally.bytes_after
        yield "size", f"{before} before, {after} after: {ratio:.1f} to 1"
    yield "speed", f"{tally.rate:.1f} images/s ({tally.seconds:.1f} s)"
    if inputs.skipped.total():
        yield "files", skipped_text(inputs.skipped)
    if unlisted := inputs.unlisted:
        yield "note", f"{_count(len(unlisted), 'folder')} could not be listed, e.g. {unlisted[0]}"
    yield "results", f"{settings.out} (manifest: {settings.out / 'manifest.csv'})"


def _recipe(recipes: tuple[Recipe, ...]) -> str:
    first = recipes[0]
    last = ", ".join(str(recipe.quality) for recipe in recipes)
    if first.quality is None:
        quality = "quality factors drawn from the paper's"
    elif first.rounds > 1:
        quality = f"the last at quality factor {last}"
    else:
        quality = f"quality factor {last}"
    rounds = f"{first.rounds} rounds, " if first.rounds > 1 else ""
    return f"{first.codec} {first.subsampling}, {rounds}{quality}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
