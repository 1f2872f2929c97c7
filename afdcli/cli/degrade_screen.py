"""The summary that ``afd degrade`` prints at the end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from afdcli.cli.after import Failed, failed_facts, next_command, show_failed, show_next
from afdcli.cli.console import duration, reasons
from afdcli.degrade.manifest import NAME
from afdcli.inputs.inputs import Inputs, skipped_text

if TYPE_CHECKING:
    from afdcli.codec.encode import Recipe
    from afdcli.degrade.run import Settings
    from afdcli.degrade.tally import Tally


def show_summary(screen: Console, tally: Tally, settings: Settings, inputs: Inputs) -> None:
    """Print failed files, counts, and the next command to run."""
    show_failed(screen, _failed(tally), tally.failures, settings.out / NAME)
    table = Table(show_header=False, title="afd degrade", title_justify="left")
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in _lines(tally, settings, inputs):
        table.add_row(name, Text(text))  # Text: file names are not markup
    screen.print(table)
    if tally.files:
        show_next(screen, *_next(settings.out))


def facts(tally: Tally, folder: Path, inputs: Inputs) -> dict[str, Any]:
    """The summary as plain data for ``--json``."""
    return {
        "out": str(folder),
        "manifest": str(folder / NAME),
        **tally.counts(),
        "skipped": dict(inputs.skipped),
        "unlisted": inputs.unlisted,
        "first_failed": failed_facts(_failed(tally)),
        "next": next_command(*_next(folder)) if tally.files else None,
    }


def _next(folder: Path) -> tuple[object, ...]:
    return "afd", "classify", folder, "--compare"


def _failed(tally: Tally) -> list[Failed]:
    return [(entry.source, entry.error, entry.note) for entry in tally.first_failed]


def _lines(tally: Tally, settings: Settings, inputs: Inputs) -> Iterator[tuple[str, str]]:
    images = f"{tally.done:,}: {tally.compressed:,} compressed, {tally.failures:,} failed"
    images += f" ({reasons(tally.failed)})" if tally.failures else ""
    images += f"; {skipped_text(inputs.skipped)}" if inputs.skipped.total() else ""
    yield "images", images
    each = f", {len(settings.recipes)} per image" if len(settings.recipes) > 1 else ""
    replaced = f", {tally.replaced:,} of them replaced older ones" if tally.replaced else ""
    yield "written", f"{_count(tally.files, 'file')}{each}{replaced}"
    yield "compression", _recipe(settings.recipes)
    if tally.files:
        before, after = decimal(tally.bytes_before), decimal(tally.bytes_after)
        ratio = tally.bytes_before / tally.bytes_after
        yield "size", f"{before} before, {after} after: {ratio:.1f} to 1"
    yield "speed", f"{tally.rate:.1f} images/s ({duration(tally.seconds)})"
    if unlisted := inputs.unlisted:
        yield "note", f"{_count(len(unlisted), 'folder')} could not be listed, e.g. {unlisted[0]}"
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


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
