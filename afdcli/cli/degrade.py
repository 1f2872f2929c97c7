"""``afd degrade``: compress photos to low quality, as in the paper."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from afdcli.cli import console, options
from afdcli.cli.command import ConfigOption, command_line
from afdcli.cli.help import COMPRESSION, OUTPUT, SPEED
from afdcli.cli.options import argument
from afdcli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from afdcli.codec.encode import Codec, Recipe
    from afdcli.degrade.run import DegradeSettings, Tally
    from afdcli.inputs.inputs import Inputs

_DEFAULT_QUALITY = 10
_DEFAULT_ROUNDS = 2

SOURCES = argument("PATH", options.PATHS_HELP + " Default: the current folder.")
QF = COMPRESSION.option(
    "--qf N[,N...]",
    "Quality factor, 1 to 100. Several write one subfolder each: qf25/ ... Default: 10.",
)
SEVERITY = COMPRESSION.option(
    "--severity N[,N...]", "ImageNet-C severity instead of --qf: 1 to 5 are QF 25, 18, 15, 10, 7."
)
MULTI = COMPRESSION.option(
    "--multi",
    "Compress several times. Each round draws its quality factor from"
    " 25, 18, 15, 10, 7; --qf sets that of the last round.",
)
ROUNDS = COMPRESSION.option(
    "--rounds N", "Number of rounds; implies --multi. Default: 2.", (1, 100)
)
CODEC = COMPRESSION.option("--codec jpeg|avif|webp", "File format.")
SUBSAMPLING = COMPRESSION.option("--subsampling 4:4:4|4:2:2|4:2:0", "Resolution of the chroma.")
CROP = COMPRESSION.option(
    "--crop PX",
    "First resize the short side to PX x 256/224 and crop the central PX x PX pixels;"
    " photos with sides of PX to PX + 16 pixels are only cropped.",
    (1, 8192),
)
FOLDER = OUTPUT.option("-o,--out DIR", "Folder to write to.")
WORKERS = SPEED.option(
    "--workers N",
    "Processes that read and write images. Default: one per core.",
    (1, options.MOST_WORKERS),
)


def degrade(
    sources: Annotated[list[str] | None, SOURCES] = None,
    exclude: Annotated[list[Path] | None, options.EXCLUDE] = None,
    suffixes: Annotated[str | None, options.SUFFIXES] = None,
    qf: Annotated[str | None, QF] = None,
    severity: Annotated[str | None, SEVERITY] = None,
    multi: Annotated[bool, MULTI] = False,
    rounds: Annotated[int | None, ROUNDS] = None,
    codec: Annotated[str, CODEC] = "jpeg",
    subsampling: Annotated[str, SUBSAMPLING] = "4:2:0",
    crop: Annotated[int | None, CROP] = None,
    seed: Annotated[int, options.SEED] = 0,
    folder: Annotated[Path, FOLDER] = Path("degraded"),
    overwrite: Annotated[bool, options.OVERWRITE] = False,
    as_json: Annotated[bool, options.JSON] = False,
    workers: Annotated[int | None, WORKERS] = None,
    timeout: Annotated[float, options.TIMEOUT] = 120.0,
    config: ConfigOption = None,
    quiet: Annotated[bool, options.QUIET] = False,
    debug: Annotated[bool, options.DEBUG] = False,
) -> None:
    """Compress images to low quality, as in the paper: once or several times.

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
    from afdcli.degrade.run import DegradeSettings, check_sources
    from afdcli.degrade.run import degrade as run
    from afdcli.inputs.inputs import STDIN, Inputs
    from afdcli.inputs.kinds import Rule
    from afdcli.storage.paths import is_url
    from afdcli.workers.listing import Lister
    from afdcli.workers.pool import MEMORY_LIMIT

    paths, manifest = sources or ["."], folder / NAME
    check_sources([path for path in paths if path != STDIN], folder)
    inputs = Inputs(
        paths,
        exclude=[folder, *(exclude or ())],
        stdin=sys.stdin.buffer if STDIN in paths else (),
        rule=Rule.parse(suffixes),
        lister=Lister(timeout, MEMORY_LIMIT),
    )
    settings = DegradeSettings(recipes, folder, crop, seed, workers, timeout, overwrite)
    with console.stop_politely(), Live(console.err(quiet), inputs) as live:
        try:
            local = [path for path in paths if path != STDIN and not is_url(path)]
            tally = run(inputs, settings, local, live.update)
        except KeyboardInterrupt:
            console.say(f"afd: interrupted; {live.done} images are in {manifest}")
            raise typer.Exit(console.EXIT_INTERRUPTED) from None
    code = console.run_code(tally.failures, tally.compressed, inputs.unlisted)
    following = ("afd", "classify", folder, "--compare")
    failed = [(entry.source, entry.error, entry.note) for entry in tally.first_failed]
    if as_json:
        facts = {
            "command": command_line(),
            "exit_code": code,
            "out": str(folder),
            "manifest": str(manifest),
            **tally.counts(),
            "skipped": dict(inputs.skipped),
            "unlisted": inputs.unlisted,
            "first_failed": console.failed_facts(failed),
            "next": console.next_command(*following) if tally.files else None,
        }
        console.print_json(facts)
    else:
        screen = console.out(quiet)
        console.show_failed(screen, failed, tally.failures, manifest)
        console.print_facts(screen, "afd degrade", _summary(tally, settings, inputs))
        if tally.files:
            console.show_next(screen, *following)
    console.end_run(code, "written", tally.failed, str(manifest))


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


def _summary(tally: Tally, settings: DegradeSettings, inputs: Inputs) -> Iterator[tuple[str, str]]:
    from rich.filesize import decimal

    from afdcli.degrade.manifest import NAME
    from afdcli.inputs.inputs import skipped_text

    images = f"{tally.done:,}: {tally.compressed:,} compressed, {tally.failures:,} failed"
    images += f" ({console.reasons(tally.failed)})" if tally.failures else ""
    images += f"; {skipped_text(inputs.skipped)}" if inputs.skipped.total() else ""
    yield "images", images
    each = f", {len(settings.recipes)} per image" if len(settings.recipes) > 1 else ""
    replaced = f", {tally.replaced:,} of them replaced older ones" if tally.replaced else ""
    yield "written", f"{console.counted(tally.files, 'file')}{each}{replaced}"
    yield "compression", _recipe(settings.recipes)
    if tally.files:
        before, after = decimal(tally.bytes_before), decimal(tally.bytes_after)
        ratio = tally.bytes_before / tally.bytes_after
        yield "size", f"{before} before, {after} after: {ratio:.1f} to 1"
    yield "speed", f"{tally.rate:.1f} images/s ({console.duration(tally.seconds)})"
    if unlisted := inputs.unlisted:
        yield (
            "note",
            f"{console.counted(len(unlisted), 'folder')} could not be listed, e.g. {unlisted[0]}",
        )
    yield "results", f"{settings.out} (manifest: {settings.out / NAME})"


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
