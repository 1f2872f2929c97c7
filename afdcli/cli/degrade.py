"""``afd degrade``: compress photos badly, as in the paper."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from afdcli.cli.after import print_json
from afdcli.cli.command import ConfigOption, command_line
from afdcli.cli.console import (
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_SOME_FAILED,
    EXIT_USAGE,
    DebugOption,
    QuietOption,
    err,
    out,
    say_all_failed,
    stop_politely,
)
from afdcli.cli.help import COMPRESSION, INPUT, OUTPUT, SPEED
from afdcli.cli.options import (
    MOST_WORKERS,
    PATHS_HELP,
    ExcludeOption,
    JsonOption,
    OverwriteOption,
    SeedOption,
    SuffixesOption,
    TimeoutOption,
    option,
)
from afdcli.errors import UsageError

if TYPE_CHECKING:
    from afdcli.codec.encode import Codec, Recipe

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
    as_json: JsonOption = False,
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
    config: ConfigOption = None,
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

    from afdcli.cli.degrade_screen import facts, show_summary
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
    with stop_politely(), Live(err(quiet), inputs) as live:
        try:
            tally = run(
                inputs, settings, [p for p in paths if p != STDIN and not is_url(p)], live.update
            )
        except KeyboardInterrupt:
            message = f"afd: interrupted; {live.done} images are in {folder / NAME}"
            err().print(message, markup=False, soft_wrap=True)
            raise typer.Exit(EXIT_INTERRUPTED) from None
    nothing = tally.failures > 0 and not tally.compressed
    some = tally.failures > 0 or bool(inputs.unlisted)
    code = EXIT_USAGE if nothing else EXIT_SOME_FAILED if some else EXIT_OK
    if as_json:
        print_json({"command": command_line(), "exit_code": code, **facts(tally, folder, inputs)})
    else:
        show_summary(out(quiet), tally, settings, inputs)
    if nothing:
        say_all_failed("written", tally.failed, str(folder / NAME))
    if code:
        raise typer.Exit(code)


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
